//! `typed inspect`.

use posix_ipc::{MessageQueue, OpenMode};
use posix_ipc_typed::{FrameOptions, Message};
use serde_json::{Value, json};
use testutil::names;

use crate::support::{pipc, pipc_with_input};

#[derive(Debug, Message)]
#[message(name = "cli.test.Reading", version = 3)]
struct Reading {
    sensor: u32,
    text: String,
}

fn frame(sequence: u32) -> Vec<u8> {
    let reading = Reading { sensor: 7, text: "warm".to_string() };
    let mut bytes = Vec::new();
    let options = FrameOptions::new().sequence(sequence).checksum(true).named(true);
    options.write(&reading, &mut bytes).unwrap();
    bytes
}

#[test]
fn frames_of_a_queue_are_decoded_and_kept() {
    let name = names::unique("cli-typed");
    let queue = MessageQueue::options().mode(OpenMode::CreateNew).capacity(4).message_size(200);
    let queue = queue.open(&*name).unwrap();
    queue.send(&frame(1), 0).unwrap();
    queue.send(b"no frame", 5).unwrap();
    let run = pipc(&["typed", "inspect", &name, "--keep", "--json"]).status(1).json();
    let frames = run["frames"].as_array().unwrap();
    assert!(frames[0]["error"].is_string() && frames[0]["priority"] == json!(5));
    let good = &frames[1];
    assert_eq!((&good["name"], &good["version"]), (&json!("cli.test.Reading"), &json!(3)));
    assert_eq!((&good["sequence"], &good["checksum"]), (&json!(1), &json!(true)));
    assert_eq!(queue.len().unwrap(), 2);
    pipc(&["typed", "inspect", &name]).status(1);
    assert_eq!(queue.len().unwrap(), 0);
}

#[test]
fn frames_of_a_file_stand_one_after_the_other() {
    let bytes = [frame(1), frame(2)].concat();
    let run = pipc_with_input(&["typed", "inspect", "--file", "-"], &bytes).status(0);
    assert_eq!(run.text().lines().count(), 3, "{}", run.text());
    assert!(run.text().contains("cli.test.Reading"));
    let cut = bytes.get(..bytes.len() - 1).unwrap();
    let run = pipc_with_input(&["typed", "inspect", "--file", "-", "--json"], cut).status(1);
    let frames: Value = run.json()["frames"].clone();
    assert!(frames[1]["error"].as_str().unwrap().contains("early"), "{frames}");
}

#[test]
fn a_file_of_saved_messages_is_understood() {
    let name = names::unique("cli-typed-save");
    let queue = MessageQueue::options().mode(OpenMode::CreateNew).capacity(2).message_size(200);
    let queue = queue.open(&*name).unwrap();
    queue.send(&frame(9), 4).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("saved");
    let path = path.to_str().unwrap();
    pipc(&["mq", "save", &name, path]).status(0);
    let run = pipc(&["typed", "inspect", "--file", path, "--json"]).status(0).json();
    assert_eq!(
        (&run["frames"][0]["sequence"], &run["frames"][0]["priority"]),
        (&json!(9), &json!(4))
    );
}

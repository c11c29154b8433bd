//! `mq`.

use std::process::Stdio;

use posix_ipc::{Cleanup, MessageQueue, OpenMode};
use serde_json::{Value, json};
use testutil::names::{self, UniqueName};
use testutil::{child, require};

use crate::sandbox::{self, sandbox};
use crate::support::{command, pipc, pipc_with_input};

fn queue(label: &str) -> UniqueName {
    let name = names::unique(label);
    pipc(&["create", "mq", &name, "--maxmsg", "4", "--msgsize", "64", "-q"]).status(0);
    name
}

fn receive_all(name: &str) -> String {
    pipc(&["mq", "receive", name, "--all"]).status(0).text().to_string()
}

#[test]
fn messages_come_by_priority_and_then_in_order() {
    let name = queue("cli-mq");
    pipc(&["mq", "send", &name, "low"]).status(0);
    pipc(&["mq", "send", &name[1..], "first", "second", "-p", "9"]).status(0);
    assert_eq!(receive_all(&name), "first\nsecond\nlow\n");
}

#[test]
fn a_receiver_creates_the_queue_and_a_sender_wakes_it() {
    let name = names::unique("cli-mq-create");
    let mut receiver = command(&["mq", "receive", &name, "--create", "-n", "2"]);
    receiver.stdin(Stdio::piped());
    let mut receiver = child::start(receiver);
    while posix_ipc::inspect::stat(posix_ipc::Kind::MessageQueue, &*name).is_err() {
        std::thread::yield_now();
    }
    receiver.wait_until_asleep();
    pipc(&["mq", "send", &name, "hello", "-p", "5"]).status(0);
    receiver.expect_line("hello");
    pipc(&["mq", "send", &name, "again"]).status(0);
    receiver.expect_line("again");
    receiver.expect_success();
    pipc(&["stat", "--kind", "mq", &name]).status(0);
}

#[test]
fn messages_are_bytes() {
    let name = queue("cli-mq-bytes");
    let bytes = b"a\0b\xff\n";
    pipc_with_input(&["mq", "send", &name, "-"], bytes).status(0);
    assert_eq!(pipc(&["mq", "receive", &name]).status(0).stdout, bytes);
    pipc_with_input(&["mq", "send", &name], b"").status(0);
    assert_eq!(pipc(&["mq", "receive", &name]).status(0).stdout, b"");
    pipc(&["mq", "send", &name, "--hex", "00 ff10"]).status(0);
    assert_eq!(pipc(&["mq", "receive", &name, "--format", "hex"]).status(0).text(), "00ff10\n");
}

#[test]
fn lines_parts_and_files_are_messages() {
    let name = queue("cli-mq-lines");
    pipc_with_input(&["mq", "send", &name, "--lines"], b"one\n\ntwo").status(0);
    assert_eq!(receive_all(&name), "one\n\ntwo\n");
    pipc_with_input(&["mq", "send", &name, "--nul"], b"a\nb\0c\0").status(0);
    assert_eq!(receive_all(&name), "a\nb\nc\n");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("message");
    std::fs::write(&path, b"from a file").unwrap();
    pipc(&["mq", "send", &name, "--file", path.to_str().unwrap()]).status(0);
    assert_eq!(receive_all(&name), "from a file\n");
}

#[test]
fn if_one_message_is_too_long_none_is_sent() {
    let name = queue("cli-mq-long");
    let long = "x".repeat(65);
    let run = pipc(&["mq", "send", &name, "short", &long]).status(1);
    assert!(run.stderr.contains("65 bytes is too long"), "{}", run.stderr);
    assert_eq!(receive_all(&name), "");
}

#[test]
fn a_full_or_empty_queue_times_out_with_status_75() {
    let name = queue("cli-mq-full");
    pipc(&["mq", "send", &name, "1", "2", "3", "4"]).status(0);
    let run = pipc(&["mq", "send", &name, "5", "--timeout", "10ms"]).status(75);
    assert!(run.stderr.contains("is full"), "{}", run.stderr);
    pipc(&["mq", "send", &name, "5", "--timeout", "0"]).status(75);
    let run = pipc(&["mq", "drain", &name]).status(0);
    assert_eq!(run.text(), "drained 4 messages (4 bytes)\n");
    pipc(&["mq", "receive", &name, "--timeout", "10ms"]).status(75);
    pipc(&["mq", "receive", &name, "--timeout", "0"]).status(75);
    pipc(&["mq", "wait", &name, "--timeout", "10ms"]).status(75);
    assert_eq!(pipc(&["mq", "receive", &name, "--all"]).status(0).text(), "");
}

#[test]
fn wait_leaves_the_message_there() {
    let name = queue("cli-mq-wait");
    let mut waiter = child::start(command(&["mq", "wait", &name, "--timeout", "60s", "--json"]));
    pipc(&["mq", "send", &name, "x"]).status(0);
    let line: Value = serde_json::from_str(&waiter.read_line()).unwrap();
    assert_eq!(line["messages"], json!(1));
    waiter.expect_success();
    assert_eq!(receive_all(&name), "x\n");
}

#[test]
fn formats_show_what_is_asked_for() {
    let name = queue("cli-mq-format");
    let show = |message: &str, format: &str| {
        pipc(&["mq", "send", &name, message, "-p", "3"]).status(0);
        pipc(&["mq", "receive", &name, "--format", format]).status(0).text().to_string()
    };
    assert_eq!(show("hey", "{prio} {len} {data}"), "3 3 hey\n");
    assert_eq!(show("hey", "{n}\\t{hex}"), "1\t686579\n");
    assert_eq!(show("hey", "hex"), "686579\n");
    assert_eq!(show("hey", "raw"), "hey", "one message to a pipe is exactly its bytes");
    let json: Value = serde_json::from_str(&show("hey", "json")).unwrap();
    assert_eq!((&json["text"], &json["priority"]), (&json!("hey"), &json!(3)));
    pipc(&["mq", "receive", &name, "--format", "{nonsense}"]).status(2);
}

#[test]
fn json_is_a_line_for_each_message() {
    let name = queue("cli-mq-json");
    let sent = pipc(&["mq", "send", &name, "a", "b", "--json"]).status(0).json();
    assert_eq!(sent["sent"], json!(2));
    let run = pipc(&["mq", "receive", &name, "--all", "--json"]).status(0);
    let texts: Vec<Value> = run
        .text()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["text"].clone())
        .collect();
    assert_eq!(texts, [json!("a"), json!("b")]);
}

#[test]
fn follow_goes_on_until_it_is_told_to_stop() {
    use std::os::unix::process::ExitStatusExt;
    let name = queue("cli-mq-follow");
    let mut follower = child::start(command(&["mq", "receive", &name, "--follow"]));
    for message in ["1", "2", "3", "4", "5", "6"] {
        pipc(&["mq", "send", &name, message]).status(0);
        follower.expect_line(message);
    }
    follower.signal(rustix::process::Signal::INT);
    assert_eq!(follower.wait().signal(), Some(2), "as any program that Ctrl-C ends");
}

#[test]
fn saved_messages_are_loaded_with_order_and_priority() {
    let name = queue("cli-mq-save");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("messages");
    let path = path.to_str().unwrap();
    pipc(&["mq", "send", &name, "a", "b"]).status(0);
    pipc(&["mq", "send", &name, "--hex", "ff00", "-p", "7"]).status(0);
    let run = pipc(&["mq", "save", &name, path]).status(0);
    assert!(run.text().starts_with("saved 3 messages"), "{}", run.text());
    assert_eq!(receive_all(&name), "");
    pipc(&["mq", "save", &name, path]).status(4);

    pipc(&["mq", "load", &name, path]).status(0);
    let run = pipc(&["mq", "receive", &name, "--all", "--format", "{prio} {hex}"]).status(0);
    assert_eq!(run.text(), "7 ff00\n0 61\n0 62\n");
}

#[test]
fn save_can_keep_the_messages() {
    let name = queue("cli-mq-keep");
    pipc(&["mq", "send", &name, "a", "b"]).status(0);
    let run = pipc(&["mq", "save", &name, "-", "--keep"]).status(0);
    assert_eq!(run.text().lines().count(), 2);
    assert_eq!(receive_all(&name), "a\nb\n");
}

#[test]
fn a_damaged_file_loads_nothing() {
    let name = queue("cli-mq-damaged");
    let input = b"{\"priority\":1,\"text\":\"good\"}\n{\"priority\":1}\n";
    let run = pipc_with_input(&["mq", "load", &name, "-"], input).status(1);
    assert!(run.stderr.contains("line 2"), "{}", run.stderr);
    assert_eq!(receive_all(&name), "");
}

#[test]
fn resize_keeps_messages_order_priority_owner_and_permissions() {
    let name = names::unique("cli-mq-resize");
    let created = ["create", "mq", &*name, "--maxmsg", "3", "--msgsize", "16", "--mode", "640"];
    pipc(&created).status(0);
    pipc(&["mq", "send", &name, "b", "c"]).status(0);
    pipc(&["mq", "send", &name, "a", "-p", "1"]).status(0);
    let run = pipc(&["mq", "resize", &name, "--maxmsg", "5", "--json"]).status(0).json();
    assert_eq!((&run["max_messages"], &run["moved"]), (&json!(5), &json!(3)));
    let state = pipc(&["stat", "--kind", "mq", &name, "--json"]).status(0).json();
    let queue = &state["objects"][0];
    assert_eq!(queue["permissions"], json!("0640"));
    assert_eq!((&queue["max_messages"], &queue["message_size"]), (&json!(5), &json!(16)));
    assert_eq!(receive_all(&name), "a\nb\nc\n");
}

#[test]
fn resize_is_refused_while_others_have_the_queue_open() {
    let name = queue("cli-mq-held");
    pipc(&["mq", "send", &name, "x"]).status(0);
    let held = MessageQueue::open(&*name).unwrap();
    let run = pipc(&["mq", "resize", &name, "--maxmsg", "2"]).status(1);
    assert!(run.stderr.contains(&std::process::id().to_string()), "{}", run.stderr);
    assert_eq!(held.len().unwrap(), 1);
    drop(held);
    pipc(&["mq", "resize", &name, "--maxmsg", "2"]).status(0);
}

#[test]
fn resize_that_cannot_be_changes_nothing() {
    let name = queue("cli-mq-small");
    pipc(&["mq", "send", &name, "long message", "second"]).status(0);
    pipc(&["mq", "resize", &name, "--maxmsg", "1"]).status(1);
    pipc(&["mq", "resize", &name, "--msgsize", "11"]).status(1);
    pipc(&["mq", "resize", &name, "--msgsize", "1G"]).status(1);
    let state = pipc(&["stat", &name, "--json"]).status(0).json();
    assert_eq!(state["objects"][0]["message_size"], json!(64));
    assert_eq!(receive_all(&name), "long message\nsecond\n");
}

#[test]
fn a_queue_that_may_only_be_sent_to_is_sent_to() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "> /dev/mqueue/q; chmod 622 /dev/mqueue/q; AS_NOBODY pipc mq send /q hi || exit
        AS_NOBODY pipc mq receive /q --all; echo $?; pipc mq receive /q";
    assert_eq!(sandbox(script).status(0).text(), "5\nhi");
}

#[test]
fn what_is_missing_has_its_own_status() {
    let name = names::unique("cli-mq-none");
    for words in [["send", "x"], ["receive", "--all"], ["resize", "--maxmsg=1"]] {
        pipc(&["mq", words[0], &name, words[1]]).status(3);
    }
    pipc(&["mq", "drain", &name]).status(3);
}

#[test]
fn the_command_and_the_library_share_a_queue() {
    let name = names::unique("cli-mq-library");
    let options = MessageQueue::options().mode(OpenMode::CreateNew).cleanup(Cleanup::Creator);
    let queue = options.capacity(2).message_size(32).open(&*name).unwrap();
    pipc(&["mq", "send", &name, "to the library", "-p", "8"]).status(0);
    let (message, priority) = queue.receive_vec().unwrap();
    assert_eq!((&message[..], priority.get()), (&b"to the library"[..], 8));
    queue.send(b"from the library", 1).unwrap();
    assert_eq!(pipc(&["mq", "receive", &name]).status(0).text(), "from the library");
}

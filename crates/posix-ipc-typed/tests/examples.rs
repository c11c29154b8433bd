//! The examples, each two programs, run as a reader of the README runs them.

use std::process::Command;

use testutil::child::{self, Child};
use testutil::names;
use testutil::watchdog::watchdog;

/// An example, which `cargo test` has built beside this test.
fn example(name: &str, arguments: &[&str]) -> Option<Child> {
    let mut path = std::env::current_exe().ok()?;
    path.pop();
    path.pop();
    path.push("examples");
    path.push(name);
    path.exists().then(|| {
        let mut command = Command::new(path);
        command.args(arguments);
        child::start(command)
    })
}

#[test]
fn what_one_says_in_the_chat_the_others_read() {
    let _watchdog = watchdog(60);
    let room = names::unique("chat")[1..].to_string();
    let server = example("chat_server", &[&room]);
    testutil::require!(server.is_some(), "the examples are not built: run all tests of the crate");
    let mut server = server.unwrap();
    server.expect_line(&format!("{room} is open"));
    let mut ada = example("chat_client", &[&room, "ada"]).unwrap();
    ada.expect_line("ada: is here");
    let mut grace = example("chat_client", &[&room, "grace"]).unwrap();
    ada.expect_line("grace: is here");
    grace.expect_line("grace: is here");
    ada.send_line("how are the bugs?");
    grace.expect_line("ada: how are the bugs?");
    grace.send_line("one moth, taped in");
    ada.expect_line("ada: how are the bugs?");
    ada.expect_line("grace: one moth, taped in");
    grace.expect_success();
    ada.expect_line("grace: bye");
    ada.expect_success();
    server.expect_success();
}

#[test]
fn what_the_sensor_measures_the_monitor_shows() {
    let _watchdog = watchdog(60);
    let name = names::unique("sensor")[1..].to_string();
    let monitor = example("monitor", &[&name]);
    testutil::require!(monitor.is_some(), "the examples are not built: run all tests of the crate");
    let mut monitor = monitor.unwrap();
    monitor.expect_line("waiting for a sensor");
    let sensor = example("sensor", &[&name, "20"]).unwrap();
    let first = monitor.read_line();
    assert!(first.starts_with("sensor 1: 16384 samples every 10µs, -1.000 to 1.000"), "{first}");
    sensor.expect_success();
    let last = std::iter::from_fn(|| monitor.try_read_line()).last();
    assert_eq!(last.as_deref(), Some("20 batches, 327680 samples"));
    monitor.expect_success();
}

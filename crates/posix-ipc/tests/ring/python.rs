//! A reader and a writer in Python, written from `docs/ring-format.md` alone.

use std::process::Command;

use posix_ipc::ring::spsc;
use testutil::child;
use testutil::names::unique;
use testutil::watchdog::watchdog;

fn script(arguments: &[&str]) -> Option<Command> {
    let python = ["python3", "python"].into_iter().find(|python| {
        Command::new(python).arg("--version").output().is_ok_and(|out| out.status.success())
    })?;
    let mut command = Command::new(python);
    command.arg("-u").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ring/ring.py"));
    command.args(arguments);
    Some(command)
}

fn message(i: u32) -> Vec<u8> {
    (0..i * 7 % 900).map(|j| (i + j) as u8).collect()
}

#[test]
fn python_reads_what_we_write() {
    let _watchdog = watchdog(120);
    let name = unique("to-python");
    let Some(command) = script(&["read", &name, "500"]) else {
        return testutil::skip::skip("no Python");
    };
    let mut sender = spsc::Sender::create(&*name, 8192).unwrap();
    let mut reader = child::start(command);
    for i in 0..500 {
        sender.send(&message(i)).unwrap();
    }
    reader.expect_line("ok");
    reader.expect_success();
    assert_eq!(sender.backlog().unwrap(), 0);
}

#[test]
fn we_read_what_python_writes() {
    let _watchdog = watchdog(120);
    let name = unique("from-python");
    let Some(command) = script(&["write", &name, "500"]) else {
        return testutil::skip::skip("no Python");
    };
    let mut receiver = spsc::Receiver::create(&*name, 8192).unwrap();
    let mut writer = child::start(command);
    for i in 0..500 {
        assert_eq!(receiver.receive_vec().unwrap(), message(i), "message {i}");
    }
    writer.expect_line("ok");
    writer.expect_success();
    assert_eq!(receiver.receive_vec(), Err(posix_ipc::ring::ReceiveError::PeerGone));
}

#[test]
fn python_creates_a_ring_that_we_take() {
    let _watchdog = watchdog(120);
    let name = unique("by-python");
    let Some(command) = script(&["create", &name, "500"]) else {
        return testutil::skip::skip("no Python");
    };
    let mut writer = child::start(command);
    writer.expect_line("created");
    let mut receiver = spsc::Receiver::open(&*name).unwrap();
    assert_eq!(receiver.capacity(), 4096);
    for i in 0..500 {
        assert_eq!(receiver.receive_vec().unwrap(), message(i), "message {i}");
    }
    writer.expect_line("ok");
    writer.expect_success();
}

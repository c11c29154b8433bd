//! The examples for two terminals, run as they stand.

use std::path::PathBuf;
use std::process::Command;

use testutil::{child, names, require};

/// The command for an example, which `cargo test` builds beside the tests.
fn example(name: &str) -> Command {
    Command::new(path(name))
}

fn path(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test binary has a path");
    let target = test.parent().and_then(|deps| deps.parent()).expect("it is in target/*/deps");
    target.join("examples").join(name)
}

const WHY: &str = "the examples are not built: cargo build -p posix-ipc --examples";

#[test]
fn receive_prints_what_send_sends() {
    require!(path("receive").exists() && path("send").exists(), "{WHY}");
    let name = names::unique("example-queue");
    let mut command = example("receive");
    command.arg(&*name);
    let mut receiver = child::start(command);
    assert!(receiver.read_line().ends_with("waiting for messages"));
    let send = |text: &str, priority: &str| {
        let sent = example("send").args([&*name, text, priority]).output().unwrap();
        assert!(sent.status.success(), "{sent:?}");
    };
    send("hello", "5");
    receiver.expect_line("[5] hello");
    send("stop", "0");
    receiver.expect_line("[0] stop");
    receiver.expect_success();
    let gone = example("send").args([&*name, "x"]).output().unwrap();
    assert!(!gone.status.success(), "the last user has removed the name");
}

#[test]
fn critical_sections_do_not_overlap() {
    require!(path("critical_section").exists(), "{WHY}");
    let name = names::unique("example-lock");
    let file = tempfile::NamedTempFile::new().unwrap();
    let start = || {
        let output = std::fs::OpenOptions::new().append(true).open(file.path()).unwrap();
        example("critical_section").arg(&*name).stdout(output).spawn().unwrap()
    };
    let mut both = [start(), start()];
    for one in &mut both {
        assert!(one.wait().unwrap().success());
    }
    let said = std::fs::read_to_string(file.path()).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 12, "{said}");
    for pair in lines.chunks(2) {
        let id = |line: &str| line.split(' ').next().unwrap().to_string();
        assert!(pair[0].contains("enters") && pair[1].contains("leaves"), "{said}");
        assert_eq!(id(pair[0]), id(pair[1]), "{said}");
    }
    assert!(!std::path::Path::new(&name.sem_path()).exists(), "the last one removed the name");
}

#[test]
fn shared_memory_outlives_its_users() {
    require!(path("shared_memory").exists(), "{WHY}");
    let name = names::unique("example-memory");
    let run = |arguments: &[&str]| {
        let output = example("shared_memory").args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(run(&[&name]), "this was run 0 times before\n");
    let second = run(&[&name]);
    assert!(second.starts_with("this was run 1 times before\nthe last one left: greetings from"));
    run(&[&name, "remove"]);
    assert!(!std::path::Path::new(&name.shm_path()).exists());
}

//! `demo`.

use std::process::Stdio;

use rustix::process::Signal;
use serde_json::json;
use testutil::{child, require};

use crate::sandbox::{self, sandbox};
use crate::support::{command, pipc};

#[test]
fn every_check_passes_and_every_step_is_told() {
    let run = pipc(&["demo", "--workers", "2", "--rounds", "100"]).status(0);
    for text in ["Message queue", "Shared memory", "Semaphore", "Ring", "2 x 100 = 200"] {
        assert!(run.text().contains(text), "{text:?} is not in {}", run.text());
    }
    assert!(run.text().ends_with("checks passed.\n") && !run.text().contains("WRONG"));
}

#[test]
fn json_tells_steps_and_checks() {
    let run = pipc(&["demo", "--rounds", "10", "--json"]).status(0).json();
    assert_eq!((&run["passed"], &run["failed"]), (&json!(true), &json!(0)));
    assert_eq!(run["steps"].as_array().unwrap().len(), 5);
    assert!(run["steps"][0]["checks"][0]["passed"].as_bool().unwrap());
}

#[test]
fn an_ordinary_user_can_run_it_and_nothing_is_left() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let run = sandbox("AS_NOBODY pipc demo -q --rounds 10; echo $?; ls /dev/shm /dev/mqueue");
    assert_eq!(run.status(0).text(), "\nAll 9 checks passed.\n0\n/dev/mqueue:\n\n/dev/shm:\n");
}

#[test]
fn what_goes_wrong_is_told_by_the_status_and_leaves_nothing() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "mount -o remount,size=8k /dev/shm; pipc demo > /dev/null; echo $?; ls /dev/shm";
    let run = sandbox(script);
    assert_eq!(run.status(0).text(), "1\n");
    let run = sandbox("ulimit -q 100; pipc demo > /dev/null");
    assert!(run.status == 1 && run.stderr.contains("RLIMIT_MSGQUEUE"), "{run:?}");
}

#[test]
fn ctrl_c_leaves_nothing() {
    let mut demo = command(&["demo", "--rounds", "10000000"]);
    demo.stdin(Stdio::null());
    let mut demo = child::start(demo);
    let mut names = Vec::new();
    loop {
        let line = demo.read_line();
        names.extend(
            line.split_whitespace().filter(|word| word.starts_with("/pipc-demo")).map(String::from),
        );
        if line.contains("opened the door") {
            break;
        }
    }
    demo.signal(Signal::INT);
    demo.wait();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        assert!(posix_ipc::inspect::find(&name).unwrap().is_empty(), "{name}");
    }
}

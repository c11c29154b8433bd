//! Paths without contention make no system call: seen by `strace`.

use std::process::Command;

use posix_ipc::Semaphore;
use testutil::names::unique;
use testutil::watchdog::watchdog;
use testutil::{child, require};

/// What the traced process writes around the part that is of interest.
const MARKS: [&str; 2] = ["@begin", "@end"];

pub(crate) fn uncontended(arguments: &[String]) {
    let sem = Semaphore::open(arguments[0].as_str()).unwrap();
    let pair = || {
        sem.post().unwrap();
        sem.wait().unwrap();
        sem.post_many(5).unwrap();
        assert!(sem.try_wait());
        assert_eq!(sem.wait_timeout(std::time::Duration::from_secs(1)), Ok(true));
        drop(sem.acquire().unwrap());
        sem.acquire_many(3).unwrap().forget();
        assert!(!sem.try_wait());
        assert_eq!(sem.value(), Ok(0));
    };
    pair();
    child::say("begin");
    (0..1_000).for_each(|_| pair());
    child::say("end");
}

#[test]
fn uncontended_posts_and_waits_make_no_system_call() {
    let _watchdog = watchdog(120);
    let works = Command::new("strace").arg("true").output().is_ok_and(|o| o.status.success());
    require!(works, "strace cannot trace here: apt-get install strace");
    let name = unique("strace");
    let _sem = Semaphore::create(&*name, 0).unwrap();
    let trace = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new("strace");
    command.args(["-f", "-o"]).arg(trace.path());
    command.arg(std::env::current_exe().unwrap());
    command.args(["testutil_role_entry", "--nocapture", "--test-threads=1"]);
    command.env("POSIX_IPC_TEST_ROLE", "uncontended");
    command.env("POSIX_IPC_TEST_ROLE_ARGUMENTS", name.as_str());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let trace = std::fs::read_to_string(trace.path()).unwrap();
    let thread = |line: &str| line.split_whitespace().next().unwrap_or_default().to_string();
    let mut lines = trace.lines();
    let begin = lines.find(|line| line.contains(MARKS[0])).expect("the part begins");
    let calls: Vec<_> = lines
        .take_while(|line| !line.contains(MARKS[1]))
        .filter(|line| thread(line) == thread(begin))
        // The line break with which the second mark starts.
        .filter(|line| !line.contains(r#"write(1, "\n""#))
        .collect();
    assert!(calls.is_empty(), "system calls of 9,000 operations: {calls:#?}");
}

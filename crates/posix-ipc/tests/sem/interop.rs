//! One semaphore shared with Python's `posix_ipc` and `nob.ipc`, in both directions.

use posix_ipc::{Disposition, OpenMode, Semaphore};
use testutil::child::Child;
use testutil::names::unique;
use testutil::watchdog::watchdog;
use testutil::{child, python, require};

const PRELUDE: &str = r"
import sys, posix_ipc
from nob.ipc import NamedSemaphore, Flags
name = sys.argv[1]
def say(*words): print(*words, flush=True)
def hear(): return sys.stdin.readline().strip()
";

/// Runs a Python script that has the prelude's names.
fn script(body: &str, name: &str) -> Option<Child> {
    python::script(&format!("{PRELUDE}{body}"), &[name]).map(child::start)
}

macro_rules! script {
    ($body:expr, $name:expr) => {{
        let process = script($body, $name);
        require!(process.is_some(), "{}", python::HOW_TO);
        process.unwrap()
    }};
}

#[test]
fn python_sees_the_value_that_rust_set_and_changes_it() {
    let _watchdog = watchdog(60);
    let name = unique("py-value");
    let sem = Semaphore::create(&*name, 7).unwrap();
    let mut process = script!(
        r"
s = posix_ipc.Semaphore(name)
say(s.value)
s.release(); s.release()
n = NamedSemaphore(name)
say(n.value, n.acquire(), n.value)
n.release(3)
say(s.value)
",
        &name
    );
    process.expect_line("7");
    process.expect_line("9 True 8");
    process.expect_line("11");
    process.expect_success();
    assert_eq!(sem.value(), Ok(11));
}

#[test]
fn rust_opens_what_python_created_and_wakes_what_sleeps_there() {
    let _watchdog = watchdog(60);
    let name = unique("py-sleeps");
    let mut process = script!(
        r"
s = posix_ipc.Semaphore(name, posix_ipc.O_CREX, initial_value=1)
n = NamedSemaphore(name)
say('created')
hear()
s.acquire(); say('first')
n.acquire(); say('second')
try: s.acquire(timeout=0.02)
except posix_ipc.BusyError: say('busy')
say(n.acquire(timeout=0.02))
",
        &name
    );
    process.expect_line("created");
    let sem = Semaphore::options().mode(OpenMode::OpenOrCreate).open(&*name).unwrap();
    assert_eq!((sem.disposition(), sem.value()), (Disposition::Opened, Ok(1)));
    assert!(sem.try_wait());
    for line in ["first", "second"] {
        if line == "first" {
            process.send_line("go");
        }
        process.wait_until_asleep();
        sem.post().unwrap();
        process.expect_line(line);
    }
    process.expect_line("busy");
    process.expect_line("False");
    process.expect_success();
    assert_eq!(sem.value(), Ok(0));
    assert!(matches!(sem.waiters(), Some(0) | None));
}

#[test]
fn python_wakes_rust() {
    let _watchdog = watchdog(60);
    let name = unique("py-wakes");
    let sem = Semaphore::create(&*name, 0).unwrap();
    let mut process = script!(
        r"
s = posix_ipc.Semaphore(name)
n = NamedSemaphore(name)
while hear(): s.release(); n.release()
",
        &name
    );
    for _ in 0..50 {
        process.send_line("go");
        sem.wait_many(2).unwrap();
    }
    process.expect_success();
    assert_eq!(sem.value(), Ok(0));
}

#[test]
fn an_unlink_on_either_side_frees_the_name_for_both() {
    let _watchdog = watchdog(60);
    let name = unique("py-unlink");
    let sem = Semaphore::create(&*name, 5).unwrap();
    let mut process = script!(
        r"
posix_ipc.unlink_semaphore(name)
s = posix_ipc.Semaphore(name, posix_ipc.O_CREX, initial_value=2)
say('new')
hear()
try: posix_ipc.Semaphore(name)
except posix_ipc.ExistentialError: say('gone')
say(s.value)
",
        &name
    );
    process.expect_line("new");
    assert_eq!(sem.value(), Ok(5), "the old one is as it was");
    let new = Semaphore::open(&*name).unwrap();
    assert_eq!(new.value(), Ok(2));
    new.unlink_name().unwrap();
    process.send_line("go");
    process.expect_line("gone");
    process.expect_line("2");
    process.expect_success();
}

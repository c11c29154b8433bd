//! Several processes at one object: what is shared, who removes the name, and churn.

use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::Ordering;

use posix_ipc::{Cleanup, Disposition, Error, OpenMode, SharedMemory};
use testutil::churn::Churn;
use testutil::{child, names, watchdog};

/// Answers what is asked of it until the input ends.
pub(crate) fn echo(arguments: &[String]) {
    let mapping = SharedMemory::open(&arguments[0]).unwrap().map().unwrap();
    child::say("ready");
    while child::hear().is_some() {
        let turn = mapping.atomic_u32(0).unwrap();
        let bytes = mapping.to_vec(64, 1_000).unwrap();
        let reversed: Vec<u8> = bytes.into_iter().rev().collect();
        mapping.write_at(64, &reversed).unwrap();
        turn.fetch_add(1, Ordering::Release);
        child::say("done");
    }
}

#[test]
fn bytes_and_atomics_are_shared_with_another_process() {
    let _watchdog = watchdog::watchdog(60);
    let name = names::unique("echo");
    let mapping = SharedMemory::create(name.as_str(), 4096).unwrap().map().unwrap();
    let mut peer = child::run("echo", &[&name]);
    peer.expect_line("ready");
    let bytes: Vec<u8> = (0..1_000u32).map(|i| (i % 255) as u8).collect();
    mapping.write_at(64, &bytes).unwrap();
    peer.send_line("reverse");
    peer.expect_line("done");
    assert_eq!(mapping.atomic_u32(0).unwrap().load(Ordering::Acquire), 1);
    let reversed: Vec<u8> = bytes.into_iter().rev().collect();
    assert_eq!(mapping.to_vec(64, 1_000).unwrap(), reversed);
    peer.expect_success();
}

/// Attaches, reads and leaves in the ordinary way.
pub(crate) fn visitor(arguments: &[String]) {
    let mapping = SharedMemory::open_or_create(&arguments[0], 4096).unwrap().map().unwrap();
    assert_eq!(mapping.memory().disposition(), Disposition::Opened);
    child::say(&mapping.load_u32(0).unwrap().to_string());
}

#[test]
fn a_process_that_only_attaches_leaves_the_object_when_it_ends() {
    let name = names::unique("visitor");
    let mapping = SharedMemory::create(name.as_str(), 4096).unwrap().map().unwrap();
    mapping.atomic_u32(0).unwrap().store(42, Ordering::Relaxed);
    let mut visitor = child::run("visitor", &[&name]);
    visitor.expect_line("42");
    visitor.expect_success();
    assert!(SharedMemory::open(name.as_str()).is_ok());
}

/// Creates an object, forks, lets the child leave in the ordinary way, and tells what is left.
pub(crate) fn forker(arguments: &[String]) {
    let memory = SharedMemory::create(&arguments[0], 4096).unwrap();
    let mapping = memory.map().unwrap();
    // SAFETY: the child does what this thread alone does; the harness's own thread only waits.
    match unsafe { libc::fork() } {
        0 => {
            mapping.write_at(0, b"child").unwrap();
            drop((mapping, memory));
            // SAFETY: ends the process at once, without what the parent's harness would do.
            unsafe { libc::_exit(0) };
        }
        pid => {
            // SAFETY: waits for our own child, and wants no status.
            unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
        }
    }
    assert_eq!(mapping.to_vec(0, 5).unwrap(), b"child");
    let left = SharedMemory::open(&arguments[0]).is_ok();
    child::say(if left { "there" } else { "gone" });
    drop((mapping, memory));
    let left = SharedMemory::open(&arguments[0]).is_ok();
    child::say(if left { "there" } else { "gone" });
}

#[test]
fn a_forked_child_never_removes_the_name() {
    let name = names::unique("fork");
    let mut forker = child::run("forker", &[&name]);
    forker.expect_line("there");
    forker.expect_line("gone");
    forker.expect_success();
}

/// Holds an object with the cleanup that is asked for, until it is killed.
pub(crate) fn holder(arguments: &[String]) {
    let cleanup = if arguments[1] == "last" { Cleanup::LastUser } else { Cleanup::Creator };
    let options = SharedMemory::options().mode(OpenMode::OpenOrCreate).cleanup(cleanup);
    let mapping = options.size(4096).open_mapped(&arguments[0]).unwrap();
    mapping.write_at(0, b"held").unwrap();
    child::say("holding");
    child::hear();
}

#[test]
fn what_a_killed_holder_leaves_the_next_user_opens_and_removes() {
    let _watchdog = watchdog::watchdog(60);
    for cleanup in ["creator", "last"] {
        let name = names::unique("killed");
        let mut holder = child::run("holder", &[&name, cleanup]);
        holder.expect_line("holding");
        holder.kill();
        let options = SharedMemory::options().mode(OpenMode::OpenOrCreate).size(4096);
        let next = options.cleanup(Cleanup::LastUser).open(name.as_str()).unwrap();
        assert_eq!(next.disposition(), Disposition::Opened);
        assert_eq!(next.map().unwrap().to_vec(0, 4).unwrap(), b"held");
        drop(next);
        assert!(SharedMemory::open(name.as_str()).is_err(), "the next user was the last");
    }
}

/// Creates and removes the name for ever; every object starts with a stamp in its last bytes.
pub(crate) fn churner(arguments: &[String]) {
    child::say("churning");
    let mut churn = Churn::new();
    loop {
        let created = SharedMemory::options()
            .mode(OpenMode::CreateNew)
            .size(10_000)
            .open_with(&arguments[0], |mapping| mapping.write_at(9_992, b"complete"));
        churn.there();
        drop(created);
        churn.away();
    }
}

#[test]
fn forty_thousand_attaches_under_churn_see_no_half_made_object() {
    let _watchdog = watchdog::watchdog(300);
    let name = names::unique("attaches");
    let mut churner = child::run("churner", &[&name]);
    churner.expect_line("churning");
    let (mut attached, mut missing) = (0, 0);
    // Goes on until the churner has had its turn.
    while attached < 40_000 || missing == 0 {
        match SharedMemory::options().read_only(true).open(name.as_str()) {
            Ok(memory) => {
                assert_eq!(memory.len().unwrap(), 10_000);
                if attached % 8 == 0 {
                    let mapping = memory.map_read().unwrap();
                    assert_eq!(mapping.to_vec(9_992, 8).unwrap(), b"complete");
                }
                attached += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
                missing += 1;
            }
        }
    }
}

#[test]
fn open_or_create_under_churn_surfaces_neither_not_found_nor_exists() {
    let _watchdog = watchdog::watchdog(300);
    let name = names::unique("open-or-create");
    let mut churner = child::run("churner", &[&name]);
    churner.expect_line("churning");
    let (mut created, mut opened) = (0, 0);
    // Goes on until both ways were taken.
    while created + opened < 30_000 || created == 0 || opened == 0 {
        let memory = SharedMemory::open_or_create(name.as_str(), 10_000).unwrap();
        assert_eq!(memory.len().unwrap(), 10_000);
        match memory.disposition() {
            Disposition::Created => created += 1,
            Disposition::Opened => opened += 1,
        }
    }
}

#[test]
fn replace_under_churn_never_ends_with_an_object_of_others() {
    let _watchdog = watchdog::watchdog(300);
    let name = names::unique("replace-churn");
    let mut churner = child::run("churner", &[&name]);
    churner.expect_line("churning");
    for _ in 0..5_000 {
        let options = SharedMemory::options().mode(OpenMode::Replace).size(77);
        let memory = options.open(name.as_str()).unwrap();
        assert_eq!(memory.disposition(), Disposition::Created);
        assert_eq!(memory.len().unwrap(), 77);
    }
}

/// Makes the object smaller, and lets its peer see.
pub(crate) fn truncator(arguments: &[String]) {
    SharedMemory::open(&arguments[0]).unwrap().resize(4_096).unwrap();
    child::say("truncated");
    child::hear();
}

#[test]
fn a_peer_that_shrinks_the_object_is_detected() {
    let name = names::unique("truncator");
    let mapping = SharedMemory::create(name.as_str(), 12_288).unwrap().map().unwrap();
    assert!(mapping.is_intact().unwrap());
    let mut peer = child::run("truncator", &[&name]);
    peer.expect_line("truncated");
    assert!(!mapping.is_intact().unwrap());
    let error = mapping.check_intact().unwrap_err();
    assert!(matches!(error, Error::Mismatch { expected: 12_288, found: 4_096, .. }), "{error}");
    assert_eq!(mapping.to_vec(0, 4_096).unwrap(), [0; 4_096], "what is left can be used");
    assert!(matches!(mapping.populate().unwrap_err().errno(), Some(posix_ipc::Errno::NOSPC)));
    assert!(mapping.memory().map_range(4_096, 1).is_err());
}

/// Touches what its peer has cut off.
pub(crate) fn victim(arguments: &[String]) {
    let mapping = SharedMemory::open(&arguments[0]).unwrap().map().unwrap();
    child::say("mapped");
    child::hear();
    let _ = mapping.read_at(8_192, &mut [0]);
    child::say("survived");
}

#[test]
fn touching_what_was_cut_off_is_the_sigbus_that_is_documented() {
    let name = names::unique("victim");
    let memory = SharedMemory::create(name.as_str(), 12_288).unwrap();
    let mut victim = child::run("victim", &[&name]);
    victim.expect_line("mapped");
    memory.resize(4_096).unwrap();
    victim.send_line("touch");
    assert_eq!(victim.try_read_line(), None);
    assert_eq!(victim.wait().signal(), Some(libc::SIGBUS));
}

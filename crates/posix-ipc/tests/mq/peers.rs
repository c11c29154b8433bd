//! Defects that were seen in Python's `posix_ipc` and `nob.ipc`, and must not happen here; those
//! that are not the subject of another file.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use posix_ipc::mq::SendError;
use posix_ipc::{Cleanup, Disposition, Errno, Error, MessageQueue, OpenMode};
use testutil::names::unique;
use testutil::{child, require, skip, watchdog};

use crate::support::{contents, patiently, small};

#[test]
fn users_of_one_name_never_split_when_the_creator_leaves() {
    let name = unique("split");
    let open = || {
        let options = MessageQueue::options().mode(OpenMode::OpenOrCreate);
        let options = options.cleanup(Cleanup::LastUser).capacity(4).message_size(64);
        patiently(|| options.open(&*name)).unwrap()
    };
    let (creator, sender) = (open(), open());
    drop(creator);
    let receiver = open();
    sender.send(b"to whoever is there", 0).unwrap();
    assert_eq!(contents(&receiver).len(), 1);
}

#[test]
fn failed_constructor_removes_nothing() {
    let name = unique("failed");
    let queue = small(&name);
    queue.keep();
    queue.send(b"kept", 0).unwrap();
    for cleanup in [Cleanup::Creator, Cleanup::LastUser, Cleanup::Keep] {
        let options = MessageQueue::options().cleanup(cleanup).capacity(9);
        assert!(options.clone().mode(OpenMode::CreateNew).open(&*name).is_err());
        assert!(options.clone().mode(OpenMode::OpenExisting).open(&*name).is_err());
        assert!(options.clone().mode(OpenMode::OpenOrCreate).open(&*name).is_err());
        assert!(options.expect_owner(77).message_size(64).open(&*name).is_err());
    }
    assert_eq!(contents(&MessageQueue::open(&*name).unwrap()), [(b"kept".to_vec(), 0)]);
}

#[test]
fn queue_of_another_user_is_never_taken_for_a_new_one() {
    let _watchdog = watchdog::watchdog(60);
    require!(skip::is_root(), "only root can become another user");
    let name = unique("foreign");
    let options = MessageQueue::options().mode(OpenMode::CreateNew).permissions_exact(0o666);
    let queue = patiently(|| options.clone().capacity(2).message_size(8).open(&*name)).unwrap();
    queue.send(b"stale", 0).unwrap();
    let mut process = child::run("meets_anothers_queue", &[&name, "readable"]);
    process.expect_line("done");
    process.expect_success();
    assert_eq!(queue.len().unwrap(), 1);
    drop(queue);
    let _private = small(&name);
    let mut process = child::run("meets_anothers_queue", &[&name, "private"]);
    process.expect_line("done");
    process.expect_success();
}

pub(crate) fn meets_anothers_queue(arguments: &[String]) {
    let uid = 1_600_000_000 + std::process::id();
    // SAFETY: no pointers.
    assert_eq!(unsafe { libc::setresuid(uid, uid, uid) }, 0);
    let name = &*arguments[0];
    let options = || MessageQueue::options().capacity(2).message_size(8);
    let error = options().mode(OpenMode::Replace).open(name).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    let error = options().mode(OpenMode::CreateNew).open(name).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    if arguments[1] == "private" {
        for mode in [OpenMode::OpenExisting, OpenMode::OpenOrCreate] {
            let error = options().mode(mode).open(name).unwrap_err();
            assert_eq!(
                (error.kind(), error.errno()),
                (std::io::ErrorKind::PermissionDenied, Some(Errno::ACCESS))
            );
            assert!(error.to_string().contains(name), "{error}");
        }
    } else {
        let opened = options().mode(OpenMode::OpenOrCreate).open(name).unwrap();
        assert_eq!(opened.disposition(), Disposition::Opened);
        let error = options().expect_owner(uid).open(name).unwrap_err();
        assert!(matches!(error, Error::Owner { found: 0, .. }), "{error:?}");
    }
    let error = MessageQueue::unlink(name).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    child::say("done");
}

#[test]
fn extreme_timeouts_are_for_ever_and_not_an_error() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("extreme");
    let queue = small(&name);
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(i64::MAX as u64);
    let mut buffer = Vec::new();
    for _ in 0..2 {
        queue.send_timeout(b"x", 0, Duration::MAX).unwrap();
        queue.send_deadline_realtime(b"x", 0, far).unwrap();
    }
    let a_century = Instant::now() + Duration::from_secs(100 * 365 * 86_400);
    assert!(queue.receive_timeout(&mut buffer, Duration::MAX).unwrap().is_some());
    assert!(queue.receive_deadline_realtime(&mut buffer, far).unwrap().is_some());
    assert!(queue.receive_deadline(&mut buffer, a_century).unwrap().is_some());
}

#[test]
fn receiver_starts_again_after_it_was_killed() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("restart");
    for round in 0..3 {
        let mut receiver = child::run("owns_and_waits", &[&name]);
        receiver.expect_line(if round == 0 { "Created" } else { "Opened" });
        receiver.kill();
    }
}

pub(crate) fn owns_and_waits(arguments: &[String]) {
    let queue = patiently(|| MessageQueue::open_or_create(&*arguments[0], 4, 64)).unwrap();
    child::say(&format!("{:?}", queue.disposition()));
    let _ = queue.receive_vec();
}

static HANDLED: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_: i32) {
    HANDLED.fetch_add(1, Ordering::SeqCst);
}

/// Waits in every way while signals come whose handler does not restart system calls.
pub(crate) fn waits_through_signals(arguments: &[String]) {
    // SAFETY: all zeros is a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = count as *const () as usize;
    // SAFETY: the handler is async-signal-safe, and the pointers are valid or null.
    let answer = unsafe { libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()) };
    assert_eq!(answer, 0);
    let queue = MessageQueue::open(&*arguments[0]).unwrap();
    let hour = Duration::from_secs(3600);
    type Receive<'a> = &'a dyn Fn(&mut Vec<u8>) -> bool;
    let ways: [Receive<'_>; 3] = [
        &|buffer| queue.receive(buffer).is_ok(),
        &|buffer| queue.receive_timeout(buffer, hour).unwrap().is_some(),
        &|buffer| {
            queue.receive_deadline_realtime(buffer, SystemTime::now() + hour).unwrap().is_some()
        },
    ];
    for receive in ways {
        let mut message = Vec::new();
        child::say("waiting");
        assert!(receive(&mut message));
        assert_eq!(message, b"at last");
        child::say(if HANDLED.swap(0, Ordering::SeqCst) > 0 { "handled" } else { "nothing came" });
    }
    while queue.try_send(b"filler", 0) != Err(SendError::Full) {}
    child::say("waiting");
    queue.send(b"last", 9).unwrap();
    child::say(if HANDLED.swap(0, Ordering::SeqCst) > 0 { "handled" } else { "nothing came" });
    // A signal does not lengthen a wait.
    contents(&queue);
    child::say("waiting");
    let received = queue.receive_timeout(&mut Vec::new(), Duration::from_millis(300)).unwrap();
    assert!(received.is_none());
    child::say("timed out");
    child::hear();
}

#[test]
fn signals_neither_end_nor_lengthen_a_wait() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("eintr");
    let queue = small(&name);
    let mut process = child::run("waits_through_signals", &[&name]);
    let signal = |process: &child::Child| {
        for _ in 0..5 {
            process.wait_until_asleep();
            process.signal(rustix::process::Signal::USR1);
        }
        process.wait_until_asleep();
    };
    for _ in 0..3 {
        process.expect_line("waiting");
        signal(&process);
        queue.send(b"at last", 0).unwrap();
        process.expect_line("handled");
    }
    process.expect_line("waiting");
    signal(&process);
    queue.receive_vec().unwrap();
    process.expect_line("handled");
    process.expect_line("waiting");
    for _ in 0..5 {
        process.signal(rustix::process::Signal::USR1);
    }
    process.expect_line("timed out");
    process.expect_success();
}

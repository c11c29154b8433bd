//! Opening, creating and removing: modes, expectations, ownership of the name.

use std::os::fd::AsFd;

use posix_ipc::mq::Access;
use posix_ipc::{Cleanup, Disposition, Errno, Error, MessageQueue, OpenMode};
use testutil::names::unique;
use testutil::{child, leaks, require, skip, watchdog};

use crate::support::{contents, patiently, small};

#[test]
fn creating_twice_is_an_error_that_leaves_the_first_alone() {
    let name = unique("twice");
    let queue = small(&name);
    queue.send(b"kept", 0).unwrap();
    let error = MessageQueue::create(&*name, 2, 8).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EXIST));
    assert_eq!(contents(&queue), [(b"kept".to_vec(), 0)]);
}

#[test]
fn opening_what_is_not_there_is_not_found() {
    let name = unique("missing");
    let error = MessageQueue::open(&*name).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(error.to_string().contains(&*name), "{error}");
}

#[test]
fn open_or_create_tells_which() {
    let name = unique("which");
    let first = patiently(|| MessageQueue::open_or_create(&*name, 4, 64)).unwrap();
    let second = MessageQueue::open_or_create(&*name, 4, 64).unwrap();
    assert_eq!(first.disposition(), Disposition::Created);
    assert_eq!(second.disposition(), Disposition::Opened);
    assert_eq!(first.identity(), second.identity());
}

#[test]
fn another_geometry_is_a_mismatch_that_shows_both() {
    let name = unique("mismatch");
    let queue = small(&name);
    let error = MessageQueue::open_or_create(&*name, 5, 64).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the capacity of message queue {name} is 4, not 5 as expected")
    );
    let error = MessageQueue::options().message_size(63).open(&*name).unwrap_err();
    assert!(
        matches!(error, Error::Mismatch { property: "message size", expected: 63, found: 64, .. }),
        "{error:?}"
    );
    assert_eq!((queue.capacity(), queue.message_size()), (4, 64));
    assert!(MessageQueue::open(&*name).is_ok(), "a failed open removes nothing");
}

#[test]
fn any_geometry_takes_what_is_there() {
    let name = unique("any");
    let _queue = small(&name);
    let options = MessageQueue::options().mode(OpenMode::OpenOrCreate).capacity(9);
    let queue = options.any_geometry().open(&*name).unwrap();
    assert_eq!((queue.capacity(), queue.message_size()), (4, 64));
}

#[test]
fn half_a_geometry_is_completed_by_the_system() {
    let name = unique("half");
    let options = MessageQueue::options().mode(OpenMode::CreateNew).message_size(64);
    let queue = patiently(|| options.open(&*name)).unwrap();
    assert_eq!(queue.message_size(), 64);
    assert!(queue.capacity() >= 1);
}

#[test]
fn replace_ends_with_a_new_queue_and_leaves_the_old_one_to_its_holders() {
    let name = unique("replace");
    let old = small(&name);
    old.send(b"stale", 0).unwrap();
    let options = MessageQueue::options().mode(OpenMode::Replace).capacity(2).message_size(16);
    let new = patiently(|| options.open(&*name)).unwrap();
    assert_eq!(new.disposition(), Disposition::Created);
    assert_ne!(new.identity(), old.identity());
    assert!(new.is_empty().unwrap());
    assert_eq!(contents(&old), [(b"stale".to_vec(), 0)]);
}

#[test]
fn stale_handle_does_not_remove_a_newer_queue() {
    let name = unique("stale");
    let old = small(&name);
    MessageQueue::unlink(&*name).unwrap();
    let new = small(&name);
    drop(old);
    assert_eq!(MessageQueue::open(&*name).unwrap().identity(), new.identity());
}

#[test]
fn creator_removes_the_name_and_others_do_not() {
    let name = unique("creator");
    let creator = small(&name);
    drop(MessageQueue::open(&*name).unwrap());
    assert!(MessageQueue::open(&*name).is_ok());
    drop(creator);
    assert!(MessageQueue::open(&*name).is_err());
}

#[test]
fn keep_leaves_the_name_and_unlink_name_removes_it() {
    let name = unique("keep");
    let queue = small(&name);
    queue.keep();
    drop(queue);
    let queue = MessageQueue::open(&*name).unwrap();
    queue.unlink_name().unwrap();
    assert!(MessageQueue::open(&*name).is_err());
    assert_eq!(queue.unlink_name().unwrap_err().errno(), Some(Errno::NOENT));
}

#[test]
fn last_user_removes_the_name() {
    let name = unique("last");
    let open = || {
        let options =
            MessageQueue::options().mode(OpenMode::OpenOrCreate).cleanup(Cleanup::LastUser);
        patiently(|| options.clone().capacity(4).message_size(64).open(&*name)).unwrap()
    };
    let (first, second) = (open(), open());
    drop(first);
    // The split brain of "the creator removes it": a third would get another queue here.
    let third = open();
    assert_eq!(third.identity(), second.identity());
    drop(second);
    third.close().unwrap();
    assert!(MessageQueue::open(&*name).is_err());
}

#[test]
fn killed_last_user_counts_no_more() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("killed");
    let mut child = child::run("creates_and_waits", &[&name]);
    child.expect_line("ready");
    let options = MessageQueue::options().cleanup(Cleanup::LastUser);
    let queue = options.open(&*name).unwrap();
    child.kill();
    drop(queue);
    assert!(MessageQueue::open(&*name).is_err());
}

pub(crate) fn creates_and_waits(arguments: &[String]) {
    let options = MessageQueue::options().mode(OpenMode::CreateNew).cleanup(Cleanup::LastUser);
    let options = options.capacity(4).message_size(64);
    let _queue = patiently(|| options.open(&*arguments[0])).unwrap();
    child::say("ready");
    child::hear();
}

#[test]
fn permissions_are_cut_by_the_umask_unless_exact() {
    require!(skip::mqueue_is_mounted(), "/dev/mqueue is not mounted");
    let mode = |name: &str| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(format!("/dev/mqueue{name}")).unwrap().permissions().mode() & 0o777
    };
    let name = unique("mode");
    let options = || MessageQueue::options().mode(OpenMode::CreateNew).capacity(1).message_size(8);
    let umask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let plain = patiently(|| options().permissions(0o662).open(&*name));
    let cut = mode(&name);
    drop(plain);
    let exact = patiently(|| options().permissions_exact(0o662).open(&*name));
    let whole = mode(&name);
    rustix::process::umask(umask);
    drop(exact.unwrap());
    assert_eq!((cut, whole), (0o640, 0o662));
}

#[test]
fn queue_of_another_owner_is_refused_if_one_is_expected() {
    let name = unique("owner");
    let _queue = small(&name);
    let uid = rustix::process::geteuid().as_raw();
    assert!(MessageQueue::options().expect_owner(uid).open(&*name).is_ok());
    let error = MessageQueue::options().expect_owner(uid + 1).open(&*name).unwrap_err();
    assert!(matches!(error, Error::Owner { found, .. } if found == uid), "{error:?}");
}

#[test]
fn names_that_are_none_and_geometries_of_zero_are_typed_errors() {
    for name in ["", "/", "/a/b", "/.", "a\0b"] {
        let error = MessageQueue::create(name, 4, 64).unwrap_err();
        assert!(matches!(error, Error::Name(_)), "{name:?}: {error:?}");
    }
    let long = "x".repeat(256);
    assert_eq!(MessageQueue::open(&*long).unwrap_err().errno(), Some(Errno::NAMETOOLONG));
    let name = unique("zero");
    for (capacity, message_size) in [(0, 64), (4, 0)] {
        let error = MessageQueue::create(&*name, capacity, message_size).unwrap_err();
        assert!(matches!(error, Error::OutOfRange { value: 0, min: 1, .. }), "{error:?}");
    }
    assert!(MessageQueue::open(&*name).is_err(), "nothing was created");
}

#[test]
fn wrong_direction_says_which_one_the_handle_has() {
    let name = unique("direction");
    let _queue = small(&name);
    let sender = MessageQueue::options().access(Access::Send).open(&*name).unwrap();
    let receiver = MessageQueue::options().access(Access::Receive).open(&*name).unwrap();
    let error = sender.receive_vec().unwrap_err();
    assert_eq!(error.errno(), Some(Errno::BADF));
    assert_eq!(error.hint(), Some("the handle is for sending alone"));
    let error = posix_ipc::Error::from(receiver.send(b"", 0).unwrap_err());
    assert_eq!(error.hint(), Some("the handle is for receiving alone"));
}

#[test]
fn halves_share_a_handle_and_know_their_direction() {
    let name = unique("halves");
    let (sender, receiver) = small(&name).split();
    let second = sender.clone();
    drop(sender);
    second.send(b"through", 2).unwrap();
    assert_eq!(receiver.receive_vec().unwrap().0, b"through");
    drop(receiver);
    assert!(MessageQueue::open(&*name).is_ok(), "a half is left");
    drop(second);
    assert!(MessageQueue::open(&*name).is_err());
}

#[test]
fn attributes_tell_geometry_fill_and_blocking() {
    let name = unique("attributes");
    let queue = small(&name);
    queue.send(b"", 0).unwrap();
    assert!(!queue.set_nonblocking(true).unwrap());
    let attributes = queue.attributes().unwrap();
    assert_eq!((attributes.capacity, attributes.message_size), (4, 64));
    assert_eq!((attributes.messages, attributes.nonblocking), (1, true));
    assert!(queue.set_nonblocking(false).unwrap());
}

#[test]
fn dropping_handles_leaves_no_descriptor() {
    let name = unique("leak");
    let queue = small(&name);
    let before = (0..3).map(|_| leaks::descriptors()).min();
    for _ in 0..100 {
        drop(MessageQueue::open(&*name).unwrap());
    }
    let after = (0..3).map(|_| leaks::descriptors()).min();
    // Other tests of this process open some meanwhile, but not a hundred.
    assert!(after < before.map(|count| count + 90), "{before:?} {after:?}");
    assert!(queue.as_fd().try_clone_to_owned().is_ok());
}

//! What a queue costs and which limit refuses it, found out under a user of our own.

use posix_ipc::mq::{Budget, Shortage};
use posix_ipc::{Errno, Error, MessageQueue, OpenMode};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use testutil::names::unique;
use testutil::{child, require, skip, watchdog};

use crate::support::{patiently, small};

/// Runs a role in a process of a user that has no queues: bytes are counted per user.
#[track_caller]
fn run_as_nobody_else(role: &str, name: &str) {
    let uid = (1_500_000_000 + std::process::id()).to_string();
    let mut process = child::run(role, &[name, &uid]);
    assert_eq!(process.read_line(), "done");
    process.expect_success();
}

/// Becomes that user, for good.
fn become_user(uid: &str) {
    let uid = uid.parse().unwrap();
    // SAFETY: no pointers.
    assert_eq!(unsafe { libc::setresgid(uid, uid, uid) }, 0);
    // SAFETY: no pointers; the role has one thread that matters.
    assert_eq!(unsafe { libc::setresuid(uid, uid, uid) }, 0);
}

fn allow_bytes(bytes: u64) {
    let maximum = getrlimit(Resource::Msgqueue).maximum;
    setrlimit(Resource::Msgqueue, Rlimit { current: Some(bytes), maximum }).unwrap();
}

#[test]
fn budget_is_the_kernels_to_the_byte() {
    let _watchdog = watchdog::watchdog(60);
    require!(skip::is_root(), "only root can become another user");
    let name = unique("formula");
    run_as_nobody_else("counts_bytes", &name);
}

pub(crate) fn counts_bytes(arguments: &[String]) {
    become_user(&arguments[1]);
    let create = |capacity, message_size| {
        let options = MessageQueue::options().mode(OpenMode::CreateNew);
        options.capacity(capacity).message_size(message_size).open(&*arguments[0])
    };
    for (capacity, message_size) in [(1, 1), (1, 100), (10, 100), (10, 8192), (5, 1000), (7, 33)] {
        let budget = Budget::of(capacity, message_size);
        allow_bytes(budget.bytes() - 1);
        let error = create(capacity, message_size).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::MFILE));
        let hint = error.hint().unwrap();
        assert!(hint.contains(&format!("this queue needs {} bytes", budget.bytes())), "{hint}");
        assert!(hint.contains(&format!("RLIMIT_MSGQUEUE is {}", budget.bytes() - 1)), "{hint}");
        allow_bytes(budget.bytes());
        // Whoever lists all queues may hold the one before open for a moment.
        let queue = patiently(|| create(capacity, message_size)).unwrap();
        assert_eq!(Budget::of(1, 1).left(), budget_left(0));
        // Also without disturbing a registration.
        let notification = queue.notify_fd().unwrap();
        assert_eq!(Budget::of(1, 1).left(), budget_left(0));
        assert!(!notification.rearm().unwrap());
        drop(notification);

        // Two fit in twice as much, and the third is told that it is the others.
        allow_bytes(2 * budget.bytes());
        queue.unlink_name().unwrap();
        let second = patiently(|| create(capacity, message_size)).unwrap();
        second.unlink_name().unwrap();
        assert_eq!(Budget::of(capacity, message_size).fits(), Some(2));
        // Neither has a name, so that nobody can see what they take.
        assert_eq!(Budget::of(1, 1).left(), budget_left(2 * budget.bytes()));
        let error = create(capacity, message_size).unwrap_err();
        assert!(error.hint().unwrap().contains("is exhausted by this user's queues"), "{error}");
    }
    child::say("done");
}

/// Nothing can be said without a list of queues.
fn budget_left(expected: u64) -> Option<u64> {
    skip::mqueue_is_mounted().then_some(expected)
}

#[test]
fn descriptors_that_run_out_are_told_from_bytes_that_run_out() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("descriptors");
    let _queue = small(&name);
    let mut process = child::run("runs_out_of_descriptors", &[&name]);
    process.expect_line("done");
    process.expect_success();
}

pub(crate) fn runs_out_of_descriptors(arguments: &[String]) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(32), maximum }).unwrap();
    let mut queues = Vec::new();
    let error = loop {
        match MessageQueue::open(&*arguments[0]) {
            Ok(queue) => queues.push(queue),
            Err(error) => break error,
        }
    };
    let expected = "this process has all the descriptors that RLIMIT_NOFILE allows";
    assert_eq!((error.errno(), error.hint()), (Some(Errno::MFILE), Some(expected)));
    drop(queues);
    child::say("done");
}

#[test]
fn limits_of_shape_and_number_are_named_with_their_files() {
    let _watchdog = watchdog::watchdog(60);
    require!(skip::is_root(), "only root can become another user");
    let name = unique("sysctl");
    run_as_nobody_else("meets_sysctls", &name);
}

pub(crate) fn meets_sysctls(arguments: &[String]) {
    // A namespace of our own, so that nobody else meets these limits.
    // SAFETY: no pointers.
    let own = unsafe { libc::unshare(libc::CLONE_NEWIPC) } == 0;
    let own = own && std::fs::write("/proc/sys/fs/mqueue/queues_max", "1").is_ok();
    become_user(&arguments[1]);
    let limits = posix_ipc::limits();
    let create = |suffix: &str, capacity, message_size| {
        let name = format!("{}{suffix}", arguments[0]);
        MessageQueue::create(&*name, capacity, message_size)
    };
    let hint = |error: &Error| error.hint().map(str::to_string).unwrap_or_default();

    let over = limits.queue_capacity.unwrap() as usize + 1;
    let error = create("", over, 1).unwrap_err();
    let expected = format!(
        "capacity {over} is over fs.mqueue.msg_max = {}: raise /proc/sys/fs/mqueue/msg_max",
        over - 1
    );
    assert_eq!((error.errno(), hint(&error)), (Some(Errno::INVAL), expected));

    let over = limits.queue_message_size.unwrap() as usize + 1;
    let error = create("", 1, over).unwrap_err();
    let expected = format!(
        "message size {over} is over fs.mqueue.msgsize_max = {}: raise /proc/sys/fs/mqueue/msgsize_max",
        over - 1
    );
    assert_eq!((error.errno(), hint(&error)), (Some(Errno::INVAL), expected));

    let error = create("", 70_000, 1).unwrap_err();
    assert!(hint(&error).contains("capacity 70000 is over 65536, which the kernel allows nobody"));

    if own {
        let _first = create("", 1, 8).unwrap();
        let error = create("-2", 1, 8).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::NOSPC));
        assert!(hint(&error).contains("fs.mqueue.queues_max = 1"), "{error}");
    }
    child::say("done");
}

#[test]
fn planner_tells_what_is_in_the_way_before_anything_is_tried() {
    let budget = Budget::of(1 << 40, 1 << 40);
    let shortages = budget.shortages();
    let has = |wanted: fn(&Shortage) -> bool| shortages.iter().any(wanted);
    assert!(has(|shortage| matches!(shortage, Shortage::Kernel { property: "capacity", .. })));
    assert!(has(|shortage| matches!(shortage, Shortage::Capacity { .. })));
    assert!(has(|shortage| matches!(shortage, Shortage::MessageSize { .. })));
    assert_eq!(budget.bytes(), u64::MAX);
    assert!(Budget::of(1, 1).shortages().is_empty());
    assert_eq!(Budget::of(1, 1).limit(), posix_ipc::limits().queue_bytes);
}

//! Provokes every line of docs/errno.md on message queues.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::{Duration, SystemTime};

use bytes::Buf;
use posix_ipc::mq::{Access, NotifyError, SendError};
use posix_ipc::{Errno, Error, MessageQueue, OpenMode, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use testutil::names::{UniqueName, unique};
use testutil::{child, require, skip, watchdog};

use crate::support::small;

/// What a line says: the errno and the variant.
type Answer = (Option<Errno>, String);

/// A line of the table by its call and its occasion.
type Key = (String, String);

fn table() -> BTreeMap<Key, (String, String)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errno.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once("## Message queues\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [call, errno, when, variant] = cells[..] else { panic!("four cells: {row}") };
        let plain = |cell: &str| cell.replace('`', "");
        ((plain(call), plain(when)), (plain(errno), plain(variant)))
    })
    .collect()
}

fn number(errno: &str) -> Option<Errno> {
    Some(match errno {
        "-" => return None,
        "EACCES" => Errno::ACCESS,
        "EAGAIN" => Errno::AGAIN,
        "EBADF" => Errno::BADF,
        "EBUSY" => Errno::BUSY,
        "EEXIST" => Errno::EXIST,
        "EINVAL" => Errno::INVAL,
        "EMFILE" => Errno::MFILE,
        "EMSGSIZE" => Errno::MSGSIZE,
        "ENAMETOOLONG" => Errno::NAMETOOLONG,
        "ENOENT" => Errno::NOENT,
        "ENOSPC" => Errno::NOSPC,
        "ETIMEDOUT" => Errno::TIMEDOUT,
        other => panic!("unknown errno {other}"),
    })
}

/// `Os` of `Os { operation: .. }`.
fn variant(error: &impl Debug) -> String {
    let text = format!("{error:?}");
    text.split(|char: char| !char.is_alphanumeric()).next().unwrap_or_default().to_string()
}

fn plain<T: Debug>(result: Result<T>) -> Answer {
    let error: Error = result.unwrap_err();
    (error.errno(), format!("Error::{}", variant(&error)))
}

fn option<T: Debug>(result: Result<Option<T>>) -> Answer {
    assert!(result.unwrap().is_none());
    (None, "Ok(None)".to_string())
}

fn sending(result: Result<(), SendError>) -> Answer {
    let error = result.unwrap_err();
    (error.errno(), format!("SendError::{}", variant(&error)))
}

fn notifying<T: Debug>(result: Result<T, NotifyError>) -> Answer {
    let error = result.unwrap_err();
    (error.errno(), format!("NotifyError::{}", variant(&error)))
}

fn with_access(name: &UniqueName, access: Access) -> MessageQueue {
    MessageQueue::options().access(access).open(&**name).unwrap()
}

/// Everything that one's own process can provoke.
fn here(name: &UniqueName) -> Vec<(&'static str, &'static str, Answer)> {
    let missing = unique("none");
    let soon = Duration::from_millis(1);
    let queue = small(name);
    let mut answers = Vec::new();
    let mut row = |call, when, answer| answers.push((call, when, answer));

    row(
        "open",
        "the name is empty, has a slash or NUL inside, or is . or ..",
        plain(MessageQueue::open("/a/b")),
    );
    row("open", "the name has over 255 bytes", plain(MessageQueue::open(&*"x".repeat(256))));
    row("open", "there is none", plain(MessageQueue::open(&*missing)));
    row(
        "open",
        "it has another capacity or message size than expected",
        plain(MessageQueue::options().capacity(9).open(&**name)),
    );
    let uid = rustix::process::geteuid().as_raw();
    row(
        "open",
        "it is another user's than expected",
        plain(MessageQueue::options().expect_owner(uid + 1).open(&**name)),
    );
    row("create", "the name exists", plain(MessageQueue::create(&**name, 4, 64)));
    row(
        "create",
        "capacity or message size is zero",
        plain(MessageQueue::create(&*missing, 0, 64)),
    );
    row("unlink", "there is none", plain(MessageQueue::unlink(&*missing)));
    let gone = small(&missing);
    MessageQueue::unlink(&*missing).unwrap();
    row("unlink_name", "the name is gone, or another queue's", plain(gone.unlink_name()));

    row("send", "the message is longer than the queue takes", sending(queue.send(&[0; 65], 0)));
    row("send", "the priority is out of range", sending(queue.send(b"", -1)));
    let receiver = with_access(name, Access::Receive);
    row("send", "the handle is for receiving", sending(receiver.send(b"", 0)));
    row("send_buf", "the message hides its pieces", sending(queue.send_buf(&mut Shy(2), 0)));

    let sender = with_access(name, Access::Send);
    let mut buffer = Vec::new();
    row("receive", "the handle is for sending", plain(sender.receive_vec()));
    row(
        "receive",
        "the buffer is shorter than the message size",
        plain(queue.receive(&mut [0; 63])),
    );
    row("try_receive", "it is empty", option(queue.try_receive(&mut buffer)));
    row(
        "receive_timeout",
        "it was empty until the deadline",
        option(queue.receive_timeout(&mut buffer, soon)),
    );
    row(
        "receive_deadline_realtime",
        "it was empty until the deadline",
        option(queue.receive_deadline_realtime(&mut buffer, SystemTime::now() + soon)),
    );
    queue.set_nonblocking(true).unwrap();
    row("receive", "it is empty, and the handle does not block", plain(queue.receive_vec()));
    while queue.send(b"", 0).is_ok() {}
    row("send", "it is full, and the handle does not block", sending(queue.send(b"", 0)));
    queue.set_nonblocking(false).unwrap();
    row("try_send", "it is full", sending(queue.try_send(b"", 0)));
    row(
        "send_timeout",
        "it was full until the deadline",
        sending(queue.send_timeout(b"", 0, soon)),
    );
    row(
        "send_deadline_realtime",
        "it was full until the deadline",
        sending(queue.send_deadline_realtime(b"", 0, SystemTime::now() + soon)),
    );

    row("on_message", "the handle is for sending", notifying(sender.on_message(|_, _| {})));
    let _registered = queue.notify_fd().unwrap();
    row("notify_fd", "somebody is registered", notifying(sender.notify_fd()));
    answers
}

/// A message that shows one byte at a time, and has no `chunks_vectored` of its own.
struct Shy(usize);

impl Buf for Shy {
    fn remaining(&self) -> usize {
        self.0
    }
    fn chunk(&self) -> &[u8] {
        &b"x"[..self.0.min(1)]
    }
    fn advance(&mut self, count: usize) {
        self.0 -= count;
    }
}

/// What it takes another user, and limits that nobody else may meet, to provoke.
pub(crate) fn provokes_as_another_user(arguments: &[String]) {
    // SAFETY: no pointers.
    assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWIPC) }, 0);
    std::fs::write("/proc/sys/fs/mqueue/queues_max", "2").unwrap();
    let theirs = &*arguments[0];
    let queue = MessageQueue::create(theirs, 1, 8).unwrap();
    let uid = 1_700_000_000 + std::process::id();
    // SAFETY: no pointers.
    assert_eq!(unsafe { libc::setresuid(uid, uid, uid) }, 0);

    let say = |call: &str, when: &str, (errno, variant): Answer| {
        let errno = errno.map_or(0, Errno::raw_os_error);
        child::say(&format!("{call}|{when}|{errno}|{variant}"));
    };
    let limits = posix_ipc::limits();
    let create = |capacity, message_size| {
        let name = format!("{theirs}-ours");
        let options = MessageQueue::options().mode(OpenMode::CreateNew).capacity(capacity);
        options.message_size(message_size).open(&*name)
    };
    say("open", "it may not be opened for that direction", plain(MessageQueue::open(theirs)));
    say("unlink", "it is not the caller's to remove", plain(MessageQueue::unlink(theirs)));
    let over = limits.queue_capacity.unwrap() as usize + 1;
    say("create", "capacity is over fs.mqueue.msg_max", plain(create(over, 1)));
    let over = limits.queue_message_size.unwrap() as usize + 1;
    say("create", "message size is over fs.mqueue.msgsize_max", plain(create(1, over)));
    let maximum = getrlimit(Resource::Msgqueue).maximum;
    setrlimit(Resource::Msgqueue, Rlimit { current: Some(50), maximum }).unwrap();
    say("create", "RLIMIT_MSGQUEUE is used up", plain(create(1, 8)));
    setrlimit(Resource::Msgqueue, Rlimit { current: Some(10_000), maximum }).unwrap();
    let ours = create(1, 8).unwrap();
    let third = MessageQueue::create(&*format!("{theirs}-3"), 1, 8);
    say("create", "there are fs.mqueue.queues_max queues", plain(third));

    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(16), maximum }).unwrap();
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    let answer = plain(MessageQueue::open(ours.name()));
    drop(files);
    say("open", "RLIMIT_NOFILE is used up", answer);
    child::say("done");
    // Its owner is another user; the namespace ends with this process.
    queue.keep();
}

#[test]
fn every_line_of_the_table_is_true_and_every_answer_has_a_line() {
    let _watchdog = watchdog::watchdog(60);
    require!(skip::is_root(), "only root can become another user and make a namespace");
    let name = unique("errno");
    let mut table = table();
    assert!(table.len() > 25, "the table was found");
    let mut check = |call: &str, when: &str, answer: Answer| {
        let line = table.remove(&(call.to_string(), when.to_string()));
        let (errno, variant) = line.unwrap_or_else(|| panic!("no line: {call}, {when}"));
        assert_eq!(answer, (number(&errno), variant), "{call}: {when}");
    };
    for (call, when, answer) in here(&name) {
        check(call, when, answer);
    }
    let theirs = unique("errno-theirs");
    let mut process = child::run("provokes_as_another_user", &[&theirs]);
    loop {
        let line = process.read_line();
        if line == "done" {
            break;
        }
        let cells: Vec<_> = line.split('|').collect();
        let [call, when, errno, variant] = cells[..] else { panic!("{line}") };
        let errno = Some(errno.parse().unwrap()).filter(|&errno| errno != 0);
        check(call, when, (errno.map(Errno::from_raw_os_error), variant.to_string()));
    }
    process.expect_success();
    assert!(table.is_empty(), "lines that nothing provokes: {table:?}");
}

//! One queue shared with Python's `posix_ipc` and `nob.ipc` and with C, in both directions.

use std::path::Path;
use std::time::Duration;

use posix_ipc::mq::NotifyError;
use posix_ipc::{MessageQueue, Priority};
use testutil::names::unique;
use testutil::{c, child, python, require, watchdog};

use crate::support::{contents, small};

const PRELUDE: &str = r"
import sys, posix_ipc
from nob.ipc import NamedMessageQueue, Flags
name = sys.argv[1]
def say(*words): print(*words, flush=True)
def hear(): return sys.stdin.readline().strip()
";

/// Runs a Python script that has the prelude's names.
fn script(body: &str, name: &str) -> Option<child::Child> {
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
fn python_reads_what_rust_sent_with_priorities_and_geometry() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("to-python");
    let queue = small(&name);
    queue.send(b"low", 1).unwrap();
    queue.send(b"high", Priority::HIGHEST).unwrap();
    queue.send(b"", 0).unwrap();
    let mut process = script!(
        r"
q = posix_ipc.MessageQueue(name)
say(q.max_messages, q.max_message_size, q.current_messages)
n = NamedMessageQueue(name)
for _ in range(3): say(*q.receive())
say(n.max_messages, n.max_message_size, n.receive(timeout=0))
",
        &name
    );
    process.expect_line("4 64 3");
    process.expect_line("b'high' 32767");
    process.expect_line("b'low' 1");
    process.expect_line("b'' 0");
    process.expect_line("4 64 None");
    process.expect_success();
}

#[test]
fn rust_reads_what_python_sent_into_a_queue_of_pythons() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("from-python");
    let mut process = script!(
        r"
n = NamedMessageQueue(name, max_messages=3, max_message_size=32, handle_existence=Flags.RAISE_IF_EXISTS)
q = posix_ipc.MessageQueue(name)
n.send('text', priority=2)
q.send(b'bytes', priority=9)
say('sent'); hear()
",
        &name
    );
    process.expect_line("sent");
    let queue = MessageQueue::open(&*name).unwrap();
    assert_eq!((queue.capacity(), queue.message_size()), (3, 32));
    assert_eq!(contents(&queue), [(b"bytes".to_vec(), 9), (b"text".to_vec(), 2)]);
    process.expect_success();
    // nob.ipc's creator removes its name.
    assert!(MessageQueue::open(&*name).is_err());
}

#[test]
fn waiters_of_each_side_are_woken_by_the_other() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("wake-python");
    let queue = small(&name);
    let mut process = script!(
        r"
q = posix_ipc.MessageQueue(name)
say('waiting'); say(*q.receive())
hear(); q.send(b'back', priority=4)
for _ in range(4): q.send(b'full')
say('full'); q.send(b'after', priority=1); say('woken')
",
        &name
    );
    process.expect_line("waiting");
    process.wait_until_asleep();
    queue.send(b"wake", 6).unwrap();
    process.expect_line("b'wake' 6");

    std::thread::scope(|scope| {
        let receiver = scope.spawn(|| queue.receive_vec().unwrap());
        process.send_line("send");
        let (message, priority) = receiver.join().unwrap();
        assert_eq!((&message[..], priority.get()), (&b"back"[..], 4));
    });

    process.expect_line("full");
    process.wait_until_asleep();
    assert_eq!(queue.receive_vec().unwrap().0, b"full");
    process.expect_line("woken");
    process.expect_success();
    assert_eq!(contents(&queue)[0], (b"after".to_vec(), 1));
}

#[test]
fn python_is_notified_of_rusts_message_and_keeps_rust_out_meanwhile() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("notify-python");
    let queue = small(&name);
    let mut process = script!(
        r"
import os, signal, threading, time
# Before there is a thread that could be hit by it.
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
q = posix_ipc.MessageQueue(name)
called = threading.Event()
q.request_notification((lambda arg: called.set(), None))
say('registered'); called.wait(); say(*q.receive())
# glibc runs it in a thread with no signal blocked, which is to be gone; the other one blocks all.
while len(os.listdir('/proc/self/task')) > 2: time.sleep(0.001)
n = NamedMessageQueue(name)
say(n.request_notification(int(signal.SIGUSR1)))
say(signal.sigwaitinfo([signal.SIGUSR1]).si_code); say(*n.receive())
",
        &name
    );
    process.expect_line("registered");
    let busy = queue.notify_fd().unwrap_err();
    let pid = process.id();
    assert!(matches!(busy, NotifyError::Busy { holder: Some(holder), .. } if holder == pid));
    queue.send(b"by thread", 0).unwrap();
    process.expect_line("b'by thread' 0");
    process.expect_line("True");
    queue.send(b"by signal", 0).unwrap();
    process.expect_line("-3");
    process.expect_line("b'by signal' 0");
    process.expect_success();
}

#[test]
fn rust_is_notified_of_pythons_message_and_keeps_python_out_meanwhile() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("notify-rust");
    let queue = small(&name);
    let notification = queue.notify_fd().unwrap();
    let mut process = script!(
        r"
n = NamedMessageQueue(name)
say(n.request_notification(10))
n.send('news', priority=3)
",
        &name
    );
    process.expect_line("False");
    assert!(notification.wait_timeout(Duration::from_secs(60)).unwrap());
    assert_eq!(contents(&queue), [(b"news".to_vec(), 3)]);
    process.expect_success();
}

#[test]
fn timeouts_and_unlink_are_seen_by_python() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("unlink-python");
    let queue = small(&name);
    let mut process = script!(
        r"
q = posix_ipc.MessageQueue(name)
try: q.receive(0.01)
except posix_ipc.BusyError: say('timed out')
hear()
try: posix_ipc.MessageQueue(name)
except posix_ipc.ExistentialError: say('gone')
q.send(b'still connected'); say('sent')
",
        &name
    );
    process.expect_line("timed out");
    queue.unlink_name().unwrap();
    process.send_line("look");
    process.expect_line("gone");
    process.expect_line("sent");
    process.expect_success();
    assert_eq!(contents(&queue), [(b"still connected".to_vec(), 0)]);
}

#[test]
fn c_and_rust_share_a_queue_both_ways() {
    share_with_c(&[], "there is no gcc");
}

#[test]
fn c_programs_of_32_bits_and_rust_share_a_queue_both_ways() {
    share_with_c(&["-m32"], "no gcc for 32 bits: apt-get install gcc-multilib");
}

fn share_with_c(flags: &[&str], why: &str) {
    let _watchdog = watchdog::watchdog(120);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mq/peer.c");
    let program = c::compile(&source, flags);
    require!(program.is_some(), "{why}");
    let program = program.unwrap();
    let name = unique("c");
    let queue = small(&name);
    queue.send(b"one", 1).unwrap();
    queue.send(b"nine", 9).unwrap();
    let mut command = program.command();
    command.arg(&*name);
    let mut process = child::start(command);
    process.expect_line("geometry 4 64 2");
    process.expect_line("9 nine");
    process.expect_line("1 one");
    // It waits, registered for notification and then in a receive.
    process.expect_line("registered");
    let busy = queue.notify_fd().unwrap_err();
    assert!(matches!(busy, NotifyError::Busy { holder: Some(pid), .. } if pid == process.id()));
    queue.send(b"signalled", 2).unwrap();
    process.expect_line("signal -3 value 42");
    process.expect_line("2 signalled");
    process.wait_until_asleep();
    queue.send(b"wake", 5).unwrap();
    process.expect_line("5 wake");
    process.expect_line("timed out");
    let (message, priority) = queue.receive_vec().unwrap();
    assert_eq!((&message[..], priority.get()), (&b"from c"[..], 32_767));
    process.expect_success();
}

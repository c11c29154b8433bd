//! Notification: every form of it, who is busy, and that no message is missed.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use posix_ipc::Disposition::Created;
use posix_ipc::mq::{NotifyError, Signal, real_time_signal};
use posix_ipc::{Errno, MessageQueue};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use testutil::names::unique;
use testutil::{child, watchdog};

use crate::support::{contents, small};

const LONG: Duration = Duration::from_secs(60);
const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

fn is_readable(fd: impl AsFd) -> bool {
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    poll(&mut fds, Some(&NOW)).unwrap() == 1
}

#[test]
fn descriptor_becomes_readable_when_a_message_comes_into_the_empty_queue() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("fd");
    let queue = small(&name);
    let notification = queue.notify_fd().unwrap();
    assert!(!is_readable(&notification));
    assert!(!notification.wait_timeout(Duration::ZERO).unwrap());
    queue.send(b"a", 0).unwrap();
    assert!(is_readable(&notification));
    assert!(notification.rearm().unwrap());
    assert!(!is_readable(&notification));
    queue.send(b"b", 0).unwrap();
    assert!(!is_readable(&notification), "the queue was not empty");
    assert_eq!(contents(&queue).len(), 2);
    queue.send(b"c", 0).unwrap();
    notification.wait().unwrap();
    assert!(!notification.rearm().unwrap());
}

#[test]
fn drop_takes_the_registration_back() {
    let name = unique("drop");
    let queue = small(&name);
    drop(queue.notify_fd().unwrap());
    drop(queue.notify_signal(Signal::URG, 0).unwrap());
    drop(queue.on_message(|_, _| {}).unwrap());
    queue.notify_fd().unwrap();
}

#[test]
fn second_registrant_of_the_process_is_busy_and_leaves_the_first_alone() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("busy");
    let queue = small(&name);
    let other = MessageQueue::open(&*name).unwrap();
    let first = queue.notify_fd().unwrap();
    let me = std::process::id();
    for error in [
        other.notify_fd().unwrap_err(),
        other.notify_signal(Signal::URG, 0).unwrap_err(),
        other.on_message(|_, _| {}).unwrap_err(),
    ] {
        assert!(matches!(error, NotifyError::Busy { holder: Some(pid), .. } if pid == me));
    }
    other.send(b"x", 0).unwrap();
    assert!(first.wait_timeout(LONG).unwrap());
}

#[test]
fn second_registrant_of_another_process_is_told_which_one_has_the_place() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("holder");
    let queue = small(&name);
    let mut holder = child::run("holds_the_place", &[&name]);
    holder.expect_line("registered");
    let error = queue.notify_fd().unwrap_err();
    let pid = holder.id();
    assert!(matches!(&error, NotifyError::Busy { holder: Some(found), .. } if *found == pid));
    assert_eq!(
        error.to_string(),
        format!("message queue {name} notifies another already: process {pid}")
    );
    assert_eq!(error.errno(), Some(Errno::BUSY));
    // Also a handle that may not read the queue finds out.
    let options = MessageQueue::options().access(posix_ipc::mq::Access::Send);
    let error = options.open(&*name).unwrap().notify_fd().unwrap_err();
    assert!(matches!(&error, NotifyError::Busy { holder: Some(found), .. } if *found == pid));
    holder.kill();
    queue.notify_fd().unwrap();
}

pub(crate) fn holds_the_place(arguments: &[String]) {
    let queue = MessageQueue::open(&*arguments[0]).unwrap();
    let _notification = queue.notify_fd().unwrap();
    child::say("registered");
    child::hear();
}

#[test]
fn no_message_is_missed_in_bursts_around_each_rearm() {
    let _watchdog = watchdog::watchdog(120);
    const MESSAGES: usize = 20_000;
    let name = unique("bursts");
    let queue = small(&name);
    std::thread::scope(|scope| {
        let sender = MessageQueue::open_sender(&*name).unwrap();
        scope.spawn(move || {
            for number in 0..MESSAGES {
                sender.send(&number.to_ne_bytes(), 0).unwrap();
                // Bursts of changing length, with gaps in which the receiver drains and sleeps.
                if number % 7 == number % 3 {
                    std::thread::yield_now();
                }
            }
        });
        let notification = queue.notify_fd().unwrap();
        let mut received = 0usize;
        let mut drain = || {
            let next = |message: &[u8], _| {
                assert_eq!(message, received.to_ne_bytes());
                received += 1;
            };
            queue.drain(next).unwrap();
            received < MESSAGES
        };
        while drain() {
            assert!(notification.wait_timeout(LONG).unwrap(), "a message was missed");
        }
    });
}

#[test]
fn callback_gets_what_was_there_and_every_message_after() {
    let _watchdog = watchdog::watchdog(120);
    const MESSAGES: usize = 20_000;
    let name = unique("callback");
    let queue = small(&name);
    queue.send(&0usize.to_ne_bytes(), 3).unwrap();
    let (tell, told) = channel();
    let mut next = 0usize;
    let listener = queue
        .on_message(move |message, priority| {
            assert_eq!((message, priority.get()), (&next.to_ne_bytes()[..], 3));
            next += 1;
            if next == MESSAGES {
                tell.send(next).unwrap();
            }
        })
        .unwrap();
    for number in 1..MESSAGES {
        queue.send(&number.to_ne_bytes(), 3).unwrap();
    }
    assert_eq!(told.recv_timeout(LONG).unwrap(), MESSAGES);
    assert!(!listener.is_finished());
    listener.close().unwrap();
}

#[test]
fn closing_another_handle_does_not_deafen_those_who_notice() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("deaf");
    let queue = small(&name);
    let notification = queue.notify_fd().unwrap();
    // The kernel takes the registration back when any descriptor of the queue is closed.
    drop(MessageQueue::open(&*name).unwrap());
    assert!(!notification.wait_timeout(Duration::ZERO).unwrap());
    queue.send(b"heard", 0).unwrap();
    assert!(notification.wait_timeout(LONG).unwrap());
    contents(&queue);
    drop(MessageQueue::open(&*name).unwrap());
    queue.send(b"sent while nothing was registered", 0).unwrap();
    assert!(notification.wait_timeout(LONG).unwrap());
    contents(&queue);
    drop(notification);

    let (tell, told) = channel();
    let _listener =
        queue.on_message(move |message, _| tell.send(message.to_vec()).unwrap()).unwrap();
    for _ in 0..10 {
        drop(MessageQueue::open(&*name).unwrap());
        queue.send(b"heard too", 0).unwrap();
        assert_eq!(told.recv_timeout(LONG).unwrap(), b"heard too");
    }
}

#[test]
fn listener_survives_its_queues_handle() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("survives");
    let queue = small(&name);
    let (tell, told) = channel();
    let handle = MessageQueue::open(&*name).unwrap();
    let _listener =
        handle.on_message(move |message, _| tell.send(message.to_vec()).unwrap()).unwrap();
    drop(handle);
    queue.send(b"still there", 0).unwrap();
    assert_eq!(told.recv_timeout(LONG).unwrap(), b"still there");
}

#[test]
fn panic_of_the_callback_is_not_lost() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("panic");
    let queue = small(&name);
    let listener = queue.on_message(|_, _| panic!("the callback's own words")).unwrap();
    queue.send(b"x", 0).unwrap();
    while !listener.is_finished() {
        std::thread::yield_now();
    }
    queue.notify_fd().expect("the place is free again");
    let close = std::panic::AssertUnwindSafe(|| listener.close());
    let panic = std::panic::catch_unwind(close).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"the callback's own words"));
}

#[test]
fn listener_may_be_dropped_by_its_own_callback() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("itself");
    let queue = small(&name);
    let (give, take) = channel();
    let (tell, told) = channel();
    let listener = queue
        .on_message(move |_, _| {
            drop::<posix_ipc::mq::Listener>(take.recv().unwrap());
            tell.send(()).unwrap();
        })
        .unwrap();
    give.send(listener).unwrap();
    queue.send(b"x", 0).unwrap();
    told.recv_timeout(LONG).unwrap();
}

#[test]
fn sending_half_cannot_listen() {
    let name = unique("deny");
    let _queue = small(&name);
    let options = MessageQueue::options().access(posix_ipc::mq::Access::Send);
    let error = options.open(&*name).unwrap().on_message(|_, _| {}).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::BADF));
}

#[test]
fn eventfd_counts_when_there_is_something_to_drain() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("eventfd");
    let queue = small(&name);
    let event = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
    let _listener = queue.notify_eventfd(event.try_clone().unwrap()).unwrap();
    for round in 0..100u32 {
        queue.send(&round.to_ne_bytes(), 0).unwrap();
        let mut received = Vec::new();
        while received.is_empty() {
            let mut count = [0; 8];
            rustix::io::read(&event, &mut count).unwrap();
            received = contents(&queue);
        }
        assert_eq!(received, [(round.to_ne_bytes().to_vec(), 0)]);
    }
}

static CAME: AtomicI32 = AtomicI32::new(0);
static VALUE: AtomicUsize = AtomicUsize::new(0);
static CODE: AtomicI32 = AtomicI32::new(0);

extern "C" fn note(signal: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the system passes a valid pointer to a handler installed with SA_SIGINFO.
    let info = unsafe { &*info };
    // SAFETY: a queue's signal carries a value.
    let value = unsafe { info.si_value() };
    VALUE.store(value.sival_ptr as usize, Ordering::SeqCst);
    CODE.store(info.si_code, Ordering::SeqCst);
    CAME.store(signal, Ordering::SeqCst);
}

/// Runs in a process of its own, since a signal handler is the process's.
pub(crate) fn is_signalled(arguments: &[String]) {
    let signal = real_time_signal(5).unwrap();
    // SAFETY: all zeros is a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = note as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: the handler is async-signal-safe, and the pointers are valid or null.
    let answer = unsafe { libc::sigaction(signal.as_raw(), &action, std::ptr::null_mut()) };
    assert_eq!(answer, 0);

    let queue = MessageQueue::open(&*arguments[0]).unwrap();
    let notification = queue.notify_signal(signal, 0xABCD).unwrap();
    for round in 0..3 {
        CAME.store(0, Ordering::SeqCst);
        child::say("registered");
        while CAME.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        notification.rearm().unwrap();
        let text = contents(&queue).len();
        child::say(&format!(
            "{round} {text} {:x} {}",
            VALUE.load(Ordering::SeqCst),
            CODE.load(Ordering::SeqCst)
        ));
    }
}

#[test]
fn signal_comes_with_its_value_and_again_after_rearming() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("signal");
    let queue = small(&name);
    let mut process = child::run("is_signalled", &[&name]);
    for round in 0..3 {
        process.expect_line("registered");
        queue.send(b"x", 0).unwrap();
        // SI_MESGQ is -3.
        process.expect_line(&format!("{round} 1 abcd -3"));
    }
    process.expect_success();
}

#[test]
fn a_listener_can_be_closed_while_messages_come_faster_than_it_drains() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("flood");
    let (queue, filler) = (small(&name), MessageQueue::open(&*name).unwrap());
    let (flooded, flood) = channel();
    let listener = queue.on_message(move |_, _| {
        // There is always another one.
        filler.send(b"more", 0).unwrap();
        let _ = flooded.send(());
    });
    queue.send(b"first", 0).unwrap();
    (0..100).for_each(|_| flood.recv().unwrap());
    listener.unwrap().close().unwrap();
    assert_eq!(contents(&queue), [(b"more".to_vec(), 0)], "what is left stays");
}

#[test]
fn a_receiving_half_listens_and_tells_of_its_queue_as_a_sending_one_does() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("half");
    let (sender, receiver) = small(&name).split();
    assert_eq!((sender.identity(), sender.disposition()), (receiver.identity(), Created));
    let (tell, told) = channel();
    let listener = receiver.on_message(move |message, priority| {
        tell.send((message.to_vec(), priority.get())).unwrap();
    });
    sender.send(b"half", 3).unwrap();
    assert_eq!(told.recv().unwrap(), (b"half".to_vec(), 3));
    listener.unwrap().close().unwrap();
    assert!(sender.is_empty().unwrap() && receiver.len() == Ok(0));
    receiver.unlink_name().unwrap();
    assert!(MessageQueue::open(&*name).is_err());
}

//! `mq`: one call per test, with the errno that it gives when misused.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

use posix_ipc_sys::io::Errno;
use posix_ipc_sys::mq::{self, Mode, MqAttr, Notification, OFlags, OwnedMqd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use testutil::names::{UniqueName, unique};
use testutil::watchdog::watchdog;

const RW: Mode = Mode::RUSR.union(Mode::WUSR);
const PAST: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// A new queue of four messages of 64 bytes, open for both directions.
fn create(name: &UniqueName) -> OwnedMqd {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
    mq::open(&**name, flags, RW, Some(&MqAttr::new(4, 64))).unwrap()
}

fn open(name: &UniqueName, flags: OFlags) -> OwnedMqd {
    mq::open(&**name, flags, Mode::empty(), None).unwrap()
}

fn receive(queue: impl AsFd) -> (Vec<u8>, u32) {
    let mut buffer = [0; 64];
    let (len, priority) = mq::receive(queue.as_fd(), &mut buffer).unwrap();
    (buffer[..len].to_vec(), priority)
}

#[test]
fn open_makes_the_geometry_that_was_asked_for() {
    let name = unique("geometry");
    let attr = mq::getattr(create(&name)).unwrap();
    assert_eq!((attr.maxmsg, attr.msgsize, attr.curmsgs), (4, 64, 0));
    assert_eq!(attr.flags, OFlags::empty());
}

#[test]
fn open_leaves_an_existing_queue_as_it_is() {
    let name = unique("existing");
    let _queue = create(&name);
    let other = MqAttr::new(2, 8);
    let again = mq::open(&*name, OFlags::CREATE | OFlags::RDWR, RW, Some(&other)).unwrap();
    let attr = mq::getattr(again).unwrap();
    assert_eq!((attr.maxmsg, attr.msgsize), (4, 64));
}

#[test]
fn open_exclusively_refuses_an_existing_queue() {
    let name = unique("excl");
    let _queue = create(&name);
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
    let answer = mq::open(&*name, flags, RW, Some(&MqAttr::new(4, 64)));
    assert_eq!(answer.unwrap_err(), Errno::EXIST);
}

#[test]
fn open_says_that_there_is_none() {
    let name = unique("none");
    let answer = mq::open(&*name, OFlags::RDWR, Mode::empty(), None);
    assert_eq!(answer.unwrap_err(), Errno::NOENT);
}

#[test]
fn open_refuses_a_geometry_of_zero_or_beyond_the_limits() {
    let name = unique("zero");
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
    for (maxmsg, msgsize) in [(0, 64), (4, 0), (usize::MAX, 64), (4, usize::MAX), (70_000, 64)] {
        let answer = mq::open(&*name, flags, RW, Some(&MqAttr::new(maxmsg, msgsize)));
        assert_eq!(answer.unwrap_err(), Errno::INVAL, "{maxmsg} x {msgsize}");
    }
}

#[test]
fn names_that_cannot_exist_are_refused_alike_on_both_back_ends() {
    let long = format!("/{}", "x".repeat(256));
    let cases = [
        ("", Errno::INVAL),
        ("/", Errno::INVAL),
        ("/a/b", Errno::INVAL),
        ("/a/", Errno::INVAL),
        ("/.", Errno::INVAL),
        ("..", Errno::INVAL),
        ("/a\0b", Errno::INVAL),
        (&long, Errno::NAMETOOLONG),
    ];
    for (name, errno) in cases {
        let answer = mq::open(name, OFlags::RDWR, Mode::empty(), None);
        assert_eq!(answer.unwrap_err(), errno, "{name:?}");
        assert_eq!(mq::unlink(name).unwrap_err(), errno, "{name:?}");
    }
}

#[test]
fn leading_slash_is_optional() {
    let name = unique("slash");
    let queue = create(&name);
    let bare = mq::open(name.trim_start_matches('/'), OFlags::WRONLY, Mode::empty(), None).unwrap();
    mq::send(bare, b"same", 0).unwrap();
    assert_eq!(receive(queue).0, b"same");
}

#[test]
fn descriptor_closes_on_exec() {
    let name = unique("cloexec");
    let flags = rustix::io::fcntl_getfd(create(&name)).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
}

#[test]
fn drop_closes_the_descriptor() {
    let name = unique("drop");
    let queue = create(&name);
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&queue.as_fd()));
    let target = std::fs::read_link(&path).unwrap();
    drop(queue);
    assert_ne!(std::fs::read_link(&path).ok(), Some(target));
}

#[test]
fn unlink_removes_the_name_and_not_the_queue() {
    let name = unique("unlink");
    let queue = create(&name);
    mq::unlink(&*name).unwrap();
    assert_eq!(mq::unlink(&*name), Err(Errno::NOENT));
    mq::send(&queue, b"still here", 0).unwrap();
    assert_eq!(receive(queue).0, b"still here");
}

#[test]
fn higher_priority_first_and_equal_ones_in_order() {
    let name = unique("order");
    let queue = create(&name);
    for (text, priority) in [("a", 1), ("b", 5), ("c", 1), ("d", mq::PRIORITY_MAX)] {
        mq::send(&queue, text.as_bytes(), priority).unwrap();
    }
    let order: Vec<_> = (0..4).map(|_| receive(&queue)).collect();
    let expected = [("d", mq::PRIORITY_MAX), ("b", 5), ("a", 1), ("c", 1)];
    assert_eq!(order, expected.map(|(text, priority)| (text.as_bytes().to_vec(), priority)));
}

#[test]
fn priority_beyond_the_highest_is_refused() {
    let name = unique("priority");
    let queue = create(&name);
    for priority in [mq::PRIORITY_MAX + 1, u32::MAX] {
        assert_eq!(mq::send(&queue, b"", priority), Err(Errno::INVAL));
    }
    assert_eq!(mq::getattr(queue).unwrap().curmsgs, 0);
}

#[test]
fn longest_message_passes_and_a_longer_one_does_not() {
    let name = unique("length");
    let queue = create(&name);
    mq::send(&queue, &[7; 64], 0).unwrap();
    assert_eq!(mq::send(&queue, &[7; 65], 0), Err(Errno::MSGSIZE));
    assert_eq!(receive(queue).0, [7; 64]);
}

#[test]
fn empty_message_is_a_message() {
    let name = unique("empty");
    let queue = create(&name);
    mq::send(&queue, b"", 3).unwrap();
    assert_eq!(receive(queue), (vec![], 3));
}

#[test]
fn short_buffer_is_refused_and_nothing_is_lost() {
    let name = unique("short");
    let queue = create(&name);
    mq::send(&queue, b"x", 0).unwrap();
    assert_eq!(mq::receive(&queue, &mut [0; 63]).unwrap_err(), Errno::MSGSIZE);
    assert_eq!(receive(queue).0, b"x");
}

#[test]
fn receive_into_uninitialised_memory_gives_what_was_written() {
    let name = unique("uninit");
    let queue = create(&name);
    mq::send(&queue, b"one", 0).unwrap();
    mq::send(&queue, b"two", 0).unwrap();
    let mut array = [MaybeUninit::uninit(); 64];
    let (bytes, _) = mq::receive(&queue, &mut array).unwrap();
    assert_eq!(bytes, b"one");
    let (bytes, _) = mq::receive(&queue, &mut array[..]).unwrap();
    assert_eq!(bytes, b"two");
}

#[test]
fn receive_into_spare_capacity_appends() {
    let name = unique("spare");
    let queue = create(&name);
    mq::send(&queue, b"tail", 0).unwrap();
    let mut vec = Vec::with_capacity(4 + 64);
    vec.extend_from_slice(b"head");
    let (len, _) = mq::receive(&queue, mq::spare_capacity(&mut vec)).unwrap();
    assert_eq!((len, &vec[..]), (4, &b"headtail"[..]));
}

#[test]
#[cfg(feature = "bytes")]
fn receive_into_bytes_appends() {
    let name = unique("bytes");
    let queue = create(&name);
    mq::send(&queue, b"tail", 0).unwrap();
    let mut buffer = bytes::BytesMut::with_capacity(64);
    mq::receive(&queue, mq::spare_capacity(&mut buffer)).unwrap();
    assert_eq!(&buffer[..], b"tail");
}

#[test]
fn nonblocking_descriptor_says_again() {
    let name = unique("again");
    let queue = create(&name);
    let fast = open(&name, OFlags::RDWR | OFlags::NONBLOCK);
    assert_eq!(mq::getattr(&fast).unwrap().flags, OFlags::NONBLOCK);
    assert_eq!(mq::receive(&fast, &mut [0; 64]).unwrap_err(), Errno::AGAIN);
    for _ in 0..4 {
        mq::send(&queue, b"", 0).unwrap();
    }
    assert_eq!(mq::send(&fast, b"", 0), Err(Errno::AGAIN));
    let far = Timespec { tv_sec: i64::MAX, tv_nsec: 0 };
    assert_eq!(mq::timedsend(&fast, b"", 0, &far), Err(Errno::AGAIN));
}

#[test]
fn setattr_changes_the_blocking_of_one_descriptor_and_tells_the_old() {
    let name = unique("setattr");
    let queue = create(&name);
    let other = open(&name, OFlags::RDWR);
    let old = mq::setattr(&queue, &MqAttr::with_flags(OFlags::NONBLOCK)).unwrap();
    assert_eq!((old.flags, old.maxmsg, old.msgsize), (OFlags::empty(), 4, 64));
    assert_eq!(mq::getattr(&queue).unwrap().flags, OFlags::NONBLOCK);
    assert_eq!(mq::getattr(other).unwrap().flags, OFlags::empty());
    let bad = MqAttr::with_flags(OFlags::from_bits_retain(1 << 30));
    assert_eq!(mq::setattr(queue, &bad), Err(Errno::INVAL));
}

#[test]
fn deadline_in_the_past_is_a_poll() {
    let name = unique("past");
    let queue = create(&name);
    assert_eq!(mq::timedreceive(&queue, &mut [0; 64], &PAST).unwrap_err(), Errno::TIMEDOUT);
    for _ in 0..4 {
        mq::timedsend(&queue, b"room", 0, &PAST).unwrap();
    }
    assert_eq!(mq::timedsend(&queue, b"none", 0, &PAST), Err(Errno::TIMEDOUT));
    assert_eq!(mq::timedreceive(&queue, &mut [0; 64], &PAST).unwrap(), (4, 0));
}

#[test]
fn deadline_ends_a_wait_and_not_before() {
    let _watchdog = watchdog(60);
    let name = unique("deadline");
    let queue = create(&name);
    let wait = std::time::Duration::from_millis(30);
    let start = std::time::SystemTime::now();
    let end = (start + wait).duration_since(std::time::UNIX_EPOCH).unwrap();
    let deadline = Timespec { tv_sec: end.as_secs() as i64, tv_nsec: end.subsec_nanos().into() };
    assert_eq!(mq::timedreceive(&queue, &mut [0; 64], &deadline).unwrap_err(), Errno::TIMEDOUT);
    assert!(std::time::SystemTime::now() >= start + wait);
}

#[test]
fn time_that_is_none_is_refused() {
    let name = unique("badtime");
    let queue = create(&name);
    for bad in [
        Timespec { tv_sec: 0, tv_nsec: 1_000_000_000 },
        Timespec { tv_sec: 0, tv_nsec: -1 },
        Timespec { tv_sec: -1, tv_nsec: 0 },
    ] {
        assert_eq!(mq::timedsend(&queue, b"", 0, &bad), Err(Errno::INVAL));
        assert_eq!(mq::timedreceive(&queue, &mut [0; 64], &bad).unwrap_err(), Errno::INVAL);
    }
    assert_eq!(mq::getattr(queue).unwrap().curmsgs, 0);
}

#[test]
fn wrong_direction_is_a_bad_descriptor() {
    let name = unique("direction");
    let _queue = create(&name);
    let sender = open(&name, OFlags::WRONLY);
    let receiver = open(&name, OFlags::RDONLY);
    assert_eq!(mq::receive(sender, &mut [0; 64]).unwrap_err(), Errno::BADF);
    assert_eq!(mq::send(receiver, b"", 0), Err(Errno::BADF));
}

#[test]
fn descriptor_of_something_else_is_refused_by_every_call() {
    let file = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(mq::send(&file, b"", 0), Err(Errno::BADF));
    assert_eq!(mq::receive(&file, &mut [0; 64]).unwrap_err(), Errno::BADF);
    assert_eq!(mq::getattr(&file), Err(Errno::BADF));
    assert_eq!(mq::setattr(&file, &MqAttr::with_flags(OFlags::empty())), Err(Errno::BADF));
    assert_eq!(mq::notify(&file, Some(Notification::None)), Err(Errno::BADF));
}

#[test]
fn poll_tells_of_messages_and_of_room() {
    let name = unique("poll");
    let queue = create(&name);
    let events = |queue: BorrowedFd<'_>| {
        let mut fds = [PollFd::from_borrowed_fd(queue, PollFlags::IN | PollFlags::OUT)];
        poll(&mut fds, Some(&PAST)).unwrap();
        fds[0].revents()
    };
    assert_eq!(events(queue.as_fd()), PollFlags::OUT);
    mq::send(&queue, b"", 0).unwrap();
    assert_eq!(events(queue.as_fd()), PollFlags::IN | PollFlags::OUT);
    for _ in 0..3 {
        mq::send(&queue, b"", 0).unwrap();
    }
    assert_eq!(events(queue.as_fd()), PollFlags::IN);
}

#[test]
fn second_registration_is_busy_until_the_first_is_taken_back() {
    let name = unique("busy");
    let queue = create(&name);
    let signal = mq::real_time_signal(3).unwrap();
    mq::notify(&queue, Some(Notification::Signal { signal, value: 7 })).unwrap();
    assert_eq!(mq::notify(&queue, Some(Notification::None)), Err(Errno::BUSY));
    mq::notify(&queue, None).unwrap();
    mq::notify(&queue, Some(Notification::None)).unwrap();
}

#[test]
fn registration_without_a_notice_is_used_up_by_a_message() {
    let name = unique("used-up");
    let queue = create(&name);
    mq::notify(&queue, Some(Notification::None)).unwrap();
    mq::send(&queue, b"", 0).unwrap();
    mq::notify(&queue, Some(Notification::None)).unwrap();
}

#[test]
fn netlink_socket_gets_the_cookie_when_a_message_arrives_and_when_it_is_taken_back() {
    let _watchdog = watchdog(60);
    let name = unique("cookie");
    let queue = create(&name);
    // SAFETY: plain arguments.
    let fd = unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    assert!(fd >= 0);
    // SAFETY: a new descriptor of ours.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let mut cookie = [9; mq::COOKIE_LEN];
    let notification = Notification::Socket { socket: socket.as_fd(), cookie: &cookie };
    let mut got = [0; mq::COOKIE_LEN];

    mq::notify(&queue, Some(notification)).unwrap();
    mq::send(&queue, b"", 0).unwrap();
    assert_eq!(rustix::io::read(&socket, &mut got).unwrap(), mq::COOKIE_LEN);
    cookie[31] = mq::COOKIE_FIRED;
    assert_eq!(got, cookie);

    mq::notify(&queue, Some(notification_of(&socket, &cookie))).unwrap();
    mq::notify(&queue, None).unwrap();
    assert_eq!(rustix::io::read(&socket, &mut got).unwrap(), mq::COOKIE_LEN);
    cookie[31] = mq::COOKIE_REMOVED;
    assert_eq!(got, cookie);
}

fn notification_of<'a>(socket: &'a OwnedFd, cookie: &'a [u8; 32]) -> Notification<'a> {
    Notification::Socket { socket: socket.as_fd(), cookie }
}

#[test]
fn notification_over_something_that_is_no_socket_is_refused() {
    let name = unique("notsock");
    let queue = create(&name);
    let file = std::fs::File::open("/dev/null").unwrap();
    let notification = Notification::Socket { socket: file.as_fd(), cookie: &[0; 32] };
    let errno = mq::notify(&queue, Some(notification)).unwrap_err();
    assert!([Errno::NOTSOCK, Errno::BADF].contains(&errno), "{errno:?}");
}

#[test]
fn notification_by_signal_is_taken_and_used_up() {
    let name = unique("signal");
    let queue = create(&name);
    // `SIGURG` is ignored by default, so that the test process does not mind it.
    mq::notify(&queue, Some(Notification::Signal { signal: Signal::URG, value: 1 })).unwrap();
    mq::send(&queue, b"", 0).unwrap();
    mq::notify(&queue, Some(Notification::None)).unwrap();
    assert!(mq::real_time_signal(0).unwrap().as_raw() >= 34);
    assert!(mq::real_time_signal(31).is_none());
    assert!(mq::real_time_signal(u32::MAX).is_none());
}

#[test]
fn descriptor_converts_from_and_to_an_owned_one() {
    let name = unique("convert");
    let fd = OwnedFd::from(create(&name));
    let queue = OwnedMqd::from(fd);
    mq::send(&queue, b"x", 0).unwrap();
    assert_eq!(receive(&queue).0, b"x");
}

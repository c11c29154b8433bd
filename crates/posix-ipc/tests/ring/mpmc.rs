//! The mpmc ring within one process: order, priorities, capacity, many at both ends.

use std::time::{Duration, Instant};

use posix_ipc::ring::mpmc::{self, Receiver, Sender};
use posix_ipc::ring::{ReceiveError, SendError};
use posix_ipc::{Error, OpenMode, Priority};
use testutil::names::unique;
use testutil::watchdog::watchdog;

fn priority(number: u32) -> Priority {
    Priority::new(number).unwrap()
}

#[test]
fn messages_of_every_length_arrive_as_sent() {
    let (sender, receiver) = mpmc::pair(4, 300).unwrap();
    for len in 0..=300 {
        let message = vec![len as u8; len];
        sender.send(&message, 0).unwrap();
        assert_eq!(receiver.receive_vec().unwrap(), (message, Priority::LOWEST));
    }
    let error = sender.send(&[0; 301], 0).unwrap_err();
    assert_eq!(error, SendError::TooLong { length: 301, max: 300 });
}

#[test]
fn higher_priorities_come_first_and_equal_ones_in_order() {
    let name = unique("lanes");
    let sender = Sender::options().mode(OpenMode::CreateNew).lanes(32).capacity(4).message_size(8);
    let sender = sender.open(&*name).unwrap();
    let receiver = Receiver::open(&*name).unwrap();
    for (message, priority) in [(b"a", 0), (b"b", 31), (b"c", 5), (b"d", 31), (b"e", 0)] {
        sender.send(message, priority).unwrap();
    }
    let received: Vec<_> = std::iter::from_fn(|| receiver.try_receive_vec().unwrap()).collect();
    let expected = [(b"b", 31), (b"d", 31), (b"c", 5), (b"a", 0), (b"e", 0)];
    assert_eq!(received, expected.map(|(message, lane)| (message.to_vec(), priority(lane))));
    let error = sender.send(b"f", 32).unwrap_err();
    assert_eq!(error, SendError::NoSuchLane { priority: priority(32), lanes: 32 });
    let error = sender.send(b"f", -1).unwrap_err();
    assert_eq!(error, SendError::Priority(Priority::try_from(-1).unwrap_err()));
    sender.send(b"f", Priority::LOWEST).unwrap();
}

#[test]
fn a_full_lane_says_so_and_others_are_not_full() {
    let name = unique("full");
    let sender = Sender::options().mode(OpenMode::CreateNew).lanes(2).capacity(4).message_size(8);
    let sender = sender.open(&*name).unwrap();
    let receiver = Receiver::open(&*name).unwrap();
    (0..4).for_each(|_| sender.try_send(b"x", 0).unwrap());
    assert_eq!(sender.try_send(b"x", 0), Err(SendError::Full));
    let timeout = Duration::from_millis(2);
    assert_eq!(sender.send_timeout(b"x", 0, timeout), Err(SendError::TimedOut));
    assert_eq!(sender.send_deadline(b"x", 0, Instant::now()), Err(SendError::TimedOut));
    sender.try_send(b"y", 1).unwrap();
    assert_eq!(receiver.receive_vec().unwrap(), (b"y".to_vec(), priority(1)));
    receiver.receive_vec().unwrap();
    sender.try_send(b"x", 0).unwrap();
}

#[test]
fn drain_gives_what_is_there_by_priority_and_a_panic_puts_the_message_back() {
    let name = unique("drain");
    let sender = Sender::options().mode(OpenMode::CreateNew).lanes(2).capacity(4);
    let sender = sender.open(&*name).unwrap();
    let receiver = Receiver::open(&*name).unwrap();
    for (message, priority) in [(b"a", 0), (b"b", 1), (b"c", 0)] {
        sender.send(message, priority).unwrap();
    }
    let mut got = Vec::new();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        receiver.drain(|message, priority| {
            assert_ne!(priority, Priority::LOWEST, "as planned");
            got.push(message.to_vec());
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(got, [b"b"]);
    let more = |message: &mpmc::Record<'_>, _| got.push(message.to_vec());
    assert_eq!(receiver.drain(more).unwrap(), 2);
    assert_eq!(got, [b"b", b"a", b"c"]);
    assert_eq!(receiver.drain(|_, _| unreachable!()).unwrap(), 0);
}

#[test]
fn a_short_buffer_puts_the_message_back_at_its_place() {
    let (sender, receiver) = mpmc::pair(4, 100).unwrap();
    sender.send(&[1; 50], 0).unwrap();
    sender.send(&[2; 5], 0).unwrap();
    let error = receiver.receive(&mut [0; 10]).unwrap_err();
    assert_eq!(error, ReceiveError::TooShort { length: 50, buffer: 10 });
    assert_eq!(receiver.receive_vec().unwrap().0, [1; 50]);
    assert_eq!(receiver.receive_vec().unwrap().0, [2; 5]);
}

#[test]
fn an_empty_ring_gives_none_in_time() {
    let (_sender, receiver) = mpmc::pair(4, 100).unwrap();
    let start = Instant::now();
    let timeout = Duration::from_millis(20);
    assert_eq!(receiver.receive_timeout(&mut [0; 100], timeout), Ok(None));
    assert!(start.elapsed() >= timeout);
    assert_eq!(receiver.receive_deadline(&mut [0; 100], start), Ok(None));
    assert_eq!(receiver.try_receive(&mut [0; 100]), Ok(None));
}

#[test]
fn many_senders_and_receivers_lose_and_repeat_nothing() {
    let _watchdog = watchdog(120);
    let (sender, receiver) = mpmc::pair(8, 16).unwrap();
    let (each, many) = (10_000u64, 3u64);
    let senders: Vec<_> = (0..many)
        .map(|number| {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for i in 0..each {
                    let mut message = [0; 16];
                    message[..8].copy_from_slice(&number.to_ne_bytes());
                    message[8..].copy_from_slice(&i.to_ne_bytes());
                    sender.send(&message, 0).unwrap();
                }
            })
        })
        .collect();
    let receivers: Vec<_> = (0..many)
        .map(|_| {
            let receiver = receiver.clone();
            std::thread::spawn(move || {
                let mut got = Vec::new();
                for _ in 0..each {
                    let (message, _) = receiver.receive_vec().unwrap();
                    let (number, i) = message.split_at(8);
                    got.push((
                        u64::from_ne_bytes(number.try_into().unwrap()),
                        u64::from_ne_bytes(i.try_into().unwrap()),
                    ));
                }
                got
            })
        })
        .collect();
    senders.into_iter().for_each(|thread| thread.join().unwrap());
    let mut all = Vec::new();
    for thread in receivers {
        let got = thread.join().unwrap();
        for number in 0..many {
            let own: Vec<_> = got.iter().filter(|(n, _)| *n == number).map(|(_, i)| i).collect();
            assert!(own.is_sorted(), "one sender's messages arrive in order at one receiver");
        }
        all.extend(got);
    }
    all.sort_unstable();
    let expected: Vec<_> = (0..many).flat_map(|n| (0..each).map(move |i| (n, i))).collect();
    assert_eq!(all, expected);
    assert_eq!(receiver.incidents(), mpmc::Incidents::default());
}

#[test]
fn expectations_are_checked() {
    let name = unique("expect");
    let sender = Sender::create(&*name, 64, 100).unwrap();
    assert_eq!(sender.participants(), 1);
    for (capacity, message_size) in [(128, 100), (32, 100), (64, 99), (64, 200)] {
        let error = Receiver::open_or_create(&*name, capacity, message_size).unwrap_err();
        assert!(matches!(error, Error::Mismatch { .. }), "{error}");
    }
    let receiver = Receiver::open_or_create(&*name, 60, 100).unwrap();
    assert_eq!((receiver.capacity(), receiver.message_size(), receiver.lanes()), (64, 100, 1));
    assert_eq!(sender.participants(), 2);
    drop(receiver);
    assert_eq!(sender.participants(), 1);
    let error = posix_ipc::ring::spsc::Receiver::open(&*name).unwrap_err();
    assert!(matches!(error, Error::Foreign { .. }), "{error}");
}

#[test]
fn numbers_out_of_range_are_refused() {
    let name = unique("range");
    let new = || Sender::options().mode(OpenMode::CreateNew);
    for options in [new().lanes(0), new().lanes(33), new().capacity(1 << 40)] {
        let error = options.open(&*name).unwrap_err();
        assert!(matches!(error, Error::OutOfRange { .. }), "{error}");
    }
}

#[test]
fn closing_the_last_clone_removes_the_name() {
    let name = unique("ring-close-many");
    let sender = Sender::create(&*name, 4, 8).unwrap();
    let (clone, receiver) = (sender.clone(), Receiver::open(&*name).unwrap());
    assert_eq!(clone.identity().unwrap(), receiver.identity().unwrap());
    sender.close().unwrap();
    receiver.close().unwrap();
    assert!(Receiver::open(&*name).is_ok(), "the creator's clone lives");
    clone.close().unwrap();
    assert!(Receiver::open(&*name).is_err());
}

#[test]
fn messages_come_in_vectors_with_every_way_to_wait() {
    let (sender, receiver) = mpmc::pair(8, 400).unwrap();
    let nap = Duration::from_millis(5);
    let before = Instant::now();
    assert_eq!(receiver.try_receive_vec(), Ok(None));
    assert_eq!(receiver.receive_vec_timeout(nap), Ok(None));
    assert_eq!(receiver.receive_vec_deadline(Instant::now() + nap), Ok(None));
    assert!(before.elapsed() >= 2 * nap);
    for len in [0, 8, 400] {
        let message = vec![7; len];
        for _ in 0..4 {
            sender.send(&message, 0).unwrap();
        }
        let received = [
            receiver.try_receive_vec().unwrap(),
            receiver.receive_vec_timeout(nap).unwrap(),
            receiver.receive_vec_deadline(Instant::now() + nap).unwrap(),
            Some(receiver.receive_vec().unwrap()),
        ];
        assert_eq!(received, [(); 4].map(|()| Some((message.clone(), priority(0)))));
    }
}

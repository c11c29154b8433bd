//! The bridge to descriptors: readable when there is something, and only then.

use std::time::Duration;

use posix_ipc::ring::{Notified, ReceiveError, SendError, mpmc, spsc};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use testutil::watchdog::watchdog;

fn is_readable(receiver: &impl std::os::fd::AsFd, within: Option<Duration>) -> bool {
    let timeout = within.map(|within| Timespec {
        tv_sec: within.as_secs() as i64,
        tv_nsec: i64::from(within.subsec_nanos()),
    });
    poll(&mut [PollFd::new(receiver, PollFlags::IN)], timeout.as_ref()).unwrap() > 0
}

#[test]
fn the_descriptor_is_readable_when_a_message_came() {
    let _watchdog = watchdog(60);
    let (mut sender, receiver) = spsc::pair(4096).unwrap();
    let mut receiver = Notified::new(receiver).unwrap();
    for round in 0..200u32 {
        assert_eq!(receiver.try_receive_vec().unwrap(), None);
        assert!(!is_readable(&receiver, Some(Duration::ZERO)), "round {round}");
        let message = round.to_ne_bytes();
        let thread = std::thread::spawn(move || {
            sender.send(&message).unwrap();
            sender
        });
        assert!(is_readable(&receiver, None));
        assert_eq!(receiver.try_receive_vec().unwrap().unwrap(), message);
        sender = thread.join().unwrap();
    }
}

#[test]
fn the_descriptor_is_readable_when_the_sender_has_left() {
    let _watchdog = watchdog(60);
    let (mut sender, receiver) = spsc::pair(4096).unwrap();
    let mut receiver = Notified::new(receiver).unwrap();
    assert_eq!(receiver.try_receive_vec().unwrap(), None);
    sender.send(b"last").unwrap();
    drop(sender);
    assert!(is_readable(&receiver, None));
    assert_eq!(receiver.try_receive_vec().unwrap().unwrap(), b"last");
    while receiver.try_receive_vec() != Err(ReceiveError::PeerGone) {
        assert!(is_readable(&receiver, None));
    }
}

#[test]
fn many_receivers_with_descriptors_share_the_messages() {
    let _watchdog = watchdog(60);
    let (sender, receiver) = mpmc::pair(16, 8).unwrap();
    let count = 2_000u64;
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let receiver = receiver.clone();
            std::thread::spawn(move || {
                let mut receiver = Notified::new(receiver).unwrap();
                let mut sum = 0;
                loop {
                    match receiver.try_receive_vec().unwrap() {
                        Some((message, _)) if message.is_empty() => return sum,
                        Some((message, _)) => {
                            sum += u64::from_ne_bytes(message.try_into().unwrap());
                        }
                        None => assert!(is_readable(&receiver, None)),
                    }
                }
            })
        })
        .collect();
    for number in 0..count {
        sender.send(&number.to_ne_bytes(), 0).unwrap();
    }
    (0..2).for_each(|_| sender.send(b"", 0).unwrap());
    let sum: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(sum, count * (count - 1) / 2);
}

#[test]
fn a_bridge_ends_with_its_receiver_and_gives_it_back() {
    let _watchdog = watchdog(60);
    let (mut sender, receiver) = spsc::pair(4096).unwrap();
    let mut notified = Notified::new(receiver).unwrap();
    assert_eq!(notified.try_receive_vec().unwrap(), None);
    let mut receiver = notified.into_inner();
    sender.send(b"back").unwrap();
    assert_eq!(receiver.receive_vec().unwrap(), b"back");
}

#[test]
fn a_senders_descriptor_is_readable_when_there_is_room_again() {
    let _watchdog = watchdog(60);
    let (sender, mut receiver) = spsc::pair(4096).unwrap();
    let (jobs, workers) = mpmc::pair(2, 8).unwrap();
    let (mut sender, mut jobs) = (Notified::new(sender).unwrap(), Notified::new(jobs).unwrap());
    sender.try_send(&[1; 4000]).unwrap();
    (0..2).for_each(|_| jobs.try_send(&[1; 8], 0).unwrap());
    for round in 0..100u32 {
        assert_eq!(sender.try_send(&[1; 4000]), Err(SendError::Full), "round {round}");
        assert_eq!(jobs.try_send(&[1; 8], 0), Err(SendError::Full), "round {round}");
        assert!(!is_readable(&sender, Some(Duration::ZERO)), "round {round}");
        assert!(!is_readable(&jobs, Some(Duration::ZERO)), "round {round}");
        receiver.receive_vec().unwrap();
        // The next look, at an empty ring, tells the sender of all the room.
        receiver.try_receive_vec().unwrap();
        workers.receive_vec().unwrap();
        assert!(is_readable(&sender, None) && is_readable(&jobs, None));
        sender.try_send(&[1; 4000]).unwrap();
        jobs.try_send(&[1; 8], 0).unwrap();
    }
    drop(receiver);
    while sender.try_send(&[1; 4000]) != Err(SendError::PeerGone) {
        assert!(is_readable(&sender, None));
    }
}

/// A message that another receiver has in its hands is nothing to receive.
#[test]
fn a_descriptor_stays_unreadable_while_another_receiver_holds_the_only_message() {
    let _watchdog = watchdog(60);
    let (sender, receiver) = mpmc::pair(4, 8).unwrap();
    let mut other = Notified::new(receiver.clone()).unwrap();
    sender.send(b"held", 0).unwrap();
    let record = receiver.peek().unwrap();
    assert_eq!(other.try_receive_vec().unwrap(), None);
    assert!(!is_readable(&other, Some(Duration::from_millis(20))));
    drop(record);
    assert!(is_readable(&other, None));
    assert_eq!(other.try_receive_vec().unwrap().unwrap().0, b"held");
}

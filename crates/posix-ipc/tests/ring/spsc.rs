//! The spsc ring within one process: messages, capacity, waiting, in place, in batches.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use posix_ipc::ring::spsc::{self, Peer, Receiver, Sender};
use posix_ipc::ring::{ReceiveError, SendError};
use posix_ipc::{Cleanup, Disposition, Error, OpenMode};
use testutil::names::unique;
use testutil::watchdog::watchdog;

fn bytes(seed: u64, len: usize) -> Vec<u8> {
    (0..len as u64).map(|i| (seed.wrapping_mul(31).wrapping_add(i.wrapping_mul(7))) as u8).collect()
}

#[test]
fn messages_of_every_length_arrive_as_sent_and_in_order() {
    let (mut sender, mut receiver) = spsc::pair(4096).unwrap();
    let max = sender.message_size();
    assert_eq!(max, 4088);
    for round in 0..3 {
        for len in (0..300).chain([511, 512, 1000, 2000, 4000, max - 1, max]) {
            let message = bytes(round, len);
            sender.send(&message).unwrap();
            assert_eq!(receiver.receive_vec().unwrap(), message, "{len} bytes");
        }
    }
}

#[test]
fn a_stream_larger_than_the_ring_keeps_its_order() {
    let _watchdog = watchdog(120);
    let (mut sender, mut receiver) = spsc::pair(4096).unwrap();
    let count = 50_000u64;
    let thread = std::thread::spawn(move || {
        for i in 0..count {
            sender.send(&bytes(i, (i % 700) as usize)).unwrap();
        }
    });
    for i in 0..count {
        assert_eq!(receiver.receive_vec().unwrap(), bytes(i, (i % 700) as usize));
    }
    thread.join().unwrap();
    assert_eq!(receiver.receive(&mut []), Err(ReceiveError::PeerGone));
}

/// By the exact index alone: the receiver has not said yet that it found the ring empty.
#[test]
fn a_sender_that_asks_how_much_is_left_can_begin_anew_as_often_as_it_likes() {
    let (mut sender, mut receiver) = spsc::pair(1 << 20).unwrap();
    let mut buffer = [0; 600];
    for i in 0..1000 {
        sender.send(&bytes(i, 600)).unwrap();
        assert_eq!(receiver.receive(&mut buffer), Ok(600));
        assert_eq!(buffer, *bytes(i, 600));
        assert_eq!(sender.backlog(), Ok(0), "message {i}");
    }
}

/// There the sender lets the receiver catch up now and then, and begins anew.
#[test]
fn a_stream_through_a_large_ring_keeps_its_order() {
    let _watchdog = watchdog(120);
    let (mut sender, mut receiver) = spsc::pair(16 << 20).unwrap();
    let count = 6_000usize;
    let len = |i: usize| 97 + i * 7 % 16_000;
    let thread = std::thread::spawn(move || {
        for i in 0..count {
            sender.send(&vec![i as u8; len(i)]).unwrap();
        }
    });
    let mut buffer = [0; 1 << 14];
    for i in 0..count {
        let received = receiver.receive(&mut buffer).unwrap();
        assert!(buffer[..received] == *vec![i as u8; len(i)], "message {i}");
    }
    thread.join().unwrap();
    assert_eq!(receiver.receive(&mut []), Err(ReceiveError::PeerGone));
}

#[test]
fn a_full_ring_says_so_and_takes_more_after_one_message_was_taken() {
    let (mut sender, mut receiver) = spsc::pair(4096).unwrap();
    let mut sent = 0;
    while sender.try_send(&[7; 92]).is_ok() {
        sent += 1;
    }
    assert_eq!(sent, 4096 / 104);
    assert_eq!(sender.try_send(&[7; 92]), Err(SendError::Full));
    assert_eq!(sender.send_timeout(&[7; 92], Duration::from_millis(2)), Err(SendError::TimedOut));
    receiver.receive(&mut [0; 92]).unwrap();
    assert_eq!(sender.try_send(&[7; 92]), Ok(()));
    assert_eq!(sender.try_send(&[7; 92]), Err(SendError::Full));
}

/// An empty ring may be begun anew, which must cost no room.
#[test]
fn a_ring_that_was_emptied_holds_its_whole_capacity_again() {
    for len in [1, 64, 504, 1000, 1016, 4088, 5000, 20_000, 800_000] {
        let (mut sender, mut receiver) = spsc::pair(2 << 20).unwrap();
        let message = bytes(1, len);
        let fit = sender.capacity() / ((len + 15) & !7);
        let mut buffer = vec![0; len];
        for round in 0..3 {
            for _ in 0..round {
                sender.send(&message).unwrap();
                receiver.receive(&mut buffer).unwrap();
                assert_eq!(receiver.try_receive(&mut buffer).unwrap(), None);
            }
            let count = (0..).take_while(|_| sender.try_send(&message).is_ok()).count();
            assert_eq!(count, fit, "{len} bytes, round {round}");
            assert_eq!(sender.backlog().unwrap(), receiver.backlog().unwrap());
            for _ in 0..count {
                assert_eq!(receiver.receive(&mut buffer).unwrap(), len);
                assert_eq!(buffer, message);
            }
            assert_eq!(receiver.try_receive(&mut buffer).unwrap(), None);
            assert_eq!(sender.backlog().unwrap(), 0);
        }
    }
}

#[test]
fn a_message_over_the_longest_is_refused_and_harms_nothing() {
    let (mut sender, mut receiver) = spsc::pair(4096).unwrap();
    let error = sender.send(&[0; 4089]).unwrap_err();
    assert_eq!(error, SendError::TooLong { length: 4089, max: 4088 });
    sender.send(b"next").unwrap();
    assert_eq!(receiver.receive_vec().unwrap(), b"next");
}

#[test]
fn a_short_buffer_leaves_the_message_there() {
    let (mut sender, mut receiver) = spsc::pair(4096).unwrap();
    sender.send(b"twelve bytes").unwrap();
    let error = receiver.receive(&mut [0; 4]).unwrap_err();
    assert_eq!(error, ReceiveError::TooShort { length: 12, buffer: 4 });
    let mut buffer = [0; 64];
    assert_eq!(receiver.try_receive(&mut buffer), Ok(Some(12)));
    assert_eq!(&buffer[..12], b"twelve bytes");
}

#[test]
fn timeouts_and_deadlines_last_and_then_give_none() {
    let (_sender, mut receiver) = spsc::pair(4096).unwrap();
    let start = Instant::now();
    let timeout = Duration::from_millis(30);
    assert_eq!(receiver.receive_timeout(&mut [], timeout), Ok(None));
    assert!(start.elapsed() >= timeout);
    assert_eq!(receiver.receive_deadline(&mut [], start), Ok(None));
    assert!(receiver.peek_timeout(Duration::from_millis(1)).unwrap().is_none());
    assert!(receiver.try_peek().unwrap().is_none());
}

#[test]
fn a_grant_that_is_dropped_was_never_there() {
    let (mut sender, mut receiver) = spsc::pair(4096).unwrap();
    drop(sender.reserve(100).unwrap());
    let mut grant = sender.reserve(10).unwrap();
    grant.write_all(b"first").unwrap();
    grant.write_all(b"second").unwrap_err();
    assert!(grant.write_at(6, b"12345").is_err());
    grant.write_at(5, b"-pad!").unwrap();
    grant.truncate(9);
    grant.commit();
    let record = receiver.peek().unwrap();
    assert_eq!(record.to_vec(), b"first-pad");
    let mut text = String::new();
    record.reader().read_to_string(&mut text).unwrap();
    assert_eq!(text, "first-pad");
    assert!(record.read_at(8, &mut [0; 2]).is_err());
    let _ = record;
    assert_eq!(receiver.peek().unwrap().len(), 9, "a record stays until it is released");
    receiver.peek().unwrap().release();
    assert!(receiver.try_peek().unwrap().is_none());
}

/// The beginning comes beside the index, if the message comes alone, and the rest from its place.
#[test]
fn what_was_written_in_place_is_read_alike_at_any_offset() {
    let (mut sender, mut receiver) = spsc::pair(4096).unwrap();
    for (round, len) in [31, 32, 33, 40, 64, 600, 1000, 4000, 3000, 8].into_iter().enumerate() {
        for several in [false, true] {
            let message = bytes(round as u64, len);
            let mut grant = sender.reserve(len).unwrap();
            grant.write_all(&message).unwrap();
            grant.commit();
            if several && len < 2000 {
                sender.send(b"behind it").unwrap();
            }
            for _ in 0..2 {
                let record = receiver.peek().unwrap();
                assert_eq!(record.len(), len);
                for start in (0..len.min(48)).chain([len]) {
                    for count in [0, 1, 7, 8, 31, 32, 33, 40] {
                        let mut found = vec![0; count];
                        match message.get(start..start + count) {
                            Some(expected) => {
                                record.read_at(start, &mut found).unwrap();
                                assert_eq!(found, expected, "{count} bytes at {start} of {len}");
                            }
                            None => assert!(record.read_at(start, &mut found).is_err()),
                        }
                    }
                }
                assert_eq!(record.to_vec(), message);
            }
            assert_eq!(receiver.receive_vec().unwrap(), message);
            if several && len < 2000 {
                assert_eq!(receiver.receive_vec().unwrap(), b"behind it");
            }
        }
    }
}

#[test]
fn a_batch_is_published_at_once_when_it_ends() {
    let (mut sender, mut receiver) = spsc::pair(1 << 16).unwrap();
    let mut batch = sender.batch();
    batch.send(b"one").unwrap();
    batch.try_send(b"two").unwrap();
    assert!(receiver.try_peek().unwrap().is_none());
    batch.flush();
    assert_eq!(receiver.receive_vec().unwrap(), b"one");
    batch.send(b"three").unwrap();
    drop(batch);
    let mut lengths = Vec::new();
    assert_eq!(receiver.drain(|record| lengths.push(record.len())).unwrap(), 2);
    assert_eq!(lengths, [3, 5]);
}

#[test]
fn an_end_can_be_taken_once_and_again_when_it_is_free() {
    let name = unique("seat");
    let mut sender = Sender::create(&*name, 4096).unwrap();
    let error = Sender::open(&*name).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ResourceBusy);
    sender.send(b"one").unwrap();
    sender.keep();
    drop(sender);
    let mut sender = Sender::open(&*name).unwrap();
    sender.send(b"two").unwrap();
    let mut receiver = Receiver::open(&*name).unwrap();
    assert_eq!(receiver.receive_vec().unwrap(), b"one");
    drop(receiver);
    let mut receiver = Receiver::open(&*name).unwrap();
    assert_eq!(receiver.receive_vec().unwrap(), b"two");
}

#[test]
fn a_blocked_end_learns_at_once_of_an_orderly_departure() {
    let _watchdog = watchdog(60);
    let name = unique("leave");
    let never = Duration::MAX;
    let sender =
        Sender::options().mode(OpenMode::CreateNew).liveness_interval(never).open(&*name).unwrap();
    let mut receiver = Receiver::options().liveness_interval(never).open(&*name).unwrap();
    assert_eq!(receiver.peer(), Peer::Here);
    let thread = std::thread::spawn(move || {
        let result = receiver.receive_vec();
        (receiver, result)
    });
    drop(sender);
    let (mut receiver, result) = thread.join().unwrap();
    assert_eq!(result, Err(ReceiveError::PeerGone));
    assert_eq!(receiver.peer(), Peer::Gone);
}

#[test]
fn a_full_senders_receiver_leaves_and_the_next_one_takes_over() {
    let _watchdog = watchdog(60);
    let name = unique("takeover");
    let mut sender = Sender::create(&*name, 4096).unwrap();
    assert_eq!(sender.peer(), Peer::Awaited);
    drop(Receiver::open(&*name).unwrap());
    while sender.try_send(&[1; 120]).is_ok() {}
    assert_eq!(sender.send(&[2; 120]), Err(SendError::PeerGone));
    assert!(!sender.wait_for_peer(Duration::from_millis(1)));
    let mut receiver = Receiver::open(&*name).unwrap();
    assert!(sender.wait_for_peer(Duration::MAX));
    while receiver.try_receive_vec().unwrap().is_some() {}
    sender.send(&[2; 120]).unwrap();
    assert_eq!(receiver.receive_vec().unwrap(), [2; 120]);
}

#[test]
fn one_that_outlives_its_peer_waits_for_the_next() {
    let _watchdog = watchdog(60);
    let name = unique("outlive");
    let mut receiver =
        Receiver::options().mode(OpenMode::CreateNew).outlive_peer(true).open(&*name).unwrap();
    drop(Sender::open(&*name).unwrap());
    assert_eq!(receiver.receive_timeout(&mut [], Duration::from_millis(5)), Ok(None));
    let thread = std::thread::spawn(move || receiver.receive_vec());
    Sender::open(&*name).unwrap().send(b"next").unwrap();
    assert_eq!(thread.join().unwrap().unwrap(), b"next");
}

#[test]
fn expectations_are_checked_and_change_nothing() {
    let name = unique("expect");
    let sender = Sender::create(&*name, 8192).unwrap();
    assert_eq!(sender.disposition(), Disposition::Created);
    assert_eq!(sender.name().unwrap().to_string(), *name);
    for capacity in [4096, 16384] {
        let error = Receiver::open_or_create(&*name, capacity).unwrap_err();
        let Error::Mismatch { property, expected, found, .. } = error else { panic!("{error}") };
        assert_eq!((property, expected, found), ("capacity", capacity as u64, 8192));
    }
    let receiver = Receiver::open_or_create(&*name, 8000).unwrap();
    assert_eq!(receiver.disposition(), Disposition::Opened);
    assert_eq!(receiver.capacity(), 8192);
    let error = Receiver::create(&*name, 8192).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    let error = posix_ipc::ring::mpmc::Sender::open(&*name).unwrap_err();
    assert!(matches!(error, Error::Foreign { .. }), "{error}");
}

#[test]
fn the_creator_removes_the_name_and_the_last_user_does() {
    let name = unique("cleanup");
    let sender = Sender::create(&*name, 4096).unwrap();
    drop(Receiver::open(&*name).unwrap());
    assert!(std::fs::exists(name.shm_path()).unwrap());
    drop(sender);
    assert!(!std::fs::exists(name.shm_path()).unwrap());

    let last =
        |mode| Sender::options().mode(mode).cleanup(Cleanup::LastUser).capacity(4096).open(&*name);
    let sender = last(OpenMode::OpenOrCreate).unwrap();
    let receiver = Receiver::options().cleanup(Cleanup::LastUser).open(&*name).unwrap();
    drop(sender);
    assert!(std::fs::exists(name.shm_path()).unwrap());
    drop(receiver);
    assert!(!std::fs::exists(name.shm_path()).unwrap());
}

#[test]
fn closing_tells_whether_the_name_could_be_removed() {
    let name = unique("ring-close");
    let sender = Sender::create(&*name, 4096).unwrap();
    let receiver = Receiver::open(&*name).unwrap();
    assert_eq!(sender.identity().unwrap(), receiver.identity().unwrap());
    receiver.close().unwrap();
    assert!(Receiver::open(&*name).is_ok(), "it had only opened the ring");
    sender.close().unwrap();
    let gone = Receiver::open(&*name).unwrap_err();
    assert_eq!(gone.errno(), Some(rustix::io::Errno::NOENT), "the creator's end removed it");

    let first = Sender::create(&*name, 4096).unwrap();
    let second = Sender::options().mode(OpenMode::Replace).open(&*name).unwrap();
    assert_ne!(first.identity().unwrap(), second.identity().unwrap());
    first.close().unwrap();
    assert!(Receiver::open(&*name).is_ok(), "the name means another ring by now");
}

#[test]
fn a_ring_leaves_no_descriptors_and_no_mappings_behind() {
    let name = unique("leak");
    drop(Sender::create(&*name, 4096).unwrap());
    let mappings = || testutil::leaks::mappings(&name[1..]);
    let sender = Sender::create(&*name, 4096).unwrap();
    assert!(mappings() > 0);
    drop(sender);
    assert_eq!(mappings(), 0);
}

#[test]
fn fenced_rings_work_as_well() {
    let name = unique("fenced");
    let mut sender = Sender::options().mode(OpenMode::CreateNew).fenced(true).open(&*name).unwrap();
    let mut receiver = Receiver::options().spin(false).open(&*name).unwrap();
    let _watchdog = watchdog(60);
    let thread = std::thread::spawn(move || {
        (0..1000u64).for_each(|i| sender.send(&i.to_ne_bytes()).unwrap());
    });
    for i in 0..1000u64 {
        assert_eq!(receiver.receive_vec().unwrap(), i.to_ne_bytes());
    }
    thread.join().unwrap();
}

/// A receiver is served from the copy that a sender leaves beside its index, or from the record:
/// whichever way each message is sent and received, it is the same.
#[test]
fn short_messages_are_whole_by_every_way_to_send_and_to_receive() {
    let (mut sender, mut receiver) = spsc::pair(4096).unwrap();
    let mut buffer = [0; 200];
    let mut number = 0u64;
    for len in 0..150 {
        for ways in 0..36 {
            let mut expected = Vec::new();
            for (way, len) in [(ways % 3, len), (ways / 3 % 3, len ^ 1)] {
                let message = bytes(number, len);
                number += 1;
                match way {
                    0 => sender.send(&message).unwrap(),
                    1 => sender.batch().send(&message).unwrap(),
                    _ => {
                        let mut grant = sender.reserve(len).unwrap();
                        grant.write_at(0, &message).unwrap();
                        grant.commit();
                    }
                }
                expected.push(message);
                if ways >= 18 {
                    let len = receiver.receive(&mut buffer).unwrap();
                    assert_eq!(buffer[..len], expected.remove(0), "{len} bytes, way {ways}");
                }
            }
            for message in expected {
                let len = receiver.receive(&mut buffer).unwrap();
                assert_eq!(buffer[..len], message, "{len} bytes, way {ways}");
            }
        }
    }
}

#[test]
fn a_copy_that_a_dead_sender_had_not_published_is_not_taken_for_the_next_one_s_message() {
    let name = unique("stale-copy");
    let mut receiver = Receiver::create(&*name, 4096).unwrap();
    let mut sender = Sender::open(&*name).unwrap();
    sender.send(b"first").unwrap();
    assert_eq!(receiver.receive_vec().unwrap(), b"first");
    drop(sender);
    // As if it had been killed between the copy of its second message and the index.
    let memory =
        posix_ipc::SharedMemory::options().mode(OpenMode::OpenExisting).open(&*name).unwrap();
    let mapping = memory.map().unwrap();
    mapping.write_at(144, b"stale").unwrap();
    let tag = !(16u64 << 4 | 5);
    mapping.atomic_u64(136).unwrap().store(tag, std::sync::atomic::Ordering::Release);
    let mut sender = Sender::open(&*name).unwrap();
    let mut grant = sender.reserve(5).unwrap();
    grant.write_at(0, b"fresh").unwrap();
    grant.commit();
    let mut buffer = [0; 5];
    assert_eq!(receiver.receive(&mut buffer), Ok(5));
    assert_eq!(&buffer, b"fresh");
}

#[test]
fn messages_come_in_vectors_with_every_way_to_wait() {
    let (mut sender, mut receiver) = spsc::pair(4096).unwrap();
    let nap = Duration::from_millis(5);
    let before = Instant::now();
    assert_eq!(receiver.try_receive_vec(), Ok(None));
    assert_eq!(receiver.receive_vec_timeout(nap), Ok(None));
    assert_eq!(receiver.receive_vec_deadline(Instant::now() + nap), Ok(None));
    assert!(before.elapsed() >= 2 * nap);
    for len in [0, 8, 200] {
        for _ in 0..4 {
            sender.send(&bytes(7, len)).unwrap();
        }
        let received = [
            receiver.try_receive_vec().unwrap(),
            receiver.receive_vec_timeout(nap).unwrap(),
            receiver.receive_vec_deadline(Instant::now() + nap).unwrap(),
            Some(receiver.receive_vec().unwrap()),
        ];
        assert_eq!(received, [(); 4].map(|()| Some(bytes(7, len))));
    }
    drop(sender);
    assert_eq!(receiver.receive_vec_timeout(nap), Err(ReceiveError::PeerGone));
}

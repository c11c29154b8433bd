//! Loom models of the spsc ring: what ships, run in every order that the memory model allows.
//!
//! `RUSTFLAGS="--cfg posix_ipc_loom" cargo test -p posix-ipc --lib --release ring::`

use std::time::Duration;

use loom::sync::Arc as LoomArc;
use loom::thread;

use super::consumer::{Consumer, Found};
use super::parts::Coming;
use super::producer::{Look, Producer};
use super::shared::{End, Header, Publication, SeatBed, Shared};
use crate::deadline::Deadline;
use crate::ring::error::Corrupt;
use crate::ring::layout::RECORD_HEADER;
use crate::ring::memory::{Memory, Region};
use crate::ring::primitive::Fences;
use crate::ring::wait::{Spin, Waited, sleep_until};

/// The shipped code shares through `std`'s counter, whose drop order does not matter here.
fn ring(size: u64) -> std::sync::Arc<Shared> {
    let memory = Memory::new(Header::default(), Region::new(size));
    std::sync::Arc::new(Shared { memory, fences: Fences::Both })
}

fn ends(size: u64) -> (Producer, Consumer) {
    let shared = ring(size);
    (Producer::attach(shared.clone()).unwrap(), Consumer::attach(shared).unwrap())
}

fn model(body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(body);
}

fn send(producer: &mut Producer, word: u64) {
    let bed = SeatBed { shared: std::sync::Arc::clone(&producer.shared), end: End::Sender };
    let room = match producer.room(8, Look::Cheap).unwrap() {
        Some(room) => room,
        None => sleep(&bed, || producer.room(8, Look::Exact)),
    };
    producer.shared.region().store(room.position + RECORD_HEADER, word);
    producer.commit(room, 8);
    producer.tell();
}

fn next(consumer: &mut Consumer) -> Found {
    let bed = SeatBed { shared: std::sync::Arc::clone(&consumer.shared), end: End::Receiver };
    match consumer.peek().unwrap() {
        Some(found) => found,
        None => sleep(&bed, || consumer.peek()),
    }
}

fn receive(consumer: &mut Consumer) -> u64 {
    let found = next(consumer);
    let word = consumer.shared.region().load(found.payload);
    consumer.release(found);
    word
}

fn sleep<T>(bed: &SeatBed, look: impl FnMut() -> Result<Option<T>, Corrupt>) -> T {
    let (spin, never) = (Spin::new(false), Duration::MAX);
    let watch = |_| Ok(());
    let waited = sleep_until(bed, &spin, Fences::Both, Deadline::Never, never, look, watch);
    match waited.unwrap() {
        Waited::Found(found) => found,
        Waited::TimedOut => unreachable!("there is no deadline"),
    }
}

#[test]
fn messages_arrive_in_order_and_whole_and_no_wake_is_lost() {
    model(|| {
        let (mut producer, mut consumer) = ends(64);
        let sender = thread::spawn(move || {
            send(&mut producer, 1);
            send(&mut producer, 2);
        });
        assert_eq!(receive(&mut consumer), 1);
        assert_eq!(receive(&mut consumer), 2);
        sender.join().unwrap();
    });
}

/// As `send` and `receive`, by the copy beside the index where there is one.
#[test]
fn a_copy_beside_the_index_is_taken_whole_or_not_at_all() {
    model(|| {
        let (mut producer, mut consumer) = ends(64);
        let sender = thread::spawn(move || {
            for byte in [1u8, 2] {
                // It reaches into both lines.
                let message = [byte; 24];
                let room = producer.room(message.len(), Look::Cheap).unwrap().unwrap();
                producer.send(room, &message);
            }
        });
        for byte in [1u8, 2] {
            let mut buffer = [0; 24];
            match consumer.take_latest(&mut buffer) {
                Some(len) => assert_eq!((len, buffer), (24, [byte; 24])),
                None => assert_eq!(receive(&mut consumer), u64::from_ne_bytes([byte; 8])),
            }
        }
        sender.join().unwrap();
    });
}

/// By itself, without the ring around it, which would take too many steps.
#[test]
fn a_copy_in_three_lines_is_read_whole_or_not_at_all() {
    model(|| {
        let publication = LoomArc::new(Publication::default());
        let sender = thread::spawn({
            let publication = LoomArc::clone(&publication);
            move || {
                publication.keep_long(0, &[1; 32]);
                publication.keep_long(40, &[2; 32]);
            }
        });
        for (start, byte) in [(0, 1), (40, 2)] {
            let mut buffer = [0; 32];
            if publication.read(start, start + 40, &mut buffer).is_some() {
                assert_eq!(buffer, [byte; 32]);
            }
        }
        sender.join().unwrap();
    });
}

/// Two ends by the copy in three lines, one message at a time.
#[test]
fn a_long_copy_is_received_by_who_looks_while_it_is_sent() {
    model(|| {
        let (mut producer, mut consumer) = ends(128);
        let sender = thread::spawn(move || {
            let room = producer.room(32, Look::Cheap).unwrap().unwrap();
            producer.send(room, &[7; 32]);
        });
        let found = next(&mut consumer);
        let mut buffer = [0; 32];
        assert_eq!(consumer.take(found, &mut buffer[..]), Ok(32));
        assert_eq!(buffer, [7; 32]);
        sender.join().unwrap();
    });
}

/// Messages of `len` bytes that are written in place, and read by what comes with the index, where it does.
fn in_place(len: usize, words: std::ops::RangeInclusive<u64>) {
    let (mut producer, mut consumer) = ends(128);
    let sent = words.clone();
    let sender = thread::spawn(move || {
        for word in sent {
            let room = producer.room(len, Look::Cheap).unwrap().unwrap();
            for at in (0..len as u64).step_by(8) {
                producer.shared.region().store(room.position + RECORD_HEADER + at, word);
            }
            producer.send_in_place(room, len);
        }
    });
    for word in words {
        let found = next(&mut consumer);
        assert_eq!(found.len, len);
        for at in (0..len).step_by(8) {
            let mut bytes = [0; 8];
            consumer.read_at(found, at, &mut bytes);
            assert_eq!(u64::from_ne_bytes(bytes), word);
        }
        consumer.release(found);
    }
    sender.join().unwrap();
}

#[test]
fn a_beginning_beside_the_index_is_taken_whole_or_not_at_all() {
    model(|| in_place(32, 1..=2));
}

/// In both lines.
#[test]
fn a_short_message_that_was_written_in_place_is_taken_whole_or_not_at_all() {
    model(|| in_place(24, 1..=1));
}

#[test]
fn a_full_ring_wraps_and_wakes_its_sender() {
    model(|| {
        // Room for one record of 16 bytes: each has to wait for the one before.
        let (mut producer, mut consumer) = ends(16);
        let sender = thread::spawn(move || {
            send(&mut producer, 1);
            send(&mut producer, 2);
        });
        assert_eq!(receive(&mut consumer), 1);
        assert_eq!(receive(&mut consumer), 2);
        sender.join().unwrap();
    });
}

/// As `send`, of three words, for which an empty ring is begun anew.
fn send_long(producer: &mut Producer, word: u64) {
    let bed = SeatBed { shared: std::sync::Arc::clone(&producer.shared), end: End::Sender };
    let room = match producer.room(24, Look::Cheap).unwrap() {
        Some(room) => room,
        None => sleep(&bed, || producer.room(24, Look::Exact)),
    };
    producer.shared.region().store(room.position + RECORD_HEADER, word);
    producer.commit(room, 24);
    producer.tell();
}

/// The second message begins the ring anew if the first was taken by then.
#[test]
fn a_message_in_parts_is_followed_or_found_whole_and_no_wake_is_lost() {
    model(|| {
        let (mut producer, mut consumer) = ends(64);
        let sender = thread::spawn(move || {
            for byte in [1u8, 2] {
                let room = producer.room(24, Look::Cheap).unwrap().expect("there is room for both");
                producer.send_in_parts(room, &[byte; 24]);
            }
        });
        for byte in [1u8, 2] {
            let mut buffer = [0; 24];
            match consumer.follow(&mut buffer[..]).unwrap() {
                Some(len) => assert_eq!((len, buffer), (24, [byte; 24])),
                None => assert_eq!(receive(&mut consumer), u64::from_ne_bytes([byte; 8])),
            }
        }
        sender.join().unwrap();
    });
}

#[test]
fn who_sleeps_is_woken_by_the_first_part_and_by_the_whole() {
    model(|| {
        let (mut producer, mut consumer) = ends(64);
        let sender = thread::spawn(move || {
            let room = producer.room(24, Look::Cheap).unwrap().unwrap();
            producer.send_in_parts(room, &[7; 24]);
        });
        let bed = SeatBed { shared: std::sync::Arc::clone(&consumer.shared), end: End::Receiver };
        let mut buffer = [0; 24];
        let followed = match sleep(&bed, || consumer.look()) {
            Coming::Part => consumer.follow(&mut buffer[..]).unwrap(),
            Coming::Whole(_) => None,
        };
        match followed {
            Some(len) => assert_eq!((len, buffer), (24, [7; 24])),
            None => assert_eq!(receive(&mut consumer), u64::from_ne_bytes([7; 8])),
        }
        sender.join().unwrap();
    });
}

#[test]
fn a_ring_that_begins_anew_loses_nothing_and_no_wake() {
    model(|| {
        let (mut producer, mut consumer) = ends(64);
        let sender = thread::spawn(move || {
            for word in 1..4 {
                send_long(&mut producer, word);
            }
        });
        for word in 1..4 {
            assert_eq!(receive(&mut consumer), word);
        }
        sender.join().unwrap();
    });
}

#[test]
fn a_new_sender_forgets_a_new_beginning_that_a_dead_one_had_not_told_of() {
    model(|| {
        let shared = ring(64);
        let mut first = Producer::attach(shared.clone()).unwrap();
        let mut consumer = Consumer::attach(shared.clone()).unwrap();
        let senders = thread::spawn(move || {
            send_long(&mut first, 1);
            // Begun anew if the receiver was there meanwhile, and never published.
            let room = first.room(24, Look::Cheap).unwrap().expect("half of it is free");
            first.shared.region().store(room.position + RECORD_HEADER, 99);
            first.commit(room, 24);
            drop(first);
            let mut second = Producer::attach(shared).unwrap();
            send(&mut second, 2);
            send_long(&mut second, 3);
        });
        for word in 1..4 {
            assert_eq!(receive(&mut consumer), word);
        }
        senders.join().unwrap();
    });
}

#[test]
fn a_new_receiver_follows_to_where_the_ring_began_anew() {
    model(|| {
        let shared = ring(64);
        let mut producer = Producer::attach(shared.clone()).unwrap();
        let mut first = Consumer::attach(shared.clone()).unwrap();
        let sender = thread::spawn(move || {
            for word in 1..4 {
                send_long(&mut producer, word);
            }
        });
        assert_eq!(receive(&mut first), 1);
        // It may find the new beginning, and dies before it takes anything there.
        let _ = first.peek().unwrap();
        drop(first);
        let mut second = Consumer::attach(shared).unwrap();
        assert_eq!(receive(&mut second), 2);
        assert_eq!(receive(&mut second), 3);
        sender.join().unwrap();
    });
}

#[test]
fn a_batch_is_seen_as_a_whole() {
    model(|| {
        let (mut producer, mut consumer) = ends(64);
        let sender = thread::spawn(move || {
            for word in [1, 2] {
                let room = producer.room(8, Look::Cheap).unwrap().unwrap();
                producer.shared.region().store(room.position + RECORD_HEADER, word);
                producer.commit(room, 8);
            }
            producer.publish();
        });
        assert_eq!(receive(&mut consumer), 1);
        let second = consumer.peek().unwrap().expect("both were published at once");
        assert_eq!(consumer.shared.region().load(second.payload), 2);
        sender.join().unwrap();
    });
}

#[test]
fn a_new_receiver_gets_what_a_dead_one_had_not_released() {
    model(|| {
        let shared = ring(64);
        let mut producer = Producer::attach(shared.clone()).unwrap();
        let mut first = Consumer::attach(shared.clone()).unwrap();
        let sender = thread::spawn(move || {
            send(&mut producer, 1);
            send(&mut producer, 2);
        });
        assert_eq!(receive(&mut first), 1);
        // It looks at the second message if that is there, and dies with it.
        let _ = first.peek().unwrap();
        drop(first);
        let mut second = Consumer::attach(shared).unwrap();
        assert_eq!(receive(&mut second), 2);
        sender.join().unwrap();
    });
}

#[test]
fn a_new_sender_goes_on_where_a_dead_one_had_published() {
    model(|| {
        let shared = ring(64);
        let mut first = Producer::attach(shared.clone()).unwrap();
        let mut consumer = Consumer::attach(shared.clone()).unwrap();
        let senders = thread::spawn(move || {
            send(&mut first, 1);
            // Written and never published.
            let room = first.room(8, Look::Cheap).unwrap().unwrap();
            first.shared.region().store(room.position + RECORD_HEADER, 99);
            first.commit(room, 8);
            drop(first);
            let mut second = Producer::attach(shared).unwrap();
            send(&mut second, 2);
        });
        assert_eq!(receive(&mut consumer), 1);
        assert_eq!(receive(&mut consumer), 2);
        senders.join().unwrap();
    });
}

#[test]
fn an_end_that_leaves_wakes_the_one_that_waits() {
    model(|| {
        let shared = ring(64);
        let mut consumer = Consumer::attach(shared.clone()).unwrap();
        let leaver = LoomArc::new(shared.clone());
        shared.arrive(End::Sender);
        let sender = thread::spawn(move || leaver.depart(End::Sender));
        let bed = SeatBed { shared: shared.clone(), end: End::Receiver };
        let spin = Spin::new(false);
        let waited: Result<Waited<()>, Option<Corrupt>> = sleep_until(
            &bed,
            &spin,
            Fences::Both,
            Deadline::Never,
            Duration::MAX,
            || consumer.peek().map(|found| found.map(|_| ())).map_err(Some),
            |_| if shared.has_departed(End::Sender) { Err(None) } else { Ok(()) },
        );
        assert_eq!(waited, Err(None), "it learns that the sender has left");
        sender.join().unwrap();
    });
}

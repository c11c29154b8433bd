//! Loom models of the mpmc ring: what ships, run in every order that the memory model allows.
//!
//! `RUSTFLAGS="--cfg posix_ipc_loom" cargo test -p posix-ipc --lib --release ring::`

use std::time::Duration;

use loom::sync::Arc;
use loom::thread;

use super::queue::Ticket;
use super::shared::{Event, Header, Shared};
use super::slots::Slots;
use crate::deadline::Deadline;
use crate::ring::error::Corrupt;
use crate::ring::memory::Memory;
use crate::ring::primitive::{Fences, Ordering};
use crate::ring::wait::{Spin, Waited, sleep_until};

fn ring(shift: u32) -> Arc<Shared> {
    let memory = Memory::new(Header::default(), Slots::new(shift));
    Arc::new(Shared { memory, fences: Fences::Both })
}

fn model(bound: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(bound);
    builder.check(body);
}

fn sleep<T>(event: &Event, look: impl FnMut() -> Result<Option<T>, Corrupt>) -> T {
    let (spin, never) = (Spin::new(false), Duration::MAX);
    let watch = |_| Ok(());
    let waited = sleep_until(event, &spin, Fences::Both, Deadline::Never, never, look, watch);
    match waited.unwrap() {
        Waited::Found(found) => found,
        Waited::TimedOut => unreachable!("there is no deadline"),
    }
}

fn claim_free(shared: &Shared, owner: u32) -> Ticket {
    match shared.claim_free(0, owner).unwrap() {
        Some(ticket) => ticket,
        None => sleep(&shared.header().not_full, || shared.claim_free(0, owner)),
    }
}

fn send(shared: &Shared, owner: u32, word: u64) {
    let ticket = claim_free(shared, owner);
    shared.slot(ticket).write_word(word);
    shared.publish(ticket);
}

fn claim_full(shared: &Shared, owner: u32) -> Ticket {
    match shared.claim_full(0, owner).unwrap() {
        Some(ticket) => ticket,
        None => sleep(&shared.header().not_empty, || shared.claim_full(0, owner)),
    }
}

fn receive(shared: &Shared, owner: u32) -> u64 {
    let ticket = claim_full(shared, owner);
    let word = shared.slot(ticket).read_word();
    shared.release(ticket);
    word
}

#[test]
fn messages_of_one_sender_arrive_in_order_and_no_wake_is_lost() {
    model(3, || {
        let shared = ring(1);
        let sending = shared.clone();
        let sender = thread::spawn(move || {
            send(&sending, 0, 1);
            send(&sending, 0, 2);
        });
        assert_eq!(receive(&shared, 1), 1);
        assert_eq!(receive(&shared, 1), 2);
        sender.join().unwrap();
    });
}

#[test]
fn a_full_lane_wraps_and_wakes_its_sender() {
    model(2, || {
        let shared = ring(1);
        let sending = shared.clone();
        let sender = thread::spawn(move || (1..=3).for_each(|word| send(&sending, 0, word)));
        for word in 1..=3 {
            assert_eq!(receive(&shared, 1), word);
        }
        sender.join().unwrap();
    });
}

#[test]
fn two_senders_lose_and_repeat_nothing() {
    model(2, || {
        let shared = ring(1);
        let senders = [1, 2].map(|owner| {
            let shared = shared.clone();
            thread::spawn(move || send(&shared, owner, u64::from(owner)))
        });
        let mut words = [receive(&shared, 0), receive(&shared, 0)];
        words.sort_unstable();
        assert_eq!(words, [1, 2]);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
    });
}

#[test]
fn two_receivers_get_each_message_once() {
    model(2, || {
        let shared = ring(1);
        let receivers = [1, 2].map(|owner| {
            let shared = shared.clone();
            thread::spawn(move || receive(&shared, owner))
        });
        send(&shared, 0, 1);
        send(&shared, 0, 2);
        let mut words = receivers.map(|receiver| receiver.join().unwrap());
        words.sort_unstable();
        assert_eq!(words, [1, 2]);
    });
}

#[test]
fn what_a_dead_sender_half_wrote_is_skipped_and_counted() {
    model(2, || {
        let shared = ring(1);
        let sending = shared.clone();
        let sender = thread::spawn(move || send(&sending, 1, 7));
        let dead = shared.clone();
        let death = thread::spawn(move || {
            // It claims a slot and dies before it publishes; then its seat is repaired.
            let claimed = dead.claim_free(0, 2).unwrap().is_some();
            dead.repair(2);
            claimed
        });
        assert_eq!(receive(&shared, 0), 7);
        sender.join().unwrap();
        let claimed = death.join().unwrap();
        let skipped = shared.header().counters.0.skipped.load(Ordering::Relaxed);
        assert_eq!(skipped, u64::from(claimed));
        assert_eq!(shared.claim_full(0, 0).unwrap(), None);
    });
}

#[test]
fn what_a_dead_receiver_had_taken_is_delivered_again() {
    model(2, || {
        let shared = ring(1);
        send(&shared, 0, 1);
        send(&shared, 0, 2);
        let dead = shared.clone();
        let death = thread::spawn(move || {
            let _ = dead.claim_full(0, 2).unwrap();
            dead.repair(2);
        });
        let receiving = shared.clone();
        let receiver = thread::spawn(move || [receive(&receiving, 1), receive(&receiving, 1)]);
        let mut words = receiver.join().unwrap();
        death.join().unwrap();
        words.sort_unstable();
        assert_eq!(words, [1, 2], "both arrive, in whatever order the death leaves");
        assert_eq!(shared.claim_full(0, 0).unwrap(), None);
    });
}

#[test]
fn a_dead_receivers_slot_does_not_block_the_senders() {
    model(2, || {
        let shared = ring(1);
        send(&shared, 0, 1);
        send(&shared, 0, 2);
        let _ = shared.claim_full(0, 2).unwrap();
        let repairing = shared.clone();
        let repair = thread::spawn(move || repairing.repair(2));
        let sending = shared.clone();
        let sender = thread::spawn(move || send(&sending, 0, 3));
        let mut words: Vec<u64> = (0..3).map(|_| receive(&shared, 1)).collect();
        repair.join().unwrap();
        sender.join().unwrap();
        words.sort_unstable();
        assert_eq!(words, [1, 2, 3]);
    });
}

/// Claims a slot, and gives it up.
fn abandon(shared: &Shared, owner: u32) {
    let ticket = claim_free(shared, owner);
    shared.abandon(ticket);
}

#[test]
fn receivers_pass_over_an_abandoned_reservation_and_miss_no_wake() {
    model(2, || {
        let shared = ring(1);
        let (giving_up, sending) = (shared.clone(), shared.clone());
        let giver = thread::spawn(move || abandon(&giving_up, 1));
        let sender = thread::spawn(move || send(&sending, 2, 7));
        assert_eq!(receive(&shared, 0), 7);
        giver.join().unwrap();
        sender.join().unwrap();
        assert_eq!(shared.claim_full(0, 0).unwrap(), None);
        let skipped = shared.header().counters.0.skipped.load(Ordering::Relaxed);
        assert_eq!(skipped, 0, "it is no incident");
    });
}

#[test]
fn an_abandoned_reservation_makes_room_for_who_sleeps_for_it() {
    model(2, || {
        let shared = ring(1);
        let held = shared.claim_free(0, 1).unwrap().expect("it is empty");
        send(&shared, 0, 1);
        let sending = shared.clone();
        let sender = thread::spawn(move || send(&sending, 2, 2));
        shared.abandon(held);
        sender.join().unwrap();
        assert_eq!(receive(&shared, 0), 1);
        assert_eq!(receive(&shared, 0), 2);
    });
}

#[test]
fn abandoned_laps_are_passed_over_while_others_send() {
    model(2, || {
        let shared = ring(1);
        (0..5).for_each(|_| abandon(&shared, 1));
        let (giving_up, receiving) = (shared.clone(), shared.clone());
        let giver = thread::spawn(move || abandon(&giving_up, 1));
        let receiver = thread::spawn(move || receive(&receiving, 2));
        send(&shared, 0, 1);
        send(&shared, 0, 2);
        let mut words = [receiver.join().unwrap(), receive(&shared, 0)];
        giver.join().unwrap();
        words.sort_unstable();
        assert_eq!(words, [1, 2]);
        assert_eq!(shared.claim_full(0, 0).unwrap(), None);
    });
}

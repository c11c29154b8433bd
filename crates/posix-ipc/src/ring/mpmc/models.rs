//! Loom models of the mpmc ring: what ships, run in every order that the memory model allows.
//!
//! `RUSTFLAGS="--cfg posix_ipc_loom" cargo test -p posix-ipc --lib --release ring::`

use std::time::Duration;

use loom::sync::Arc;
use loom::thread;

use super::queue::{AtHead, Ticket};
use super::shared::{Event, Header, Shared};
use super::slots::{Slot, Slots};
use super::state::State;
use crate::deadline::Deadline;
use crate::ring::error::Corrupt;
use crate::ring::memory::Memory;
use crate::ring::primitive::{Fences, Ordering};
use crate::ring::wait::{Bed, Spin, Waited, sleep_until};
use crate::rounds::{self, All};

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

/// Copies a message before it takes it, and marks its slot if there is a marker; claims it as `owner` where
/// that can't be done.
fn try_copy(shared: &Shared, owner: u32, marker: Option<u32>) -> Result<Option<u64>, Corrupt> {
    let mut word = 0;
    let copy = |slot: Slot<'_>| {
        word = slot.copy_word();
        Some(size_of::<u64>())
    };
    match shared.copy_at_head(0, marker, copy) {
        AtHead::Full((ticket, _)) => {
            shared.freed(ticket);
            Ok(Some(word))
        }
        AtHead::Nothing => Ok(None),
        AtHead::Unclear => Ok(shared.claim_full(0, owner)?.map(|ticket| take(shared, ticket))),
    }
}

fn receive_copy(shared: &Shared, owner: u32, marker: Option<u32>) -> u64 {
    match try_copy(shared, owner, marker).unwrap() {
        Some(word) => word,
        None => sleep(&shared.header().not_empty, || try_copy(shared, owner, marker)),
    }
}

fn receive(shared: &Shared, owner: u32) -> u64 {
    take(shared, claim_full(shared, owner))
}

fn take(shared: &Shared, ticket: Ticket) -> u64 {
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

/// Both of two messages arrive, whatever `disturb` does with the first meanwhile.
fn both_arrive(bound: usize, disturb: fn(&Shared)) {
    model(bound, move || {
        let shared = ring(1);
        (1..=2).for_each(|word| send(&shared, 0, word));
        let (disturbing, receiving) = (shared.clone(), shared.clone());
        let disturber = thread::spawn(move || disturb(&disturbing));
        let receiver = thread::spawn(move || receive(&receiving, 1));
        let mut words = [receive(&shared, 0), receiver.join().unwrap()];
        disturber.join().unwrap();
        words.sort_unstable();
        assert_eq!(words, [1, 2]);
        assert_eq!(shared.claim_full(0, 0).unwrap(), None);
    });
}

#[test]
fn what_is_put_back_is_found_by_those_who_have_passed_it() {
    both_arrive(2, |shared| {
        if let Some(ticket) = shared.claim_full(0, 2).unwrap() {
            shared.put_back(ticket);
        }
    });
}

#[test]
fn what_is_put_back_twice_is_found() {
    both_arrive(1, |shared| {
        for _ in 0..2 {
            if let Some(ticket) = shared.claim_full(0, 2).unwrap() {
                shared.put_back(ticket);
            }
        }
    });
}

#[test]
fn who_dies_while_putting_back_hides_nothing() {
    both_arrive(2, |shared| {
        if let Some(ticket) = shared.claim_full(0, 2).unwrap() {
            let full = State::full(ticket.position >> 1).to_word();
            shared.slot(ticket).state().store(full, Ordering::Release);
        }
        shared.repair(2);
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

#[test]
fn copies_are_whole_and_make_room_in_a_lane_that_wraps() {
    model(2, || {
        let shared = ring(1);
        let sending = shared.clone();
        let sender = thread::spawn(move || (1..=3).for_each(|word| send(&sending, 0, word)));
        for (word, marker) in [(1, None), (2, Some(1)), (3, None)] {
            assert_eq!(receive_copy(&shared, 1, marker), word);
        }
        sender.join().unwrap();
    });
}

fn copy_and_claim(marker: Option<u32>) {
    model(2, move || {
        let shared = ring(1);
        let (copying, claiming) = (shared.clone(), shared.clone());
        let copier = thread::spawn(move || receive_copy(&copying, 1, marker));
        let claimant = thread::spawn(move || receive(&claiming, 2));
        (1..=2).for_each(|word| send(&shared, 0, word));
        let mut words = [copier.join().unwrap(), claimant.join().unwrap()];
        words.sort_unstable();
        assert_eq!(words, [1, 2]);
    });
}

#[test]
fn who_copies_and_who_claims_get_each_message_once() {
    copy_and_claim(None);
}

#[test]
fn who_marks_what_it_copies_and_who_claims_get_each_message_once() {
    copy_and_claim(Some(1));
}

#[test]
fn two_who_copy_never_get_what_a_sender_of_the_next_lap_writes_meanwhile() {
    model(2, || {
        let shared = ring(1);
        (1..=2).for_each(|word| send(&shared, 0, word));
        let copying = shared.clone();
        let copier = thread::spawn(move || receive_copy(&copying, 1, Some(1)));
        let sending = shared.clone();
        let sender = thread::spawn(move || send(&sending, 0, 3));
        let mut words = vec![receive_copy(&shared, 2, None), receive_copy(&shared, 2, Some(2))];
        words.push(copier.join().unwrap());
        sender.join().unwrap();
        words.sort_unstable();
        assert_eq!(words, [1, 2, 3]);
    });
}

#[test]
fn who_copies_finds_what_a_dead_receiver_had_taken() {
    model(2, || {
        let shared = ring(1);
        (1..=2).for_each(|word| send(&shared, 0, word));
        let dead = shared.clone();
        let death = thread::spawn(move || {
            let _ = dead.claim_full(0, 2).unwrap();
            dead.repair(2);
        });
        let mut words = [receive_copy(&shared, 1, None), receive_copy(&shared, 1, Some(1))];
        death.join().unwrap();
        words.sort_unstable();
        assert_eq!(words, [1, 2]);
        assert_eq!(shared.claim_full(0, 0).unwrap(), None);
    });
}

#[test]
fn senders_who_move_the_tail_back_lose_and_repeat_nothing() {
    model(2, || {
        let shared = ring(1);
        let senders = [1, 2].map(|owner| {
            let shared = shared.clone();
            thread::spawn(move || {
                send(&shared, owner, u64::from(owner));
                send(&shared, owner, u64::from(owner) + 2);
            })
        });
        let mut words: Vec<u64> = (0..4).map(|_| receive(&shared, 0)).collect();
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        words.sort_unstable();
        assert_eq!(words, [1, 2, 3, 4]);
    });
}

/// Two rings that are waited for together, as `wait_any` does: a message of either.
struct Two([Arc<Shared>; 2], [u32; 2]);

impl All for Two {
    type Error = Corrupt;

    fn announce(&mut self) -> Duration {
        self.1 = [0, 1].map(|ring| self.0[ring].header().not_empty.announce());
        Fences::Both.sleeper();
        Duration::MAX
    }

    fn look(&mut self, _nap: &mut Duration) -> Result<Option<usize>, Corrupt> {
        Ok(self.0.iter().position(|ring| ring.is_full(0)))
    }

    fn watch(&mut self, _thorough: bool) -> Result<Option<usize>, Corrupt> {
        Ok(None)
    }

    /// The kernel sleeps while all words are what they were.
    fn sleep(&mut self, _deadline: Deadline, _nap: Duration) -> Result<(), Corrupt> {
        let [first, second] = &self.0;
        let words = [first, second].map(|ring| ring.header().not_empty.epoch());
        while words[0].load(Ordering::SeqCst) == self.1[0]
            && words[1].load(Ordering::SeqCst) == self.1[1]
        {
            thread::yield_now();
        }
        Ok(())
    }
}

/// Waits for a message of either, and takes it; others may be faster.
fn receive_any(rings: &[Arc<Shared>; 2], owner: u32) -> u64 {
    let mut two = Two(rings.clone(), [0; 2]);
    loop {
        let found = rounds::wait(&mut two, Deadline::Never, Duration::MAX).unwrap();
        let ring = &rings[found.expect("there is no deadline")];
        if let Some(ticket) = ring.claim_full(0, owner).unwrap() {
            let word = ring.slot(ticket).read_word();
            ring.release(ticket);
            return word;
        }
    }
}

#[test]
fn who_waits_for_two_rings_misses_the_wake_of_neither() {
    model(2, || {
        let rings = [ring(1), ring(1)];
        let senders = [0, 1].map(|number| {
            let ring = rings[number].clone();
            thread::spawn(move || send(&ring, 1, number as u64))
        });
        let mut words = [receive_any(&rings, 0), receive_any(&rings, 0)];
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        words.sort_unstable();
        assert_eq!(words, [0, 1]);
    });
}

#[test]
fn who_waits_for_two_rings_takes_no_wake_from_one_who_waits_for_one() {
    model(2, || {
        let rings = [ring(1), ring(1)];
        let alone = rings[0].clone();
        let receiver = thread::spawn(move || receive(&alone, 2));
        let sending = rings.clone();
        let sender = thread::spawn(move || {
            send(&sending[0], 1, 1);
            send(&sending[0], 1, 2);
        });
        let word = receive_any(&rings, 0);
        assert_eq!(word + receiver.join().unwrap(), 3);
        sender.join().unwrap();
    });
}

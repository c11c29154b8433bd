//! The head of a lane, and messages that come back: put back by who had claimed them, or found with the
//! dead.
//!
//! Such a message is full again, before slots that others have claimed since. Receivers, who move the
//! head by plain stores, may have moved it past it, or do so at any time afterwards: they have not
//! seen it. So the lane counts what comes back, and a head says up to which count it can be trusted: it is
//! not past any message whose return was counted by then. Whoever puts a message back makes the slot full
//! and then raises the count, by which all heads that were ever read become worthless at once.
//!
//! - A receiver reads the count and then the head. If the head does not go with the count, it looks at all
//!   slots instead.
//! - It goes on from there, sees whatever came back up to that count, and stores the head, if at all, with that
//!   count: also if this comes late, it can't be mistaken for more than it is.
//!
//! Between full and counted somebody may be killed. So whoever repairs after a death counts, too.
//!
//! The head has room for 24 bits of the count and for 40 of the position, which is the nearest to where its
//! slot stands. Who is stopped before a store until the count has come round, to the very same 24 bits, or
//! between full and counted, could hide a message all the same: for a lap at most, when it is found in the way.

use super::queue::{Ticket, exchange};
use super::shared::{Head, Shared};
use super::state::{Phase, State};
use crate::ring::layout::{HEAD_POSITION as POSITION, ahead_of_head};
use crate::ring::primitive::{Ordering, full_fence};

/// Where the count begins in the word of a head.
const COUNT_SHIFT: u32 = POSITION.count_ones();

/// Where a walk over a lane starts, and up to which count it sees what came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) position: u64,
    pub(super) returns: u64,
}

impl Start {
    #[inline(always)]
    pub(super) fn to_word(self) -> u64 {
        self.returns << COUNT_SHIFT | self.position & POSITION
    }

    /// Another position that is known from the same walk.
    #[inline(always)]
    pub(super) fn with(self, position: u64) -> Self {
        Self { position, ..self }
    }

    /// Whether it is news where the head is `word`.
    #[inline(always)]
    pub(super) fn is_ahead_of(self, word: u64) -> bool {
        (self.to_word() ^ word) & !POSITION == 0 && ahead_of_head(self.position, word) > 0
    }
}

impl Head {
    /// The low bits of its position, and the count that it goes with, if it goes with the present one.
    #[inline(always)]
    pub(super) fn trusted(&self) -> Option<(u64, u64)> {
        let returns = self.returns.load(Ordering::Acquire);
        let position = self.word.load(Ordering::Acquire) ^ returns << COUNT_SHIFT;
        (position <= POSITION).then_some((position, returns))
    }
}

impl Shared {
    /// Where to start on a lane; takes from `looks` how many slots were looked at for that.
    #[inline]
    pub(super) fn start(&self, lane: u32, looks: &mut u64) -> Start {
        // The second time for a head that was newer than the count that it was compared with.
        if let Some(start) = self.start_at_head(lane).or_else(|| self.start_at_head(lane)) {
            return start;
        }
        *looks = looks.saturating_sub(1 << self.slots().shift());
        self.start_anew(lane)
    }

    /// Where the head is, if it can be trusted.
    #[inline]
    pub(super) fn start_at_head(&self, lane: u32) -> Option<Start> {
        let (head, returns) = self.lane(lane).head.0.trusted()?;
        let state = self.slots().slot(lane, head).state().load(Ordering::Acquire);
        let near = self.position_of(State::of_word(state), head);
        let position = near.wrapping_add_signed(ahead_of_head(near, head).wrapping_neg());
        Some(Start { position, returns })
    }

    /// The first position that any slot stands at: nothing is before it.
    #[cold]
    fn start_anew(&self, lane: u32) -> Start {
        let head = &self.lane(lane).head.0;
        let word = head.word.load(Ordering::Acquire);
        let returns = head.returns.load(Ordering::Acquire);
        let slots = self.slots();
        let position = |index| {
            let word = slots.slot(lane, index).state().load(Ordering::Acquire);
            self.position_of(State::of_word(word), index)
        };
        let position = (0..1 << slots.shift()).map(position).min().unwrap_or_default();
        let start = Start { position, returns };
        // If others were faster, theirs will do for the next one.
        let _ = exchange(&head.word, word, start.to_word());
        start
    }

    /// Puts a message back that was claimed for reading.
    #[cold]
    pub(crate) fn put_back(&self, ticket: Ticket) {
        let Ticket { lane, position } = ticket;
        let full = State::full(self.lap(position)).to_word();
        self.slot(ticket).state().store(full, Ordering::Release);
        let returns = self.count_return(lane);
        let before = Start { position, returns };
        let head = &self.lane(lane).head.0;
        // A head that could be trusted until then is not past any other message.
        for _ in 0..self.patience() {
            let word = head.word.load(Ordering::Acquire);
            if word & !POSITION != before.to_word() & !POSITION {
                break;
            }
            let first = if before.is_ahead_of(word) { word } else { position };
            let lowered = Start { position: first, returns: returns.wrapping_add(1) };
            if exchange(&head.word, word, lowered.to_word()).is_ok() {
                break;
            }
        }
        self.header().not_empty.notify(self.fences);
    }

    /// Has nobody trust the head as it was; gives what the count was.
    pub(super) fn count_return(&self, lane: u32) -> u64 {
        self.lane(lane).head.0.returns.fetch_add(1, Ordering::AcqRel)
    }

    /// Frees what a dead participant had claimed: a message that it wrote is skipped, one that
    /// it read is delivered again.
    ///
    /// The caller holds the dead one's seat, so that nobody new can claim under the same number
    /// meanwhile, and nobody else repairs at the same time.
    #[cold]
    pub(crate) fn repair(&self, owner: u32) {
        for lane in 0..self.slots().lanes() {
            self.free_slots(lane, owner);
            self.count_return(lane);
        }
        full_fence();
        self.header().not_empty.wake();
        self.header().not_full.wake();
    }

    fn free_slots(&self, lane: u32, owner: u32) {
        let slots = self.slots();
        let counters = &self.header().counters.0;
        for index in 0..1u64 << slots.shift() {
            let state_word = slots.slot(lane, index).state();
            let word = state_word.load(Ordering::Acquire);
            let state = State::of_word(word);
            if state.owner != owner {
                continue;
            }
            match state.phase {
                Phase::Writing => {
                    let free = State::free(state.lap.wrapping_add(1)).to_word();
                    if exchange(state_word, word, free).is_ok() {
                        counters.skipped.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Phase::Reading => {
                    if exchange(state_word, word, State::full(state.lap).to_word()).is_ok() {
                        counters.redelivered.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Phase::Free | Phase::Full => {}
            }
        }
    }
}

#[cfg(test)]
#[cfg(not(posix_ipc_loom))]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::ring::mpmc::{Receiver, Sender, pair};
    use crate::{Name, OpenMode};

    const SEAT: u32 = 7;

    /// A ring with three messages.
    fn ring() -> (Sender, Receiver) {
        let (sender, receiver) = pair(8, 16).unwrap();
        for message in [b"one", b"two", b"six"] {
            sender.send(message, 0).unwrap();
        }
        (sender, receiver)
    }

    /// Claims the first message and puts it back.
    fn put_first_back(shared: &Shared) {
        put_back_at(shared, 0);
    }

    fn put_back_at(shared: &Shared, position: u64) {
        let ticket = shared.claim_full(0, SEAT).unwrap().expect("there is one");
        assert_eq!(ticket.position, position);
        shared.put_back(ticket);
    }

    fn next_position(shared: &Shared) -> Option<u64> {
        shared.claim_full(0, SEAT).unwrap().map(|ticket| ticket.position)
    }

    #[test]
    fn a_head_that_is_stored_late_hides_nothing_that_came_back() {
        for returns in [1, 2, 255, 256, 257, 512] {
            let (_sender, receiver) = ring();
            let shared = &receiver.participant.shared;
            let early = shared.start_at_head(0).expect("it is new");
            (0..returns).for_each(|_| put_first_back(shared));
            // As one who took the third message while the first two were being read.
            shared.pass(0, early, 2);
            assert_eq!(next_position(shared), Some(0), "after {returns}");
        }
    }

    #[test]
    fn a_head_that_was_stored_between_return_and_count_is_not_trusted() {
        let (_sender, receiver) = ring();
        let shared = &receiver.participant.shared;
        let head = &shared.lane(0).head.0;
        let early = shared.start_at_head(0).expect("it is new");
        put_first_back(shared);
        head.word.store(early.with(3).to_word(), Ordering::Release);
        assert_eq!(head.trusted(), None);
        assert_eq!(next_position(shared), Some(0));
        assert!(head.trusted().is_some(), "whoever looked at all slots says so");
        assert_eq!(next_position(shared), Some(1));
    }

    #[test]
    fn a_head_that_is_stored_after_a_whole_round_of_counts_hides_a_message_for_a_lap_at_most() {
        let (sender, receiver) = ring();
        let shared = &receiver.participant.shared;
        let head = &shared.lane(0).head.0;
        let early = shared.start_at_head(0).expect("it is new");
        put_first_back(shared);
        head.returns.fetch_add((1 << (64 - COUNT_SHIFT)) - 1, Ordering::Relaxed);
        // By one who looked whether it is news before the count was raised.
        head.word.store(early.with(3).to_word(), Ordering::Release);
        assert_eq!(next_position(shared), None, "the head can't be told from a new one");
        (3..8).for_each(|_| sender.send(b"more", 0).unwrap());
        let positions: Vec<u64> = std::iter::from_fn(|| next_position(shared)).collect();
        assert_eq!(positions, [3, 4, 5, 6, 7, 0, 1, 2]);
    }

    #[test]
    fn any_number_of_deaths_between_two_looks_hides_nothing() {
        for deaths in [1, 255, 256, 1024] {
            let (_sender, receiver) = ring();
            let shared = &receiver.participant.shared;
            let _ = shared.claim_full(0, SEAT).unwrap();
            let second = shared.claim_full(0, SEAT + 1).unwrap().expect("there is one");
            shared.release(second);
            (0..deaths).for_each(|death| shared.repair(SEAT + death % 2));
            assert_eq!(next_position(shared), Some(0), "after {deaths}");
        }
    }

    #[test]
    fn positions_are_known_from_their_slots_beyond_the_bits_in_the_head() {
        let (sender, receiver) = ring();
        let shared = &receiver.participant.shared;
        while receiver.try_receive_vec().unwrap().is_some() {}
        // As after 2^40 messages and more.
        let (lap, position) = (1 << 50, 1u64 << 53);
        for index in 0..8 {
            let state = shared.slots().slot(0, index).state();
            state.store(State::free(lap).to_word(), Ordering::Release);
        }
        shared.lane(0).tail.0.store(position, Ordering::Release);
        shared.lane(0).head.0.word.store(position & POSITION, Ordering::Release);
        (0..20).for_each(|_| {
            sender.send(b"one", 0).unwrap();
            assert_eq!(&*receiver.receive_vec().unwrap().0, b"one");
        });
        sender.send(b"two", 0).unwrap();
        put_back_at(shared, position + 20);
        assert_eq!(next_position(shared), Some(position + 20));
        assert_eq!(next_position(shared), None);
    }

    #[test]
    fn who_sleeps_for_room_is_woken_when_nothing_is_left_though_the_head_lags_behind() {
        let _watchdog = testutil::watchdog::watchdog(60);
        let options = Sender::options().mode(OpenMode::CreateNew).capacity(16).message_size(8);
        let sender = options.liveness_interval(Duration::MAX).open(Name::unique("lag")).unwrap();
        let receiver = Receiver::open(sender.name().unwrap().clone()).unwrap();
        (0..16).for_each(|_| sender.send(b"full", 0).unwrap());
        let first = receiver.peek().unwrap();
        (1..16).for_each(|_| drop(receiver.receive_vec().unwrap()));
        std::thread::scope(|scope| {
            scope.spawn(|| sender.send(b"more", 0).unwrap());
            while !receiver.shared().header().not_full.is_announced() {
                std::thread::yield_now();
            }
            drop(first);
            receiver.receive_vec().unwrap();
        });
    }

    #[test]
    fn what_is_put_back_needs_no_look_at_all_slots() {
        let (_sender, receiver) = ring();
        let shared = &receiver.participant.shared;
        put_first_back(shared);
        let start = shared.start_at_head(0);
        assert_eq!(start, Some(Start { position: 0, returns: 1 }));
    }

    #[test]
    fn who_was_killed_before_the_count_is_repaired_by_it() {
        let (_sender, receiver) = ring();
        let shared = &receiver.participant.shared;
        let ticket = shared.claim_full(0, SEAT).unwrap().expect("there is one");
        shared.slot(ticket).state().store(State::full(0).to_word(), Ordering::Release);
        shared.repair(SEAT);
        assert_eq!(next_position(shared), Some(0));
        let redelivered = shared.header().counters.0.redelivered.load(Ordering::Relaxed);
        assert_eq!(redelivered, 0, "it was not the dead one's any more");
    }

    #[test]
    fn a_head_of_another_count_is_no_news() {
        let start = Start { position: 5, returns: 3 };
        assert!(start.is_ahead_of(start.with(4).to_word()));
        assert!(!start.is_ahead_of(start.to_word()));
        assert!(!start.is_ahead_of(Start { position: 4, returns: 2 }.to_word()));
        assert!(!start.is_ahead_of(Start { position: 4, returns: 4 }.to_word()));
    }
}

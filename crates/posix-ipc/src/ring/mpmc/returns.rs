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
//! No step depends on one before it that somebody may have been killed in, but for the one from full to
//! counted. So whoever repairs after a death counts, too.
//!
//! The head has room for eight bits of the count. A receiver that has moved it therefore looks at the count
//! once more. Was it so late that the eight bits have come round, the head is made worthless. Its store may
//! still be under way at that look; but not for as long as that, since twice in each round one who counts has
//! everybody's stores arrive.

use super::queue::{Ticket, exchange};
use super::shared::{Head, Shared};
use super::state::{Phase, State};
use crate::ring::layout::HEAD_POSITION as POSITION;
use crate::ring::primitive::{Ordering, full_fence};

/// Where the count begins in the word of a head. Positions never come so far.
const COUNT_SHIFT: u32 = POSITION.count_ones();
/// How often those who count have everybody's stores arrive.
const ROUND_PART: u64 = 1 << (u64::BITS - COUNT_SHIFT - 1);

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
        let ours = self.to_word();
        (ours ^ word) & !POSITION == 0 && ours > word
    }
}

impl Head {
    /// Where it is, if it can be trusted.
    #[inline(always)]
    pub(super) fn start(&self) -> Option<Start> {
        let returns = self.returns.load(Ordering::Acquire);
        let position = self.word.load(Ordering::Acquire) ^ returns << COUNT_SHIFT;
        (position <= POSITION).then_some(Start { position, returns })
    }

    /// Where it seems to be.
    #[inline(always)]
    pub(super) fn position(&self) -> u64 {
        self.word.load(Ordering::Acquire) & POSITION
    }
}

impl Shared {
    /// Where to start on a lane whose head can't be trusted, or could not a moment ago: no message is
    /// before it.
    #[cold]
    pub(super) fn start_anew(&self, lane: u32) -> Start {
        let head = &self.lane(lane).head.0;
        let word = head.word.load(Ordering::Acquire);
        // It was newer than the count that it was compared with.
        if let Some(start) = head.start() {
            return start;
        }
        let returns = head.returns.load(Ordering::Acquire);
        let slots = self.slots();
        let position = |index| {
            let word = slots.slot(lane, index).state().load(Ordering::Acquire);
            State::of_word(word).lap << slots.shift() | index
        };
        let position = (0..1 << slots.shift()).map(position).min().unwrap_or_default();
        let start = Start { position, returns };
        // If others were faster, theirs will do for the next one.
        let _ = exchange(&head.word, word, start.to_word());
        start
    }

    /// After the head was moved by who has started before messages came back.
    #[cold]
    pub(super) fn passed_late(&self, lane: u32, start: Start) {
        let head = &self.lane(lane).head.0;
        let returns = head.returns.load(Ordering::Acquire);
        if (Start { returns, ..start }).to_word() == start.to_word() {
            self.count(lane);
            self.header().not_empty.notify(self.fences);
        }
    }

    /// Puts a message back that was claimed for reading.
    #[cold]
    pub(crate) fn put_back(&self, ticket: Ticket) {
        let Ticket { lane, position } = ticket;
        let full = State::full(self.lap(position)).to_word();
        self.slot(ticket).state().store(full, Ordering::Release);
        let before = self.count(lane);
        let after = before.wrapping_add(1);
        let head = &self.lane(lane).head.0;
        // A head that could be trusted until then is not past any other message.
        for _ in 0..self.patience() {
            let word = head.word.load(Ordering::Acquire);
            let now = word & POSITION;
            if word != (Start { position: now, returns: before }).to_word() {
                break;
            }
            let lowered = Start { position: now.min(position), returns: after };
            if exchange(&head.word, word, lowered.to_word()).is_ok() {
                break;
            }
        }
        self.header().not_empty.notify(self.fences);
    }

    /// Counts what has come back; gives what the count was.
    fn count(&self, lane: u32) -> u64 {
        let returns = &self.lane(lane).head.0.returns;
        for _ in 0..self.patience() {
            let now = returns.load(Ordering::Acquire);
            if now % ROUND_PART == ROUND_PART - 1 {
                self.fences.everyone();
            }
            if exchange(returns, now, now.wrapping_add(1)).is_ok() {
                return now;
            }
        }
        returns.fetch_add(1, Ordering::AcqRel)
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
            self.count(lane);
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
    use crate::ring::mpmc::{Receiver, Sender, pair};

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
        let ticket = shared.claim_full(0, SEAT).unwrap().expect("there is one");
        assert_eq!(ticket.position, 0);
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
            let early = shared.lane(0).head.0.start().expect("it is new");
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
        let early = head.start().expect("it is new");
        put_first_back(shared);
        head.word.store(early.with(3).to_word(), Ordering::Release);
        assert_eq!(head.start(), None);
        assert_eq!(next_position(shared), Some(0));
        assert!(head.start().is_some(), "whoever looked at all slots says so");
        assert_eq!(next_position(shared), Some(1));
    }

    #[test]
    fn what_is_put_back_needs_no_look_at_all_slots() {
        let (_sender, receiver) = ring();
        let shared = &receiver.participant.shared;
        put_first_back(shared);
        let start = shared.lane(0).head.0.start();
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

//! The algorithm: claiming slots for writing and for reading, and repairing after the dead.
//!
//! A slot's state is the truth; it goes round `Free(lap)`, `Writing(lap, owner)`, `Full(lap)`,
//! `Reading(lap, owner)`, `Free(lap + 1)`. A sender claims the first free slot at or after the
//! lane's tail, a receiver the first full one at or after its head, each by a single
//! compare-and-swap on the state. So claims are in the order of positions, and that is the order of
//! messages.

use super::shared::Shared;
use super::slots::Slot;
use super::state::{Phase, State};
use crate::ring::error::Corrupt;
use crate::ring::primitive::{AtomicU64, Ordering, full_fence};

/// A slot that is ours to write or to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a claimed slot blocks its lane"]
pub(crate) struct Ticket {
    pub(crate) lane: u32,
    pub(crate) position: u64,
}

/// What comes of looking for a message.
#[derive(Debug)]
pub(crate) enum Found<T> {
    Nothing,
    /// There is one, which was left where it is.
    Left,
    Taken(Ticket, T),
}

/// What comes of trying to take a message.
enum Take<T> {
    Taken(T),
    /// Another one was faster.
    Lost,
    /// It is not to be taken like this.
    Left,
}

/// Where the words of an error stand.
mod offset {
    pub(super) const LANES: u64 = 4096;
    pub(super) const LANE: u64 = 256;
    pub(super) const HEAD: u64 = 128;
}

impl Shared {
    /// How many slots to look at before the memory is held to be damaged: every slot twice, and
    /// as often as others may come between.
    pub(super) fn patience(&self) -> u64 {
        (2 << self.slots().shift()) + if cfg!(posix_ipc_loom) { 8 } else { 100_000 }
    }

    #[inline(always)]
    pub(super) fn lap(&self, position: u64) -> u64 {
        position >> self.slots().shift()
    }

    #[inline(always)]
    pub(crate) fn slot(&self, ticket: Ticket) -> Slot<'_> {
        self.slots().slot(ticket.lane, ticket.position)
    }

    /// Claims a slot for writing by `owner`; `None` if the lane is full.
    ///
    /// The tail is moved by [`pass_tail`](Self::pass_tail).
    pub(crate) fn claim_free(&self, lane: u32, owner: u32) -> Result<Option<Ticket>, Corrupt> {
        self.claim_free_for(lane, owner, 0)
    }

    /// As `claim_free`, for a message of `len` bytes that is there to be written.
    #[inline]
    pub(crate) fn claim_free_for(
        &self,
        lane: u32,
        owner: u32,
        len: usize,
    ) -> Result<Option<Ticket>, Corrupt> {
        let tail = &self.lane(lane).tail.0;
        // With what was done to the slots before it was moved: a newer index and an older state of
        // its slot together would look like damage.
        let mut hint = tail.load(Ordering::Acquire);
        let mut position = hint;
        for _ in 0..self.patience() {
            let lap = self.lap(position);
            let slot = self.slots().slot(lane, position);
            slot.expect_write(len);
            let claimed = State { lap, owner, phase: Phase::Writing }.to_word();
            // Without a look at it first: the line would come twice, to be read and to be written.
            let state = match exchange(slot.state(), State::free(lap).to_word(), claimed) {
                Ok(_) => return Ok(Some(Ticket { lane, position })),
                Err(found) => State::of_word(found),
            };
            if state.lap == lap {
                // Claimed already, and the hint lags behind.
                position = position.wrapping_add(1);
            } else if state.lap > lap {
                // We lag behind by a lap or more.
                (hint, position) = self.catch_up(tail, hint, position, state.lap - lap);
            } else if state.lap + 1 == lap && state.phase != Phase::Free {
                return Ok(None);
            } else {
                break;
            }
        }
        Err(self.corrupt("tail of lane", lane, 0, tail))
    }

    /// Moves the tail over a slot that `claim_free` gave.
    ///
    /// By a plain store, which waits for nothing: should others have moved it further meanwhile,
    /// it goes back, and is a hint that lags behind.
    #[inline(always)]
    pub(crate) fn pass_tail(&self, ticket: Ticket) {
        let tail = &self.lane(ticket.lane).tail.0;
        let next = ticket.position.wrapping_add(1);
        if tail.load(Ordering::Relaxed) < next {
            tail.store(next, Ordering::Release);
        }
    }

    /// Lets receivers see the message in a slot that `claim_free` gave.
    #[inline]
    pub(crate) fn publish(&self, ticket: Ticket) {
        let full = State::full(self.lap(ticket.position)).to_word();
        self.slot(ticket).state().store(full, Ordering::Release);
        // Only now: receivers wait for the message, and nobody for the tail.
        self.pass_tail(ticket);
        self.header().not_empty.notify(self.fences);
    }

    /// Gives up a slot that `claim_free` gave: receivers pass over it, as if it had been received.
    #[cold]
    pub(crate) fn abandon(&self, ticket: Ticket) {
        let free = State::free(self.lap(ticket.position).wrapping_add(1)).to_word();
        self.slot(ticket).state().store(free, Ordering::Release);
        // The messages behind it waited for it, and there is room.
        self.header().not_empty.notify(self.fences);
        self.header().not_full.notify(self.fences);
    }

    /// Claims the oldest message of a lane for reading by `owner`; `None` if there is none.
    #[inline]
    pub(crate) fn claim_full(&self, lane: u32, owner: u32) -> Result<Option<Ticket>, Corrupt> {
        let found = self.take_full(lane, |slot, word| {
            let claimed = State { owner, phase: Phase::Reading, ..State::of_word(word) };
            match exchange(slot.state(), word, claimed.to_word()) {
                Ok(_) => Take::Taken(()),
                Err(_) => Take::Lost,
            }
        })?;
        Ok(match found {
            Found::Taken(ticket, ()) => Some(ticket),
            Found::Left | Found::Nothing => None,
        })
    }

    /// Takes the oldest message of a lane by `copy`, which gives its length, or leaves it by `None`.
    ///
    /// What it reads counts only if the slot's state is the same afterwards, which frees it in the
    /// same step: until then nothing is taken, and whoever dies had nothing. A slot with
    /// [inner lines](Slot::has_inner_lines) is claimed for a `marker` in that step, which marks them before it
    /// frees the slot.
    #[inline]
    pub(crate) fn copy_full(
        &self,
        lane: u32,
        marker: Option<u32>,
        mut copy: impl FnMut(Slot<'_>) -> Option<usize>,
    ) -> Result<Found<usize>, Corrupt> {
        self.take_full(lane, |slot, word| {
            let Some(len) = copy(slot) else { return Take::Left };
            let state = State::of_word(word);
            let free = State::free(state.lap.wrapping_add(1)).to_word();
            // A release, so that it was read before.
            match marker {
                Some(owner) if slot.has_inner_lines(len) => {
                    let claimed = State { owner, phase: Phase::Reading, ..state }.to_word();
                    if exchange(slot.state(), word, claimed).is_err() {
                        return Take::Lost;
                    }
                    slot.mark_inner_lines(len);
                    slot.state().store(free, Ordering::Release);
                }
                _ => {
                    if exchange(slot.state(), word, free).is_err() {
                        return Take::Lost;
                    }
                }
            }
            Take::Taken(len)
        })
    }

    /// Finds the oldest message of a lane, and lets `take` take it: by a compare-and-swap of the
    /// slot's state, which it is given.
    #[inline(always)]
    fn take_full<T>(
        &self,
        lane: u32,
        mut take: impl FnMut(Slot<'_>, u64) -> Take<T>,
    ) -> Result<Found<T>, Corrupt> {
        let head = &self.lane(lane).head.0;
        let mut hint = head.load(Ordering::Acquire);
        let mut position = hint;
        for _ in 0..self.patience() {
            let lap = self.lap(position);
            let slot = self.slots().slot(lane, position);
            let word = slot.state().load(Ordering::Acquire);
            let state = State::of_word(word);
            if state.lap == lap {
                match state.phase {
                    Phase::Full => match take(slot, word) {
                        Take::Taken(value) => {
                            self.pass(lane, hint, position);
                            return Ok(Found::Taken(Ticket { lane, position }, value));
                        }
                        Take::Left => return Ok(Found::Left),
                        // Another one was faster; the slot is looked at again.
                        Take::Lost => {}
                    },
                    // Another receiver has it, and the hint lags behind.
                    Phase::Reading => position = position.wrapping_add(1),
                    // Nothing yet, or not quite: to overtake would break the order.
                    Phase::Free | Phase::Writing => return Ok(Found::Nothing),
                }
            } else if state.lap > lap {
                // Received already.
                (hint, position) = self.catch_up(head, hint, position, state.lap - lap);
            } else if state.lap + 1 == lap && state.phase != Phase::Free {
                // The slot has not even been left by its message of the lap before.
                return Ok(Found::Nothing);
            } else {
                break;
            }
        }
        Err(self.corrupt("head of lane", lane, offset::HEAD, head))
    }

    /// Before a wait in a dialogue whose messages have `len` bytes: the next sender will have to write the
    /// lines of this slot.
    #[inline(always)]
    pub(crate) fn take_lines(&self, lane: u32, len: usize) {
        let position = self.lane(lane).head.0.load(Ordering::Relaxed);
        self.slots().slot(lane, position).take_second_line(len);
    }

    /// Whether there is likely something to take, for spinning.
    ///
    /// It takes the slot's lines to be written, as taking the message needs them: they come once,
    /// and the second one along with the first.
    #[inline(always)]
    pub(crate) fn seems_full(&self, lane: u32) -> bool {
        let position = self.lane(lane).head.0.load(Ordering::Relaxed);
        let slot = self.slots().slot(lane, position);
        slot.expect_take();
        let state = State::of_word(slot.state().load(Ordering::Acquire));
        let lap = self.lap(position);
        match state.phase {
            Phase::Full | Phase::Reading => state.lap >= lap,
            Phase::Free | Phase::Writing => state.lap > lap,
        }
    }

    /// Moves a lane's head over a slot that was just claimed, and over those before it that
    /// others are reading.
    #[inline(always)]
    fn pass(&self, lane: u32, hint: u64, position: u64) {
        let moved = advance(&self.lane(lane).head.0, hint, position.wrapping_add(1));
        if moved && hint != position {
            self.look_back(lane, hint, position);
        }
    }

    /// If a reader before us died meanwhile, its message may be full again by now, behind the
    /// head that we moved. Either we see that, or who repaired it sees our head.
    #[cold]
    fn look_back(&self, lane: u32, from: u64, to: u64) {
        full_fence();
        let far = 1u64 << self.slots().shift();
        for position in from.max(to.saturating_sub(far))..to {
            let word = self.slots().slot(lane, position).state().load(Ordering::Acquire);
            if State::of_word(word) == State::full(self.lap(position)) {
                self.lower_head(lane, position);
                break;
            }
        }
    }

    fn lower_head(&self, lane: u32, position: u64) {
        let head = &self.lane(lane).head.0;
        let mut now = head.load(Ordering::Relaxed);
        while now > position {
            match head.compare_exchange(now, position, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => break,
                Err(other) => now = other,
            }
        }
    }

    /// Gives a slot that `claim_full` gave back to the senders.
    #[inline]
    pub(crate) fn release(&self, ticket: Ticket) {
        let free = State::free(self.lap(ticket.position).wrapping_add(1)).to_word();
        self.slot(ticket).state().store(free, Ordering::Release);
        self.freed(ticket);
    }

    /// Wakes the senders, if it is worth it, after a slot was freed.
    #[inline]
    pub(crate) fn freed(&self, ticket: Ticket) {
        self.fences.publisher();
        if self.header().not_full.is_announced() && self.has_eighth_free(ticket.lane) {
            self.header().not_full.wake();
        }
    }

    /// Whether it is worth to wake senders: for each single slot it is not.
    #[cold]
    fn has_eighth_free(&self, lane: u32) -> bool {
        let lane = self.lane(lane);
        let head = lane.head.0.load(Ordering::Acquire);
        let tail = lane.tail.0.load(Ordering::Acquire);
        let slots = 1u64 << self.slots().shift();
        // The two are read at two moments: a head may well be past an older tail.
        tail.saturating_sub(head) <= slots - (slots / 8).max(1)
    }

    /// Whether an eighth of the lane's slots is likely free, for spinning senders: one that goes on
    /// with each single slot stays close behind the receivers, and takes their lines from them.
    #[inline(always)]
    pub(crate) fn seems_to_have_eighth_free(&self, lane: u32) -> bool {
        let slots = 1u64 << self.slots().shift();
        let tail = self.lane(lane).tail.0.load(Ordering::Relaxed);
        let position = tail.wrapping_add((slots / 8).max(1) - 1);
        let word = self.slots().slot(lane, position).state().load(Ordering::Acquire);
        let (state, lap) = (State::of_word(word), self.lap(position));
        match state.phase {
            _ if state.lap != lap => state.lap > lap,
            Phase::Free => true,
            // The tail lags behind.
            _ => self.has_room(lane),
        }
    }

    /// Puts a message back that was claimed for reading.
    #[cold]
    pub(crate) fn put_back(&self, ticket: Ticket) {
        let full = State::full(self.lap(ticket.position)).to_word();
        self.slot(ticket).state().store(full, Ordering::Release);
        full_fence();
        self.lower_head(ticket.lane, ticket.position);
        self.header().not_empty.notify(self.fences);
    }

    /// Frees what a dead participant had claimed: a message that it wrote is skipped, one that
    /// it read is delivered again.
    ///
    /// The caller holds the dead one's seat, so that nobody new can claim under the same number
    /// meanwhile, and nobody else repairs at the same time.
    #[cold]
    pub(crate) fn repair(&self, owner: u32) {
        let slots = self.slots();
        let counters = &self.header().counters.0;
        for lane in 0..slots.lanes() {
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
                            full_fence();
                            self.lower_head(lane, state.lap << slots.shift() | index);
                            counters.redelivered.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    Phase::Free | Phase::Full => {}
                }
            }
        }
        full_fence();
        self.header().not_empty.wake();
        self.header().not_full.wake();
    }

    /// Where to go on when the slot at `position` is `laps` further: at the index if it has
    /// moved, else behind all that has to be done with by then.
    ///
    /// A slot that has come to its lap `n` was claimed in its lap `n - 1`, and so was all before
    /// that position, since claims are in the order of positions; what is a whole lap before that
    /// was therefore left.
    #[inline]
    pub(super) fn catch_up(
        &self,
        index: &AtomicU64,
        hint: u64,
        position: u64,
        laps: u64,
    ) -> (u64, u64) {
        let newer = index.load(Ordering::Acquire);
        if newer != hint {
            return (newer, newer);
        }
        let whole = laps.saturating_sub(2) << self.slots().shift();
        let next = position.wrapping_add(whole).wrapping_add(1);
        // Reservations that were given up move no index: nobody should walk over them twice.
        if position == hint && advance(index, hint, next) { (next, next) } else { (hint, next) }
    }

    #[cold]
    fn corrupt(&self, what: &'static str, lane: u32, at: u64, index: &AtomicU64) -> Corrupt {
        let offset = offset::LANES + u64::from(lane) * offset::LANE + at;
        Corrupt { what, offset, found: index.load(Ordering::Relaxed) }
    }
}

#[inline(always)]
fn exchange(word: &AtomicU64, from: u64, to: u64) -> Result<u64, u64> {
    word.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
}

/// Moves an index forward, unless others have moved it meanwhile.
#[inline(always)]
fn advance(index: &AtomicU64, from: u64, to: u64) -> bool {
    index.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

//! The algorithm: claiming slots for writing and for reading.
//!
//! A slot's state is the truth; it goes round `Free(lap)`, `Writing(lap, owner)`, `Full(lap)`,
//! `Reading(lap, owner)`, `Free(lap + 1)`. A sender claims the first free slot at or after the
//! lane's tail, a receiver the first full one at or after its head, each by a single
//! compare-and-swap on the state. So claims are in the order of positions, and that is the order of
//! messages.

use super::returns::Start;
use super::shared::Shared;
use super::slots::Slot;
use super::state::{Phase, State};
use crate::ring::error::Corrupt;
use crate::ring::layout::ahead_of_head;
use crate::ring::primitive::{AtomicU64, Ordering};

/// A slot that is ours to write or to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a claimed slot blocks its lane"]
pub(crate) struct Ticket {
    pub(crate) lane: u32,
    pub(crate) position: u64,
}

/// What comes of a look where the next message should be.
#[derive(Debug)]
pub(crate) enum AtHead<T> {
    /// Nothing yet, and behind it nothing may be taken.
    Nothing,
    /// It is there.
    Full(T),
    /// It is to be looked for, or not to be taken like this, or another one was faster.
    Unclear,
}

/// A message that was there at a look.
#[derive(Debug, Clone, Copy)]
struct Full<'a> {
    /// From where on it was looked for.
    start: Start,
    position: u64,
    slot: Slot<'a>,
    /// The state of the slot.
    word: u64,
}

/// How many positions ahead lines are fetched: with four they come too late.
const AHEAD: u64 = 8;
/// The longest messages for which that is done, and the fewest slots of a lane, as the power of two.
const FETCHED_MAX: usize = 256;
const FETCHED_SHIFT: u32 = 6;

/// Where the words of an error stand.
mod offset {
    pub(super) const LANES: u64 = 4096;
    pub(super) const LANE: u64 = 256;
    pub(super) const HEAD: u64 = 128;
}

impl Shared {
    /// How many slots to look at, or how often to be slower than others, before the memory is held to be
    /// damaged: every slot several times, and as often as others may come between.
    pub(super) fn patience(&self) -> u64 {
        (8 << self.slots().shift()) + if cfg!(posix_ipc_loom) { 8 } else { 100_000 }
    }

    /// Where a slot in that state stands, if it is the one of `index`, a position or the low bits of one.
    #[inline(always)]
    pub(super) fn position_of(&self, state: State, index: u64) -> u64 {
        let shift = self.slots().shift();
        state.lap << shift | index & ((1 << shift) - 1)
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
        // With what was done to the slots before it was moved: a newer index and an older state of
        // its slot together would look like damage.
        let position = self.lane(lane).tail.0.load(Ordering::Acquire);
        match self.try_claim_free(lane, position, owner, len) {
            Ok(ticket) => Ok(Some(ticket)),
            Err(_) => self.claim_first_free(lane, owner, len),
        }
    }

    #[inline(always)]
    fn try_claim_free(
        &self,
        lane: u32,
        position: u64,
        owner: u32,
        len: usize,
    ) -> Result<Ticket, State> {
        let lap = self.lap(position);
        let slot = self.slots().slot(lane, position);
        slot.expect_write(len);
        let claimed = State { lap, owner, phase: Phase::Writing }.to_word();
        // Without a look at it first: the line would come twice, to be read and to be written.
        match exchange(slot.state(), State::free(lap).to_word(), claimed) {
            Ok(_) => Ok(Ticket { lane, position }),
            Err(found) => Err(State::of_word(found)),
        }
    }

    #[inline(never)]
    fn claim_first_free(
        &self,
        lane: u32,
        owner: u32,
        len: usize,
    ) -> Result<Option<Ticket>, Corrupt> {
        let tail = &self.lane(lane).tail.0;
        let mut hint = tail.load(Ordering::Acquire);
        let mut position = hint;
        for _ in 0..self.patience() {
            let lap = self.lap(position);
            let state = match self.try_claim_free(lane, position, owner, len) {
                Ok(ticket) => return Ok(Some(ticket)),
                Err(state) => state,
            };
            if state.lap == lap {
                // Claimed already, and the hint lags behind.
                position = position.wrapping_add(1);
            } else if state.lap > lap {
                // We lag behind by a lap or more.
                (hint, position) = self.catch_up_tail(lane, hint, position, state.lap - lap);
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
        let mut looks = self.patience();
        while looks > 0 {
            looks -= 1;
            let found = match self.at_head(lane) {
                AtHead::Nothing => return Ok(None),
                AtHead::Full(full) => full,
                AtHead::Unclear => match self.first_full(lane, &mut looks)? {
                    Some(full) => full,
                    None => return Ok(None),
                },
            };
            let Full { start, position, slot, word } = found;
            let claimed = State { owner, phase: Phase::Reading, ..State::of_word(word) };
            // If another one was faster, there may be another message.
            if exchange(slot.state(), word, claimed.to_word()).is_ok() {
                self.pass(lane, start, position);
                return Ok(Some(Ticket { lane, position }));
            }
        }
        Err(self.corrupt("head of lane", lane, offset::HEAD, &self.lane(lane).head.0.word))
    }

    /// Takes the message at a lane's head by `copy`, which gives its length, or leaves it by `None`.
    ///
    /// What it reads counts only if the slot's state is the same afterwards, which frees it in the
    /// same step: until then nothing is taken, and whoever dies had nothing. A slot with
    /// [inner lines](Slot::has_inner_lines) is claimed for a `marker` in that step, which marks them before it
    /// frees the slot.
    #[inline(always)]
    pub(crate) fn copy_at_head(
        &self,
        lane: u32,
        marker: Option<u32>,
        copy: impl FnOnce(Slot<'_>) -> Option<usize>,
    ) -> AtHead<(Ticket, usize)> {
        let Full { start, position, slot, word } = match self.at_head(lane) {
            AtHead::Full(full) => full,
            AtHead::Nothing => return AtHead::Nothing,
            AtHead::Unclear => return AtHead::Unclear,
        };
        let Some(len) = copy(slot) else { return AtHead::Unclear };
        let state = State::of_word(word);
        let free = State::free(state.lap.wrapping_add(1)).to_word();
        // A release, so that it was read before.
        match marker {
            Some(owner) if slot.has_inner_lines(len) => {
                let claimed = State { owner, phase: Phase::Reading, ..state }.to_word();
                if exchange(slot.state(), word, claimed).is_err() {
                    return AtHead::Unclear;
                }
                slot.mark_inner_lines(len);
                slot.state().store(free, Ordering::Release);
            }
            _ => {
                if exchange(slot.state(), word, free).is_err() {
                    return AtHead::Unclear;
                }
            }
        }
        self.pass(lane, start, position);
        AtHead::Full((Ticket { lane, position }, len))
    }

    /// Looks where the next message should be.
    #[inline(always)]
    fn at_head(&self, lane: u32) -> AtHead<Full<'_>> {
        let Some((head, returns)) = self.lane(lane).head.0.trusted() else {
            return AtHead::Unclear;
        };
        let slot = self.slots().slot(lane, head);
        let word = slot.state().load(Ordering::Acquire);
        let state = State::of_word(word);
        let position = self.position_of(state, head);
        if ahead_of_head(position, head) != 0 {
            AtHead::Unclear
        } else if word == State::full(state.lap).to_word() {
            AtHead::Full(Full { start: Start { position, returns }, position, slot, word })
        } else if state.phase.is_filled() {
            AtHead::Unclear
        } else {
            AtHead::Nothing
        }
    }

    /// The oldest message of a lane, by so many `looks` at most.
    #[inline(never)]
    fn first_full(&self, lane: u32, looks: &mut u64) -> Result<Option<Full<'_>>, Corrupt> {
        let mut start = self.start(lane, looks);
        let mut position = start.position;
        let mut has_looked_at_all = false;
        while *looks > 0 {
            *looks -= 1;
            let lap = self.lap(position);
            let slot = self.slots().slot(lane, position);
            let word = slot.state().load(Ordering::Acquire);
            let state = State::of_word(word);
            if state.lap == lap {
                match state.phase {
                    Phase::Full => return Ok(Some(Full { start, position, slot, word })),
                    // Another receiver has it, and the hint lags behind.
                    Phase::Reading => position = position.wrapping_add(1),
                    // Nothing yet, or not quite: to overtake would break the order.
                    Phase::Free | Phase::Writing => return Ok(None),
                }
            } else if state.lap > lap {
                // Received already.
                (start, position) = self.catch_up_head(lane, start, position, state.lap - lap);
            } else if state.lap + 1 == lap && state.phase != Phase::Free {
                // The slot has not even been left by its message of the lap before.
                if state.phase != Phase::Full || has_looked_at_all {
                    return Ok(None);
                }
                // Which nobody has: it came back, and the head is past it.
                self.count_return(lane);
                start = self.start(lane, looks);
                position = start.position;
                has_looked_at_all = true;
            } else {
                break;
            }
        }
        Err(self.corrupt("head of lane", lane, offset::HEAD, &self.lane(lane).head.0.word))
    }

    /// Before a wait in a dialogue whose messages have `len` bytes: the next sender will have to write the
    /// lines of this slot.
    #[inline(always)]
    pub(crate) fn take_lines(&self, lane: u32, len: usize) {
        let head = self.lane(lane).head.0.word.load(Ordering::Relaxed);
        self.slots().slot(lane, head).take_second_line(len);
    }

    /// Fetches what a message of `len` bytes will stand in a few positions behind this one, to be written.
    ///
    /// Senders do so, and receivers in a stream: each claim needs its slot's first line, and would wait for it to come
    /// from the other side. Not in lanes so short that this would be what the other side has in hand.
    #[inline(always)]
    pub(crate) fn expect_behind(&self, ticket: Ticket, len: usize) {
        if len <= FETCHED_MAX && self.slots().shift() >= FETCHED_SHIFT {
            let position = ticket.position.wrapping_add(AHEAD);
            self.slots().slot(ticket.lane, position).expect(len);
        }
    }

    /// Whether there is likely something to take, for spinning.
    ///
    /// It takes the slot's lines to be written, as taking the message needs them: they come once,
    /// and the second one along with the first.
    #[inline(always)]
    pub(crate) fn seems_full(&self, lane: u32) -> bool {
        let head = self.lane(lane).head.0.word.load(Ordering::Relaxed);
        let slot = self.slots().slot(lane, head);
        slot.expect_take();
        let state = State::of_word(slot.state().load(Ordering::Acquire));
        let ahead = ahead_of_head(self.position_of(state, head), head);
        ahead > 0 || ahead == 0 && state.phase.is_filled()
    }

    /// Moves a lane's head over a slot whose message was just taken, and over those before it that
    /// others are reading.
    ///
    /// By a plain store, as it is done with the tail. It can't hide a message that was [put back](super::returns)
    /// since the walk's start, which the head says it does not know.
    #[inline(always)]
    pub(super) fn pass(&self, lane: u32, start: Start, position: u64) {
        let head = &self.lane(lane).head.0;
        let next = start.with(position.wrapping_add(1));
        let now = head.word.load(Ordering::Relaxed);
        if next.is_ahead_of(now) {
            head.word.store(next.to_word(), Ordering::Release);
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
        // Where nothing is left to take, no other slot may ever be freed.
        if self.header().not_full.is_announced()
            && (self.has_eighth_free(ticket.lane) || !self.is_full(ticket.lane))
        {
            self.header().not_full.wake();
        }
    }

    /// Whether it is worth to wake senders: for each single slot it is not. A head that lags behind
    /// hides that it is.
    #[cold]
    fn has_eighth_free(&self, lane: u32) -> bool {
        let lane = self.lane(lane);
        let head = lane.head.0.word.load(Ordering::Acquire);
        let tail = lane.tail.0.load(Ordering::Acquire);
        let slots = 1u64 << self.slots().shift();
        // The two are read at two moments: a head may well be past an older tail.
        let used = ahead_of_head(tail, head).max(0).unsigned_abs();
        used <= slots - (slots / 8).max(1)
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

    /// Where to go on when the slot at `position` is `laps` further: at the tail if it has
    /// moved, else behind all that has to be done with by then. Gives the tail too.
    #[inline]
    pub(super) fn catch_up_tail(
        &self,
        lane: u32,
        hint: u64,
        position: u64,
        laps: u64,
    ) -> (u64, u64) {
        let tail = &self.lane(lane).tail.0;
        let newer = tail.load(Ordering::Acquire);
        if newer != hint {
            return (newer, newer);
        }
        let next = self.behind(position, laps);
        // Reservations that were given up move no index: nobody should walk over them twice.
        if position == hint && advance(tail, hint, next) { (next, next) } else { (hint, next) }
    }

    /// As `catch_up_tail`, with the head.
    #[inline]
    pub(super) fn catch_up_head(
        &self,
        lane: u32,
        start: Start,
        position: u64,
        laps: u64,
    ) -> (Start, u64) {
        let head = &self.lane(lane).head.0;
        if head.word.load(Ordering::Acquire) != start.to_word() {
            // One that can't be trusted is worth less than the start.
            if let Some(newer) = self.start_at_head(lane) {
                return (newer, newer.position);
            }
        }
        let next = start.with(self.behind(position, laps));
        let has_moved =
            position == start.position && advance(&head.word, start.to_word(), next.to_word());
        (if has_moved { next } else { start }, next.position)
    }

    /// The next position that may not be done with when the slot at `position` is `laps` further.
    ///
    /// A slot that has come to its lap `n` was claimed in its lap `n - 1`, and so was all before
    /// that position, since claims are in the order of positions; what is a whole lap before that
    /// was therefore left.
    #[inline]
    fn behind(&self, position: u64, laps: u64) -> u64 {
        let whole = laps.saturating_sub(2) << self.slots().shift();
        position.wrapping_add(whole).wrapping_add(1)
    }

    #[cold]
    fn corrupt(&self, what: &'static str, lane: u32, at: u64, index: &AtomicU64) -> Corrupt {
        let offset = offset::LANES + u64::from(lane) * offset::LANE + at;
        Corrupt { what, offset, found: index.load(Ordering::Relaxed) }
    }
}

#[inline(always)]
pub(super) fn exchange(word: &AtomicU64, from: u64, to: u64) -> Result<u64, u64> {
    word.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
}

/// Moves an index forward, unless others have moved it meanwhile.
#[inline(always)]
fn advance(index: &AtomicU64, from: u64, to: u64) -> bool {
    index.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

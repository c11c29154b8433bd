//! Looking at a lane without claiming anything.
//!
//! Exact, unlike `seems_full`, which also sees what another receiver has in its hands: who
//! goes by that would never sleep meanwhile. Damage counts as something: whoever goes for it
//! finds out.

use super::shared::Shared;
use super::state::{Phase, State};
use crate::ring::primitive::Ordering;

impl Shared {
    /// Whether there is a message to claim.
    pub(super) fn is_full(&self, lane: u32) -> bool {
        let mut looks = self.patience();
        let mut start = self.start(lane, &mut looks);
        let mut position = start.position;
        while looks > 0 {
            looks -= 1;
            let (lap, state) = (self.lap(position), self.state(lane, position));
            if state.lap == lap {
                match state.phase {
                    Phase::Full => return true,
                    Phase::Reading => position = position.wrapping_add(1),
                    Phase::Free | Phase::Writing => return false,
                }
            } else if state.lap > lap {
                (start, position) = self.catch_up_head(lane, start, position, state.lap - lap);
            } else {
                // A message of the lap before that nobody has is there to be found, too.
                return state.lap + 1 != lap || matches!(state.phase, Phase::Free | Phase::Full);
            }
        }
        true
    }

    /// Whether there is a slot to claim for writing.
    pub(super) fn has_room(&self, lane: u32) -> bool {
        let tail = &self.lane(lane).tail.0;
        let mut hint = tail.load(Ordering::Acquire);
        let mut position = hint;
        for _ in 0..self.patience() {
            let (lap, state) = (self.lap(position), self.state(lane, position));
            if state.lap == lap && state.phase == Phase::Free {
                return true;
            } else if state.lap == lap {
                position = position.wrapping_add(1);
            } else if state.lap > lap {
                (hint, position) = self.catch_up_tail(lane, hint, position, state.lap - lap);
            } else {
                return state.lap + 1 != lap || state.phase == Phase::Free;
            }
        }
        true
    }

    fn state(&self, lane: u32, position: u64) -> State {
        State::of_word(self.slots().slot(lane, position).state().load(Ordering::Acquire))
    }
}

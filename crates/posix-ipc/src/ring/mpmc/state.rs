//! The state of a slot: one word that says which lap it is in, what is being done to it, and by
//! whom, so that one compare-and-swap claims a slot together with the claimant's name. A
//! claim without an owner does not exist at any instruction, and so a dead one is always found.

/// How many participants a ring has at most.
pub(crate) const SEATS: u32 = if cfg!(posix_ipc_loom) { 4 } else { 1024 };

const OWNER_BITS: u32 = 10;
const PHASE_BITS: u32 = 2;
const LAP_SHIFT: u32 = OWNER_BITS + PHASE_BITS;

const _: () = assert!(SEATS <= 1 << OWNER_BITS);

/// What is being done to a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// May be written in this lap.
    Free = 0,
    /// Its owner writes it.
    Writing = 1,
    /// Holds a message.
    Full = 2,
    /// Its owner reads it.
    Reading = 3,
}

impl Phase {
    /// Whether the message of the lap is there.
    #[inline(always)]
    pub(crate) fn is_filled(self) -> bool {
        matches!(self, Self::Full | Self::Reading)
    }
}

/// A slot's state, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// How often the lane has come round; 52 bits, which never run out.
    pub(crate) lap: u64,
    /// The seat of who writes or reads; zero otherwise.
    pub(crate) owner: u32,
    pub(crate) phase: Phase,
}

impl State {
    #[inline(always)]
    pub(crate) fn free(lap: u64) -> Self {
        Self { lap, owner: 0, phase: Phase::Free }
    }

    #[inline(always)]
    pub(crate) fn full(lap: u64) -> Self {
        Self { lap, owner: 0, phase: Phase::Full }
    }

    #[inline(always)]
    pub(crate) fn to_word(self) -> u64 {
        self.lap << LAP_SHIFT | u64::from(self.owner) << PHASE_BITS | self.phase as u64
    }

    #[inline(always)]
    pub(crate) fn of_word(word: u64) -> Self {
        let phase = match word & 3 {
            0 => Phase::Free,
            1 => Phase::Writing,
            2 => Phase::Full,
            _ => Phase::Reading,
        };
        let owner = (word >> PHASE_BITS) as u32 & ((1 << OWNER_BITS) - 1);
        Self { lap: word >> LAP_SHIFT, owner, phase }
    }
}

#[cfg(all(test, not(posix_ipc_loom)))]
mod tests {
    use super::*;

    #[test]
    fn states_survive_the_word() {
        for phase in [Phase::Free, Phase::Writing, Phase::Full, Phase::Reading] {
            for (lap, owner) in [(0, 0), (1, 1023), ((1 << 52) - 1, 512)] {
                let state = State { lap, owner, phase };
                assert_eq!(State::of_word(state.to_word()), state);
            }
        }
    }

    #[test]
    fn any_word_is_a_state() {
        for word in [0, u64::MAX, 0x1234_5678_9abc_def0] {
            assert_eq!(State::of_word(word).to_word(), word);
        }
    }
}

//! How long the receiver of a stream lets messages come together before it looks for them.
//!
//! One that is close behind its sender takes the line of the index from it for every message, and its
//! processor fetches lines ahead that the sender is about to write: a stream of short messages
//! takes up to ten times as long then, and stays so.

/// Single messages in a row before a rest is tried.
const PATIENCE: u32 = 8;
/// The most, after rests that brought no more than one message.
const PATIENCE_MAX: u32 = 4096;
/// Pauses of the first rest.
const REST: u32 = 4;
/// The most: a few microseconds.
const REST_MAX: u32 = 64;
/// The longest record for which there is a rest: longer ones take their time, and are read better while
/// they are in a cache.
const SHORT: u64 = 2048;

/// What a receiver learns from how many messages each look brings.
///
/// It rests for longer as long as looks bring several, and not at all after one that brought none, so
/// that what comes after a silence is seen at once. In a dialogue no look can bring more than
/// one, nor can it after a rest: one is tried rarely, and after each in vain half as often.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Pauses before the next look.
    rest: u32,
    /// Looks in a row that brought one message.
    singles: u32,
    /// How many of them before a rest is tried.
    patience: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { rest: 0, singles: 0, patience: PATIENCE }
    }
}

impl Pace {
    /// Lets messages come together.
    #[inline(always)]
    pub(crate) fn rest(&self) {
        for _ in 0..self.rest {
            std::hint::spin_loop();
        }
    }

    /// A look brought `available` bytes of records, `first` of them the first one's.
    #[inline(always)]
    pub(crate) fn news(&mut self, first: u64, available: u64) {
        if first > SHORT {
            self.none();
        } else if first == available {
            self.single();
        } else {
            self.several();
        }
    }

    /// A look brought one message.
    #[inline(always)]
    pub(crate) fn single(&mut self) {
        if self.rest > 0 {
            self.rest /= 2;
            return;
        }
        self.singles += 1;
        if self.singles >= self.patience {
            self.singles = 0;
            self.patience = (self.patience * 2).min(PATIENCE_MAX);
            self.rest = REST;
        }
    }

    /// A look brought several.
    #[inline(always)]
    fn several(&mut self) {
        self.rest = (self.rest * 2).clamp(REST, REST_MAX);
        self.singles = 0;
        self.patience = PATIENCE;
    }

    /// A look brought none.
    #[inline(always)]
    pub(crate) fn none(&mut self) {
        self.rest = 0;
    }
}

#[cfg(all(test, not(posix_ipc_loom)))]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_with_a_stream_and_end_with_it() {
        let mut pace = Pace::default();
        let rests = [4, 8, 16, 32, 64, 64].map(|_| {
            pace.several();
            pace.rest
        });
        assert_eq!(rests, [4, 8, 16, 32, 64, 64]);
        pace.single();
        assert_eq!(pace.rest, 32);
        pace.none();
        assert_eq!(pace.rest, 0);
    }

    #[test]
    fn long_messages_are_taken_without_a_rest() {
        let mut pace = Pace::default();
        for _ in 0..100 {
            pace.news(SHORT + 8, 10 * SHORT);
            assert_eq!(pace.rest, 0);
        }
        pace.news(SHORT, 10 * SHORT);
        assert_eq!(pace.rest, REST);
    }

    #[test]
    fn a_dialogue_rests_less_and_less() {
        let mut pace = Pace::default();
        let pauses: u32 = (0..100_000)
            .map(|_| {
                pace.none();
                pace.single();
                pace.rest
            })
            .sum();
        assert!((100..200).contains(&pauses), "{pauses} pauses for 100,000 messages");
    }

    #[test]
    fn a_stream_of_single_messages_is_found_out_by_a_rest() {
        let mut pace = Pace::default();
        (0..PATIENCE).for_each(|_| pace.single());
        assert_eq!(pace.rest, REST);
        pace.several();
        assert_eq!(pace.rest, 2 * REST);
    }
}

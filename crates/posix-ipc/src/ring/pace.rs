//! How long the receiver of a stream lets messages come together before it looks for them.
//!
//! One that is close behind its sender takes the line of the index from it for every message, and its
//! processor fetches lines ahead that the sender is about to write: a stream of short messages
//! takes up to ten times as long then, and stays so.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Single messages in a row before a rest is tried.
const PATIENCE: u32 = 8;
/// The most, after rests that brought no more than one message.
const PATIENCE_MAX: u32 = 4096;
/// Pauses of the first rest.
const REST: u32 = 4;
/// The most: a few microseconds.
const REST_MAX: u32 = 256;
/// How many pauses a message may take to come, so that it is worth to rest for longer.
const PAUSES_PER_MESSAGE: u64 = 8;
/// The longest record for which there is a rest: longer ones take their time, and are read better while
/// they are in a cache.
const SHORT: u64 = 2048;

/// What a receiver learns from how many messages each look brings.
///
/// It rests for longer as long as messages come close together, and not at all after a look that brought
/// none, so that what comes after a silence is seen at once. In a dialogue no look can bring more than
/// one, nor can it after a rest: one is tried rarely, and after each in vain half as often.
///
/// Threads that share a handle share it too, and at worst mix up a guess.
#[derive(Debug)]
pub(super) struct Pace {
    /// The longest rest; none if the handle is not to spin.
    most: u32,
    /// Pauses before the next look.
    rest: AtomicU32,
    /// Looks in a row that brought one message.
    singles: AtomicU32,
    /// How many of them before a rest is tried.
    patience: AtomicU32,
}

impl Pace {
    pub(super) fn new(enabled: bool) -> Self {
        Self {
            most: if enabled { REST_MAX } else { 0 },
            rest: AtomicU32::new(0),
            singles: AtomicU32::new(0),
            patience: AtomicU32::new(PATIENCE),
        }
    }

    /// Lets messages come together.
    #[inline(always)]
    pub(super) fn rest(&self) {
        for _ in 0..self.rest.load(Relaxed) {
            std::hint::spin_loop();
        }
    }

    /// A look brought `available` bytes of records, `first` of them the first one's.
    #[inline(always)]
    pub(super) fn news(&self, first: u64, available: u64) {
        if first > SHORT {
            self.none();
        } else if available <= first {
            self.single();
        } else {
            self.several(first, available);
        }
    }

    /// A look brought one message.
    #[inline(always)]
    pub(super) fn single(&self) {
        let rest = self.rest.load(Relaxed);
        if rest > 0 {
            self.rest.store(rest / 2, Relaxed);
            return;
        }
        let singles = self.singles.load(Relaxed) + 1;
        let patience = self.patience.load(Relaxed);
        if singles < patience {
            self.singles.store(singles, Relaxed);
        } else {
            self.singles.store(0, Relaxed);
            self.patience.store((patience * 2).min(PATIENCE_MAX), Relaxed);
            self.rest.store(REST.min(self.most), Relaxed);
        }
    }

    /// A look brought several.
    #[inline(always)]
    fn several(&self, first: u64, available: u64) {
        let rest = self.rest.load(Relaxed);
        // `available` is at most the size of a ring, far below an overflow.
        let is_dense = available * PAUSES_PER_MESSAGE >= first * u64::from(rest);
        let next = if is_dense { rest * 2 } else { rest / 2 };
        self.rest.store(next.max(REST).min(self.most), Relaxed);
        self.singles.store(0, Relaxed);
        self.patience.store(PATIENCE, Relaxed);
    }

    /// A look brought none.
    #[inline(always)]
    pub(super) fn none(&self) {
        self.rest.store(0, Relaxed);
    }
}

#[cfg(all(test, not(posix_ipc_loom)))]
mod tests {
    use super::*;

    const LEN: u64 = 72;

    fn rest(pace: &Pace) -> u32 {
        pace.rest.load(Relaxed)
    }

    #[test]
    fn rests_grow_with_a_dense_stream_and_end_with_it() {
        let pace = Pace::new(true);
        let rests = [(); 9].map(|()| {
            pace.news(LEN, LEN * 100);
            rest(&pace)
        });
        assert_eq!(rests, [4, 8, 16, 32, 64, 128, 256, 256, 256]);
        pace.single();
        assert_eq!(rest(&pace), 128);
        pace.none();
        assert_eq!(rest(&pace), 0);
    }

    #[test]
    fn rests_stay_short_where_messages_are_far_apart() {
        for pauses_apart in [1, 3, 16, 64, 1000] {
            let pace = Pace::new(true);
            let longest = (0..1000).map(|_| {
                let count = 1 + u64::from(rest(&pace)) / pauses_apart;
                pace.news(LEN, count * LEN);
                rest(&pace)
            });
            let longest = longest.max().unwrap_or_default();
            let expected = if pauses_apart < REST.into() { REST_MAX } else { REST };
            assert_eq!(longest, expected, "with {pauses_apart} pauses between messages");
        }
    }

    #[test]
    fn long_messages_are_taken_without_a_rest() {
        let pace = Pace::new(true);
        for _ in 0..100 {
            pace.news(SHORT + 8, 10 * SHORT);
            assert_eq!(rest(&pace), 0);
        }
        pace.news(SHORT, 10 * SHORT);
        assert_eq!(rest(&pace), REST);
    }

    #[test]
    fn a_dialogue_rests_less_and_less() {
        let pace = Pace::new(true);
        let pauses: u32 = (0..100_000)
            .map(|_| {
                pace.none();
                pace.single();
                rest(&pace)
            })
            .sum();
        assert!((100..200).contains(&pauses), "{pauses} pauses for 100,000 messages");
    }

    #[test]
    fn who_is_not_to_spin_does_not_rest() {
        let pace = Pace::new(false);
        for _ in 0..100 {
            pace.single();
            pace.news(LEN, 100 * LEN);
            assert_eq!(rest(&pace), 0);
        }
    }

    #[test]
    fn a_stream_of_single_messages_is_found_out_by_a_rest() {
        let pace = Pace::new(true);
        (0..PATIENCE).for_each(|_| pace.single());
        assert_eq!(rest(&pace), REST);
        pace.news(LEN, 2 * LEN);
        assert_eq!(rest(&pace), 2 * REST);
    }
}

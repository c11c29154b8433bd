//! What was seen of each object before: levels for the sparkline, and how fast they change.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use posix_ipc::Identity;
use posix_ipc::inspect::Details;

use crate::command::entry::{Entry, Found};

/// How many levels are kept of each object.
const KEPT: usize = 60;

/// The levels of all objects.
#[derive(Debug, Default)]
pub(super) struct History {
    past: HashMap<Identity, Past>,
    /// Counts the looks, so that what is gone can be forgotten.
    look: u64,
}

#[derive(Debug)]
struct Past {
    levels: VecDeque<u64>,
    /// When the last level was seen, and how fast it had changed, in units a second.
    seen: Instant,
    rate: f64,
    look: u64,
}

/// What of an object goes up and down: units, messages, or bytes of memory.
pub(super) fn level(entry: &Entry) -> Option<u64> {
    let object = entry.object()?;
    match &object.details {
        Details::Semaphore(state) => state.map(|state| state.value.into()),
        Details::MessageQueue(state) => state.messages,
        Details::Ring(state) => state.used,
        _ => Some(object.allocated),
    }
}

impl History {
    pub(super) fn add(&mut self, found: &Found, now: Instant) {
        self.look += 1;
        for entry in &found.entries {
            let Some(level) = level(entry) else { continue };
            let past = self.past.entry(entry.identity()).or_insert_with(|| Past {
                levels: VecDeque::with_capacity(KEPT),
                seen: now,
                rate: 0.0,
                look: 0,
            });
            if let Some(&before) = past.levels.back() {
                let seconds = now.duration_since(past.seen).as_secs_f64().max(1e-3);
                past.rate = (level as f64 - before as f64) / seconds;
            }
            if past.levels.len() == KEPT {
                past.levels.pop_front();
            }
            past.levels.push_back(level);
            past.seen = now;
            past.look = self.look;
        }
        let look = self.look;
        self.past.retain(|_, past| past.look == look);
    }

    /// How fast the level changes, in units a second; 0 for what was seen once.
    pub(super) fn rate(&self, entry: &Entry) -> Option<f64> {
        self.past.get(&entry.identity()).map(|past| past.rate)
    }

    /// The last levels as a line of blocks, `width` of them.
    pub(super) fn sparkline(&self, entry: &Entry, width: usize) -> String {
        let Some(past) = self.past.get(&entry.identity()) else { return String::new() };
        let skipped = past.levels.len().saturating_sub(width);
        let highest = past.levels.iter().skip(skipped).copied().max().unwrap_or(0);
        past.levels.iter().skip(skipped).map(|&level| block(level, highest)).collect()
    }
}

/// A block as high as `level` is of `highest`.
fn block(level: u64, highest: u64) -> char {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let index = level.saturating_mul(BLOCKS.len() as u64 - 1).div_ceil(highest.max(1));
    let index = usize::try_from(index).unwrap_or(0).min(BLOCKS.len() - 1);
    BLOCKS.get(index).copied().unwrap_or(' ')
}

/// `filled` of `of` as a bar of `width` characters.
pub(super) fn bar(filled: u64, of: u64, width: usize) -> String {
    let share = u128::from(filled.min(of)) * width as u128;
    // What is there at all shows.
    let full = usize::try_from(share.div_ceil(u128::from(of.max(1)))).unwrap_or(width).min(width);
    let bar = std::iter::repeat_n('█', full).chain(std::iter::repeat_n('░', width - full));
    bar.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_full_when_the_queue_is_and_never_empty_while_it_holds_something() {
        assert_eq!(bar(0, 10, 4), "░░░░");
        assert_eq!(bar(1, 1000, 4), "█░░░");
        assert_eq!(bar(10, 10, 4), "████");
        assert_eq!(bar(20, 10, 4), "████");
        assert_eq!(bar(u64::MAX, u64::MAX, 4), "████");
        assert_eq!(bar(0, 0, 4), "░░░░");
    }

    #[test]
    fn blocks_go_from_lowest_to_highest() {
        assert_eq!((block(0, 0), block(0, 7), block(7, 7)), ('▁', '▁', '█'));
        assert_eq!(block(1, 1000), '▂', "something is more than nothing");
        assert_eq!(block(u64::MAX, u64::MAX), '▂', "no overflow");
    }
}

//! [`Reassembly`]: puts the fragments of many senders together again, within bounds.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::compat::Received;
use crate::frame::{Correlation, Fragment, Frame};

/// How much may be kept of messages that are not complete, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct ReassemblyLimits {
    per_sender: usize,
    total: usize,
    messages: usize,
    timeout: Duration,
}

impl Default for ReassemblyLimits {
    fn default() -> Self {
        Self::new()
    }
}

impl ReassemblyLimits {
    /// 16 MiB of one sender, 64 MiB and 256 messages of all, 10 seconds.
    pub const fn new() -> Self {
        Self {
            per_sender: 16 << 20,
            total: 64 << 20,
            messages: 256,
            timeout: Duration::from_secs(10),
        }
    }

    /// Sets how many bytes are kept of one sender; no longer message can be received in parts.
    pub const fn per_sender(mut self, bytes: usize) -> Self {
        self.per_sender = bytes;
        self
    }

    /// Sets how many bytes are kept of all senders together.
    pub const fn total(mut self, bytes: usize) -> Self {
        self.total = bytes;
        self
    }

    /// Sets how many messages may be incomplete at a time.
    pub const fn messages(mut self, messages: usize) -> Self {
        self.messages = messages;
        self
    }

    /// Sets how long after its last fragment a message is given up.
    ///
    /// A receiver gives it up also while it waits for others. One on tokio, or over a byte stream,
    /// does so when the next part comes or when it is asked for its drops.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// Why a message that came in parts was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DropReason {
    /// No further part came in time: its sender has died.
    #[error("no further part came in time")]
    TimedOut,
    /// A part is missing, or parts came in disorder: another receiver took it.
    #[error("a part is missing")]
    Gap,
    /// Its parts contradict each other.
    #[error("its parts contradict each other")]
    Inconsistent,
    /// It is longer than is kept of one sender, or of all.
    #[error("it is over the budget")]
    OverBudget,
}

/// A message that was dropped, as far as its parts told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// The sender's number.
    pub sender: u64,
    /// The message's number.
    pub sequence: u32,
    /// Its type.
    pub message: Received,
    /// How many of its bytes had come.
    pub received: usize,
    /// How many it was to have.
    pub total: u32,
    /// Why.
    pub reason: DropReason,
}

/// How many messages were dropped, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Drops {
    /// No further part came in time.
    pub timed_out: u64,
    /// A part was missing.
    pub gaps: u64,
    /// Parts contradicted each other.
    pub inconsistent: u64,
    /// Over the budget.
    pub over_budget: u64,
}

impl Drops {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.timed_out + self.gaps + self.inconsistent + self.over_budget
    }
}

/// A message that is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) message: Received,
    pub(crate) correlation: Option<Correlation>,
    pub(crate) reference: bool,
    pub(crate) payload: Vec<u8>,
}

/// Which message: the sender and its sequence number.
type Key = (u64, u32);

#[derive(Debug)]
struct Partial {
    whole: Whole,
    total: u32,
    last: Instant,
}

/// Messages that have come in parts.
#[derive(Debug)]
pub struct Reassembly {
    limits: ReassemblyLimits,
    partial: BTreeMap<Key, Partial>,
    held: usize,
    /// Messages that were dropped, whose further parts are no news.
    refused: VecDeque<Key>,
    reports: VecDeque<Dropped>,
    drops: Drops,
}

/// How many reports, and how many refused messages, are remembered.
const REMEMBERED: usize = 64;

impl Reassembly {
    /// Starts with nothing.
    pub fn new(limits: ReassemblyLimits) -> Self {
        Self {
            limits,
            partial: BTreeMap::new(),
            held: 0,
            refused: VecDeque::new(),
            reports: VecDeque::new(),
            drops: Drops::default(),
        }
    }

    /// How many bytes are kept of messages that are not complete.
    pub fn held(&self) -> usize {
        self.held
    }

    /// How many messages are not complete.
    pub fn incomplete(&self) -> usize {
        self.partial.len()
    }

    /// When the next message is given up, if nothing comes until then.
    pub fn next_expiry(&self) -> Option<Instant> {
        let timeout = self.limits.timeout;
        self.partial.values().filter_map(|partial| partial.last.checked_add(timeout)).min()
    }

    /// How many messages were dropped.
    pub fn drops(&self) -> Drops {
        self.drops
    }

    /// The latest drops, 64 at most, each reported once.
    pub fn take_reports(&mut self) -> Vec<Dropped> {
        self.reports.drain(..).collect()
    }

    /// Takes a frame that is a fragment; returns the message's payload if it completes one.
    ///
    /// A frame that is a whole message is none of it and is ignored.
    pub fn push(&mut self, frame: &Frame<'_>, now: Instant) -> Option<Vec<u8>> {
        self.take(frame, now).map(|whole| whole.payload)
    }

    pub(crate) fn take(&mut self, frame: &Frame<'_>, now: Instant) -> Option<Whole> {
        self.expire(now);
        let part = frame.fragment?;
        let key = (part.sender, frame.sequence);
        if part.offset == 0 {
            if self.partial.contains_key(&key) {
                // The number has come round, or the sender lies.
                self.give_up(key, DropReason::Gap);
            }
            self.refused.retain(|refused| *refused != key);
            self.begin(key, frame, part, now)?;
        }
        let length = frame.payload.len();
        let budget = self.budget_left(key.0);
        let Some(partial) = self.partial.get_mut(&key) else {
            self.refuse(key, frame, part, DropReason::Gap);
            return None;
        };
        let whole = &mut partial.whole;
        let same = whole.message == frame.received()
            && whole.correlation == frame.correlation
            && whole.reference == frame.reference
            && partial.total == part.total;
        let reason = match () {
            () if !same => Some(DropReason::Inconsistent),
            () if whole.payload.len() != part.offset as usize => Some(DropReason::Gap),
            () if length > budget => Some(DropReason::OverBudget),
            () => None,
        };
        if let Some(reason) = reason {
            self.give_up(key, reason);
            return None;
        }
        whole.payload.extend_from_slice(frame.payload);
        partial.last = now;
        self.held += length;
        if whole.payload.len() < part.total as usize {
            return None;
        }
        let whole = self.partial.remove(&key)?.whole;
        self.held -= whole.payload.len();
        Some(whole)
    }

    /// Makes room for a new message, if it may be received at all.
    fn begin(&mut self, key: Key, frame: &Frame<'_>, part: Fragment, now: Instant) -> Option<()> {
        let limit = self.limits.per_sender.min(self.limits.total);
        if part.total as usize > limit || self.partial.len() >= self.limits.messages {
            self.refuse(key, frame, part, DropReason::OverBudget);
            return None;
        }
        let whole = Whole {
            message: frame.received(),
            correlation: frame.correlation,
            reference: frame.reference,
            // What is announced is not believed: it grows with what comes.
            payload: Vec::new(),
        };
        self.partial.insert(key, Partial { whole, total: part.total, last: now });
        Some(())
    }

    /// How many bytes more may be kept of this sender.
    fn budget_left(&self, sender: u64) -> usize {
        let parts = self.partial.range((sender, 0)..=(sender, u32::MAX));
        let used: usize = parts.map(|(_, partial)| partial.whole.payload.len()).sum();
        let of_sender = self.limits.per_sender.saturating_sub(used);
        of_sender.min(self.limits.total.saturating_sub(self.held))
    }

    /// Gives up messages of which nothing has come for too long.
    pub fn expire(&mut self, now: Instant) {
        let timeout = self.limits.timeout;
        let late = |partial: &Partial| now.saturating_duration_since(partial.last) > timeout;
        let keys: Vec<Key> =
            self.partial.iter().filter(|(_, partial)| late(partial)).map(|(key, _)| *key).collect();
        for key in keys {
            self.give_up(key, DropReason::TimedOut);
        }
    }

    fn give_up(&mut self, key: Key, reason: DropReason) {
        if let Some(Partial { whole, total, .. }) = self.partial.remove(&key) {
            self.held -= whole.payload.len();
            self.report(key, whole.message, whole.payload.len(), total, reason);
        }
    }

    /// Counts a message of which nothing is kept, once for all its parts.
    fn refuse(&mut self, key: Key, frame: &Frame<'_>, part: Fragment, reason: DropReason) {
        if !self.refused.contains(&key) {
            self.report(key, frame.received(), frame.payload.len(), part.total, reason);
        }
    }

    fn report(
        &mut self,
        key: Key,
        message: Received,
        received: usize,
        total: u32,
        reason: DropReason,
    ) {
        *match reason {
            DropReason::TimedOut => &mut self.drops.timed_out,
            DropReason::Gap => &mut self.drops.gaps,
            DropReason::Inconsistent => &mut self.drops.inconsistent,
            DropReason::OverBudget => &mut self.drops.over_budget,
        } += 1;
        let (sender, sequence) = key;
        let report = Dropped { sender, sequence, message, received, total, reason };
        push_bounded(&mut self.reports, report);
        push_bounded(&mut self.refused, key);
    }
}

/// Appends and forgets the oldest beyond what is remembered.
fn push_bounded<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() >= REMEMBERED {
        queue.pop_front();
    }
    queue.push_back(item);
}

//! Who has sent and received what, kept where it outlives both.
//!
//! A sender notes that it is about to send number n, then that it has; a receiver notes that it is
//! about to receive, then marks what it got. Whoever is killed in between may or may
//! not have done it, and exactly that much is uncertain.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::random::mix;
use crate::words::Words;
use crate::worker::fail;

/// At most so many of either side.
const SIDE: usize = 8;
/// At most so many messages of each sender in a round.
const MOST: u64 = 1 << 22;
const MARKS: usize = (MOST / 64) as usize;
const HEAD: usize = 64;

/// What the ledger says about one kind that carries messages.
#[derive(Debug)]
pub(crate) struct Ledger(Words);

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Message {
    pub(crate) sender: u32,
    pub(crate) number: u64,
}

/// How often a message is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// Once; what a receiver holds when it is killed is lost.
    AtMostOnce,
    /// What a receiver holds when it is killed is delivered again.
    AtLeastOnce,
    /// What a receiver copied out just before it was killed is lost, what it was copying is delivered
    /// again.
    Once,
}

/// What was killed in the middle of something.
#[derive(Debug, Default)]
pub(crate) struct Uncertain {
    pub(crate) sends: BTreeSet<Message>,
    pub(crate) receives: u64,
}

impl Ledger {
    pub(crate) fn create(name: &str, senders: usize) -> Result<Self, String> {
        Words::create(name, HEAD + senders * MARKS).map(Self)
    }

    pub(crate) fn open(name: &str) -> Self {
        Self(Words::open(name))
    }

    fn next(&self, sender: usize) -> &AtomicU64 {
        self.0.at(sender)
    }

    fn sending(&self, sender: usize) -> &AtomicU64 {
        self.0.at(SIDE + sender)
    }

    fn receiving(&self, receiver: usize) -> &AtomicU64 {
        self.0.at(2 * SIDE + receiver)
    }

    fn again(&self) -> &AtomicU64 {
        self.0.at(3 * SIDE)
    }

    /// How many came after younger ones, which only what is delivered again may.
    pub(crate) fn late(&self) -> &AtomicU64 {
        self.0.at(3 * SIDE + 2)
    }

    /// How many different messages were received.
    pub(crate) fn received(&self) -> &AtomicU64 {
        self.0.at(3 * SIDE + 1)
    }

    fn mark(&self, message: Message) -> (&AtomicU64, u64) {
        let (word, bit) = ((message.number / 64) as usize, message.number % 64);
        (self.0.at(HEAD + message.sender as usize * MARKS + word), 1 << bit)
    }

    /// Notes that the sender's next message is about to be sent; `None` if it has sent enough.
    pub(crate) fn about_to_send(&self, sender: usize) -> Option<Message> {
        let number = self.next(sender).load(Ordering::Relaxed);
        if number >= MOST {
            return None;
        }
        self.sending(sender).store(1, Ordering::SeqCst);
        Some(Message { sender: sender as u32, number })
    }

    /// Notes whether it was sent.
    pub(crate) fn sent(&self, message: Message, was: bool) {
        let sender = message.sender as usize;
        if was {
            self.next(sender).store(message.number + 1, Ordering::SeqCst);
        }
        self.sending(sender).store(0, Ordering::SeqCst);
    }

    /// Notes that a message is about to be received.
    pub(crate) fn about_to_receive(&self, receiver: usize) {
        self.receiving(receiver).store(1, Ordering::SeqCst);
    }

    /// Notes what was received, if anything.
    pub(crate) fn received_by(&self, receiver: usize, message: Option<Message>) {
        if let Some(message) = message {
            self.enter(message);
        }
        self.receiving(receiver).store(0, Ordering::SeqCst);
    }

    /// Notes a message that is not finished with.
    pub(crate) fn note(&self, message: Message) {
        self.enter(message);
    }

    fn enter(&self, message: Message) {
        // A sender that was killed may have sent the message that it was about to.
        let known = (message.sender as usize) < SIDE
            && message.number <= self.next(message.sender as usize).load(Ordering::SeqCst);
        if !known {
            fail(&format!("received {message:?}, which nobody sent"));
        }
        let (word, bit) = self.mark(message);
        if word.fetch_or(bit, Ordering::SeqCst) & bit == 0 {
            self.received().fetch_add(1, Ordering::Relaxed);
        } else {
            self.again().fetch_add(1, Ordering::SeqCst);
        }
    }

    /// After a sender was killed: the next one starts with another number.
    pub(crate) fn sender_killed(&self, sender: usize, uncertain: &mut Uncertain) {
        if self.sending(sender).swap(0, Ordering::SeqCst) == 1 {
            let number = self.next(sender).fetch_add(1, Ordering::SeqCst);
            uncertain.sends.insert(Message { sender: sender as u32, number });
        }
    }

    /// After a receiver was killed.
    pub(crate) fn receiver_killed(&self, receiver: usize, uncertain: &mut Uncertain) {
        uncertain.receives += self.receiving(receiver).swap(0, Ordering::SeqCst);
    }

    /// When all have ended and `rest` was found in the object: what is missing beyond what may be.
    pub(crate) fn audit(
        &self,
        senders: usize,
        rest: &[Message],
        promise: Promise,
        uncertain: &Uncertain,
    ) -> Result<Found, String> {
        rest.iter().for_each(|message| self.enter(*message));
        let mut found =
            Found { received: self.received().load(Ordering::SeqCst), ..Found::default() };
        found.again = self.again().load(Ordering::SeqCst);
        for sender in 0..senders {
            for number in 0..self.next(sender).load(Ordering::SeqCst) {
                let message = Message { sender: sender as u32, number };
                let (word, bit) = self.mark(message);
                let missing = word.load(Ordering::SeqCst) & bit == 0;
                if missing && !uncertain.sends.contains(&message) {
                    found.lost.push(message);
                }
            }
        }
        let lost = found.lost.len() as u64;
        let (may_be_lost, may_come_again) = match promise {
            Promise::AtMostOnce => (uncertain.receives, 0),
            Promise::AtLeastOnce => (0, uncertain.receives),
            Promise::Once => (uncertain.receives.saturating_sub(found.again), uncertain.receives),
        };
        if lost > may_be_lost {
            let shown = &found.lost[..found.lost.len().min(8)];
            return Err(format!("{lost} lost, at most {may_be_lost} may be: {shown:?}"));
        }
        if found.again > may_come_again {
            let again = found.again;
            return Err(format!("{again} received again, at most {may_come_again} may be"));
        }
        let late = self.late().load(Ordering::SeqCst);
        if late > may_come_again {
            return Err(format!("{late} out of order, at most {may_come_again} may be"));
        }
        Ok(found)
    }
}

/// What an audit found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) received: u64,
    pub(crate) again: u64,
    /// Held by receivers that were killed.
    pub(crate) lost: Vec<Message>,
}

impl Message {
    /// The shortest message.
    pub(crate) const HEAD: usize = 24;

    /// The message as bytes of this length, which can all be checked.
    pub(crate) fn encode(self, length: usize, into: &mut Vec<u8>) {
        into.clear();
        into.extend_from_slice(&self.sender.to_le_bytes());
        into.extend_from_slice(&(length as u32).to_le_bytes());
        into.extend_from_slice(&self.number.to_le_bytes());
        into.extend_from_slice(&self.check().to_le_bytes());
        into.resize(length.max(Self::HEAD), self.number as u8);
    }

    /// Whether a receiver gets the messages of each sender in the order they were sent.
    pub(crate) fn is_in_order(self, last: &mut [Option<u64>]) -> bool {
        let last = &mut last[self.sender as usize];
        let in_order = *last < Some(self.number);
        *last = (*last).max(Some(self.number));
        in_order
    }

    fn check(self) -> u64 {
        mix(self.number ^ mix(self.sender.into()))
    }

    /// The message, if every byte of it is as it was sent.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let damaged = || {
            format!(
                "a damaged message of {} bytes: {:02x?}",
                bytes.len(),
                &bytes[..bytes.len().min(32)]
            )
        };
        let word = |at: usize| -> Option<u64> {
            bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
        };
        let (Some(first), Some(number), Some(check)) = (word(0), word(8), word(16)) else {
            return Err(damaged());
        };
        let message = Self { sender: first as u32, number };
        let whole = (first >> 32) as usize == bytes.len()
            && check == message.check()
            && bytes[Self::HEAD..].iter().all(|byte| *byte == number as u8);
        if whole { Ok(message) } else { Err(damaged()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(label: &str) -> (testutil::names::UniqueName, Ledger) {
        let name = testutil::names::unique(label);
        let ledger = Ledger::create(&name, 2).unwrap();
        (name, ledger)
    }

    fn send(ledger: &Ledger, sender: usize) -> Message {
        let message = ledger.about_to_send(sender).unwrap();
        ledger.sent(message, true);
        message
    }

    #[test]
    fn a_message_that_nobody_received_is_found_missing() {
        let (_name, ledger) = ledger("soak-lost");
        let [first, _second, third] = [0, 0, 1].map(|sender| send(&ledger, sender));
        ledger.received_by(0, Some(first));
        let uncertain = Uncertain::default();
        let verdict = ledger.audit(2, &[third], Promise::AtMostOnce, &uncertain);
        assert!(verdict.unwrap_err().contains("1 lost"));
        let uncertain = Uncertain { receives: 1, ..uncertain };
        assert_eq!(ledger.audit(2, &[], Promise::AtMostOnce, &uncertain).unwrap().received, 2);
        assert!(ledger.audit(2, &[], Promise::AtLeastOnce, &uncertain).is_err());
    }

    #[test]
    fn a_message_that_came_twice_is_found() {
        let (_name, ledger) = ledger("soak-again");
        let message = send(&ledger, 1);
        ledger.received_by(0, Some(message));
        let verdict = ledger.audit(2, &[message], Promise::AtMostOnce, &Uncertain::default());
        assert!(verdict.unwrap_err().contains("again"));
    }

    #[test]
    fn a_killed_senders_message_may_be_there_or_not() {
        let (_name, ledger) = ledger("soak-killed");
        let mut uncertain = Uncertain::default();
        let message = ledger.about_to_send(0).unwrap();
        ledger.sender_killed(0, &mut uncertain);
        assert!(uncertain.sends.contains(&message));
        assert_eq!(ledger.about_to_send(0).unwrap().number, message.number + 1);
        assert!(ledger.audit(2, &[], Promise::AtMostOnce, &uncertain).is_ok());
        assert!(ledger.audit(2, &[message], Promise::AtMostOnce, &uncertain).is_ok());
    }

    #[test]
    fn one_wrong_byte_is_seen() {
        let message = Message { sender: 1, number: 300 };
        let mut bytes = Vec::new();
        message.encode(100, &mut bytes);
        assert_eq!(Message::decode(&bytes), Ok(message));
        for index in 0..bytes.len() {
            bytes[index] ^= 1;
            assert!(Message::decode(&bytes).is_err(), "byte {index}");
            bytes[index] ^= 1;
        }
        assert!(Message::decode(&bytes[..99]).is_err());
    }
}

//! What the processes of a crash test write down beside the ring, so that the test can tell what
//! was promised from what was kept.

use std::sync::atomic::Ordering::SeqCst;

use posix_ipc::SharedMemory;
use posix_ipc::shm::Mapping;

/// The most incarnations of senders, and messages of one.
pub(crate) const INCARNATIONS: u64 = 8192;
pub(crate) const MESSAGES: u64 = 1024;

/// Of each sender's incarnation: how many messages were sent for sure; of each message: how
/// often it was received.
pub(crate) struct Journal(Mapping);

const FAILURES: usize = 0;
const RECEIVED: usize = 8;
const COMMITTED: usize = 64;
const SEEN: usize = COMMITTED + 8 * INCARNATIONS as usize;

impl Journal {
    pub(crate) fn create(name: &str) -> Self {
        let size = SEEN as u64 + INCARNATIONS * MESSAGES;
        let options = SharedMemory::options().mode(posix_ipc::OpenMode::CreateNew).size(size);
        Self(options.sparse(true).open(name).unwrap().map().unwrap())
    }

    pub(crate) fn open(name: &str) -> Self {
        Self(SharedMemory::open(name).unwrap().map().unwrap())
    }

    /// Says that something broke the promise; the test ends.
    pub(crate) fn fail(&self, what: &str) -> ! {
        self.0.atomic_u64(FAILURES).unwrap().fetch_add(1, SeqCst);
        eprintln!("FAILURE: {what}");
        std::process::exit(1);
    }

    pub(crate) fn failures(&self) -> u64 {
        self.0.atomic_u64(FAILURES).unwrap().load(SeqCst)
    }

    pub(crate) fn received(&self) -> u64 {
        self.0.atomic_u64(RECEIVED).unwrap().load(SeqCst)
    }

    pub(crate) fn commit(&self, incarnation: u64, messages: u64) {
        self.0.atomic_u64(COMMITTED + 8 * incarnation as usize).unwrap().store(messages, SeqCst);
    }

    pub(crate) fn committed(&self, incarnation: u64) -> u64 {
        self.0.atomic_u64(COMMITTED + 8 * incarnation as usize).unwrap().load(SeqCst)
    }

    /// Notes a message; gives how often it had been received before.
    pub(crate) fn see(&self, incarnation: u64, number: u64) -> u8 {
        self.0.atomic_u64(RECEIVED).unwrap().fetch_add(1, SeqCst);
        self.cell(incarnation, number).fetch_add(1, SeqCst)
    }

    pub(crate) fn seen(&self, incarnation: u64, number: u64) -> u8 {
        self.cell(incarnation, number).load(SeqCst)
    }

    fn cell(&self, incarnation: u64, number: u64) -> &std::sync::atomic::AtomicU8 {
        self.0.atomic_u8(SEEN + (incarnation * MESSAGES + number) as usize).unwrap()
    }

    /// Checks all incarnations: what was sent for sure arrived, and nothing that was not sent;
    /// one message more than was noted as sent may have been, by a sender that died before it
    /// could note that. Up to `takers` messages may be missing: as many receivers that finish with
    /// a message before they note it were killed. Gives how often messages arrived once more, and how many
    /// are missing.
    pub(crate) fn check(&self, incarnations: u64, unsure: u64, takers: u64) -> (u64, u64) {
        let (mut repeated, mut missing) = (0, 0);
        for incarnation in 0..incarnations {
            let committed = self.committed(incarnation);
            for number in 0..MESSAGES {
                let seen = self.seen(incarnation, number);
                if number < committed {
                    missing += u64::from(seen == 0);
                    let lost = "is lost; each killed receiver may have had one";
                    assert!(missing <= takers, "message {number} of {incarnation} {lost}");
                } else if number >= committed + unsure {
                    assert_eq!(seen, 0, "message {number} of {incarnation} was never sent");
                }
                repeated += u64::from(seen.saturating_sub(1));
            }
        }
        (repeated, missing)
    }
}

/// A message that tells who sent it, which it is, and whether it is whole.
pub(crate) fn message(incarnation: u64, number: u64, max: u64) -> Vec<u8> {
    let len = 24 + (incarnation.wrapping_mul(7919) + number * 104_729) % (max - 23);
    let mut bytes = vec![0u8; len as usize];
    bytes[..8].copy_from_slice(&incarnation.to_ne_bytes());
    bytes[8..16].copy_from_slice(&number.to_ne_bytes());
    let filling = (incarnation ^ number << 32 | 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for (index, chunk) in (1u64..).zip(bytes[24..].chunks_mut(8)) {
        chunk.copy_from_slice(&filling.wrapping_mul(index).to_ne_bytes()[..chunk.len()]);
    }
    let sum = checksum(&bytes);
    bytes[16..24].copy_from_slice(&sum.to_ne_bytes());
    bytes
}

/// Who sent it and which it is; `None` if it is not whole.
pub(crate) fn read(bytes: &[u8]) -> Option<(u64, u64)> {
    let word = |at: usize| Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let (incarnation, number, sum) = (word(0)?, word(8)?, word(16)?);
    let plausible = incarnation < INCARNATIONS && number < MESSAGES;
    (plausible && sum == checksum(bytes)).then_some((incarnation, number))
}

/// Over all but the checksum itself.
fn checksum(bytes: &[u8]) -> u64 {
    let mut sum = bytes.len() as u64;
    for chunk in bytes[..16].chunks(8).chain(bytes[24..].chunks(8)) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        sum = (sum ^ u64::from_ne_bytes(word)).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
    }
    sum
}

//! Tells a ring from plain shared memory, and how full it is, from the first bytes of its file.

use std::os::fd::OwnedFd;

use rustix::io::pread;

use crate::ring::layout::{MAGIC, SLOTS_OFFSET, SPSC_MIN, VERSION, ahead_of_head};

/// The state of a ring at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RingState {
    /// For whom it is.
    pub shape: RingShape,
    /// Bytes of records (spsc), or messages in each lane (mpmc).
    pub capacity: u64,
    /// How many bytes a message may have.
    pub message_size: u32,
    /// How many lanes it has; 1 for spsc.
    pub lanes: u32,
    /// How much of the capacity of all lanes together is taken: bytes of records with their headers
    /// (spsc), or about how many messages (mpmc). `None` if the numbers make no sense.
    pub used: Option<u64>,
}

/// For whom a ring is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RingShape {
    /// One sender and one receiver.
    Spsc,
    /// Many of both.
    Mpmc,
}

/// How much of the head is read at once: the preamble, and of an spsc ring all positions.
const HEAD: usize = 1024;
/// Where an spsc ring says up to where was sent, and received.
const SENT_AT: usize = 128;
const RECEIVED_AT: usize = 512;
/// Where its sender began it anew, if that is further.
const RESTARTED_AT: usize = 144;
/// Where the lanes of an mpmc ring say so, and how long each is.
const LANES_AT: u64 = 4096;
const LANE: usize = 256;
const LANE_HEAD: usize = 128;
const LANES_MAX: u32 = 32;

/// Whether a file of this size may be a ring: whole pages, at least one of them for messages.
pub(super) fn may_be_ring(size: u64) -> bool {
    size > SPSC_MIN && size % SPSC_MIN == 0
}

/// The state of the ring in a file of `size` bytes; `None` if it is none.
pub(super) fn state(file: &OwnedFd, size: u64) -> Option<RingState> {
    let mut head = [0; HEAD];
    let length = pread(file, &mut head, 0).ok()?;
    let mut state = parse(head.get(..length)?, size)?;
    if state.shape == RingShape::Mpmc {
        let mut lanes = vec![0; usize::try_from(state.lanes).ok()?.checked_mul(LANE)?];
        let length = pread(file, &mut *lanes, LANES_AT).ok()?;
        state.used = used_by_lanes(lanes.get(..length)?, &state);
    }
    Some(state)
}

fn parse(head: &[u8], size: u64) -> Option<RingState> {
    if long(head, 0)? != MAGIC || word(head, 8)? != VERSION || long(head, 16)? != size {
        return None;
    }
    let (capacity, message_size, lanes) = (long(head, 32)?, word(head, 40)?, word(head, 44)?);
    match word(head, 12)? {
        1 => {
            let (sent, received) = (long(head, SENT_AT)?, long(head, RECEIVED_AT)?);
            // One that is ahead of what was sent is not told yet.
            let restarted = long(head, RESTARTED_AT)?;
            let start = if restarted <= sent { received.max(restarted) } else { received };
            let used = sent.checked_sub(start).filter(|&used| used <= capacity);
            Some(RingState { shape: RingShape::Spsc, capacity, message_size, lanes: 1, used })
        }
        2 if lanes <= LANES_MAX && size >= SLOTS_OFFSET => {
            Some(RingState { shape: RingShape::Mpmc, capacity, message_size, lanes, used: None })
        }
        _ => None,
    }
}

fn used_by_lanes(lanes: &[u8], state: &RingState) -> Option<u64> {
    lanes.chunks(LANE).try_fold(0u64, |sum, lane| {
        // Both are hints: a receiver may have been faster than the sender said so.
        let used = ahead_of_head(long(lane, 0)?, long(lane, LANE_HEAD)?).max(0).unsigned_abs();
        sum.checked_add(used).filter(|_| used <= state.capacity)
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(shape: u32, sent: u64, received: u64) -> Vec<u8> {
        let mut head = vec![0; HEAD];
        let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &MAGIC.to_ne_bytes());
        put(8, &VERSION.to_ne_bytes());
        put(12, &shape.to_ne_bytes());
        put(16, &8192u64.to_ne_bytes());
        put(32, &4096u64.to_ne_bytes());
        put(SENT_AT, &sent.to_ne_bytes());
        put(RECEIVED_AT, &received.to_ne_bytes());
        head
    }

    #[test]
    fn the_backlog_is_what_was_sent_and_not_received() {
        assert_eq!(parse(&head(1, 100, 40), 8192).unwrap().used, Some(60));
        let restarted = |at: u64| {
            let mut head = head(1, 100, 40);
            head[RESTARTED_AT..RESTARTED_AT + 8].copy_from_slice(&at.to_ne_bytes());
            parse(&head, 8192).unwrap().used
        };
        assert_eq!(restarted(80), Some(20), "what was skipped holds nothing");
        assert_eq!(restarted(16), Some(60), "long ago");
        assert_eq!(restarted(4096), Some(60), "not told yet");
    }

    #[test]
    fn the_backlog_of_a_lane_knows_the_position_from_what_came_back() {
        let (mut lanes, returns) = (vec![0; 2 * LANE], 3u64 << 40);
        lanes[..8].copy_from_slice(&(1u64 << 40 | 9).to_ne_bytes());
        lanes[LANE_HEAD..LANE_HEAD + 8].copy_from_slice(&(returns | 4).to_ne_bytes());
        let state = RingState {
            shape: RingShape::Mpmc,
            capacity: 8,
            message_size: 8,
            lanes: 2,
            used: None,
        };
        assert_eq!(used_by_lanes(&lanes, &state), Some(5));
    }

    #[test]
    fn positions_that_cannot_be_are_unknown() {
        assert_eq!(parse(&head(1, 40, 100), 8192).unwrap().used, None);
        assert_eq!(parse(&head(1, 10_000, 0), 8192).unwrap().used, None);
    }

    #[test]
    fn other_files_are_no_rings() {
        assert_eq!(parse(&head(3, 0, 0), 8192), None, "no such shape");
        assert_eq!(parse(&head(1, 0, 0), 12288), None, "another size than it says");
        assert_eq!(parse(&vec![0; HEAD], 8192), None);
        assert_eq!(parse(b"PIPCRING", 8192), None, "shorter than a preamble");
        assert!(may_be_ring(8192) && !may_be_ring(4096) && !may_be_ring(8191) && !may_be_ring(0));
    }
}

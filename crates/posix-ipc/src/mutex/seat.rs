//! The seat of a handle: a number that is its own as long as its process lives.

use std::os::fd::BorrowedFd;

use rustix::io::{Errno, Result};

use crate::ring::liveness::Liveness;

/// How many handles there can be.
const SEATS: u32 = 1 << 20;

/// A seat that is taken; the lock on it goes with the descriptor, or with the process.
#[derive(Debug)]
pub(super) struct Seat {
    liveness: Liveness,
    number: u32,
}

impl Seat {
    /// Sits down on a free seat of the object.
    pub(super) fn find(object: BorrowedFd<'_>) -> Result<Self> {
        let liveness = Liveness::of(object)?;
        // Each process starts somewhere else, so that it rarely asks twice.
        let start = std::process::id().wrapping_mul(2_654_435_761) % SEATS;
        for step in 0..SEATS {
            let number = (start + step) % SEATS + 1;
            if liveness.try_take(number)? {
                return Ok(Self { liveness, number });
            }
        }
        Err(Errno::AGAIN)
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Takes another's seat, if that one is dead; not to be called for one's own.
    pub(super) fn try_take(&self, other: u32) -> Result<bool> {
        self.liveness.try_take(other)
    }

    pub(super) fn leave(&self, other: u32) {
        self.liveness.leave(other);
    }
}

//! The seat of a handle: a number that is its own as long as its process lives.

use std::os::fd::BorrowedFd;

use rustix::io::{Errno, Result};

use crate::liveness::Liveness;

/// How many handles there can be.
const SEATS: u32 = 1 << 20;

/// A seat that is taken; the lock on it goes with the descriptor, or with the process.
#[derive(Debug)]
pub(super) struct Seat {
    liveness: Liveness,
    number: u32,
    /// Who made it: a forked child shares the lock, and does not give it back.
    process: u32,
}

impl Drop for Seat {
    fn drop(&mut self) {
        if std::process::id() == self.process {
            self.liveness.leave(self.number);
        }
    }
}

impl Seat {
    /// Sits down on a free seat of the object.
    pub(super) fn find(object: BorrowedFd<'_>) -> Result<Self> {
        let liveness = Liveness::of(object)?;
        // Each process starts somewhere else, so that it rarely asks twice.
        let process = std::process::id();
        let start = process.wrapping_mul(2_654_435_761) % SEATS;
        for step in 0..SEATS {
            let number = (start + step) % SEATS + 1;
            if liveness.try_take(number)? {
                return Ok(Self { liveness, number, process });
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

#[cfg(test)]
mod tests {
    use std::os::fd::{AsFd, OwnedFd};

    use rustix::fs::{MemfdFlags, memfd_create};

    use super::*;

    fn object() -> OwnedFd {
        memfd_create("seats", MemfdFlags::CLOEXEC).unwrap()
    }

    #[test]
    fn a_seat_is_free_again_although_a_process_that_is_being_started_shares_the_lock() {
        let object = object();
        let seat = Seat::find(object.as_fd()).unwrap();
        let number = seat.number();
        let _shared = seat.liveness.share();
        drop(seat);
        let liveness = Liveness::of(object.as_fd()).unwrap();
        assert!(!liveness.is_taken(number).unwrap());
    }

    #[test]
    fn a_forked_child_does_not_give_its_parents_seat_back() {
        let object = object();
        let mut seat = Seat::find(object.as_fd()).unwrap();
        let (number, _parents) = (seat.number(), seat.liveness.share());
        seat.process += 1; // as a child's copy sees it
        drop(seat);
        let liveness = Liveness::of(object.as_fd()).unwrap();
        assert!(liveness.is_taken(number).unwrap());
    }
}

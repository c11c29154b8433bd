//! Waiting for the first of several semaphores.

use core::ffi::c_void;

use rustix::io::{Errno, Result};
use rustix::thread::futex::{Flags, Wait, WaitFlags, WaitPtr, WaitvFlags, waitv};

use super::futex::{Scope, passed, since_1970};
use super::glibc32;
#[cfg(target_has_atomic = "64")]
use super::glibc64;
use super::protocol::Protocol;
use super::wait::{Sleep, Until};
use super::{Layout, Raw, with_words};
use crate::sem::{Clock, WAIT_ANY_MAX};

/// Takes one unit from the first semaphore that has one; `get` gives the one of an index under
/// `len`, of which there are 1 to `WAIT_ANY_MAX`.
pub(crate) fn wait_any(len: usize, get: impl Fn(usize) -> Raw, until: Until) -> Result<usize> {
    if let Some(index) = (0..len).find(|&index| get(index).try_wait(1)) {
        return Ok(index);
    }
    if until.as_ref().is_some_and(passed) {
        return Err(Errno::TIMEDOUT);
    }
    for index in 0..len {
        get(index).register();
    }
    let mut rounds = 0;
    let error = loop {
        let mut waits = [Wait::new(); WAIT_ANY_MAX];
        let mut taken = None;
        for (index, slot) in waits.iter_mut().enumerate().take(len) {
            match get(index).take_registered() {
                Ok(()) => {
                    taken = Some(index);
                    break;
                }
                Err(word) => *slot = get(index).wait_entry(word),
            }
        }
        if let Some(taken) = taken {
            // Each of the others may have woken us as well; its unit is for somebody else.
            leave((0..len).filter(|&index| index != taken), &get);
            return Ok(taken);
        }
        let (wake_up, last) = Scope::Processes.slice(until);
        let clock = wake_up.map_or(Clock::Monotonic, |wake_up| wake_up.clock);
        let time = wake_up.map(|wake_up| since_1970(wake_up.time));
        let entries = waits.get(..len).ok_or(Errno::INVAL)?;
        match waitv(entries, WaitvFlags::empty(), time.as_ref(), clock.id()) {
            Ok(_) | Err(Errno::AGAIN) => {}
            Err(Errno::TIMEDOUT) if last => {
                // A last look, as a single waiter takes it.
                if let Some(index) = (0..len).find(|&index| get(index).take_registered().is_ok()) {
                    leave((0..len).filter(|&other| other != index), &get);
                    return Ok(index);
                }
                break Errno::TIMEDOUT;
            }
            Err(Errno::TIMEDOUT) => {}
            // Before Linux 5.16, or forbidden by a filter: look again and again.
            Err(Errno::NOSYS | Errno::PERM) => {
                rounds += 1;
                if !get(0).scope.back_off(rounds, until) {
                    break Errno::TIMEDOUT;
                }
            }
            Err(Errno::FAULT) => return Err(Errno::FAULT),
            Err(errno) => break errno,
        }
    };
    leave(0..len, &get);
    Err(error)
}

fn leave(indices: impl Iterator<Item = usize>, get: &impl Fn(usize) -> Raw) {
    for index in indices {
        get(index).deregister();
    }
}

impl Raw {
    pub(crate) fn register(self) {
        with_words!(self, words => words.register());
    }

    pub(crate) fn deregister(self) {
        with_words!(self, words => self.scope.wake(words, words.deregister()));
    }

    pub(crate) fn take_registered(self) -> core::result::Result<(), u32> {
        with_words!(self, words => {
            words.take_registered(1).map(|wakes| self.scope.wake(words, wakes))
        })
    }

    pub(crate) fn wait_entry(self, word: u32) -> Wait {
        let address = with_words!(self, words => words.futex_address());
        let mut wait = Wait::new();
        wait.val = u64::from(word);
        wait.uaddr = WaitPtr::new(address.cast_mut().cast::<c_void>());
        wait.flags = WaitFlags::SIZE_U32;
        if self.scope.flags().contains(Flags::PRIVATE) {
            wait.flags |= WaitFlags::PRIVATE;
        }
        wait
    }
}

//! Semaphores: no unit is invented, and none is lost but by a process that held it or was just taking
//! or giving it when it was killed.

use std::sync::atomic::Ordering;

use posix_ipc::Semaphore;

use super::{Kind, Totals};
use crate::words::Words;
use crate::worker::{PATIENCE, Worker, fail};

const HOLDERS: usize = 4;
const UNITS: u32 = 3;

/// The word with a bit for each holder: set while it holds a unit, so that the bits are never more than
/// the units, at any moment.
const HELD: usize = HOLDERS;
/// Whether a holder, whose word this is, is taking or giving.
const BUSY: u64 = 1;

/// Where holders count what they did.
const TAKEN: usize = HOLDERS + 1;
const IN_VAIN: usize = HOLDERS + 2;

struct Pool {
    semaphore: Semaphore,
    steps: Words,
    /// Units given back for holders that were killed.
    restored: u64,
    /// Holders killed while they took or gave: each may have cost a unit.
    uncertain: u32,
}

pub(crate) fn make(prefix: &str) -> Result<Box<dyn Kind>, String> {
    let semaphore = Semaphore::create(format!("{prefix}-pool"), UNITS);
    Ok(Box::new(Pool {
        semaphore: semaphore.map_err(|error| error.to_string())?,
        steps: Words::create(&format!("{prefix}-steps"), HOLDERS + 3)?,
        restored: 0,
        uncertain: 0,
    }))
}

impl Kind for Pool {
    fn name(&self) -> &'static str {
        "sem"
    }

    fn roles(&self) -> Vec<(&'static str, usize)> {
        vec![("sem-holder", HOLDERS)]
    }

    fn killed(&mut self, _: &str, index: usize) -> Result<(), String> {
        let busy = self.steps.at(index).swap(0, Ordering::SeqCst) == BUSY;
        let held = self.steps.at(HELD).fetch_and(!(1 << index), Ordering::SeqCst);
        if held & (1 << index) != 0 {
            self.restored += 1;
            self.semaphore.post().map_err(|error| error.to_string())?;
        } else if busy {
            self.uncertain += 1;
        }
        Ok(())
    }

    fn audit(&mut self, totals: &mut Totals) -> Result<(), String> {
        let value = self.semaphore.value().map_err(|error| error.to_string())?;
        let least = UNITS.saturating_sub(self.uncertain);
        if value > UNITS || value < least {
            return Err(format!("{value} units at rest, not {least} to {UNITS}"));
        }
        totals.add("sem", "units taken", self.steps.at(TAKEN).load(Ordering::SeqCst));
        totals.add(
            "sem",
            "waits that ran out of time",
            self.steps.at(IN_VAIN).load(Ordering::SeqCst),
        );
        totals.add("sem", "units given back for a killed holder", self.restored);
        totals.add(
            "sem",
            "units gone with one killed while taking or giving",
            (UNITS - value).into(),
        );
        Ok(())
    }
}

pub(crate) fn hold(worker: &mut Worker) {
    let semaphore = Semaphore::open(worker.name("pool"));
    let semaphore = semaphore.unwrap_or_else(|error| fail(&error.to_string()));
    let steps = Words::open(&worker.name("steps"));
    let (own, held) = (steps.at(worker.task.index), steps.at(HELD));
    let bit = 1 << worker.task.index;
    while !worker.is_over() {
        own.store(BUSY, Ordering::SeqCst);
        let taken = semaphore.wait_timeout(PATIENCE);
        if !taken.unwrap_or_else(|error| fail(&error.to_string())) {
            own.store(0, Ordering::SeqCst);
            steps.at(IN_VAIN).fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let holders = (held.fetch_or(bit, Ordering::SeqCst) | bit).count_ones();
        own.store(0, Ordering::SeqCst);
        if holders > UNITS {
            fail(&format!("{holders} hold one of {UNITS} units"));
        }
        steps.at(TAKEN).fetch_add(1, Ordering::Relaxed);
        worker.dawdle();
        own.store(BUSY, Ordering::SeqCst);
        held.fetch_and(!bit, Ordering::SeqCst);
        semaphore.post().unwrap_or_else(|error| fail(&error.to_string()));
        own.store(0, Ordering::SeqCst);
        worker.dawdle();
    }
}

//! The robust mutex: one at a time, no addition lost, and the next owner learns of a death.

use std::sync::atomic::Ordering;

use posix_ipc::{Cleanup, OpenMode, RobustMutex};

use super::{Kind, Totals};
use crate::words::Words;
use crate::worker::{PATIENCE, Worker, fail};

const OWNERS: usize = 3;
/// Two words that are equal whenever nobody holds the lock and nobody died with it.
const FIRST: usize = 0;
const SECOND: usize = 1;
/// How often an owner learnt that the last one died.
const DEATHS: usize = 2;
/// What each process has added, once it is done with it.
const DONE: usize = 3;

struct Lock {
    mutex: RobustMutex,
    words: Words,
    killed: u64,
}

pub(crate) fn make(prefix: &str) -> Result<Box<dyn Kind>, String> {
    let options = RobustMutex::options().mode(OpenMode::CreateNew).cleanup(Cleanup::Creator);
    let mutex = options.open(format!("{prefix}-mutex")).map_err(|error| error.to_string())?;
    let words = Words::create(&format!("{prefix}-guarded"), DONE + OWNERS)?;
    Ok(Box::new(Lock { mutex, words, killed: 0 }))
}

impl Kind for Lock {
    fn name(&self) -> &'static str {
        "mutex"
    }

    fn roles(&self) -> Vec<(&'static str, usize)> {
        vec![("mutex-owner", OWNERS)]
    }

    fn killed(&mut self, _: &str, _: usize) -> Result<(), String> {
        self.killed += 1;
        Ok(())
    }

    fn audit(&mut self, totals: &mut Totals) -> Result<(), String> {
        let lock = self.mutex.lock_timeout(PATIENCE * 50).map_err(|error| error.to_string())?;
        let Some(lock) = lock else { return Err("nobody is left, and it is locked".into()) };
        let at = |index| self.words.at(index).load(Ordering::SeqCst);
        if !lock.is_owner_dead() && at(FIRST) != at(SECOND) {
            return Err(format!("{} and {}, and nobody died with it", at(FIRST), at(SECOND)));
        }
        let done: u64 = (0..OWNERS).map(|index| at(DONE + index)).sum();
        // Who is killed may have added without having noted it.
        if at(FIRST) < done || at(FIRST) > done + self.killed {
            return Err(format!("{} additions, of which {done} are known", at(FIRST)));
        }
        totals.add("mutex", "additions under the lock", done);
        totals.add("mutex", "owners that learnt of a death", at(DEATHS));
        Ok(())
    }
}

pub(crate) fn own(worker: &mut Worker) {
    let mutex = RobustMutex::open(worker.name("mutex"));
    let mutex = mutex.unwrap_or_else(|error| fail(&error.to_string()));
    let words = Words::open(&worker.name("guarded"));
    let get = |index| words.at(index).load(Ordering::Relaxed);
    let set = |index, value| words.at(index).store(value, Ordering::Relaxed);
    while !worker.is_over() {
        let lock = mutex.lock_timeout(PATIENCE).unwrap_or_else(|error| fail(&error.to_string()));
        let Some(lock) = lock else { continue };
        let died = lock.is_owner_dead();
        let guard = lock.into_guard();
        if died {
            set(SECOND, get(FIRST));
            set(DEATHS, get(DEATHS) + 1);
            guard.make_consistent();
        } else if get(FIRST) != get(SECOND) {
            fail(&format!("{} and {} under the lock", get(FIRST), get(SECOND)));
        }
        set(FIRST, get(FIRST) + 1);
        worker.dawdle();
        set(SECOND, get(SECOND) + 1);
        let own = DONE + worker.task.index;
        set(own, get(own) + 1);
        drop(guard);
        worker.dawdle();
    }
}

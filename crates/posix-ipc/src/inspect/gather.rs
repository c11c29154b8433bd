//! Looks at all entries of a directory: on one thread, or, where there are many, on several.
//!
//! One reads the directory and hands the entries out in small lots, so that the others look at the
//! first while it still reads; then it looks at some itself. Whoever is done takes the next lot, so
//! that nobody needs to know beforehand what a look will cost.

use std::cmp::Ordering;
use std::mem;
use std::os::fd::OwnedFd;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rustix::fs::{FileType, fstat};
use rustix::io::Errno;

use super::directory::{Place, look};
use super::object::Object;
use crate::{Kind, Name};

/// Below this many entries a second thread costs more than it saves.
const WORTH_A_THREAD: usize = 1000;
/// More threads than this only fight for the directory's locks.
const MAX_THREADS: usize = 4;
/// How much longer a directory of tmpfs or of queues says it is for each entry.
const ENTRY_SIZE: usize = 20;
/// How many entries are handed out at once.
const LOT: usize = 128;

type Lot = Vec<(Kind, Name)>;

/// What `make` makes of the wanted objects in a directory, in some sorted runs.
pub(super) fn gather<T: Send>(
    place: Place,
    wanted: impl Fn(Kind, &Name) -> bool,
    make: impl Fn(Object) -> Option<T> + Sync,
    compare: impl Fn(&T, &T) -> Ordering + Sync,
) -> Result<Vec<T>, Errno> {
    let directory = place.open()?;
    let entries = expected_entries(&directory);
    let (give, take) = mpsc::channel();
    let take = Mutex::new(take);
    let work = || {
        let mut made = Vec::new();
        let mut entry = Vec::with_capacity(256);
        while let Some(lot) = next(&take) {
            for (kind, name) in lot {
                Place::entry(kind, &name, &mut entry);
                let object = look(&directory, &entry, kind, name).ok().flatten();
                made.extend(object.and_then(&make));
            }
        }
        made.sort_unstable_by(&compare);
        made
    };
    thread::scope(|scope| {
        // Before the directory is read: a new thread is left for some time on the processor of the
        // one that made it, while one that sleeps already is woken on an idle processor.
        let start = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        // There may be a limit to threads: then there are fewer.
        let helpers: Vec<_> = (1..threads_for(entries)).map_while(start).collect();
        if !helpers.is_empty() {
            // Lets them go to sleep; they may wait for this very processor.
            thread::yield_now();
        }
        let mut lot = Lot::with_capacity(LOT);
        let read = place.each_entry(&directory, |entry, file_type, _| {
            // Only files are objects; nothing else is even looked at.
            if matches!(file_type, FileType::RegularFile | FileType::Unknown) {
                lot.extend(place.classify(entry).filter(|(kind, name)| wanted(*kind, name)));
            }
            if lot.len() >= LOT {
                // It fails only without a receiver, which outlives this.
                let _ = give.send(mem::replace(&mut lot, Lot::with_capacity(LOT)));
            }
        });
        let _ = give.send(lot);
        // Says that there will be no more, which everybody waits for.
        drop(give);
        let mut made = work();
        for helper in helpers {
            made.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        read.map(|()| made)
    })
}

/// The next lot; `None` if there will be no more.
fn next(take: &Mutex<Receiver<Lot>>) -> Option<Lot> {
    take.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// About how many entries a directory has, as far as its size tells.
fn expected_entries(directory: &OwnedFd) -> usize {
    let size = fstat(directory).map_or(0, |stat| stat.st_size);
    usize::try_from(size).unwrap_or(0) / ENTRY_SIZE
}

fn threads_for(entries: usize) -> usize {
    match entries {
        0..WORTH_A_THREAD => 1,
        _ => thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS),
    }
}

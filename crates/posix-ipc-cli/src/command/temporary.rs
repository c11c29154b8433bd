//! Objects that a command makes for itself: gone with it, also if a signal ends it.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use posix_ipc::{Kind, MessageQueue, Name, Semaphore, SharedMemory};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit::{Failure, Outcome};

/// What is to be removed; filled before the objects are made.
static OBJECTS: LazyLock<Mutex<Vec<(Kind, Name)>>> = LazyLock::new(Mutex::default);

/// Has objects removed if a signal ends the command; otherwise they go with their handles.
pub(super) fn remove_on_signal(objects: impl IntoIterator<Item = (Kind, Name)>) -> Outcome {
    let mut all = OBJECTS.lock().unwrap_or_else(PoisonError::into_inner);
    let is_first = all.is_empty();
    all.extend(objects);
    drop(all);
    if !is_first {
        return Ok(());
    }
    let mut signals =
        Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(Failure::io("catch signals"))?;
    thread::spawn(move || {
        let Some(signal) = signals.forever().next() else { return };
        let all = OBJECTS.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, name) in all.iter() {
            let _ = match kind {
                Kind::Semaphore => Semaphore::unlink(name),
                Kind::MessageQueue => MessageQueue::unlink(name),
                _ => SharedMemory::unlink(name),
            };
        }
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    });
    Ok(())
}

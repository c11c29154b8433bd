//! [`RobustMutexOptions`]: how a lock is opened or created.

use std::os::fd::AsFd;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use super::seat::Seat;
use super::{DIRTY, OWNER, RobustMutex, WAITERS};
use crate::common::{Common, common_setters};
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::name::Name;
use crate::shm::{Mapping, SharedMemory};

/// What the object starts with: whose it is, and in which format.
const MAGIC: &[u8; 16] = b"posix-ipc mutex1";
/// How large it is.
const SIZE: u64 = 128;

/// How a lock is opened or created; made by [`RobustMutex::options`].
#[derive(Debug, Clone)]
pub struct RobustMutexOptions {
    common: Common,
}

impl RobustMutexOptions {
    pub(super) fn new() -> Self {
        Self { common: Common::default() }
    }

    common_setters!();

    /// Opens or creates the lock, as the mode says.
    ///
    /// # Errors
    ///
    /// As [`SharedMemoryOptions::open`](crate::shm::SharedMemoryOptions::open), and
    /// [`Error::Foreign`] if the object is no such lock.
    pub fn open<N>(&self, name: N) -> Result<RobustMutex>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        let name: Name = name.try_into().map_err(Into::into)?;
        let options = SharedMemory::options().common(&self.common).size(SIZE);
        let memory = options.open_with(&name, |mapping| mapping.write_at(0, MAGIC))?;
        let mapping = memory.map()?;
        check(&mapping)?;
        let seat = Seat::find(memory.as_fd()).map_err(|errno| Error::Os {
            operation: "take a seat at",
            kind: Kind::SharedMemory,
            name: memory.name().cloned(),
            errno,
            hint: None,
        })?;
        let mutex = RobustMutex { name, mapping, seat, asking: Mutex::new(()) };
        mutex.settle()?;
        Ok(mutex)
    }
}

fn check(mapping: &Mapping) -> Result<()> {
    let mut magic = [0; MAGIC.len()];
    mapping.read_at(0, &mut magic)?;
    if magic == *MAGIC {
        return Ok(());
    }
    let name = mapping.memory().name().cloned();
    Err(Error::Foreign { kind: Kind::SharedMemory, name, reason: "it is no lock" })
}

impl RobustMutex {
    /// If whoever had this seat before has died with the lock, gives it back in its name: from now
    /// on the seat would seem to be alive.
    fn settle(&self) -> Result<()> {
        let word = self.word()?;
        let mut seen = word.load(Ordering::Relaxed);
        while seen & OWNER == self.seat.number() {
            match word.compare_exchange_weak(seen, DIRTY, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    if seen & WAITERS != 0 {
                        super::lock::wake(word);
                    }
                    break;
                }
                Err(now) => seen = now,
            }
        }
        Ok(())
    }
}

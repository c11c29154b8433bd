//! Words in shared memory that outlive whoever writes them.

use std::sync::atomic::AtomicU64;

use posix_ipc::shm::Mapping;
use posix_ipc::{Cleanup, Name, OpenMode, SharedMemory};

use crate::worker::fail;

/// An array of 64-bit words under a name.
#[derive(Debug)]
pub(crate) struct Words(Mapping);

impl Words {
    /// Makes them, all zero; the name goes with this handle.
    pub(crate) fn create(name: &str, count: usize) -> Result<Self, String> {
        let options = SharedMemory::options()
            .mode(OpenMode::CreateNew)
            .cleanup(Cleanup::Creator)
            .size(count as u64 * 8);
        options.open_mapped(name).map(Self).map_err(|error| error.to_string())
    }

    /// Opens them in a worker.
    pub(crate) fn open(name: &str) -> Self {
        let mapping = Name::new(name)
            .map_err(Into::into)
            .and_then(SharedMemory::open)
            .and_then(|memory| memory.map());
        Self(mapping.unwrap_or_else(|error| fail(&format!("{name}: {error}"))))
    }

    /// One of them.
    pub(crate) fn at(&self, index: usize) -> &AtomicU64 {
        self.0.atomic_u64(index * 8).unwrap_or_else(|error| fail(&format!("word {index}: {error}")))
    }
}

//! Named shared memory, mapped without undefined behaviour.
//!
//! [`SharedMemory`] is an object: a name, a size, pages. A [`Mapping`] of it is where the bytes
//! are read and written. What another process can write is never handed out as a reference to
//! plain data: bytes are copied in and out at memory speed ([`MappingRead::read_at`],
//! [`Mapping::write_at`]), and words that processes agree on are atomics
//! ([`Mapping::atomic_u32`]).
//!
//! An object becomes visible when it is complete, in size, memory and content; opening never
//! changes it.
//!
//! # Examples
//!
//! ```
//! use posix_ipc::{Name, SharedMemory};
//!
//! let name = Name::unique("doc-shm");
//! let mapping = SharedMemory::create(&name, 4096)?.map()?; // the name lives as long as this
//! mapping.write_at(0, b"hello")?;
//!
//! let peer = SharedMemory::open(&name)?.map_read()?; // in another process, say
//! let mut greeting = [0; 5];
//! peer.read_at(0, &mut greeting)?;
//! assert_eq!(&greeting, b"hello");
//! # Ok::<(), posix_ipc::Error>(())
//! ```
#![expect(
    unsafe_code,
    reason = "mapping memory and copying what others may write at the same time cannot be said \
              in safe Rust; every block argues why it is sound"
)]

mod anonymous;
mod atomics;
mod buf;
pub(crate) mod copy;
mod cursor;
mod macros;
mod map_options;
mod mapping;
mod memory;
mod object;
mod options;
mod pages;
mod plain;
mod publish;
mod region;
mod seqlock;
mod shareable;
mod shared_box;
mod slot;
mod versioned;
mod versioned_cell;

pub use anonymous::Seals;
pub use buf::{MappingBuf, MappingBufMut};
pub use cursor::Cursor;
pub use map_options::{Advice, MapOptions};
pub use mapping::{Mapping, MappingRead};
pub use memory::SharedMemory;
pub use options::SharedMemoryOptions;
pub use plain::Plain;
pub use shareable::{Shareable, SharedCell};
pub use shared_box::{SharedBox, TypeTag};
pub use slot::Slot;
pub use versioned::{Versioned, VersionedWriter};
pub use versioned_cell::VersionedCell;

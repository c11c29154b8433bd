//! Atomic words in a mapping, with checked bounds and alignment.

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, Ordering};

#[cfg(target_has_atomic = "64")]
use std::sync::atomic::AtomicU64;

use crate::error::{Error, Result};
use crate::shm::mapping::{Mapping, MappingRead};

macro_rules! atomics {
    ($($(#[$cfg:meta])? $atomic:ident $method:ident $name:literal;)*) => {
        impl Mapping {$(
            $(#[$cfg])?
            #[doc = concat!("The ", $name, " at `offset`, as an atomic.")]
            ///
            /// # Errors
            ///
            /// [`Error::OutOfRange`] if it does not lie within the mapping, [`Error::Argument`] if
            /// the offset is not a multiple of its size.
            #[inline]
            pub fn $method(&self, offset: usize) -> Result<&$atomic> {
                let pointer = self.at_mut(offset, size_of::<$atomic>())?.cast::<$atomic>();
                if !pointer.is_aligned() {
                    return Err(misaligned());
                }
                // SAFETY:
                // - The word lies within the region, which is mapped for writing while `self` is
                //   borrowed, and is aligned.
                // - Every bit pattern is a valid integer, and no safe reference to the bytes other
                //   than an atomic exists, so that this crate's accesses are atomic ones or copies
                //   that count as such; what other processes do is outside of this program, and the
                //   kernel makes it appear as if some thread stored single bytes or words.
                Ok(unsafe { &*pointer })
            }
        )*}
    };
}

atomics! {
    AtomicU8 atomic_u8 "byte";
    AtomicU16 atomic_u16 "16-bit word";
    AtomicU32 atomic_u32 "32-bit word";
    #[cfg(target_has_atomic = "64")] AtomicU64 atomic_u64 "64-bit word";
}

macro_rules! loads {
    ($($(#[$cfg:meta])? $atomic:ident $integer:ident $method:ident $name:literal;)*) => {
        impl MappingRead {$(
            $(#[$cfg])?
            #[doc = concat!("Loads the ", $name, " at `offset`, with acquire ordering.")]
            ///
            /// # Errors
            ///
            /// [`Error::OutOfRange`] if it does not lie within the mapping, [`Error::Argument`] if
            /// the offset is not a multiple of its size.
            #[inline]
            pub fn $method(&self, offset: usize) -> Result<$integer> {
                let pointer = self.at(offset, size_of::<$atomic>())?.cast::<$atomic>();
                if !pointer.is_aligned() {
                    return Err(misaligned());
                }
                // SAFETY: as for the atomics of `Mapping`. The memory may be read-only: a load of
                // at most the width of a pointer is a plain load instruction, which the standard
                // library guarantees to work there.
                let word = unsafe { &*pointer };
                Ok(word.load(Ordering::Acquire))
            }
        )*}
    };
}

loads! {
    AtomicU8 u8 load_u8 "byte";
    AtomicU16 u16 load_u16 "16-bit word";
    AtomicU32 u32 load_u32 "32-bit word";
    #[cfg(target_pointer_width = "64")] AtomicU64 u64 load_u64 "64-bit word";
}

#[cold]
fn misaligned() -> Error {
    Error::Argument { argument: "offset", reason: "it is not aligned for an atomic of this size" }
}

//! [`SharedBox`]: one named value of a type that is checked.
//!
//! The object starts with a header of 64 bytes, in the machine's byte order:
//!
//! | bytes | content |
//! |---|---|
//! | 0..8 | `PIPCBOX` and the format, 1 |
//! | 8..16 | size of the type |
//! | 16..24 | alignment of the type |
//! | 24..32 | version of the type, the author's number |
//! | 32..40 | FNV-1a of the type's name, the author's words |
//! | 40..64 | zero |
//!
//! The value follows at the next multiple of its alignment.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::name::Name;
use crate::open_mode::{Disposition, OpenMode};
use crate::shm::mapping::Mapping;
use crate::shm::memory::SharedMemory;
use crate::shm::options::{Expected, SharedMemoryOptions};
use crate::shm::shareable::Shareable;

const MAGIC: u64 = u64::from_ne_bytes(*b"PIPCBOX\x01");
const HEADER: usize = 64;

/// What the author of a type calls it, so that programs with another one find out.
///
/// # Examples
///
/// ```
/// use posix_ipc::shm::TypeTag;
///
/// const COUNTERS: TypeTag = TypeTag::new("acme.counters", 2);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TypeTag {
    name: u64,
    version: u64,
}

impl TypeTag {
    /// A type of that name and version: the author's to choose, and to change with the type.
    pub const fn new(name: &str, version: u32) -> Self {
        Self { name: fnv1a(name.as_bytes()), version: version as u64 }
    }
}

/// FNV-1a, 64 bits.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
        rest = tail;
    }
    hash
}

/// A named value that is shared by reference, initialised once by whoever comes first.
///
/// Size, alignment, name and version of the type are checked when it is opened: two programs with
/// different types get an error and not garbage.
///
/// # Examples
///
/// ```
/// use posix_ipc::Name;
/// use posix_ipc::shm::{SharedBox, TypeTag};
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// # let name = Name::unique("doc-shared-box");
/// const HITS: TypeTag = TypeTag::new("acme.hits", 1);
/// let first = SharedBox::open_or_create(&name, HITS, || AtomicU64::new(100))?;
/// let second = SharedBox::open_or_create(&name, HITS, || AtomicU64::new(0))?;
/// second.fetch_add(1, Ordering::Relaxed);
/// assert_eq!(first.load(Ordering::Relaxed), 101);
///
/// let newer = TypeTag::new("acme.hits", 2);
/// assert!(SharedBox::<AtomicU64>::open(&name, newer).is_err());
/// # Ok::<(), posix_ipc::Error>(())
/// ```
pub struct SharedBox<T> {
    mapping: Mapping,
    /// Invariant: where the value starts, aligned for it and whole within the mapping.
    offset: usize,
    value: PhantomData<T>,
}

impl<T: Shareable> SharedBox<T> {
    const NO_DROP: () = assert!(!std::mem::needs_drop::<T>(), "a shared value is never dropped");

    /// Opens the value, or creates it with what `init` gives.
    ///
    /// # Errors
    ///
    /// As [`open_with`](Self::open_with).
    pub fn open_or_create<N>(name: N, tag: TypeTag, init: impl FnOnce() -> T) -> Result<Self>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        Self::open_with(&SharedMemory::options().mode(OpenMode::OpenOrCreate), name, tag, init)
    }

    /// Creates the value with what `init` gives; the name must not exist.
    ///
    /// # Errors
    ///
    /// As [`open_with`](Self::open_with).
    pub fn create<N>(name: N, tag: TypeTag, init: impl FnOnce() -> T) -> Result<Self>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        Self::open_with(&SharedMemory::options().mode(OpenMode::CreateNew), name, tag, init)
    }

    /// Opens the value that somebody has created.
    ///
    /// # Errors
    ///
    /// As [`open_with`](Self::open_with).
    pub fn open<N>(name: N, tag: TypeTag) -> Result<Self>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        let options = SharedMemory::options().mode(OpenMode::OpenExisting);
        Self::run(&options, name.try_into().map_err(Into::into)?, tag, None::<fn() -> T>)
    }

    /// Opens or creates the value as the options say; their size is of no account.
    ///
    /// `init` is called at most once, and nobody sees the value before it is complete.
    ///
    /// # Errors
    ///
    /// - [`Error::Foreign`]: the object is no shared box.
    /// - [`Error::Mismatch`]: it holds another type; the property says what differs: size,
    ///   alignment, name or version.
    /// - [`Error::Argument`]: the type is aligned to more than a page.
    /// - As [`SharedMemoryOptions::open`].
    pub fn open_with<N>(
        options: &SharedMemoryOptions,
        name: N,
        tag: TypeTag,
        init: impl FnOnce() -> T,
    ) -> Result<Self>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        Self::run(options, name.try_into().map_err(Into::into)?, tag, Some(init))
    }

    fn run(
        options: &SharedMemoryOptions,
        name: Name,
        tag: TypeTag,
        mut init: Option<impl FnOnce() -> T>,
    ) -> Result<Self> {
        const { Self::NO_DROP };
        let offset = HEADER.next_multiple_of(align_of::<T>());
        if align_of::<T>() > 4096 {
            let reason = "it is aligned to more than a page";
            return Err(Error::Argument { argument: "type", reason });
        }
        let len = offset + size_of::<T>();
        let mut options = options.clone();
        options.size = Some(len as u64);
        options.expected = Expected::AtLeast(HEADER as u64);
        // The value is made once, and its bytes are kept for the rare case that the object is lost
        // to others as soon as it has its name and has to be made again.
        let mut content = Vec::new();
        let memory = options.open_with(&name, |mapping| match init.take() {
            Some(init) => {
                initialise(mapping, offset, tag, init())?;
                content = mapping.to_vec(8, len - 8)?;
                Ok(())
            }
            None if content.is_empty() => Ok(()),
            None => {
                mapping.write_at(8, &content)?;
                word_at(mapping, 0)?.store(MAGIC, Ordering::Release);
                Ok(())
            }
        })?;
        let mapping = memory.map()?;
        if memory.disposition() == Disposition::Opened {
            check::<T>(&mapping, &name, tag)?;
        }
        // Whoever made it too small after all, or another size of the same type's.
        mapping
            .at(offset, size_of::<T>())
            .map_err(|_| mismatch(&name, "size", len as u64, mapping.len() as u64))?;
        Ok(Self { mapping, offset, value: PhantomData })
    }
}

impl<T> SharedBox<T> {
    /// The object that holds the value.
    pub fn memory(&self) -> SharedMemory {
        self.mapping.memory()
    }

    /// Whether the value was there before this handle.
    pub fn disposition(&self) -> Disposition {
        self.memory().disposition()
    }

    /// Leaves the name alone when the handle goes, whatever was asked for before.
    pub fn keep(&self) {
        self.memory().keep();
    }
}

/// Writes the value and then the header of an object that nobody else knows.
fn initialise<T: Shareable>(
    mapping: &Mapping,
    offset: usize,
    tag: TypeTag,
    value: T,
) -> Result<()> {
    let target = mapping.at_mut(offset, size_of::<T>())?;
    // SAFETY:
    // - As many bytes are mapped for writing there, and the offset is a multiple of the type's
    //   alignment in a mapping that starts with a page.
    // - Nobody else accesses them: the object has no name yet, or (elsewhere than on Linux) no
    //   header, without which nobody looks at the value.
    unsafe { target.cast::<T>().write(value) };
    for (index, word) in fingerprint::<T>(tag).into_iter().enumerate() {
        word_at(mapping, 8 * (index + 1))?.store(word, Ordering::Relaxed);
    }
    word_at(mapping, 0)?.store(MAGIC, Ordering::Release);
    Ok(())
}

/// What the header says of a type, in its order.
fn fingerprint<T>(tag: TypeTag) -> [u64; 4] {
    [size_of::<T>() as u64, align_of::<T>() as u64, tag.version, tag.name]
}

fn word_at(mapping: &Mapping, offset: usize) -> Result<&AtomicU64> {
    mapping.atomic_u64(offset)
}

/// Refuses an object that does not hold the type.
fn check<T>(mapping: &Mapping, name: &Name, tag: TypeTag) -> Result<()> {
    if word_at(mapping, 0)?.load(Ordering::Acquire) != MAGIC {
        return Err(Error::Foreign {
            kind: Kind::SharedMemory,
            name: Some(name.clone()),
            reason: "it does not start with the header of a shared box",
        });
    }
    const PROPERTIES: [&str; 4] = [
        "size of the type",
        "alignment of the type",
        "version of the type",
        "hash of the type's name",
    ];
    for (index, (expected, property)) in
        fingerprint::<T>(tag).into_iter().zip(PROPERTIES).enumerate()
    {
        let found = word_at(mapping, 8 * (index + 1))?.load(Ordering::Relaxed);
        if found != expected {
            return Err(mismatch(name, property, expected, found));
        }
    }
    Ok(())
}

fn mismatch(name: &Name, property: &'static str, expected: u64, found: u64) -> Error {
    Error::Mismatch {
        kind: Kind::SharedMemory,
        name: Some(name.clone()),
        property,
        expected,
        found,
    }
}

impl<T: Shareable> Deref for SharedBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        let pointer = self.mapping.as_mut_ptr().wrapping_add(self.offset).cast::<T>();
        // SAFETY:
        // - The invariant of `offset`; the mapping lives while `self` is borrowed.
        // - Any bytes are a valid `T`, whoever writes them and when, and safe code accesses them
        //   through the reference by atomics and copies alone: the contract of `Shareable`.
        unsafe { &*pointer }
    }
}

impl<T: Shareable + fmt::Debug> fmt::Debug for SharedBox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedBox").field(&**self).finish()
    }
}

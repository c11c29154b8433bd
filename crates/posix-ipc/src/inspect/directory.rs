//! The directories that objects have their names in, and how to look at one entry.

use std::collections::HashSet;
use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RawDir, Stat, fstat, fstatfs, open, openat, statat,
};
use rustix::io::{Errno, pread};

use super::object::{Details, Object};
use super::{queue, ring, semaphore};
use crate::{Kind, Name};

/// Where shared memory and semaphores have their names.
pub(super) const MEMORY: &CStr = c"/dev/shm";
/// Where message queues have theirs.
pub(super) const QUEUES: &CStr = c"/dev/mqueue";
/// What tells a semaphore's file from shared memory.
const SEMAPHORE_PREFIX: &[u8] = b"sem.";
/// What `statfs` says of a message queue file system.
const MQUEUE_MAGIC: i64 = 0x1980_0202;

/// How much of a directory is read at once.
const BUFFER: usize = 64 * 1024;

/// A pipe or a device in the directory must neither block us nor notice us.
const READ_ONLY: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// One of the two directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Memory,
    Queues,
}

impl Place {
    pub(super) fn path(self) -> &'static CStr {
        match self {
            Self::Memory => MEMORY,
            Self::Queues => QUEUES,
        }
    }

    /// Opens the directory; of a plain directory where queues should be mounted, `ENODEV`.
    pub(super) fn open(self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = open(self.path(), flags, Mode::empty())?;
        if self == Self::Queues {
            let magic = fstatfs(&directory)?.f_type;
            #[allow(clippy::unnecessary_cast, reason = "narrower on other targets")]
            if magic as i64 != MQUEUE_MAGIC {
                return Err(Errno::NODEV);
            }
        }
        Ok(directory)
    }

    /// Calls `each` with the name, the type and the inode number of every entry.
    pub(super) fn each_entry(
        self,
        directory: &OwnedFd,
        mut each: impl FnMut(&[u8], FileType, u64),
    ) -> Result<(), Errno> {
        let mut buffer = Vec::with_capacity(BUFFER);
        let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            each(entry.file_name().to_bytes(), entry.file_type(), entry.ino());
        }
        Ok(())
    }

    /// The inode numbers of all entries.
    pub(super) fn inodes(self) -> Result<HashSet<u64>, Errno> {
        let mut inodes = HashSet::new();
        self.each_entry(&self.open()?, |_, _, inode| inodes.extend([inode]))?;
        Ok(inodes)
    }

    /// What an entry of this name is, and the object's name; `None` if it can't be an object.
    pub(super) fn classify(self, entry: &[u8]) -> Option<(Kind, Name)> {
        let named = |kind, name: &[u8]| Some((kind, Name::try_from(name).ok()?));
        match (self, entry.strip_prefix(SEMAPHORE_PREFIX)) {
            (Self::Queues, _) => named(Kind::MessageQueue, entry),
            (Self::Memory, Some(name)) if !name.is_empty() => named(Kind::Semaphore, name),
            (Self::Memory, _) => named(Kind::SharedMemory, entry),
        }
    }

    /// Writes the name of an object's entry, and tells in which directory it is.
    pub(super) fn entry(kind: Kind, name: &Name, entry: &mut Vec<u8>) -> Self {
        entry.clear();
        if kind == Kind::Semaphore {
            entry.extend_from_slice(SEMAPHORE_PREFIX);
        }
        entry.extend_from_slice(name.as_bytes());
        if kind == Kind::MessageQueue { Self::Queues } else { Self::Memory }
    }
}

/// Looks at one entry; `None` if it is no object: a directory, a link, a device, a half-made file.
pub(super) fn look(
    directory: &OwnedFd,
    entry: &[u8],
    kind: Kind,
    name: Name,
) -> Result<Option<Object>, Errno> {
    match kind {
        Kind::Semaphore => semaphore(directory, entry, name),
        Kind::MessageQueue => {
            let stat = statat(directory, entry, AtFlags::SYMLINK_NOFOLLOW)?;
            let details = Details::MessageQueue(Box::new(queue::state(directory.as_fd(), entry)));
            Ok(Some(Object::new(kind, name, &stat, details)))
        }
        _ => memory(directory, entry, name),
    }
}

fn memory(directory: &OwnedFd, entry: &[u8], name: Name) -> Result<Option<Object>, Errno> {
    let stat = statat(directory, entry, AtFlags::SYMLINK_NOFOLLOW)?;
    if !is_file(&stat) {
        return Ok(None);
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if ring::may_be_ring(size)
        && let Ok(file) = openat(directory, entry, READ_ONLY, Mode::empty())
        && let Some(state) = ring::state(&file, size)
    {
        let details = Details::Ring(Box::new(state));
        return Ok(Some(Object::new(Kind::Ring, name, &stat, details)));
    }
    Ok(Some(Object::new(Kind::SharedMemory, name, &stat, Details::SharedMemory)))
}

fn semaphore(directory: &OwnedFd, entry: &[u8], name: Name) -> Result<Option<Object>, Errno> {
    let (stat, state) = match openat(directory, entry, READ_ONLY, Mode::empty()) {
        Ok(file) => {
            let stat = fstat(&file)?;
            let mut head = [0; semaphore::HEAD];
            let length = if is_file(&stat) { pread(&file, &mut head, 0).unwrap_or(0) } else { 0 };
            let size = u64::try_from(stat.st_size).unwrap_or(0);
            (stat, semaphore::parse(head.get(..length).unwrap_or_default(), size))
        }
        Err(_) => (statat(directory, entry, AtFlags::SYMLINK_NOFOLLOW)?, None),
    };
    let object = Object::new(Kind::Semaphore, name, &stat, Details::Semaphore(state));
    #[allow(clippy::useless_conversion, reason = "narrower on other targets")]
    let links = u64::from(stat.st_nlink);
    let unfinished = semaphore::is_temporary(object.name.as_bytes(), object.size, links);
    Ok((is_file(&stat) && !unfinished).then_some(object))
}

fn is_file(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

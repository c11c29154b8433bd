//! [`Cursor`]: a mapping as a file, for what reads and writes streams.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};

use crate::shm::mapping::{Mapping, MappingRead};

/// A position in a mapping, which is read and written from there on.
///
/// `M` is a mapping or a reference to one; only a [`Mapping`] can be written. Reading ends at
/// the end of the mapping, and writing there writes nothing (`write_all` says `WriteZero`).
///
/// # Examples
///
/// ```
/// use posix_ipc::shm::Cursor;
/// use posix_ipc::{Name, SharedMemory};
/// use std::io::{BufRead, BufReader, Write};
///
/// # let name = Name::unique("doc-cursor");
/// let mapping = SharedMemory::create(&name, 4096)?.map()?;
/// let mut cursor = Cursor::new(&mapping);
/// writeln!(cursor, "{} lines", 1)?;
///
/// let mut line = String::new();
/// BufReader::new(Cursor::new(&mapping)).read_line(&mut line)?;
/// assert_eq!(line, "1 lines\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cursor<M> {
    mapping: M,
    position: u64,
}

impl<M> Cursor<M> {
    /// Starts at the first byte.
    pub fn new(mapping: M) -> Self {
        Self { mapping, position: 0 }
    }

    /// Where it stands, in bytes; it may be past the end.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Puts it there, also past the end.
    pub fn set_position(&mut self, position: u64) {
        self.position = position;
    }

    /// The mapping.
    pub fn get_ref(&self) -> &M {
        &self.mapping
    }

    /// Gives the mapping back.
    pub fn into_inner(self) -> M {
        self.mapping
    }
}

/// How much of `wanted` there is at `position`, and where; `None` at the end.
fn part(mapping: &MappingRead, position: u64, wanted: usize) -> Option<(usize, usize)> {
    let offset = usize::try_from(position).ok()?;
    let rest = mapping.len().checked_sub(offset)?;
    Some((offset, rest.min(wanted)))
}

impl<M: AsRef<MappingRead>> Read for Cursor<M> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mapping = self.mapping.as_ref();
        let Some((offset, len)) = part(mapping, self.position, buffer.len()) else {
            return Ok(0);
        };
        mapping.read_at(offset, buffer.get_mut(..len).unwrap_or_default())?;
        self.position += len as u64;
        Ok(len)
    }
}

impl<M: AsRef<Mapping>> Write for Cursor<M> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mapping = self.mapping.as_ref();
        let Some((offset, len)) = part(mapping, self.position, bytes.len()) else {
            return Ok(0);
        };
        mapping.write_at(offset, bytes.get(..len).unwrap_or_default())?;
        self.position += len as u64;
        Ok(len)
    }

    /// Does nothing: what is written is there for everybody at once.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<M: AsRef<MappingRead>> Seek for Cursor<M> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
            SeekFrom::End(distance) => {
                (self.mapping.as_ref().len() as u64).checked_add_signed(distance)
            }
        };
        self.position = position.ok_or_else(|| {
            io::Error::new(ErrorKind::InvalidInput, "the position is before the first byte")
        })?;
        Ok(self.position)
    }
}

impl AsRef<MappingRead> for MappingRead {
    fn as_ref(&self) -> &MappingRead {
        self
    }
}

impl AsRef<MappingRead> for Mapping {
    fn as_ref(&self) -> &MappingRead {
        self
    }
}

impl AsRef<Mapping> for Mapping {
    fn as_ref(&self) -> &Mapping {
        self
    }
}

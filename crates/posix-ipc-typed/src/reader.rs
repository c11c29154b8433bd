//! [`Reader`]: bounds-checked reading of a message's bytes, on any input without a panic.

use bytes::Bytes;

use crate::error::DecodeError;
use crate::schema::Schema;

/// How deep a recursive value may be nested.
pub const MAX_DEPTH: usize = 128;

/// How many elements that take no bytes (`()`, for one) the sequences of a message may have in all.
///
/// Without a bound, four bytes could claim four thousand million of them.
pub const MAX_EMPTY_ELEMENTS: usize = 65_536;

/// Reads a slice from the front.
///
/// # Examples
///
/// ```
/// use posix_ipc_typed::{Decode, DecodeError, Reader};
///
/// let mut reader = Reader::new(&[7, 0, 0, 0, 1]);
/// assert_eq!(u32::decode(&mut reader)?, 7);
/// assert!(bool::decode(&mut reader)?);
/// assert_eq!(u16::decode(&mut reader), Err(DecodeError::End { needed: 2, left: 0 }));
/// # Ok::<(), DecodeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// The buffer that `rest` is part of, to be shared by `Bytes` fields.
    origin: Option<&'a Bytes>,
    /// Whether nested values may be of other versions than their types here.
    lenient: bool,
    depth: usize,
    /// How many elements have taken no bytes.
    empty: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, origin: None, lenient: false, depth: 0, empty: 0 }
    }

    /// Starts at the front of a shared buffer: `Bytes` fields will share it.
    #[inline]
    pub fn shared(bytes: &'a Bytes) -> Self {
        Self { rest: bytes, origin: Some(bytes), lenient: false, depth: 0, empty: 0 }
    }

    /// Reads a part of `origin`, also of another version where types allow it.
    #[inline]
    pub(crate) fn lenient(part: &'a [u8], origin: Option<&'a Bytes>) -> Self {
        Self { rest: part, origin, lenient: true, depth: 0, empty: 0 }
    }

    /// What is left.
    #[inline]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes the next `length` bytes.
    ///
    /// # Errors
    ///
    /// [`DecodeError::End`] if there are fewer.
    #[inline(always)]
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(length) {
            Some((head, tail)) => {
                self.rest = tail;
                Ok(head)
            }
            None => Err(DecodeError::End { needed: length, left: self.rest.len() }),
        }
    }

    /// Takes the next `N` bytes.
    ///
    /// # Errors
    ///
    /// [`DecodeError::End`] if there are fewer.
    #[inline(always)]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk() {
            Some((head, tail)) => {
                self.rest = tail;
                Ok(*head)
            }
            None => Err(DecodeError::End { needed: N, left: self.rest.len() }),
        }
    }

    /// Takes the next `length` bytes; of a [shared](Self::shared) buffer without a copy.
    ///
    /// # Errors
    ///
    /// [`DecodeError::End`] if there are fewer.
    #[inline]
    pub fn bytes(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        let part = self.take(length)?;
        Ok(match self.origin {
            Some(origin) => origin.slice_ref(part),
            None => Bytes::copy_from_slice(part),
        })
    }

    /// Takes a number of elements, each of at least `least` bytes.
    ///
    /// # Errors
    ///
    /// [`DecodeError::End`] if so many cannot follow, [`DecodeError::TooLong`] if that needs more
    /// than [`MAX_EMPTY_ELEMENTS`] of them to take no bytes.
    #[inline]
    pub fn count(&mut self, least: usize) -> Result<usize, DecodeError> {
        let count = u32::from_le_bytes(self.array()?) as usize;
        let left = self.rest.len();
        if least == 0 {
            let limit = left.saturating_add(MAX_EMPTY_ELEMENTS);
            if count > limit {
                return Err(DecodeError::TooLong { length: count, limit });
            }
            return Ok(count);
        }
        match count.checked_mul(least) {
            Some(needed) if needed <= left => Ok(count),
            needed => Err(DecodeError::End { needed: needed.unwrap_or(usize::MAX), left }),
        }
    }

    /// Counts an element that took no bytes.
    pub(crate) fn count_empty(&mut self) -> Result<(), DecodeError> {
        self.empty += 1;
        match self.empty > MAX_EMPTY_ELEMENTS {
            true => Err(DecodeError::TooLong { length: self.empty, limit: MAX_EMPTY_ELEMENTS }),
            false => Ok(()),
        }
    }

    /// Checks a number of elements that comes next, without taking it.
    ///
    /// # Errors
    ///
    /// [`DecodeError::TooLong`] if it is over `limit`, [`DecodeError::End`] if there is none.
    #[inline]
    pub fn limit_count(&self, limit: usize) -> Result<(), DecodeError> {
        let length = u32::from_le_bytes(self.clone().array()?) as usize;
        if length > limit {
            return Err(DecodeError::TooLong { length, limit });
        }
        Ok(())
    }

    /// A reader of the next `length` bytes, which are taken from this one.
    ///
    /// # Errors
    ///
    /// [`DecodeError::End`] if there are fewer.
    #[inline(always)]
    pub fn part(&mut self, length: usize) -> Result<Self, DecodeError> {
        let rest = self.take(length)?;
        Ok(Self { rest, empty: 0, ..*self })
    }

    /// Takes an extensible value: its version, and a reader of its bytes.
    #[doc(hidden)]
    pub fn extension(&mut self, schema: &Schema) -> Result<(u16, Self), DecodeError> {
        let version = u16::from_le_bytes(self.array()?);
        let check = u16::from_le_bytes(self.array()?);
        let length = u32::from_le_bytes(self.array()?) as usize;
        let known = schema.check_of(version);
        let strange = known.is_some_and(|known| known != check);
        if version == 0 || strange || (version != schema.version && !self.lenient) {
            return Err(DecodeError::Version {
                type_name: schema.name,
                expected: schema.version,
                found: version,
            });
        }
        let mut part = self.part(length)?;
        part.empty = self.empty;
        Ok((version, part))
    }

    /// Goes on after an [`extension`](Self::extension) that was read to its end.
    #[doc(hidden)]
    pub fn rejoin(&mut self, extension: &Self) {
        self.empty = extension.empty;
    }

    /// Decodes with `body` a value within a recursive one.
    ///
    /// # Errors
    ///
    /// [`DecodeError::TooDeep`] beyond [`MAX_DEPTH`], and those of `body`.
    #[inline]
    pub fn nested<T>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        if self.depth >= MAX_DEPTH {
            return Err(DecodeError::TooDeep { limit: MAX_DEPTH });
        }
        self.depth += 1;
        let value = body(self);
        self.depth -= 1;
        value
    }

    /// Ends reading.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Trailing`] if bytes are left.
    #[inline]
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(DecodeError::Trailing { left }),
        }
    }
}

//! [`Writer`]: where a message's bytes go.

use core::mem;

use crate::error::EncodeError;
use crate::reader::{MAX_DEPTH, MAX_EMPTY_ELEMENTS};
use crate::schema::Schema;

/// Fills a slice from the front.
///
/// What goes wrong is kept until [`Writer::finish`], so that encoding a field is a copy and
/// nothing else.
///
/// # Examples
///
/// ```
/// use posix_ipc_typed::{Message, Writer};
///
/// let mut buffer = [0; 16];
/// let mut writer = Writer::new(&mut buffer);
/// 7u32.encode(&mut writer);
/// true.encode(&mut writer);
/// assert_eq!(writer.finish(), Ok(11), "eleven bytes are left");
/// assert_eq!(buffer[..5], [7, 0, 0, 0, 1]);
/// ```
#[derive(Debug)]
pub struct Writer<'a> {
    rest: &'a mut [u8],
    error: Option<EncodeError>,
    depth: usize,
    /// How many elements have taken no bytes.
    empty: usize,
    /// Where there is no buffer: how many bytes it would have taken. Then `rest` is empty.
    counted: Option<usize>,
}

impl<'a> Writer<'a> {
    /// Starts at the front of `buffer`.
    #[inline]
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { rest: buffer, error: None, depth: 0, empty: 0, counted: None }
    }

    /// How many bytes `body` encodes; of what has no encoding, at least those before the error.
    ///
    /// This is [`Message::encoded_len`](crate::Message::encoded_len) of a recursive type: nothing
    /// is written, and no value is followed deeper than [`nested`](Self::nested) lets encoding go.
    ///
    /// # Examples
    ///
    /// ```
    /// use posix_ipc_typed::{Message, Writer};
    ///
    /// let value = (7u32, "seven");
    /// assert_eq!(Writer::length_of(|writer| value.encode(writer)), value.encoded_len());
    /// ```
    pub fn length_of(body: impl FnOnce(&mut Writer<'_>)) -> usize {
        let mut counter = Writer { counted: Some(0), ..Writer::new(&mut []) };
        body(&mut counter);
        counter.counted.unwrap_or_default()
    }

    /// Tells how many bytes of the buffer are left.
    ///
    /// # Errors
    ///
    /// The first error of anything that was encoded here.
    #[inline]
    pub fn finish(self) -> Result<usize, EncodeError> {
        match self.error {
            None => Ok(self.rest.len()),
            Some(error) => Err(error),
        }
    }

    /// How far there is to go; only differences mean something.
    #[inline(always)]
    pub(crate) fn left(&self) -> usize {
        self.rest.len().wrapping_sub(self.counted.unwrap_or_default())
    }

    /// Counts an element that took no bytes: a reader takes so many only.
    pub(crate) fn count_empty(&mut self) {
        self.empty += 1;
        if self.empty > MAX_EMPTY_ELEMENTS && self.error.is_none() {
            self.fail(EncodeError::TooLong { length: self.empty, limit: MAX_EMPTY_ELEMENTS });
        }
    }

    /// Writes `bytes` as they are.
    #[inline(always)]
    pub fn put(&mut self, bytes: &[u8]) {
        if let Some(slot) = self.take(bytes.len()) {
            slot.copy_from_slice(bytes);
        }
    }

    /// Writes how many elements follow.
    #[inline(always)]
    pub fn put_count(&mut self, count: usize) {
        match u32::try_from(count) {
            Ok(count) => self.put(&count.to_le_bytes()),
            Err(_) => self.fail(EncodeError::TooLong { length: count, limit: u32::MAX as usize }),
        }
    }

    /// Hands out the next `length` bytes to be filled, or keeps [`EncodeError::Full`].
    ///
    /// `None` too where nothing is written but only [counted](Self::length_of).
    #[inline(always)]
    pub fn take(&mut self, length: usize) -> Option<&'a mut [u8]> {
        match mem::take(&mut self.rest).split_at_mut_checked(length) {
            Some((head, tail)) => {
                self.rest = tail;
                Some(head)
            }
            None => {
                match &mut self.counted {
                    Some(counted) => *counted = counted.saturating_add(length),
                    None => self.fail(EncodeError::Full),
                }
                None
            }
        }
    }

    /// Keeps [`EncodeError::TooLong`] if `count` is over `limit`.
    #[inline(always)]
    pub fn limit_count(&mut self, count: usize, limit: usize) {
        if count > limit {
            self.fail(EncodeError::TooLong { length: count, limit });
        }
    }

    /// Encodes with `body` a value of an extensible type, after its version, check and length.
    #[doc(hidden)]
    #[inline]
    pub fn extension(&mut self, schema: &Schema, body: impl FnOnce(&mut Self)) {
        self.put(&schema.version.to_le_bytes());
        self.put(&schema.check_of(schema.version).unwrap_or_default().to_le_bytes());
        // What it is to hold is known once the value stands behind it.
        let slot = self.take(size_of::<u32>());
        let before = self.left();
        body(self);
        let length = before.wrapping_sub(self.left());
        match (u32::try_from(length), slot) {
            (Ok(length), Some(slot)) => slot.copy_from_slice(&length.to_le_bytes()),
            (Ok(_), None) => {}
            (Err(_), _) => self.fail(EncodeError::TooLong { length, limit: u32::MAX as usize }),
        }
    }

    /// Keeps an error, unless there is one already.
    ///
    /// Always in line: a call would take the writer's address, and with it keep the compiler
    /// from seeing that encoding a type of a fixed length cannot fail.
    #[inline(always)]
    pub fn fail(&mut self, error: EncodeError) {
        self.rest = &mut [];
        if self.error.is_none() {
            self.error = Some(error);
        }
    }

    /// Encodes with `body` into exactly `length` bytes.
    ///
    /// One check of the length here lets the compiler drop those of the parts.
    #[inline(always)]
    pub fn fixed(&mut self, length: usize, body: impl FnOnce(&mut Writer<'_>)) {
        if let Some(slot) = self.take(length) {
            let mut part = Writer { depth: self.depth, ..Writer::new(slot) };
            body(&mut part);
            if let Some(error) = part.error {
                self.fail(error);
            }
        }
    }

    /// As [`fixed`](Self::fixed), for few bytes: they are put together first and written at once.
    ///
    /// So the compiler knows that no byte that is written is one of the value's, reads all
    /// fields before it writes any, and joins neighbours: what has the same layout in memory as
    /// on the wire becomes a copy.
    #[doc(hidden)]
    #[inline(always)]
    pub fn staged<const N: usize>(&mut self, body: impl FnOnce(&mut Writer<'_>)) {
        let mut stage = [0; N];
        let mut part = Writer { depth: self.depth, ..Writer::new(&mut stage) };
        body(&mut part);
        match part.error {
            None => self.put(&stage),
            Some(error) => self.fail(error),
        }
    }

    /// Encodes with `body` a value within a recursive one.
    ///
    /// Beyond [`MAX_DEPTH`] it keeps [`EncodeError::TooDeep`]; after any error it does nothing.
    #[inline]
    pub fn nested(&mut self, body: impl FnOnce(&mut Self)) {
        if self.depth >= MAX_DEPTH {
            self.fail(EncodeError::TooDeep { limit: MAX_DEPTH });
        }
        if self.error.is_some() {
            return;
        }
        self.depth += 1;
        body(self);
        self.depth -= 1;
    }
}

//! [`FrameOptions`]: writes frames.

use alloc::vec::Vec;

use crate::error::EncodeError;
use crate::frame::{
    CHECKSUM, CORRELATED, Correlation, FORMAT, FRAGMENT, Fragment, HEADER_LEN, LONGEST_NAME, MAGIC,
    NAMED, REFERENCE, checksum,
};
use crate::message::Message;
use crate::schema::Schema;

/// What a frame carries beside the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct FrameOptions {
    sequence: u32,
    checksum: bool,
    named: bool,
    reference: bool,
    fragment: Option<Fragment>,
    correlation: Option<Correlation>,
}

impl Default for FrameOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameOptions {
    /// A frame with the type's name, without a checksum, number 0.
    pub const fn new() -> Self {
        Self {
            sequence: 0,
            checksum: false,
            named: true,
            reference: false,
            fragment: None,
            correlation: None,
        }
    }

    /// Sets the number of the message.
    pub const fn sequence(mut self, sequence: u32) -> Self {
        self.sequence = sequence;
        self
    }

    /// Sets whether a CRC32C covers the frame; without the feature `std` it never does.
    pub const fn checksum(mut self, checksum: bool) -> Self {
        self.checksum = checksum && cfg!(feature = "std");
        self
    }

    /// Sets whether the name of the type is carried, so that others can tell what they got.
    pub const fn named(mut self, named: bool) -> Self {
        self.named = named;
        self
    }

    /// Marks the frame as a part of a message.
    pub const fn fragment(mut self, fragment: Fragment) -> Self {
        self.fragment = Some(fragment);
        self
    }

    /// Marks the payload as telling only where the message is.
    pub const fn reference(mut self, reference: bool) -> Self {
        self.reference = reference;
        self
    }

    /// Marks the frame as a request or a reply.
    pub const fn correlation(mut self, correlation: Correlation) -> Self {
        self.correlation = Some(correlation);
        self
    }

    #[cfg(feature = "transport")]
    pub(crate) const fn has_checksum(&self) -> bool {
        self.checksum
    }

    /// How many bytes of a frame come before the payload.
    pub const fn overhead(&self, schema: &Schema) -> usize {
        let name = if self.named { 1 + schema.name.len() } else { 0 };
        let fragment = if self.fragment.is_some() { 16 } else { 0 };
        let correlation = if self.correlation.is_some() { 16 } else { 0 };
        HEADER_LEN + name + fragment + correlation
    }

    /// The length of the longest frame of a `T`, if there is one.
    pub const fn max_len<T: Message + ?Sized>(&self) -> Option<usize> {
        match T::MAX_LEN {
            Some(length) => length.checked_add(self.overhead(&T::SCHEMA)),
            None => None,
        }
    }

    /// Asserts, at compile time in a constant, that every `T` fits a frame of `length` bytes.
    ///
    /// # Panics
    ///
    /// If it does not, or if the type has no longest message; in a constant this is an error of
    /// the compiler.
    ///
    /// # Examples
    ///
    /// ```
    /// use posix_ipc_typed::{FrameOptions, Message};
    ///
    /// #[derive(Message)]
    /// struct Job {
    ///     id: u32,
    ///     #[message(max_len = 64)]
    ///     title: String,
    /// }
    ///
    /// const _: () = FrameOptions::new().assert_fits::<Job>(128);
    /// ```
    pub const fn assert_fits<T: Message + ?Sized>(&self, length: usize) {
        match self.max_len::<T>() {
            Some(longest) => {
                assert!(longest <= length, "the longest message does not fit the frame")
            }
            None => panic!("the type has no longest message: limit its fields by `max_len`"),
        }
    }

    /// Appends the frame of `value` to `buffer`; returns its length.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if the value has no encoding, or the type no name that a frame can carry; the
    /// buffer is then as it was.
    pub fn write<T: Message + ?Sized>(
        &self,
        value: &T,
        buffer: &mut Vec<u8>,
    ) -> Result<usize, EncodeError> {
        let length = value.encoded_len();
        self.write_with(&T::SCHEMA, length, buffer, |slot| match value.encode_to_slice(slot)? {
            written if written == length => Ok(()),
            _ => Err(EncodeError::Invalid("encoded_len is longer than the encoding")),
        })
    }

    /// Appends the frame of an encoded message to `buffer`; returns its length.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] if the payload is beyond what a frame can hold, and
    /// [`EncodeError::Invalid`] if the type has no name that a frame can carry, or the version 0.
    pub fn write_payload(
        &self,
        schema: &Schema,
        payload: &[u8],
        buffer: &mut Vec<u8>,
    ) -> Result<usize, EncodeError> {
        self.write_with(schema, payload.len(), buffer, |slot| {
            slot.copy_from_slice(payload);
            Ok(())
        })
    }

    /// Appends a frame whose payload `fill` writes.
    #[inline]
    fn write_with(
        &self,
        schema: &Schema,
        length: usize,
        buffer: &mut Vec<u8>,
        fill: impl FnOnce(&mut [u8]) -> Result<(), EncodeError>,
    ) -> Result<usize, EncodeError> {
        let start = buffer.len();
        let whole = self.check(schema, length)?;
        buffer.resize(start.saturating_add(whole), 0);
        let frame = buffer.get_mut(start..).unwrap_or_default();
        let result = self.fill(schema, frame, fill);
        if result.is_err() {
            buffer.truncate(start);
        }
        result.map(|()| whole)
    }

    /// The length of a frame, if its type and a payload of this length can have one.
    fn check(&self, schema: &Schema, length: usize) -> Result<usize, EncodeError> {
        let limit = u32::MAX as usize - LONGEST_NAME - 64;
        if length > limit {
            return Err(EncodeError::TooLong { length, limit });
        }
        if schema.name.len() > LONGEST_NAME {
            return Err(EncodeError::Invalid("a name of more than 64 bytes"));
        }
        if (schema.name.is_empty() && self.named) || schema.version == 0 {
            return Err(EncodeError::Invalid("a type without a name, or of version 0"));
        }
        Ok(self.overhead(schema).saturating_add(length))
    }

    /// Writes a frame that fills `frame`.
    pub(crate) fn fill(
        &self,
        schema: &Schema,
        frame: &mut [u8],
        fill: impl FnOnce(&mut [u8]) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let overhead = self.overhead(schema);
        self.check(schema, frame.len().saturating_sub(overhead))?;
        let body = frame.len().saturating_sub(HEADER_LEN) as u32;
        let (head, payload) = frame.split_at_mut_checked(overhead).ok_or(EncodeError::Full)?;
        let mut output = crate::Writer::new(head);
        let flags = [
            (self.checksum, CHECKSUM),
            (self.named, NAMED),
            (self.fragment.is_some(), FRAGMENT),
            (self.reference, REFERENCE),
            (self.correlation.is_some(), CORRELATED),
        ];
        let flags = flags.iter().fold(0, |all, &(on, flag)| if on { all | flag } else { all });
        output.fixed(HEADER_LEN, |output| {
            output.put(&[MAGIC[0], MAGIC[1], FORMAT, flags]);
            body.encode(output);
            schema.fingerprint.encode(output);
            schema.lineage.encode(output);
            schema.version.encode(output);
            0u16.encode(output);
            self.sequence.encode(output);
            0u32.encode(output);
        });
        if self.named {
            output.put(&[schema.name.len() as u8]);
            output.put(schema.name.as_bytes());
        }
        if let Some(Fragment { sender, total, offset }) = self.fragment {
            (sender, total, offset).encode(&mut output);
        }
        if let Some(correlation) = self.correlation {
            output.put(&correlation.to_bytes());
        }
        output.finish()?;
        fill(payload)?;
        if self.checksum {
            let sum = checksum(frame).unwrap_or_default();
            if let Some(slot) = frame.get_mut(HEADER_LEN - 4..HEADER_LEN) {
                slot.copy_from_slice(&sum.to_le_bytes());
            }
        }
        Ok(())
    }
}

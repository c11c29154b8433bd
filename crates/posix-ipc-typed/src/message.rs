//! [`Message`] and [`Decode`]: values to bytes and back.

use alloc::vec;
use alloc::vec::Vec;

use bytes::{BufMut, Bytes};

use crate::error::{DecodeError, EncodeError};
use crate::reader::{MAX_EMPTY_ELEMENTS, Reader};
use crate::schema::Schema;
use crate::writer::Writer;

/// A type whose values have one encoding each.
///
/// Derive it; the derive also implements [`Decode`]. By hand it is for types that wrap something
/// foreign, and must keep what the constants promise.
///
/// # Examples
///
/// ```
/// use posix_ipc_typed::{Decode, Message};
///
/// #[derive(Debug, PartialEq, Message)]
/// struct Job {
///     id: u32,
///     title: String,
/// }
///
/// let job = Job { id: 7, title: "sort".into() };
/// let bytes = job.encoded()?;
/// assert_eq!(bytes, b"\x07\0\0\0\x04\0\0\0sort");
/// assert_eq!(Job::from_bytes(&bytes)?, job);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "cannot be sent or received",
    note = "derive it with `#[derive(posix_ipc_typed::Message)]`, or give the field \
            `#[message(with = ...)]` or `#[message(skip)]`"
)]
pub trait Message {
    /// What the type is on the wire.
    const SCHEMA: Schema;
    /// The length of the shortest encoding.
    const MIN_LEN: usize;
    /// The length of the longest encoding, if there is one.
    const MAX_LEN: Option<usize>;
    /// Whether all values have encodings of the same length.
    const FIXED: bool = matches!(Self::MAX_LEN, Some(max) if max == Self::MIN_LEN);

    /// The exact length of this value's encoding; of a value that has none, any number.
    ///
    /// By hand, a recursive type leaves it to [`Writer::length_of`], so that a value that is too deep
    /// is not followed to its end.
    fn encoded_len(&self) -> usize;

    /// Writes the value; what goes wrong is kept in the writer.
    fn encode(&self, output: &mut Writer<'_>);

    /// Writes one value after the other.
    #[doc(hidden)]
    #[inline]
    fn encode_slice(items: &[Self], output: &mut Writer<'_>)
    where
        Self: Sized,
    {
        if !Self::FIXED || Self::MIN_LEN == 0 {
            for item in items {
                let before = output.left();
                item.encode(output);
                if Self::MIN_LEN == 0 && output.left() == before {
                    output.count_empty();
                }
            }
        } else if let Some(slot) = output.take(items.len().saturating_mul(Self::MIN_LEN)) {
            for (item, part) in items.iter().zip(slot.chunks_exact_mut(Self::MIN_LEN)) {
                let mut part = Writer::new(part);
                item.encode(&mut part);
                if let Err(error) = part.finish() {
                    output.fail(error);
                    return;
                }
            }
        }
    }

    /// Writes the values of an array.
    #[doc(hidden)]
    #[inline]
    fn encode_array<const N: usize>(items: &[Self; N], output: &mut Writer<'_>)
    where
        Self: Sized,
    {
        Self::encode_slice(items, output);
    }

    /// The length of one value after the other.
    #[doc(hidden)]
    #[inline]
    fn slice_len(items: &[Self]) -> usize
    where
        Self: Sized,
    {
        if Self::FIXED {
            items.len().saturating_mul(Self::MIN_LEN)
        } else {
            items.iter().map(Self::encoded_len).fold(0, usize::saturating_add)
        }
    }

    /// Writes the value at the front of `buffer` and returns its length.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Full`] if the buffer is too short, and the other variants if the value has
    /// no encoding.
    #[inline]
    fn encode_to_slice(&self, buffer: &mut [u8]) -> Result<usize, EncodeError> {
        let length = buffer.len();
        let mut output = Writer::new(buffer);
        self.encode(&mut output);
        Ok(length.saturating_sub(output.finish()?))
    }

    /// Appends the value to `buffer`.
    ///
    /// # Errors
    ///
    /// As [`encode_to_slice`](Self::encode_to_slice); the buffer is then as it was.
    fn encode_to_vec(&self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = buffer.len();
        let length = self.encoded_len();
        buffer.resize(start.saturating_add(length), 0);
        let mut output = Writer::new(buffer.get_mut(start..).unwrap_or_default());
        self.encode(&mut output);
        let result = finish_exactly(output);
        if result.is_err() {
            buffer.truncate(start);
        }
        result
    }

    /// The value's encoding.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if the value has none.
    fn encoded(&self) -> Result<Vec<u8>, EncodeError> {
        let mut buffer = vec![0; self.encoded_len()];
        let mut output = Writer::new(&mut buffer);
        self.encode(&mut output);
        finish_exactly(output)?;
        Ok(buffer)
    }

    /// Writes the value to any buffer of the `bytes` crate.
    ///
    /// # Errors
    ///
    /// As [`encode_to_slice`](Self::encode_to_slice); nothing is written then.
    fn encode_to(&self, buffer: &mut impl BufMut) -> Result<(), EncodeError> {
        let length = self.encoded_len();
        if buffer.remaining_mut() < length {
            return Err(EncodeError::Full);
        }
        let mut short = [0; 256];
        if let Some(scratch) = short.get_mut(..length) {
            let mut output = Writer::new(scratch);
            self.encode(&mut output);
            finish_exactly(output)?;
            buffer.put_slice(scratch);
        } else {
            buffer.put_slice(&self.encoded()?);
        }
        Ok(())
    }
}

/// Ends an encoding whose length was asked for before.
fn finish_exactly(output: Writer<'_>) -> Result<(), EncodeError> {
    match output.finish()? {
        0 => Ok(()),
        _ => Err(EncodeError::Invalid("encoded_len is longer than the encoding")),
    }
}

/// A message that can be read from bytes that live for `'a`.
///
/// Fields of type `&'a str` and `&'a [u8]` point into those bytes.
///
/// # Examples
///
/// ```
/// use posix_ipc_typed::{Decode, Message};
///
/// #[derive(Message)]
/// struct Line<'a> {
///     level: u8,
///     text: &'a str,
/// }
///
/// let bytes = Line { level: 3, text: "disk full" }.encoded()?;
/// let line = Line::from_bytes(&bytes)?;
/// assert_eq!((line.level, line.text), (3, "disk full"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be decoded from borrowed bytes",
    label = "not decodable here",
    note = "derive it with `#[derive(posix_ipc_typed::Message)]`; `&T` decodes for `str`, \
            `[u8]` and `[u8; N]` only"
)]
pub trait Decode<'a>: Message + Sized {
    /// Reads a value.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the bytes are none of the type's encodings.
    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError>;

    /// Reads a value that was written by another version of the type.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    #[inline]
    fn decode_version(input: &mut Reader<'a>, version: u16) -> Result<Self, DecodeError> {
        let _ = version;
        Self::decode(input)
    }

    /// Reads `count` values, for which [`Reader::count`] has checked that they may follow.
    #[doc(hidden)]
    #[inline]
    fn decode_vec(input: &mut Reader<'a>, count: usize) -> Result<Vec<Self>, DecodeError> {
        decode_each(input, count)
    }

    /// Reads `N` values.
    #[doc(hidden)]
    #[inline]
    fn decode_array<const N: usize>(input: &mut Reader<'a>) -> Result<[Self; N], DecodeError> {
        let items = decode_each(input, N)?;
        let count = items.len();
        // `decode_each` returned `N` items or an error.
        items.try_into().map_err(|_| DecodeError::End { needed: N, left: count })
    }

    /// Reads a value from all of `bytes`.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode), and [`DecodeError::Trailing`] if bytes are left.
    #[inline]
    fn from_bytes(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if Self::FIXED {
            // One comparison, after which the compiler needs no other.
            let (needed, left) = (Self::MIN_LEN, bytes.len());
            if left != needed {
                return Err(match left.checked_sub(needed) {
                    Some(left) => DecodeError::Trailing { left },
                    None => DecodeError::End { needed, left },
                });
            }
        }
        let mut input = Reader::new(bytes);
        let value = Self::decode(&mut input)?;
        input.finish()?;
        Ok(value)
    }

    /// Reads a value from all of a shared buffer; its `Bytes` fields share the buffer.
    ///
    /// # Errors
    ///
    /// As [`from_bytes`](Self::from_bytes).
    fn from_shared(bytes: &'a Bytes) -> Result<Self, DecodeError> {
        let mut input = Reader::shared(bytes);
        let value = Self::decode(&mut input)?;
        input.finish()?;
        Ok(value)
    }
}

/// A message that owns all it has, so that it can outlive the bytes it is read from.
pub trait DecodeOwned: for<'a> Decode<'a> {}

impl<T: for<'a> Decode<'a>> DecodeOwned for T {}

/// Reads `count` values one by one.
#[inline]
fn decode_each<'a, T: Decode<'a>>(
    input: &mut Reader<'a>,
    count: usize,
) -> Result<Vec<T>, DecodeError> {
    if T::FIXED && T::MIN_LEN > 0 {
        let mut all = input.part(count.saturating_mul(T::MIN_LEN))?;
        // What has far more room in memory than on the wire may yet turn out to be no `T`.
        let wide = size_of::<T>() > T::MIN_LEN.saturating_mul(4);
        let mut items = Vec::with_capacity(if wide { likely::<T>(&all, count) } else { count });
        for _ in 0..count {
            items.push(T::decode(&mut all.part(T::MIN_LEN)?)?);
        }
        return Ok(items);
    }
    let mut items = Vec::with_capacity(likely::<T>(input, count));
    for _ in 0..count {
        let before = input.rest().len();
        items.push(T::decode(input)?);
        if T::MIN_LEN == 0 && input.rest().len() == before {
            input.count_empty()?;
        }
    }
    Ok(items)
}

/// How many values to make room for at once: no more than the bytes that are left could fill,
/// since a value may take more room in memory than on the wire.
#[inline]
pub(crate) fn likely<T>(input: &Reader<'_>, count: usize) -> usize {
    match size_of::<T>() {
        0 => count.min(MAX_EMPTY_ELEMENTS),
        size => count.min(input.rest().len() / size + 1),
    }
}

//! [`With`]: another encoding for a single field, and [`Varint`], the one that comes with it.

use alloc::vec::Vec;

use crate::error::DecodeError;
use crate::reader::Reader;
use crate::schema::SchemaHasher;
use crate::writer::Writer;

/// An encoding for values of `T` that a field chooses by `#[message(with = ...)]`.
///
/// # Examples
///
/// A field of a type that is no message:
///
/// ```
/// use posix_ipc_typed::{Decode, DecodeError, Message, Reader, SchemaHasher, With, Writer};
///
/// struct Celsius(f64);
/// struct Tenths;
///
/// impl With<Celsius> for Tenths {
///     const HASH: u64 = SchemaHasher::new("tenths of a degree").finish();
///     const MIN_LEN: usize = 2;
///     const MAX_LEN: Option<usize> = Some(2);
///     fn encoded_len(_value: &Celsius) -> usize {
///         2
///     }
///     fn encode(value: &Celsius, output: &mut Writer<'_>) {
///         ((value.0 * 10.0) as i16).encode(output);
///     }
///     fn decode(input: &mut Reader<'_>) -> Result<Celsius, DecodeError> {
///         Ok(Celsius(f64::from(i16::decode(input)?) / 10.0))
///     }
/// }
///
/// #[derive(Message)]
/// struct Weather {
///     #[message(with = Tenths)]
///     outside: Celsius,
/// }
///
/// let bytes = Weather { outside: Celsius(-3.5) }.encoded()?;
/// assert_eq!(bytes.len(), 2);
/// assert_eq!(Weather::from_bytes(&bytes)?.outside.0, -3.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no encoding for `{T}`",
    label = "does not implement `With<{T}>`",
    note = "`varint` is for integers wider than a byte, and for `Option` and `Vec` of them"
)]
pub trait With<T> {
    /// Stands for this encoding in the fingerprint of the types that use it.
    const HASH: u64;
    /// The length of the shortest encoding.
    const MIN_LEN: usize;
    /// The length of the longest encoding, if there is one.
    const MAX_LEN: Option<usize>;

    /// The exact length of the value's encoding.
    fn encoded_len(value: &T) -> usize;

    /// Writes the value.
    fn encode(value: &T, output: &mut Writer<'_>);

    /// Reads a value.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the bytes are none of the encodings.
    fn decode(input: &mut Reader<'_>) -> Result<T, DecodeError>;
}

/// Integers in as few bytes as they need: seven bits to a byte, low ones first.
///
/// Signed ones are folded first, so that small negative numbers are short too. Chosen by
/// `#[message(varint)]`.
#[derive(Debug, Clone, Copy)]
pub struct Varint;

/// The length of `value` in groups of seven bits.
const fn groups(value: u128) -> usize {
    let bits = 128 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

fn put(mut value: u128, output: &mut Writer<'_>) {
    while value >= 0x80 {
        output.put(&[value as u8 | 0x80]);
        value >>= 7;
    }
    output.put(&[value as u8]);
}

fn get(input: &mut Reader<'_>, bits: u32) -> Result<u128, DecodeError> {
    let mut value = 0u128;
    let mut shift = 0;
    loop {
        let [byte] = input.array()?;
        let group = u128::from(byte & 0x7f);
        let room = bits.saturating_sub(shift);
        if room < 7 && group >> room != 0 {
            return Err(DecodeError::Invalid {
                what: "variable-length integer",
                value: byte.into(),
            });
        }
        value |= group << shift;
        if byte < 0x80 {
            if byte == 0 && shift > 0 {
                return Err(DecodeError::NotCanonical("an integer is longer than it needs to be"));
            }
            return Ok(value);
        }
        shift += 7;
        if shift >= bits {
            return Err(DecodeError::Invalid {
                what: "variable-length integer",
                value: byte.into(),
            });
        }
    }
}

macro_rules! unsigned {
    ($($type:ident)*) => {$(
        impl With<$type> for Varint {
            const HASH: u64 = SchemaHasher::new(concat!("varint ", stringify!($type))).finish();
            const MIN_LEN: usize = 1;
            const MAX_LEN: Option<usize> = Some(groups($type::MAX as u128));

            #[inline]
            fn encoded_len(value: &$type) -> usize {
                groups(*value as u128)
            }

            #[inline]
            fn encode(value: &$type, output: &mut Writer<'_>) {
                put(*value as u128, output);
            }

            #[inline]
            fn decode(input: &mut Reader<'_>) -> Result<$type, DecodeError> {
                Ok(get(input, $type::BITS)? as $type)
            }
        }
    )*};
}

unsigned!(u16 u32 u64 u128);

macro_rules! signed {
    ($($type:ident $unsigned:ident)*) => {$(
        impl With<$type> for Varint {
            const HASH: u64 = SchemaHasher::new(concat!("varint ", stringify!($type))).finish();
            const MIN_LEN: usize = 1;
            const MAX_LEN: Option<usize> = <Self as With<$unsigned>>::MAX_LEN;

            #[inline]
            fn encoded_len(value: &$type) -> usize {
                let folded = ((value << 1) ^ (value >> ($type::BITS - 1))) as $unsigned;
                Self::encoded_len(&folded)
            }

            #[inline]
            fn encode(value: &$type, output: &mut Writer<'_>) {
                let folded = ((value << 1) ^ (value >> ($type::BITS - 1))) as $unsigned;
                Self::encode(&folded, output);
            }

            #[inline]
            fn decode(input: &mut Reader<'_>) -> Result<$type, DecodeError> {
                let folded: $unsigned = Self::decode(input)?;
                Ok((folded >> 1) as $type ^ -((folded & 1) as $type))
            }
        }
    )*};
}

signed!(i16 u16 i32 u32 i64 u64 i128 u128);

impl<T> With<Option<T>> for Varint
where
    Self: With<T>,
{
    const HASH: u64 = SchemaHasher::new("option").number(<Self as With<T>>::HASH).finish();
    const MIN_LEN: usize = 1;
    const MAX_LEN: Option<usize> = match <Self as With<T>>::MAX_LEN {
        Some(length) => length.checked_add(1),
        None => None,
    };

    fn encoded_len(value: &Option<T>) -> usize {
        value.as_ref().map_or(1, |value| Self::encoded_len(value).saturating_add(1))
    }

    fn encode(value: &Option<T>, output: &mut Writer<'_>) {
        match value {
            None => output.put(&[0]),
            Some(value) => {
                output.put(&[1]);
                Self::encode(value, output);
            }
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Option<T>, DecodeError> {
        match input.array()? {
            [0] => Ok(None),
            [1] => Self::decode(input).map(Some),
            [value] => Err(DecodeError::Invalid { what: "option", value: value.into() }),
        }
    }
}

impl<T> With<Vec<T>> for Varint
where
    Self: With<T>,
{
    const HASH: u64 = SchemaHasher::new("seq").number(<Self as With<T>>::HASH).finish();
    const MIN_LEN: usize = 4;
    const MAX_LEN: Option<usize> = None;

    fn encoded_len(value: &Vec<T>) -> usize {
        value.iter().fold(4, |sum: usize, item| sum.saturating_add(Self::encoded_len(item)))
    }

    fn encode(value: &Vec<T>, output: &mut Writer<'_>) {
        output.put_count(value.len());
        for item in value {
            Self::encode(item, output);
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Vec<T>, DecodeError> {
        let count = input.count(1)?;
        let mut items = Vec::with_capacity(crate::message::likely::<T>(input, count));
        for _ in 0..count {
            items.push(Self::decode(input)?);
        }
        Ok(items)
    }
}

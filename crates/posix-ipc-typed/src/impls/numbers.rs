//! Integers, floats, `bool`, `char` and what wraps an integer.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroU8, NonZeroU16, NonZeroU32,
    NonZeroU64, NonZeroU128, Saturating, Wrapping,
};

use crate::error::DecodeError;
use crate::message::{Decode, Message};
use crate::reader::Reader;
use crate::schema::{Schema, SchemaHasher};
use crate::writer::Writer;

/// How many bytes are copied at once: less than C libraries give to the processor's own string
/// copy, which is slower, and more than ten times so where the target lies a little behind the
/// source within their pages. A multiple of every number's size, and of a cache line.
const BLOCK: usize = 1536;

/// Writes an array of a size that is known: better copied in place than by a call.
macro_rules! encode_array {
    (u8 $size:literal) => {
        #[inline(always)]
        fn encode_array<const N: usize>(items: &[Self; N], output: &mut Writer<'_>) {
            output.put(items);
        }
    };
    ($type:ident $size:literal) => {
        #[inline(always)]
        fn encode_array<const N: usize>(items: &[Self; N], output: &mut Writer<'_>) {
            if let Some(slot) = output.take(N.saturating_mul($size)) {
                for (part, item) in slot.chunks_exact_mut($size).zip(items) {
                    part.copy_from_slice(&item.to_le_bytes());
                }
            }
        }
    };
}

/// Reads an array of a size that is known.
macro_rules! decode_array {
    ($a:lifetime u8 $size:literal) => {
        #[inline(always)]
        fn decode_array<const N: usize>(input: &mut Reader<$a>) -> Result<[Self; N], DecodeError> {
            input.array()
        }
    };
    ($a:lifetime $type:ident $size:literal) => {
        #[inline(always)]
        fn decode_array<const N: usize>(input: &mut Reader<$a>) -> Result<[Self; N], DecodeError> {
            let bytes = input.take(N.saturating_mul($size))?;
            let mut items = [$type::from_le_bytes([0; $size]); N];
            for (item, part) in items.iter_mut().zip(bytes.chunks_exact($size)) {
                *item = from_part(part);
            }
            Ok(items)
        }
    };
}

/// Implements both traits for a number of `$size` bytes.
///
/// The loops over whole slices are functions of their own with nothing but the two slices as
/// parameters: the compiler then knows that they do not overlap and makes a plain copy of them.
macro_rules! number {
    ($($type:ident $size:literal),* $(,)?) => {$(
        impl Message for $type {
            const SCHEMA: Schema =
                Schema::value(stringify!($type), SchemaHasher::new(stringify!($type)).finish());
            const MIN_LEN: usize = $size;
            const MAX_LEN: Option<usize> = Some($size);

            #[inline(always)]
            fn encoded_len(&self) -> usize {
                $size
            }

            #[inline(always)]
            fn encode(&self, output: &mut Writer<'_>) {
                output.put(&self.to_le_bytes());
            }

            #[inline]
            fn encode_slice(items: &[Self], output: &mut Writer<'_>) {
                #[inline(never)]
                fn copy(slot: &mut [u8], items: &[$type]) {
                    for (slot, items) in slot.chunks_mut(BLOCK).zip(items.chunks(BLOCK / $size)) {
                        for (part, item) in slot.chunks_exact_mut($size).zip(items) {
                            part.copy_from_slice(&item.to_le_bytes());
                        }
                    }
                }
                if let Some(slot) = output.take(items.len().saturating_mul($size)) {
                    copy(slot, items);
                }
            }

            encode_array!($type $size);
        }

        impl<'a> Decode<'a> for $type {
            #[inline(always)]
            fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
                Ok(Self::from_le_bytes(input.array()?))
            }

            #[inline]
            fn decode_vec(input: &mut Reader<'a>, count: usize) -> Result<Vec<Self>, DecodeError> {
                let bytes = input.take(count.saturating_mul($size))?;
                let mut items = Vec::with_capacity(count);
                for block in bytes.chunks(BLOCK) {
                    items.extend(block.chunks_exact($size).map(from_part::<Self>));
                }
                Ok(items)
            }

            decode_array!('a $type $size);
        }

        impl FromPart for $type {
            #[inline(always)]
            fn from_part(part: &[u8]) -> Self {
                // Every part has the number's size; the compiler sees that and drops the branch.
                Self::from_le_bytes(part.first_chunk().copied().unwrap_or_default())
            }
        }
    )*};
}

/// A number out of exactly its bytes.
trait FromPart {
    fn from_part(part: &[u8]) -> Self;
}

#[inline(always)]
fn from_part<T: FromPart>(part: &[u8]) -> T {
    T::from_part(part)
}

number!(u8 1, u16 2, u32 4, u64 8, u128 16, i8 1, i16 2, i32 4, i64 8, i128 16, f32 4, f64 8);

/// Implements both traits for a type that is one of `$wire`'s values, checked by `$from`.
macro_rules! wrapped {
    ($($type:ty, $name:literal, $wire:ty, |$value:ident| $into:expr, $from:expr;)*) => {$(
        impl Message for $type {
            const SCHEMA: Schema = Schema::value($name, SchemaHasher::new($name).finish());
            const MIN_LEN: usize = <$wire>::MIN_LEN;
            const MAX_LEN: Option<usize> = <$wire>::MAX_LEN;

            #[inline(always)]
            fn encoded_len(&self) -> usize {
                Self::MIN_LEN
            }

            #[inline(always)]
            fn encode(&self, output: &mut Writer<'_>) {
                let $value = *self;
                let value: $wire = $into;
                value.encode(output);
            }
        }

        impl<'a> Decode<'a> for $type {
            #[inline(always)]
            fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
                let value = <$wire>::decode(input)?;
                let from: fn($wire) -> Option<$type> = $from;
                from(value).ok_or(DecodeError::Invalid { what: $name, value: value as u64 })
            }
        }
    )*};
}

wrapped! {
    bool, "bool", u8, |value| u8::from(value), |byte| match byte {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    };
    char, "char", u32, |value| u32::from(value), char::from_u32;
    Ordering, "ordering", i8, |value| value as i8, |byte| match byte {
        -1 => Some(Ordering::Less),
        0 => Some(Ordering::Equal),
        1 => Some(Ordering::Greater),
        _ => None,
    };
    usize, "usize", u64, |value| value as u64, |value| usize::try_from(value).ok();
    isize, "isize", i64, |value| value as i64, |value| isize::try_from(value).ok();
    NonZeroU8, "nonzero u8", u8, |value| value.get(), NonZeroU8::new;
    NonZeroU16, "nonzero u16", u16, |value| value.get(), NonZeroU16::new;
    NonZeroU32, "nonzero u32", u32, |value| value.get(), NonZeroU32::new;
    NonZeroU64, "nonzero u64", u64, |value| value.get(), NonZeroU64::new;
    NonZeroU128, "nonzero u128", u128, |value| value.get(), NonZeroU128::new;
    NonZeroI8, "nonzero i8", i8, |value| value.get(), NonZeroI8::new;
    NonZeroI16, "nonzero i16", i16, |value| value.get(), NonZeroI16::new;
    NonZeroI32, "nonzero i32", i32, |value| value.get(), NonZeroI32::new;
    NonZeroI64, "nonzero i64", i64, |value| value.get(), NonZeroI64::new;
    NonZeroI128, "nonzero i128", i128, |value| value.get(), NonZeroI128::new;
}

/// Implements both traits for a transparent wrapper.
macro_rules! transparent {
    ($($wrapper:ident),*) => {$(
        impl<T: Message> Message for $wrapper<T> {
            const SCHEMA: Schema = T::SCHEMA;
            const MIN_LEN: usize = T::MIN_LEN;
            const MAX_LEN: Option<usize> = T::MAX_LEN;

            #[inline]
            fn encoded_len(&self) -> usize {
                self.0.encoded_len()
            }

            #[inline]
            fn encode(&self, output: &mut Writer<'_>) {
                self.0.encode(output);
            }
        }

        impl<'a, T: Decode<'a>> Decode<'a> for $wrapper<T> {
            #[inline]
            fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
                T::decode(input).map($wrapper)
            }

            #[inline]
            fn decode_version(input: &mut Reader<'a>, version: u16) -> Result<Self, DecodeError> {
                T::decode_version(input, version).map($wrapper)
            }
        }
    )*};
}

transparent!(Wrapping, Saturating);

//! Arrays, slices, `Vec`, `VecDeque`, `Option` and `Result`; and what `max_len` can limit.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::error::DecodeError;
use crate::message::{Decode, Message};
use crate::reader::Reader;
use crate::schema::{Schema, SchemaHasher};
use crate::writer::Writer;

/// The longest encoding of `count` elements after `prefix` bytes.
#[doc(hidden)]
pub const fn max_of(prefix: usize, count: usize, element: Option<usize>) -> Option<usize> {
    match element {
        Some(element) => match element.checked_mul(count) {
            Some(length) => length.checked_add(prefix),
            None => None,
        },
        None => None,
    }
}

impl<T: Message, const N: usize> Message for [T; N] {
    const SCHEMA: Schema = Schema::value(
        "array",
        SchemaHasher::new("array").number(T::SCHEMA.embedded).number(N as u64).finish(),
    );
    const MIN_LEN: usize = T::MIN_LEN * N;
    const MAX_LEN: Option<usize> = max_of(0, N, T::MAX_LEN);

    #[inline]
    fn encoded_len(&self) -> usize {
        T::slice_len(self)
    }

    #[inline]
    fn encode(&self, output: &mut Writer<'_>) {
        T::encode_array(self, output);
    }
}

impl<'a, T: Decode<'a>, const N: usize> Decode<'a> for [T; N] {
    #[inline]
    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        T::decode_array(input)
    }
}

impl<T: Message> Message for [T] {
    const SCHEMA: Schema =
        Schema::value("seq", SchemaHasher::new("seq").number(T::SCHEMA.embedded).finish());
    const MIN_LEN: usize = 4;
    const MAX_LEN: Option<usize> = None;

    #[inline]
    fn encoded_len(&self) -> usize {
        T::slice_len(self).saturating_add(4)
    }

    #[inline]
    fn encode(&self, output: &mut Writer<'_>) {
        output.put_count(self.len());
        T::encode_slice(self, output);
    }
}

impl<T: Message> Message for Vec<T> {
    const SCHEMA: Schema = <[T]>::SCHEMA;
    const MIN_LEN: usize = 4;
    const MAX_LEN: Option<usize> = None;

    #[inline]
    fn encoded_len(&self) -> usize {
        self.as_slice().encoded_len()
    }

    #[inline]
    fn encode(&self, output: &mut Writer<'_>) {
        self.as_slice().encode(output);
    }
}

impl<'a, T: Decode<'a>> Decode<'a> for Vec<T> {
    #[inline]
    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let count = input.count(T::MIN_LEN)?;
        T::decode_vec(input, count)
    }
}

impl<'a, T: Decode<'a>> Decode<'a> for Box<[T]> {
    #[inline]
    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        <Vec<T>>::decode(input).map(Vec::into_boxed_slice)
    }
}

impl<T: Message> Message for VecDeque<T> {
    const SCHEMA: Schema = <[T]>::SCHEMA;
    const MIN_LEN: usize = 4;
    const MAX_LEN: Option<usize> = None;

    #[inline]
    fn encoded_len(&self) -> usize {
        let (front, back) = self.as_slices();
        T::slice_len(front).saturating_add(T::slice_len(back)).saturating_add(4)
    }

    #[inline]
    fn encode(&self, output: &mut Writer<'_>) {
        let (front, back) = self.as_slices();
        output.put_count(self.len());
        T::encode_slice(front, output);
        T::encode_slice(back, output);
    }
}

impl<'a, T: Decode<'a>> Decode<'a> for VecDeque<T> {
    #[inline]
    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        <Vec<T>>::decode(input).map(Self::from)
    }
}

impl<T: Message> Message for Option<T> {
    const SCHEMA: Schema =
        Schema::value("option", SchemaHasher::new("option").number(T::SCHEMA.embedded).finish());
    const MIN_LEN: usize = 1;
    const MAX_LEN: Option<usize> = max_of(1, 1, T::MAX_LEN);

    #[inline]
    fn encoded_len(&self) -> usize {
        self.as_ref().map_or(1, |value| value.encoded_len().saturating_add(1))
    }

    #[inline]
    fn encode(&self, output: &mut Writer<'_>) {
        match self {
            None => output.put(&[0]),
            Some(value) => {
                output.put(&[1]);
                value.encode(output);
            }
        }
    }
}

impl<'a, T: Decode<'a>> Decode<'a> for Option<T> {
    #[inline]
    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        match input.array()? {
            [0] => Ok(None),
            [1] => T::decode(input).map(Some),
            [value] => Err(DecodeError::Invalid { what: "option", value: value.into() }),
        }
    }
}

const fn least(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

const fn most(a: Option<usize>, b: Option<usize>) -> Option<usize> {
    match (a, b) {
        (Some(a), Some(b)) => max_of(1, 1, Some(if a > b { a } else { b })),
        _ => None,
    }
}

impl<T: Message, E: Message> Message for Result<T, E> {
    const SCHEMA: Schema = Schema::value(
        "result",
        SchemaHasher::new("result").number(T::SCHEMA.embedded).number(E::SCHEMA.embedded).finish(),
    );
    const MIN_LEN: usize = 1 + least(T::MIN_LEN, E::MIN_LEN);
    const MAX_LEN: Option<usize> = most(T::MAX_LEN, E::MAX_LEN);

    #[inline]
    fn encoded_len(&self) -> usize {
        let length = match self {
            Ok(value) => value.encoded_len(),
            Err(error) => error.encoded_len(),
        };
        length.saturating_add(1)
    }

    #[inline]
    fn encode(&self, output: &mut Writer<'_>) {
        match self {
            Ok(value) => {
                output.put(&[0]);
                value.encode(output);
            }
            Err(error) => {
                output.put(&[1]);
                error.encode(output);
            }
        }
    }
}

impl<'a, T: Decode<'a>, E: Decode<'a>> Decode<'a> for Result<T, E> {
    #[inline]
    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        match input.array()? {
            [0] => T::decode(input).map(Ok),
            [1] => E::decode(input).map(Err),
            [value] => Err(DecodeError::Invalid { what: "result", value: value.into() }),
        }
    }
}

/// What starts with a count of its elements, so that `#[message(max_len)]` can limit it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`max_len` cannot limit `{Self}`",
    label = "has no number of elements",
    note = "`max_len` is for strings, byte buffers, sequences, maps and sets"
)]
pub trait Limited: Message {
    /// The longest encoding of an element.
    const ELEMENT_MAX: Option<usize>;

    /// How many elements there are.
    fn count(&self) -> usize;
}

/// Implements it by `len`.
macro_rules! limited {
    ($([$($generics:tt)*] $type:ty, $element:expr;)*) => {$(
        impl<$($generics)*> Limited for $type {
            const ELEMENT_MAX: Option<usize> = $element;

            #[inline]
            fn count(&self) -> usize {
                self.len()
            }
        }
    )*};
}

limited! {
    [] str, Some(1);
    [] alloc::string::String, Some(1);
    [] bytes::Bytes, Some(1);
    [] bytes::BytesMut, Some(1);
    [T: Message] [T], T::MAX_LEN;
    [T: Message] Vec<T>, T::MAX_LEN;
    [T: Message] VecDeque<T>, T::MAX_LEN;
    [T: Message] alloc::collections::BTreeSet<T>, T::MAX_LEN;
    [K: Message, V: Message] alloc::collections::BTreeMap<K, V>,
        super::maps::entry_max(K::MAX_LEN, V::MAX_LEN);
}

#[cfg(feature = "std")]
limited! {
    [T: Message + Ord, S] std::collections::HashSet<T, S>, T::MAX_LEN;
    [K: Message + Ord, V: Message, S] std::collections::HashMap<K, V, S>,
        super::maps::entry_max(K::MAX_LEN, V::MAX_LEN);
}

impl<T: Limited + ?Sized> Limited for &T {
    const ELEMENT_MAX: Option<usize> = T::ELEMENT_MAX;

    #[inline]
    fn count(&self) -> usize {
        T::count(self)
    }
}

impl<T: Limited + ?Sized> Limited for Box<T> {
    const ELEMENT_MAX: Option<usize> = T::ELEMENT_MAX;

    #[inline]
    fn count(&self) -> usize {
        T::count(self)
    }
}

impl<T> Limited for alloc::borrow::Cow<'_, T>
where
    T: Limited + alloc::borrow::ToOwned + ?Sized,
{
    const ELEMENT_MAX: Option<usize> = T::ELEMENT_MAX;

    #[inline]
    fn count(&self) -> usize {
        T::count(self)
    }
}

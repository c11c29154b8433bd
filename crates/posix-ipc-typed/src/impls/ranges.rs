//! Ranges: their bounds, one after the other.

use core::ops::{Bound, Range, RangeFrom, RangeInclusive, RangeTo, RangeToInclusive};

use crate::error::{DecodeError, EncodeError};
use crate::impls::sequences::max_of;
use crate::message::{Decode, Message};
use crate::reader::Reader;
use crate::schema::{Schema, SchemaHasher};
use crate::writer::Writer;

/// Implements both traits for a range of two bounds or one.
macro_rules! range {
    ($($type:ident, $name:literal, $count:literal, |$range:ident| [$($bound:expr),+],
       |$($value:ident),+| $from:expr;)*) => {$(
        impl<T: Message> Message for $type<T> {
            const SCHEMA: Schema =
                Schema::value($name, SchemaHasher::new($name).number(T::SCHEMA.embedded).finish());
            const MIN_LEN: usize = $count * T::MIN_LEN;
            const MAX_LEN: Option<usize> = max_of(0, $count, T::MAX_LEN);

            #[inline]
            fn encoded_len(&self) -> usize {
                let $range = self;
                0usize $(.saturating_add($bound.encoded_len()))+
            }

            #[inline]
            fn encode(&self, output: &mut Writer<'_>) {
                let $range = self;
                $($bound.encode(output);)+
            }
        }

        impl<'a, T: Decode<'a>> Decode<'a> for $type<T> {
            #[inline]
            fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
                $(let $value = T::decode(input)?;)+
                Ok($from)
            }
        }
    )*};
}

range! {
    Range, "range", 2, |range| [range.start, range.end], |start, end| start..end;
    RangeFrom, "range from", 1, |range| [range.start], |start| start..;
    RangeTo, "range to", 1, |range| [range.end], |end| ..end;
    RangeToInclusive, "range to inclusive", 1, |range| [range.end], |end| ..=end;
}

/// One that was iterated over to its end looks like one that was not, and would arrive as such.
impl<T: Message + PartialOrd> Message for RangeInclusive<T> {
    const SCHEMA: Schema = Schema::value(
        "range inclusive",
        SchemaHasher::new("range inclusive").number(T::SCHEMA.embedded).finish(),
    );
    const MIN_LEN: usize = 2 * T::MIN_LEN;
    const MAX_LEN: Option<usize> = max_of(0, 2, T::MAX_LEN);

    #[inline]
    fn encoded_len(&self) -> usize {
        self.start().encoded_len().saturating_add(self.end().encoded_len())
    }

    #[inline]
    fn encode(&self, output: &mut Writer<'_>) {
        if self.is_empty() && self.start() <= self.end() {
            output.fail(EncodeError::Invalid("a range that was iterated over to its end"));
        }
        self.start().encode(output);
        self.end().encode(output);
    }
}

impl<'a, T: Decode<'a> + PartialOrd> Decode<'a> for RangeInclusive<T> {
    #[inline]
    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(T::decode(input)?..=T::decode(input)?)
    }
}

impl<T: Message> Message for Bound<T> {
    const SCHEMA: Schema =
        Schema::value("bound", SchemaHasher::new("bound").number(T::SCHEMA.embedded).finish());
    const MIN_LEN: usize = 1;
    const MAX_LEN: Option<usize> = max_of(1, 1, T::MAX_LEN);

    fn encoded_len(&self) -> usize {
        match self {
            Self::Included(value) | Self::Excluded(value) => value.encoded_len().saturating_add(1),
            Self::Unbounded => 1,
        }
    }

    fn encode(&self, output: &mut Writer<'_>) {
        match self {
            Self::Unbounded => output.put(&[0]),
            Self::Included(value) => {
                output.put(&[1]);
                value.encode(output);
            }
            Self::Excluded(value) => {
                output.put(&[2]);
                value.encode(output);
            }
        }
    }
}

impl<'a, T: Decode<'a>> Decode<'a> for Bound<T> {
    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        match input.array()? {
            [0] => Ok(Self::Unbounded),
            [1] => T::decode(input).map(Self::Included),
            [2] => T::decode(input).map(Self::Excluded),
            [value] => Err(DecodeError::Invalid { what: "bound", value: value.into() }),
        }
    }
}

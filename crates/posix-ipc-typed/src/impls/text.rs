//! `str`, `String` and `Bytes`: a count in four bytes, then the bytes.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::str;

use bytes::{Bytes, BytesMut};

use crate::error::DecodeError;
use crate::message::{Decode, Message};
use crate::reader::Reader;
use crate::schema::{Schema, SchemaHasher};
use crate::writer::Writer;

impl Message for str {
    const SCHEMA: Schema = Schema::value("str", SchemaHasher::new("str").finish());
    const MIN_LEN: usize = 4;
    const MAX_LEN: Option<usize> = None;

    #[inline]
    fn encoded_len(&self) -> usize {
        self.len().saturating_add(4)
    }

    #[inline]
    fn encode(&self, output: &mut Writer<'_>) {
        output.put_count(self.len());
        output.put(self.as_bytes());
    }
}

impl Message for String {
    const SCHEMA: Schema = str::SCHEMA;
    const MIN_LEN: usize = 4;
    const MAX_LEN: Option<usize> = None;

    #[inline]
    fn encoded_len(&self) -> usize {
        self.as_str().encoded_len()
    }

    #[inline]
    fn encode(&self, output: &mut Writer<'_>) {
        self.as_str().encode(output);
    }
}

impl<'a, 'b: 'a> Decode<'b> for &'a str {
    #[inline]
    fn decode(input: &mut Reader<'b>) -> Result<Self, DecodeError> {
        let count = input.count(1)?;
        str::from_utf8(input.take(count)?)
            .map_err(|error| DecodeError::Utf8 { valid_up_to: error.valid_up_to() })
    }
}

/// Implements `Decode` for what is made of a borrowed string.
macro_rules! from_str {
    ($($type:ty),*) => {$(
        impl<'a> Decode<'a> for $type {
            #[inline]
            fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
                <&str>::decode(input).map(Self::from)
            }
        }
    )*};
}

from_str!(String, Box<str>, Rc<str>, Arc<str>);

impl<'a, 'b: 'a> Decode<'b> for Cow<'a, str> {
    #[inline]
    fn decode(input: &mut Reader<'b>) -> Result<Self, DecodeError> {
        <&str>::decode(input).map(Cow::Borrowed)
    }
}

impl<'a, 'b: 'a> Decode<'b> for &'a [u8] {
    #[inline]
    fn decode(input: &mut Reader<'b>) -> Result<Self, DecodeError> {
        let count = input.count(1)?;
        input.take(count)
    }
}

impl<'a, 'b: 'a, const N: usize> Decode<'b> for &'a [u8; N] {
    #[inline]
    fn decode(input: &mut Reader<'b>) -> Result<Self, DecodeError> {
        let left = input.rest().len();
        input.take(N)?.first_chunk().ok_or(DecodeError::End { needed: N, left })
    }
}

impl<'a, 'b: 'a> Decode<'b> for Cow<'a, [u8]> {
    #[inline]
    fn decode(input: &mut Reader<'b>) -> Result<Self, DecodeError> {
        <&[u8]>::decode(input).map(Cow::Borrowed)
    }
}

/// Implements `Message` for a buffer of the `bytes` crate.
macro_rules! buffer {
    ($($type:ty),*) => {$(
        impl Message for $type {
            const SCHEMA: Schema = <Vec<u8>>::SCHEMA;
            const MIN_LEN: usize = 4;
            const MAX_LEN: Option<usize> = None;

            #[inline]
            fn encoded_len(&self) -> usize {
                self.len().saturating_add(4)
            }

            #[inline]
            fn encode(&self, output: &mut Writer<'_>) {
                output.put_count(self.len());
                output.put(self);
            }
        }
    )*};
}

buffer!(Bytes, BytesMut);

impl<'a> Decode<'a> for Bytes {
    #[inline]
    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let count = input.count(1)?;
        input.bytes(count)
    }
}

impl<'a> Decode<'a> for BytesMut {
    #[inline]
    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        <&[u8]>::decode(input).map(Self::from)
    }
}

//! References and boxes, which are what they point to; and `()`, `PhantomData`.

use alloc::borrow::{Cow, ToOwned};
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::sync::Arc;
use core::marker::PhantomData;

use crate::error::DecodeError;
use crate::message::{Decode, Message};
use crate::reader::Reader;
use crate::schema::{Schema, SchemaHasher};
use crate::writer::Writer;

/// Implements `Message` for a pointer.
macro_rules! pointer {
    ($([$($generics:tt)*] $type:ty;)*) => {$(
        impl<$($generics)*> Message for $type {
            const SCHEMA: Schema = T::SCHEMA;
            const MIN_LEN: usize = T::MIN_LEN;
            const MAX_LEN: Option<usize> = T::MAX_LEN;

            #[inline]
            fn encoded_len(&self) -> usize {
                T::encoded_len(self)
            }

            #[inline]
            fn encode(&self, output: &mut Writer<'_>) {
                T::encode(self, output);
            }
        }
    )*};
}

pointer! {
    [T: Message + ?Sized] &T;
    [T: Message + ?Sized] &mut T;
    [T: Message + ?Sized] Box<T>;
    [T: Message + ?Sized] Rc<T>;
    [T: Message + ?Sized] Arc<T>;
    [T: Message + ToOwned + ?Sized] Cow<'_, T>;
}

/// Implements `Decode` for an owning pointer.
macro_rules! owner {
    ($($type:ident),*) => {$(
        impl<'a, T: Decode<'a>> Decode<'a> for $type<T> {
            #[inline]
            fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
                T::decode(input).map(Self::new)
            }

            #[inline]
            fn decode_version(input: &mut Reader<'a>, version: u16) -> Result<Self, DecodeError> {
                T::decode_version(input, version).map(Self::new)
            }
        }
    )*};
}

owner!(Box, Rc, Arc);

/// Implements both traits for a type with one value.
macro_rules! empty {
    ($([$($generics:tt)*] $type:ty, $value:expr, $name:literal;)*) => {$(
        impl<$($generics)*> Message for $type {
            const SCHEMA: Schema = Schema::value($name, SchemaHasher::new($name).finish());
            const MIN_LEN: usize = 0;
            const MAX_LEN: Option<usize> = Some(0);

            #[inline]
            fn encoded_len(&self) -> usize {
                0
            }

            #[inline]
            fn encode(&self, _output: &mut Writer<'_>) {}
        }

        impl<'a, $($generics)*> Decode<'a> for $type {
            #[inline]
            fn decode(_input: &mut Reader<'a>) -> Result<Self, DecodeError> {
                Ok($value)
            }
        }
    )*};
}

empty! {
    [] (), (), "unit";
    [T: ?Sized] PhantomData<T>, PhantomData, "unit";
    [] core::ops::RangeFull, .., "range full";
}

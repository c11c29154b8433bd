//! Tuples of up to twelve elements, one after the other.

use crate::error::DecodeError;
use crate::message::{Decode, Message};
use crate::reader::Reader;
use crate::schema::{Schema, SchemaHasher};
use crate::writer::Writer;

/// The sum of two longest encodings.
#[doc(hidden)]
pub const fn add_max(a: Option<usize>, b: Option<usize>) -> Option<usize> {
    match (a, b) {
        (Some(a), Some(b)) => a.checked_add(b),
        _ => None,
    }
}

macro_rules! tuple {
    ($count:literal: $($type:ident $index:tt),*) => {
        impl<$($type: Message),*> Message for ($($type,)*) {
            const SCHEMA: Schema = Schema::value(
                "tuple",
                SchemaHasher::new("tuple").number($count)
                    $(.number($type::SCHEMA.embedded))*.finish(),
            );
            const MIN_LEN: usize = 0 $(+ $type::MIN_LEN)*;
            const MAX_LEN: Option<usize> = {
                let max = Some(0);
                $(let max = add_max(max, $type::MAX_LEN);)*
                max
            };

            #[inline]
            fn encoded_len(&self) -> usize {
                if Self::FIXED {
                    return Self::MIN_LEN;
                }
                0usize $(.saturating_add(self.$index.encoded_len()))*
            }

            #[inline]
            fn encode(&self, output: &mut Writer<'_>) {
                if Self::FIXED {
                    output.fixed(Self::MIN_LEN, |output| {$(self.$index.encode(output);)*});
                } else {
                    $(self.$index.encode(output);)*
                }
            }
        }

        impl<'a, $($type: Decode<'a>),*> Decode<'a> for ($($type,)*) {
            #[inline]
            fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
                if Self::FIXED {
                    let mut input = input.part(Self::MIN_LEN)?;
                    Ok(($($type::decode(&mut input)?,)*))
                } else {
                    Ok(($($type::decode(input)?,)*))
                }
            }
        }
    };
}

tuple!(1: A 0);
tuple!(2: A 0, B 1);
tuple!(3: A 0, B 1, C 2);
tuple!(4: A 0, B 1, C 2, D 3);
tuple!(5: A 0, B 1, C 2, D 3, E 4);
tuple!(6: A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuple!(9: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuple!(10: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuple!(11: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuple!(12: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);

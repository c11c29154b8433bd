//! Maps and sets: a count, then the entries in ascending order of their keys.
//!
//! The order makes the encoding of a hash map the same at each run, and a doubled key an error.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::error::DecodeError;
use crate::impls::tuples::add_max;
use crate::message::{Decode, Message};
use crate::reader::Reader;
use crate::schema::{Schema, SchemaHasher};
use crate::writer::Writer;

/// Up to how many entries are inserted one by one: more are collected first, and the tree is built
/// of them at once.
const INSERTED: usize = 32;

const OUT_OF_ORDER: DecodeError = DecodeError::NotCanonical("keys are not in ascending order");

/// The longest encoding of an entry.
pub(crate) const fn entry_max(key: Option<usize>, value: Option<usize>) -> Option<usize> {
    add_max(key, value)
}

fn entries_len<'m, K, V>(entries: impl ExactSizeIterator<Item = (&'m K, &'m V)>) -> usize
where
    K: Message + 'm,
    V: Message + 'm,
{
    if K::FIXED && V::FIXED {
        return entries.len().saturating_mul(K::MIN_LEN + V::MIN_LEN).saturating_add(4);
    }
    entries.fold(4, |sum: usize, (key, value)| {
        sum.saturating_add(key.encoded_len()).saturating_add(value.encoded_len())
    })
}

/// Reads the entries, each key checked to be greater than the one before.
fn decode_entries<'a, K: Decode<'a> + Ord, V: Decode<'a>>(
    input: &mut Reader<'a>,
    least: usize,
) -> Result<Vec<(K, V)>, DecodeError> {
    let count = input.count(least)?;
    let mut entries: Vec<(K, V)> =
        Vec::with_capacity(crate::message::likely::<(K, V)>(input, count));
    for _ in 0..count {
        let key = K::decode(input)?;
        if entries.last().is_some_and(|(last, _)| *last >= key) {
            return Err(OUT_OF_ORDER);
        }
        let value = V::decode(input)?;
        entries.push((key, value));
    }
    Ok(entries)
}

impl<K: Message, V: Message> Message for BTreeMap<K, V> {
    const SCHEMA: Schema = Schema::value(
        "map",
        SchemaHasher::new("map").number(K::SCHEMA.embedded).number(V::SCHEMA.embedded).finish(),
    );
    const MIN_LEN: usize = 4;
    const MAX_LEN: Option<usize> = None;

    #[inline]
    fn encoded_len(&self) -> usize {
        entries_len(self.iter())
    }

    #[inline]
    fn encode(&self, output: &mut Writer<'_>) {
        output.put_count(self.len());
        for (key, value) in self {
            key.encode(output);
            value.encode(output);
        }
    }
}

impl<'a, K: Decode<'a> + Ord, V: Decode<'a>> Decode<'a> for BTreeMap<K, V> {
    #[inline]
    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let least = K::MIN_LEN + V::MIN_LEN;
        let count = input.clone().count(least)?;
        if count > INSERTED {
            return Ok(decode_entries(input, least)?.into_iter().collect());
        }
        input.count(least)?;
        let mut map = Self::new();
        for _ in 0..count {
            let key = K::decode(input)?;
            if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(OUT_OF_ORDER);
            }
            let value = V::decode(input)?;
            map.insert(key, value);
        }
        Ok(map)
    }
}

impl<T: Message> Message for BTreeSet<T> {
    const SCHEMA: Schema =
        Schema::value("set", SchemaHasher::new("set").number(T::SCHEMA.embedded).finish());
    const MIN_LEN: usize = 4;
    const MAX_LEN: Option<usize> = None;

    #[inline]
    fn encoded_len(&self) -> usize {
        if T::FIXED {
            return self.len().saturating_mul(T::MIN_LEN).saturating_add(4);
        }
        self.iter().fold(4, |sum: usize, item| sum.saturating_add(item.encoded_len()))
    }

    #[inline]
    fn encode(&self, output: &mut Writer<'_>) {
        output.put_count(self.len());
        for item in self {
            item.encode(output);
        }
    }
}

impl<'a, T: Decode<'a> + Ord> Decode<'a> for BTreeSet<T> {
    #[inline]
    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let entries = decode_entries::<T, ()>(input, T::MIN_LEN)?;
        Ok(entries.into_iter().map(|(item, ())| item).collect())
    }
}

#[cfg(feature = "std")]
mod hashed {
    //! The same for the maps of `std`, which are sorted when they are written.

    use std::collections::{HashMap, HashSet};
    use std::hash::{BuildHasher, Hash};

    use super::{
        BTreeMap, BTreeSet, Decode, DecodeError, Message, Reader, Schema, Vec, Writer,
        decode_entries, entries_len,
    };

    impl<K: Message + Ord, V: Message, S> Message for HashMap<K, V, S> {
        const SCHEMA: Schema = <BTreeMap<K, V>>::SCHEMA;
        const MIN_LEN: usize = 4;
        const MAX_LEN: Option<usize> = None;

        fn encoded_len(&self) -> usize {
            entries_len(self.iter())
        }

        fn encode(&self, output: &mut Writer<'_>) {
            output.put_count(self.len());
            let mut entries: Vec<(&K, &V)> = self.iter().collect();
            entries.sort_unstable_by_key(|entry| entry.0);
            for (key, value) in entries {
                key.encode(output);
                value.encode(output);
            }
        }
    }

    impl<'a, K, V, S> Decode<'a> for HashMap<K, V, S>
    where
        K: Decode<'a> + Ord + Hash,
        V: Decode<'a>,
        S: BuildHasher + Default,
    {
        fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
            let entries = decode_entries(input, K::MIN_LEN + V::MIN_LEN)?;
            Ok(entries.into_iter().collect())
        }
    }

    impl<T: Message + Ord, S> Message for HashSet<T, S> {
        const SCHEMA: Schema = <BTreeSet<T>>::SCHEMA;
        const MIN_LEN: usize = 4;
        const MAX_LEN: Option<usize> = None;

        fn encoded_len(&self) -> usize {
            self.iter().fold(4, |sum: usize, item| sum.saturating_add(item.encoded_len()))
        }

        fn encode(&self, output: &mut Writer<'_>) {
            output.put_count(self.len());
            let mut items: Vec<&T> = self.iter().collect();
            items.sort_unstable();
            for item in items {
                item.encode(output);
            }
        }
    }

    impl<'a, T, S> Decode<'a> for HashSet<T, S>
    where
        T: Decode<'a> + Ord + Hash,
        S: BuildHasher + Default,
    {
        fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
            let entries = decode_entries::<T, ()>(input, T::MIN_LEN)?;
            Ok(entries.into_iter().map(|(item, ())| item).collect())
        }
    }
}

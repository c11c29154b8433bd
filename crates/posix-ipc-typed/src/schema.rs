//! [`Schema`]: what a type is on the wire, as numbers known at compile time.
//!
//! Two programs agree on a type if they agree on its fingerprint: the FNV-1a hash, 64 bits wide,
//! of a canonical description (docs/wire-format.md) of its name, version, fields and their types.

/// What a type is on the wire.
///
/// Written by `#[derive(Message)]`; [`Schema::value`] makes that of a hand-written type.
///
/// # Examples
///
/// ```
/// use posix_ipc_typed::Message;
///
/// let schema = <Vec<u32> as Message>::SCHEMA;
/// assert_eq!(schema.name, "seq");
/// assert_ne!(schema.fingerprint, <Vec<u64> as Message>::SCHEMA.fingerprint);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// The name that the author chose.
    pub name: &'static str,
    /// The version, counted from 1.
    pub version: u16,
    /// Stands for this very version: equal fingerprints are equal bytes.
    pub fingerprint: u64,
    /// Stands for all versions that grew out of one first version by additions.
    pub lineage: u32,
    /// What a type that contains this one takes into its own fingerprint.
    pub embedded: u64,
    /// The fingerprints of versions 1, 2 and so on, up to this one.
    pub history: &'static [u64],
}

impl Schema {
    /// The schema of a type that never changes: `name`, and a hash of what it consists of.
    pub const fn value(name: &'static str, hash: u64) -> Self {
        Self {
            name,
            version: 1,
            fingerprint: hash,
            lineage: fold(hash),
            embedded: hash,
            history: &[],
        }
    }

    /// The fingerprint of one version, if this type knows it.
    pub const fn fingerprint_of(&self, version: u16) -> Option<u64> {
        if version == self.version {
            return Some(self.fingerprint);
        }
        let mut rest = self.history;
        let mut number = 1;
        while let [first, tail @ ..] = rest {
            if number == version {
                return Some(*first);
            }
            number += 1;
            rest = tail;
        }
        None
    }

    /// What marks this version within a type that carries it: the fingerprint in 16 bits.
    #[doc(hidden)]
    pub const fn check_of(&self, version: u16) -> Option<u16> {
        match self.fingerprint_of(version) {
            Some(hash) => {
                let half = fold(hash);
                Some((half ^ (half >> 16)) as u16)
            }
            None => None,
        }
    }
}

/// Makes the 32 bits of a lineage of a 64-bit hash.
#[doc(hidden)]
pub const fn fold(hash: u64) -> u32 {
    (hash ^ (hash >> 32)) as u32
}

/// Hashes a canonical description at compile time.
///
/// For hand-written implementations of [`Message`](crate::Message) of composite types.
///
/// # Examples
///
/// ```
/// use posix_ipc_typed::{Message, SchemaHasher};
///
/// let pair = SchemaHasher::new("pair").number(u32::SCHEMA.embedded).finish();
/// assert_ne!(pair, SchemaHasher::new("pair").finish());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct SchemaHasher(u64);

impl SchemaHasher {
    /// Starts with the kind of type.
    pub const fn new(kind: &str) -> Self {
        Self(0xcbf2_9ce4_8422_2325).text(kind)
    }

    /// Adds a text: its length in four bytes, then its bytes.
    pub const fn text(self, text: &str) -> Self {
        let mut rest = text.as_bytes();
        let mut this = self.bytes(&(rest.len() as u32).to_le_bytes());
        while let [first, tail @ ..] = rest {
            this = this.byte(*first);
            rest = tail;
        }
        this
    }

    /// Adds a number, in eight bytes.
    pub const fn number(self, number: u64) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    /// The hash.
    pub const fn finish(self) -> u64 {
        self.0
    }

    const fn bytes(self, mut rest: &[u8]) -> Self {
        let mut this = self;
        while let [first, tail @ ..] = rest {
            this = this.byte(*first);
            rest = tail;
        }
        this
    }

    const fn byte(self, byte: u8) -> Self {
        Self((self.0 ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_fnv_1a_of_length_and_text() {
        fn reference(bytes: &[u8]) -> u64 {
            bytes.iter().fold(0xcbf29ce484222325, |hash, &byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x100000001b3)
            })
        }
        // The published test vector of FNV-1a.
        assert_eq!(reference(b"foobar"), 0x85944171f73967e8);
        assert_eq!(SchemaHasher::new("u32").finish(), reference(b"\x03\0\0\0u32"));
        assert_eq!(
            SchemaHasher::new("").number(258).finish(),
            reference(b"\0\0\0\0\x02\x01\0\0\0\0\0\0")
        );
    }

    #[test]
    fn history_knows_its_own_versions_only() {
        let schema = Schema {
            name: "T",
            version: 3,
            fingerprint: 30,
            lineage: 0,
            embedded: 30,
            history: &[10, 20, 30],
        };
        let known = [0, 1, 2, 3, 4].map(|version| schema.fingerprint_of(version));
        assert_eq!(known, [None, Some(10), Some(20), Some(30), None]);
    }
}

//! What can be wrong with a value that is encoded, or with bytes that are decoded.

/// Why a value has no encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The buffer is too short for the value.
    #[error("the message does not fit the buffer")]
    Full,
    /// A string, sequence or map has more elements than its `max_len` or the format allows.
    #[error("{length} elements, where {limit} are allowed")]
    TooLong {
        /// How many there are.
        length: usize,
        /// How many may be.
        limit: usize,
    },
    /// A recursive value is nested more deeply than a receiver would follow.
    #[error("nested more than {limit} deep")]
    TooDeep {
        /// How deep it may be.
        limit: usize,
    },
    /// The value cannot be expressed in the format.
    #[error("{0}")]
    Invalid(&'static str),
}

/// Why bytes are not a message of the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end within the message.
    #[error("the message ends early: {needed} bytes are needed, {left} are left")]
    End {
        /// How many bytes the next part takes at least.
        needed: usize,
        /// How many there are.
        left: usize,
    },
    /// Bytes are left after the message.
    #[error("{left} bytes are left after the message")]
    Trailing {
        /// How many.
        left: usize,
    },
    /// A byte or number that the type has no value for.
    #[error("{value} is not a {what}")]
    Invalid {
        /// What it should be.
        what: &'static str,
        /// What it is.
        value: u64,
    },
    /// A string is not UTF-8.
    #[error("a string is not UTF-8 from byte {valid_up_to}")]
    Utf8 {
        /// How many bytes are good.
        valid_up_to: usize,
    },
    /// An enum has no variant with this tag.
    #[error("{type_name} has no variant with tag {tag}")]
    Variant {
        /// The enum.
        type_name: &'static str,
        /// The tag.
        tag: u16,
    },
    /// A string, sequence or map has more elements than its `max_len` or the format allows.
    #[error("{length} elements, where {limit} are allowed")]
    TooLong {
        /// How many it claims.
        length: usize,
        /// How many may be.
        limit: usize,
    },
    /// A recursive value is nested too deeply.
    #[error("nested more than {limit} deep")]
    TooDeep {
        /// How deep it may be.
        limit: usize,
    },
    /// The bytes are not what this format writes for their value.
    #[error("not canonical: {0}")]
    NotCanonical(&'static str),
    /// A value within the message is of another version than its type here.
    #[error("{type_name} within the message is of version {found}, not {expected}")]
    Version {
        /// The type.
        type_name: &'static str,
        /// The version of the type here.
        expected: u16,
        /// The version in the message.
        found: u16,
    },
}

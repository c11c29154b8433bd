//! The head of a record: one word, the length below and the kind above.

/// A record with a payload.
pub(crate) const DATA: u32 = 0x5245_4331;

/// What stands in front of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: u32,
    pub(crate) len: u32,
}

impl Head {
    #[inline(always)]
    pub(crate) fn data(len: usize) -> Self {
        Self { kind: DATA, len: len as u32 }
    }

    #[inline(always)]
    pub(crate) fn to_word(self) -> u64 {
        u64::from(self.kind) << 32 | u64::from(self.len)
    }

    #[inline(always)]
    pub(crate) fn of_word(word: u64) -> Self {
        Self { kind: (word >> 32) as u32, len: word as u32 }
    }
}

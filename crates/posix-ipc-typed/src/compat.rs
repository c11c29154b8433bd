//! Whether a message of one type and version can be read as another, and the words for it.

use core::fmt::{self, Write};

use crate::frame::LONGEST_NAME;
use crate::schema::Schema;

/// The type of a received message, as its frame tells.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    name: [u8; LONGEST_NAME],
    name_len: u8,
    version: u16,
    fingerprint: u64,
    lineage: u32,
}

impl Received {
    pub(crate) fn new(name: Option<&str>, version: u16, fingerprint: u64, lineage: u32) -> Self {
        let bytes = name.unwrap_or_default().as_bytes();
        let mut copy = [0; LONGEST_NAME];
        let mut name_len = 0;
        // A longer name was refused before.
        if let Some(slot) = copy.get_mut(..bytes.len()) {
            slot.copy_from_slice(bytes);
            name_len = bytes.len() as u8;
        }
        Self { name: copy, name_len, version, fingerprint, lineage }
    }

    /// The name, if the sender gave it.
    pub fn name(&self) -> Option<&str> {
        let bytes = self.name.get(..self.name_len.into())?;
        core::str::from_utf8(bytes).ok().filter(|name| !name.is_empty())
    }

    /// The version.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// The fingerprint of that version.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// What all versions of the type have in common.
    pub fn lineage(&self) -> u32 {
        self.lineage
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("name", &self.name())
            .field("version", &self.version)
            .field("fingerprint", &format_args!("{:#018x}", self.fingerprint))
            .field("lineage", &format_args!("{:#010x}", self.lineage))
            .finish()
    }
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            // The other program chose the name: it may hold anything.
            Some(name) => {
                for c in name.chars().flat_map(char::escape_debug) {
                    f.write_char(c)?;
                }
                write!(f, " version {}", self.version)
            }
            None => {
                write!(f, "a type with fingerprint {:#018x}", self.fingerprint)?;
                write!(f, ", version {}", self.version)
            }
        }
    }
}

/// A message is of another type than the receiver's, or of a version that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected_name} version {expected_version}, received {received}: {reason}")]
pub struct TypeMismatch {
    /// The name of the type that was expected.
    pub expected_name: &'static str,
    /// Its version here.
    pub expected_version: u16,
    /// Its fingerprint here.
    pub expected_fingerprint: u64,
    /// What came.
    pub received: Received,
    /// Why it cannot be read.
    pub reason: MismatchReason,
}

/// Why a message cannot be read as the type that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MismatchReason {
    /// It is another type.
    #[error("another type")]
    OtherType,
    /// It has the same name, but its first version differs: a field or variant was changed,
    /// moved or removed, not only added.
    #[error("the type was changed in a way that versions cannot bridge")]
    Changed,
    /// It is of the same name and version, but something was added on one side only.
    #[error("the two programs disagree on what that version is")]
    Disagreement,
}

impl Schema {
    /// Tells the version as which a received message can be read.
    ///
    /// # Errors
    ///
    /// [`TypeMismatch`] if it cannot.
    pub fn accept(&self, received: &Received) -> Result<u16, TypeMismatch> {
        if received.fingerprint == self.fingerprint && received.version == self.version {
            return Ok(self.version);
        }
        let related = received.lineage == self.lineage;
        let reason = match self.fingerprint_of(received.version) {
            Some(known) if related && known == received.fingerprint => return Ok(received.version),
            None if related && received.version > self.version => return Ok(received.version),
            _ if related => MismatchReason::Disagreement,
            _ if received.name() == Some(self.name) => MismatchReason::Changed,
            _ => MismatchReason::OtherType,
        };
        Err(TypeMismatch {
            expected_name: self.name,
            expected_version: self.version,
            expected_fingerprint: self.fingerprint,
            received: received.clone(),
            reason,
        })
    }
}

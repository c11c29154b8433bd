//! [`Error`]: what was tried, on which object, what the system said and what to do about it.

use std::convert::Infallible;
use std::io;

use rustix::io::Errno;

use crate::kind::Kind;
use crate::name::{Name, NameError};

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed.
///
/// What a caller plans for, a full queue or a deadline that has passed, is not found here but
/// in the value of the call (`false`, `None`) or in the variants of the call's own error.
///
/// # Examples
///
/// ```
/// use posix_ipc::{Name, Semaphore};
/// use std::io::ErrorKind;
///
/// let error = Semaphore::open(Name::unique("doc-no-such")).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// assert!(error.to_string().starts_with("cannot open semaphore /doc-no-such-"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name is none, or too long for its kind.
    #[error(transparent)]
    Name(#[from] NameError),

    /// The system refused; its answer is the source.
    #[error("cannot {operation} {kind}{}{}", Named(.name), Hinted(.hint))]
    Os {
        /// What was tried, as a verb: "open", "send to".
        operation: &'static str,
        /// The kind of object.
        kind: Kind,
        /// The object's name, if it has one.
        name: Option<Name>,
        /// The system's answer.
        #[source]
        errno: Errno,
        /// Which limit or rule was hit, and where to change it.
        hint: Option<Box<str>>,
    },

    /// The object exists, but is not as the caller expected; it was left as it is.
    #[error("the {property} of {kind}{} is {found}, not {expected} as expected", Named(.name))]
    Mismatch {
        /// The kind of object.
        kind: Kind,
        /// The object's name, if it has one.
        name: Option<Name>,
        /// What differs: "size", "capacity", "message size".
        property: &'static str,
        /// What the caller asked for.
        expected: u64,
        /// What the object has.
        found: u64,
    },

    /// The object belongs to another user than the caller expected.
    #[error("{kind}{} belongs to user {found}, not {expected} as expected", Named(.name))]
    Owner {
        /// The kind of object.
        kind: Kind,
        /// The object's name.
        name: Option<Name>,
        /// The user id that the caller asked for.
        expected: u32,
        /// The user id of the owner.
        found: u32,
    },

    /// What stands under the name is no object of this kind, or of another program's format.
    #[error("{}is not a {kind} that can be used here: {reason}", Leading(.name))]
    Foreign {
        /// The kind of object that was expected.
        kind: Kind,
        /// The name.
        name: Option<Name>,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A number that the caller gave is out of range; nothing was done.
    #[error("{argument} {value} is out of range: {min} to {max} are possible")]
    OutOfRange {
        /// Which argument.
        argument: &'static str,
        /// The value given.
        value: u64,
        /// The smallest that is possible.
        min: u64,
        /// The largest that is possible.
        max: u64,
    },

    /// Arguments that make no sense, alone or together; nothing was done.
    #[error("{argument}: {reason}")]
    Argument {
        /// Which argument.
        argument: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// The name was made and removed by others all the time, so that neither opening nor
    /// creating it ever succeeded.
    #[error("cannot settle on {kind} {name}: others created and removed it {attempts} times")]
    Contended {
        /// The kind of object.
        kind: Kind,
        /// The name.
        name: Name,
        /// How often it was tried.
        attempts: u32,
    },

    /// This system does not have it.
    #[error("this system has no {feature}")]
    Unsupported {
        /// What it lacks.
        feature: &'static str,
    },
}

impl Error {
    /// The failure in std's words, for a `match` that does not care for details.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Os { errno, .. } => io::Error::from(*errno).kind(),
            Self::Name(_) | Self::OutOfRange { .. } | Self::Argument { .. } => {
                io::ErrorKind::InvalidInput
            }
            Self::Mismatch { .. } | Self::Foreign { .. } => io::ErrorKind::InvalidData,
            Self::Owner { .. } => io::ErrorKind::PermissionDenied,
            Self::Contended { .. } => io::ErrorKind::ResourceBusy,
            Self::Unsupported { .. } => io::ErrorKind::Unsupported,
        }
    }

    /// The number of the system's error, or the one that C would have given.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Os { errno, .. } => Some(*errno),
            Self::Name(error) => Some(error.errno()),
            Self::OutOfRange { .. } | Self::Argument { .. } => Some(Errno::INVAL),
            Self::Unsupported { .. } => Some(Errno::NOSYS),
            Self::Owner { .. } => Some(Errno::ACCESS),
            Self::Mismatch { .. } | Self::Foreign { .. } | Self::Contended { .. } => None,
        }
    }

    /// Which limit or rule was hit and where to change it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Os { hint, .. } => hint.as_deref(),
            _ => None,
        }
    }

    /// The system's answer to `operation` on `name`, with the hint that fits every kind.
    pub(crate) fn os<'a>(
        operation: &'static str,
        kind: Kind,
        name: impl Into<Option<&'a Name>>,
        errno: Errno,
    ) -> Self {
        let hint = hint(errno, kind).map(Box::from);
        Self::Os { operation, kind, name: name.into().cloned(), errno, hint }
    }

    /// Whether the system said that the name exists already.
    pub(crate) fn is_exists(&self) -> bool {
        matches!(self, Self::Os { errno: Errno::EXIST, .. })
    }

    /// Whether the system said that there is no such name.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Os { errno: Errno::NOENT, .. })
    }
}

/// What an answer means, where it means the same for an object of any kind.
fn hint(errno: Errno, kind: Kind) -> Option<&'static str> {
    let queue = kind == Kind::MessageQueue;
    match errno {
        Errno::ACCESS | Errno::PERM => Some(
            "permission denied: see the object's owner and mode, and whether others may remove it",
        ),
        Errno::LOOP => Some("a symbolic link stands in its place"),
        Errno::MFILE if !queue => {
            Some("this process has all the descriptors that RLIMIT_NOFILE allows")
        }
        Errno::NFILE => Some("the system has all the files open that fs.file-max allows"),
        Errno::NOSPC if !queue => Some("/dev/shm is full: remove objects or enlarge its mount"),
        Errno::NOSYS => Some("the kernel is built without it"),
        _ => None,
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(error.kind(), error)
    }
}

/// Shows a name after a blank, or nothing.
struct Named<'a>(&'a Option<Name>);

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.as_ref().map_or(Ok(()), |name| write!(f, " {name}"))
    }
}

/// Shows a name before a blank, or "it ".
struct Leading<'a>(&'a Option<Name>);

impl std::fmt::Display for Leading<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(name) => write!(f, "{name} "),
            None => f.write_str("it "),
        }
    }
}

/// Shows a hint in parentheses, or nothing.
struct Hinted<'a>(&'a Option<Box<str>>);

impl std::fmt::Display for Hinted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

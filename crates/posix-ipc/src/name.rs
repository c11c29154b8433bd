//! [`Name`]: the name of an object, parsed once and valid ever after.

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;
use rustix::path::Arg;

use crate::kind::Kind;

/// The longest name that any kind takes on Linux, in bytes, without its slash.
const MAX: usize = 255;
/// What NetBSD takes for a semaphore, in bytes, without the slash.
const PORTABLE_SEMAPHORE: usize = 13;
/// What macOS takes for every kind, in bytes, without the slash.
const PORTABLE: usize = 29;

/// The name of a semaphore, a shared memory object, a message queue or a ring.
///
/// A name is one slash and then up to 255 bytes (251 for semaphores) that are neither a slash
/// nor NUL. On input the slash is optional; it is always shown. Names are compared byte by byte. A
/// `Name` is cheap to clone.
///
/// Every constructor that takes a name takes anything that converts into one: `"/jobs"`,
/// `"jobs"`, a `&CStr`, an `&OsStr`, bytes, a `&Name`.
///
/// # Examples
///
/// ```
/// use posix_ipc::Name;
///
/// const JOBS: Name = Name::from_static("/jobs");
/// assert_eq!(JOBS, Name::new("jobs")?);
/// assert_eq!(JOBS.to_string(), "/jobs");
/// assert!(Name::new("/a/b").is_err());
/// # Ok::<(), posix_ipc::NameError>(())
/// ```
#[derive(Clone)]
pub struct Name(Repr);

/// Without the slash.
///
/// Invariant: 1 to `MAX` bytes, no slash, no NUL, neither `.` nor `..`.
#[derive(Clone)]
enum Repr {
    Static(&'static [u8]),
    Shared(Arc<[u8]>),
}

/// Why a name is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a name: {reason}", Shown(name))]
pub struct NameError {
    name: Box<[u8]>,
    reason: NameErrorReason,
}

/// The reasons why a name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameErrorReason {
    /// There is nothing, or nothing but slashes.
    #[error("it is empty")]
    Empty,
    /// There is a NUL byte, with which C ends a string.
    #[error("byte {position} is NUL")]
    Nul {
        /// Where, in bytes from the start.
        position: usize,
    },
    /// There is a slash that is not at the start; names are flat.
    #[error("byte {position} is a slash, which may stand at the start alone")]
    Slash {
        /// Where, in bytes from the start.
        position: usize,
    },
    /// It is `.` or `..`, which name directories.
    #[error("it names a directory")]
    Directory,
    /// It is too long for its kind.
    #[error("it has {length} bytes after the slash, and at most {max} are possible")]
    TooLong {
        /// Its length in bytes, without the slash.
        length: usize,
        /// The most that is possible.
        max: usize,
    },
}

/// Which rule the bytes break, if any.
const fn check(name: &[u8], start: usize) -> Result<(), NameErrorReason> {
    let length = name.len() - start;
    if length == 0 {
        return Err(NameErrorReason::Empty);
    }
    let mut position = start;
    while position < name.len() {
        match byte_at(name, position) {
            0 => return Err(NameErrorReason::Nul { position }),
            b'/' => return Err(NameErrorReason::Slash { position }),
            _ => position += 1,
        }
    }
    let dots = byte_at(name, start) == b'.'
        && (length == 1 || (length == 2 && byte_at(name, start + 1) == b'.'));
    if dots {
        return Err(NameErrorReason::Directory);
    }
    if length > MAX {
        return Err(NameErrorReason::TooLong { length, max: MAX });
    }
    Ok(())
}

#[expect(clippy::indexing_slicing, reason = "callers keep the position below the length")]
const fn byte_at(bytes: &[u8], position: usize) -> u8 {
    bytes[position]
}

/// How many slashes the name starts with.
const fn slashes(name: &[u8]) -> usize {
    let mut count = 0;
    while count < name.len() && byte_at(name, count) == b'/' {
        count += 1;
    }
    count
}

impl Name {
    /// Parses a name; leading slashes are dropped.
    ///
    /// # Errors
    ///
    /// [`NameError`] with the reason: empty, a NUL or a slash inside, `.` or `..`, over 255
    /// bytes. What a kind takes less is checked when an object of the kind is opened.
    pub fn new(name: impl AsRef<OsStr>) -> Result<Self, NameError> {
        Self::parse(name.as_ref().as_bytes())
    }

    /// A name from a literal, checked when it is compiled if the result is a constant.
    ///
    /// # Panics
    ///
    /// If `name` is not a valid name; in a constant, that is an error of the compiler.
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::Name;
    /// const LOCK: Name = Name::from_static("/lock");
    /// ```
    ///
    /// ```compile_fail,E0080
    /// # use posix_ipc::Name;
    /// const LOCK: Name = Name::from_static("/lock/inner");
    /// ```
    pub const fn from_static(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        let start = slashes(bytes);
        assert!(check(bytes, start).is_ok(), "not a valid name of an IPC object");
        let (_, bytes) = bytes.split_at(start);
        Self(Repr::Static(bytes))
    }

    /// A name that nobody else uses: `/PREFIX-` and 16 random hexadecimal digits.
    ///
    /// Bytes of the prefix that a name can't have become `_`; a prefix of over 200 bytes is
    /// cut. It is for private objects and for tests, and is no secret: whoever may list the
    /// directory sees it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use posix_ipc::Name;
    /// assert_ne!(Name::unique("job"), Name::unique("job"));
    /// ```
    pub fn unique(prefix: &str) -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let mut hasher = RandomState::new().build_hasher();
        COUNTER.fetch_add(1, Ordering::Relaxed).hash(&mut hasher);
        std::process::id().hash(&mut hasher);
        let allowed = |byte: u8| if matches!(byte, 0 | b'/') { b'_' } else { byte };
        let mut name: Vec<u8> = prefix.bytes().take(200).map(allowed).collect();
        name.extend_from_slice(format!("-{:016x}", hasher.finish()).as_bytes());
        Self(Repr::Shared(name.into()))
    }

    /// The name without its slash, as it stands in a directory listing.
    pub fn file_name(&self) -> &OsStr {
        OsStr::from_bytes(self.as_bytes())
    }

    /// The bytes of the name, without its slash.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Static(name) => name,
            Repr::Shared(name) => name,
        }
    }

    /// Whether every system that has POSIX IPC takes this name, for every kind.
    ///
    /// That is 1 to 13 letters, digits, `_` or `-` of ASCII: NetBSD takes no more for
    /// semaphores. See [`is_portable_for`](Self::is_portable_for) for one kind.
    pub fn is_portable(&self) -> bool {
        self.is_portable_for(Kind::Semaphore)
    }

    /// Whether every system that has objects of this kind takes this name.
    ///
    /// Semaphores: 13 bytes (NetBSD). The others: 29 bytes (macOS takes 30 or 31 with the
    /// slash, depending on the kind).
    pub fn is_portable_for(&self, kind: Kind) -> bool {
        let max = if kind == Kind::Semaphore { PORTABLE_SEMAPHORE } else { PORTABLE };
        let name = self.as_bytes();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        name.len() <= max && name.iter().all(plain)
    }

    /// Refuses a name that is valid, but too long for this kind.
    pub(crate) fn check_for(&self, kind: Kind) -> Result<(), NameError> {
        let (length, max) = (self.as_bytes().len(), kind.longest_name());
        if length > max {
            let reason = NameErrorReason::TooLong { length, max };
            return Err(NameError { name: self.as_bytes().into(), reason });
        }
        Ok(())
    }

    fn parse(name: &[u8]) -> Result<Self, NameError> {
        let start = slashes(name);
        match check(name, start) {
            Ok(()) => Ok(Self(Repr::Shared(name.get(start..).unwrap_or_default().into()))),
            Err(reason) => Err(NameError { name: name.into(), reason }),
        }
    }
}

impl NameError {
    /// Which rule the name breaks.
    pub fn reason(&self) -> NameErrorReason {
        self.reason
    }

    /// What the C call would have answered: `ENAMETOOLONG` or `EINVAL`.
    pub fn errno(&self) -> Errno {
        match self.reason {
            NameErrorReason::TooLong { .. } => Errno::NAMETOOLONG,
            _ => Errno::INVAL,
        }
    }
}

/// Bytes as people read them: what is not UTF-8 or not printable is escaped.
struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(self.as_bytes());
        if text.contains(char::is_control) {
            write!(f, "/{}", text.escape_debug())
        } else {
            write!(f, "/{text}")
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name(\"/{}\")", self.as_bytes().escape_ascii())
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl FromStr for Name {
    type Err = NameError;
    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::parse(name.as_bytes())
    }
}

impl From<&Name> for Name {
    fn from(name: &Name) -> Self {
        name.clone()
    }
}

macro_rules! try_from {
    ($($type:ty => |$name:ident| $bytes:expr),* $(,)?) => {$(
        impl TryFrom<$type> for Name {
            type Error = NameError;
            fn try_from($name: $type) -> Result<Self, NameError> {
                Self::parse($bytes)
            }
        }
    )*};
}

try_from! {
    &str => |name| name.as_bytes(),
    String => |name| name.as_bytes(),
    &String => |name| name.as_bytes(),
    &[u8] => |name| name,
    &CStr => |name| name.to_bytes(),
    &OsStr => |name| name.as_bytes(),
    OsString => |name| name.as_bytes(),
    &OsString => |name| name.as_bytes(),
}

/// As C takes it: with one slash.
impl Arg for &Name {
    fn as_str(&self) -> rustix::io::Result<&str> {
        // The slash is not stored, so that no borrowed text with it can be had.
        Err(Errno::INVAL)
    }

    fn to_string_lossy(&self) -> Cow<'_, str> {
        Cow::Owned(format!("/{}", String::from_utf8_lossy(self.as_bytes())))
    }

    fn as_cow_c_str(&self) -> rustix::io::Result<Cow<'_, CStr>> {
        with_slash(self, |name| Ok(Cow::Owned(CString::from(name))))
    }

    fn into_c_str<'b>(self) -> rustix::io::Result<Cow<'b, CStr>>
    where
        Self: 'b,
    {
        with_slash(self, |name| Ok(Cow::Owned(CString::from(name))))
    }

    fn into_with_c_str<T, F>(self, f: F) -> rustix::io::Result<T>
    where
        Self: Sized,
        F: FnOnce(&CStr) -> rustix::io::Result<T>,
    {
        with_slash(self, f)
    }
}

fn with_slash<T>(
    name: &Name,
    f: impl FnOnce(&CStr) -> rustix::io::Result<T>,
) -> rustix::io::Result<T> {
    let mut buffer = [0u8; MAX + 2];
    for (slot, &byte) in buffer.iter_mut().zip(b"/".iter().chain(name.as_bytes())) {
        *slot = byte;
    }
    f(CStr::from_bytes_until_nul(&buffer).map_err(|_| Errno::INVAL)?)
}

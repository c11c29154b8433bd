//! Payloads by reference: in a shared memory object of their own, which the frame names.

use std::time::Duration;
#[cfg(target_os = "linux")]
use std::time::SystemTime;

use posix_ipc::{Cleanup, Name, OpenMode, SharedMemory};

use crate::error::DecodeError;
use crate::message::{Decode, Message};

/// How the names of all such objects start, so that a receiver never touches another object
/// because a frame tells it to.
const PREFIX: &str = "posix-ipc-payload-";
/// The longest payload that is taken by reference, unless the receiver says otherwise.
pub(crate) const LONGEST: u64 = 1 << 30;

/// Why a payload in shared memory could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LargeError {
    /// The frame does not tell where the payload is.
    #[error("the frame does not tell where the payload is")]
    Descriptor(#[source] DecodeError),
    /// The frame names an object that is no payload.
    #[error("the frame names an object that is no payload")]
    Name,
    /// The payload is longer than this receiver takes.
    #[error("a payload of {length} bytes, where up to {limit} are taken")]
    TooLong {
        /// How long it is.
        length: u64,
        /// How long it may be.
        limit: u64,
    },
    /// The object is not as long as the frame says.
    #[error("the payload has {found} bytes, not {expected}")]
    Length {
        /// What the frame says.
        expected: u64,
        /// What the object has.
        found: u64,
    },
    /// The object could not be used.
    #[error(transparent)]
    Object(#[from] posix_ipc::Error),
}

/// What the frame carries in place of the payload: the rest of the object's name, and its length.
type Descriptor<'a> = (&'a str, u64);

/// A payload that was put into shared memory; removed when dropped, unless it was sent.
#[derive(Debug)]
pub(crate) struct Published {
    memory: SharedMemory,
    descriptor: Vec<u8>,
}

impl Published {
    pub(crate) fn new(payload: &[u8], permissions: u32) -> posix_ipc::Result<Self> {
        let prefix = format!("{PREFIX}{:x}", std::process::id());
        let name = Name::unique(&prefix);
        let length = payload.len() as u64;
        let memory = SharedMemory::options()
            .mode(OpenMode::CreateNew)
            // Until it has been sent, it goes with this handle.
            .cleanup(Cleanup::Creator)
            .permissions(permissions)
            .size(length)
            .open_with(&name, |mapping| mapping.write_at(0, payload))?;
        let text = String::from_utf8_lossy(name.as_bytes());
        let rest = text.strip_prefix(PREFIX).unwrap_or_default();
        let descriptor: Descriptor<'_> = (rest, length);
        // A tuple of a short text and a number always has an encoding.
        Ok(Self { memory, descriptor: descriptor.encoded().unwrap_or_default() })
    }

    pub(crate) fn descriptor(&self) -> &[u8] {
        &self.descriptor
    }

    /// Leaves the object to the receiver.
    pub(crate) fn sent(self) {
        self.memory.keep();
    }
}

/// Copies a payload out of its object, and removes the object.
pub(crate) fn fetch(descriptor: &[u8], limit: u64) -> Result<Vec<u8>, LargeError> {
    let (rest, expected): Descriptor<'_> = Decode::from_bytes(descriptor)?;
    let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
    if rest.is_empty() || rest.len() > 64 || !rest.bytes().all(hexadecimal) {
        return Err(LargeError::Name);
    }
    let memory = SharedMemory::open_read(format!("/{PREFIX}{rest}"))?;
    // From here on nobody else will use it, whatever it holds.
    memory.unlink_name()?;
    if expected > limit {
        return Err(LargeError::TooLong { length: expected, limit });
    }
    let found = memory.len()?;
    if found != expected {
        return Err(LargeError::Length { expected, found });
    }
    content(&memory, expected)
}

/// Copies the object by the system's `read`: were it mapped, a sender that makes it shorter
/// meanwhile would kill the receiver.
#[cfg(target_os = "linux")]
fn content(memory: &SharedMemory, expected: u64) -> Result<Vec<u8>, LargeError> {
    use std::io::Read;
    use std::os::fd::AsFd;

    let failed = |error: std::io::Error| posix_ipc::Error::Os {
        operation: "read",
        kind: posix_ipc::Kind::SharedMemory,
        name: None,
        errno: posix_ipc::Errno::from_io_error(&error).unwrap_or(posix_ipc::Errno::IO),
        hint: None,
    };
    let file = std::fs::File::from(memory.as_fd().try_clone_to_owned().map_err(failed)?);
    let mut content = Vec::new();
    // It was found to have as many bytes.
    let room = usize::try_from(expected).unwrap_or(usize::MAX);
    content.try_reserve_exact(room).map_err(|_| failed(posix_ipc::Errno::NOMEM.into()))?;
    file.take(expected).read_to_end(&mut content).map_err(failed)?;
    match content.len() as u64 {
        found if found != expected => Err(LargeError::Length { expected, found }),
        _ => Ok(content),
    }
}

/// Copies the object.
#[cfg(not(target_os = "linux"))]
fn content(memory: &SharedMemory, _expected: u64) -> Result<Vec<u8>, LargeError> {
    let mapping = memory.map_read()?;
    Ok(mapping.to_vec(0, mapping.len())?)
}

/// Removes payloads in shared memory that are older than `age` and whose sender has died; tells
/// how many.
///
/// A payload that was sent is its receiver's to remove. This is for those whose receiver died
/// too; choose an age at which no message still waits to be received.
///
/// # Platforms
///
/// Linux; elsewhere nothing is found.
pub fn collect_payloads(age: Duration) -> usize {
    #[cfg(target_os = "linux")]
    {
        let old = SystemTime::now().checked_sub(age);
        let listing = posix_ipc::inspect::list_where(|kind, name| {
            kind == posix_ipc::Kind::SharedMemory && sender_of(name).is_some_and(|id| !lives(id))
        });
        let late = |object: &&posix_ipc::inspect::Object| {
            old.is_some_and(|old| object.modified <= old && object.changed <= old)
        };
        listing.objects.iter().filter(late).filter(|object| object.unlink().is_ok()).count()
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = age;
        0
    }
}

/// The process that made a payload, by its name.
#[cfg(target_os = "linux")]
fn sender_of(name: &Name) -> Option<u32> {
    let text = std::str::from_utf8(name.as_bytes()).ok()?;
    let (id, _) = text.strip_prefix(PREFIX)?.split_once('-')?;
    u32::from_str_radix(id, 16).ok()
}

#[cfg(target_os = "linux")]
fn lives(process: u32) -> bool {
    std::path::Path::new(&format!("/proc/{process}")).exists()
}

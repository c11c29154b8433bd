//! How the names of queues are looked up, removed and leased.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};

use posix_ipc_sys::mq;
use rustix::io::Errno;

use crate::cleanup::Place;
use crate::identity::Identity;
use crate::kind::Kind;
use crate::name::Name;

pub(super) static PLACE: Place =
    Place { kind: Kind::MessageQueue, identity, unlink: |name| mq::unlink(name), open_lease };

/// The device that the queue which this process opened last lives on: that of its IPC
/// namespace.
static DEVICE: AtomicU64 = AtomicU64::new(0);

/// Remembers which device the queues of this process live on.
pub(super) fn remember(identity: Identity) {
    DEVICE.store(identity.device(), Ordering::Relaxed);
}

/// Which queue the name refers to.
///
/// Looked up without opening the queue where its file system is mounted: closing any descriptor
/// of a queue would end the notification that this process has registered there. A mount of
/// another IPC namespace, which has another device, says nothing; then the queue is opened.
#[cfg(target_os = "linux")]
fn identity(name: &Name) -> Result<Identity, Errno> {
    use rustix::fs::{AtFlags, Mode, OFlags};

    use crate::identity::Status;

    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    if let Ok(directory) = rustix::fs::open("/dev/mqueue", flags, Mode::empty()) {
        let device = DEVICE.load(Ordering::Relaxed);
        if Status::of(&directory)?.identity.device() == device {
            let stat = rustix::fs::statat(directory, name.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
            return Ok(Status::from(&stat).identity);
        }
    }
    Ok(Status::of(open_any(name)?)?.identity)
}

/// Elsewhere a queue has no identity that a name could be compared by.
#[cfg(not(target_os = "linux"))]
fn identity(name: &Name) -> Result<Identity, Errno> {
    open_any(name).map(|_| Identity::new(0, 0))
}

#[cfg(any(target_os = "linux", target_os = "netbsd", target_os = "dragonfly"))]
fn open_lease(name: &Name) -> Result<OwnedFd, Errno> {
    open_any(name).map(OwnedFd::from)
}

#[cfg(not(any(target_os = "linux", target_os = "netbsd", target_os = "dragonfly")))]
fn open_lease(_: &Name) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

/// Opens the queue for whatever the caller may do with it.
pub(super) fn open_any(name: &Name) -> Result<mq::OwnedMqd, Errno> {
    let open =
        |direction| mq::open(name, direction | mq::OFlags::NONBLOCK, mq::Mode::empty(), None);
    match open(mq::OFlags::RDONLY) {
        Err(Errno::ACCESS) => open(mq::OFlags::WRONLY),
        other => other,
    }
}

//! Message queues: `mq_open` and friends.
//!
//! A queue is [`open`]ed by name and closes on drop. [`send`] and [`receive`] move one whole
//! message, with a priority; messages of higher priority are received first, equal ones in
//! the order they came. Every function takes a descriptor as [`AsMqd`]; where a queue is a file
//! descriptor ([`OwnedMqd`] says where) it can be polled.
//!
//! Absent on systems without message queues: macOS and OpenBSD.
//!
//! # Names
//!
//! Leading slashes are optional. The rest is 1 to 255 bytes without a slash, and neither
//! `.` nor `..`.
//!
//! # Examples
//!
//! ```
//! use posix_ipc_sys::mq::{self, Mode, MqAttr, OFlags};
//!
//! # let name = format!("/doc-sys-mq-{}", std::process::id());
//! let attributes = MqAttr::new(4, 64);
//! let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
//! let queue = mq::open(&*name, flags, Mode::RUSR | Mode::WUSR, Some(&attributes))?;
//! mq::send(&queue, b"later", 1)?;
//! mq::send(&queue, b"now", 9)?;
//!
//! let mut buffer = [0; 64];
//! let (len, priority) = mq::receive(&queue, &mut buffer)?;
//! assert_eq!((&buffer[..len], priority), (&b"now"[..], 9));
//! mq::unlink(&*name)?;
//! # Ok::<(), posix_ipc_sys::io::Errno>(())
//! ```

use rustix::io::{Errno, Result};
use rustix::path::Arg;
use rustix::time::Timespec;

use crate::backend::mq as backend;

pub use crate::buffer::Buffer;
#[cfg(any(feature = "std", feature = "bytes"))]
pub use crate::buffer::{SpareCapacity, spare_capacity};
pub use crate::handle::{AsMqd, BorrowedMqd, OwnedMqd};
#[cfg(target_os = "linux")]
pub use crate::mq_attr::{COOKIE_FIRED, COOKIE_LEN, COOKIE_REMOVED};
pub use crate::mq_attr::{MqAttr, Notification, OFlags};
pub use rustix::fs::Mode;

/// The highest priority that a message may have (`MQ_PRIO_MAX - 1`).
pub const PRIORITY_MAX: u32 = if cfg!(target_os = "linux") {
    32_767
} else if cfg!(target_os = "freebsd") {
    63
} else {
    31
};

/// Opens, and with [`OFlags::CREATE`] may create, the queue `name`.
///
/// `mode` (less the umask) and `attributes` count only when the queue is created. Without
/// attributes the system picks the geometry. An existing queue keeps its own, whatever is asked for.
///
/// # Errors
///
/// - `EINVAL`: no such name can exist, or the geometry is zero or over the system's limits.
/// - `ENAMETOOLONG`: the name is over 255 bytes.
/// - `ENOENT`: there is none, and it is not to be created.
/// - `EEXIST`: there is one, and `EXCL` was given.
/// - `EACCES`: it may not be opened for that direction.
/// - `EMFILE`: too many descriptors, or (Linux) `RLIMIT_MSGQUEUE` is used up.
/// - `ENOSPC`: (Linux) as many queues as `fs.mqueue.queues_max` exist.
/// - `ENFILE`, `ENOMEM`, `ENOSYS`: as elsewhere.
///
/// # Platforms
///
/// FreeBSD needs the module `mqueuefs`. On NetBSD `NONBLOCK` belongs to the queue, not to the
/// descriptor.
#[doc(alias = "mq_open")]
pub fn open<P: Arg>(
    name: P,
    flags: OFlags,
    mode: Mode,
    attributes: Option<&MqAttr>,
) -> Result<OwnedMqd> {
    name.into_with_c_str(|name| {
        crate::name::with_mqueue_name(name, |name| backend::open(name, flags, mode, attributes))
    })
}

/// Removes the name; the queue lives on until its last descriptor is closed.
///
/// # Errors
///
/// - `EINVAL`, `ENAMETOOLONG`: as for [`open`].
/// - `ENOENT`: there is none.
/// - `EACCES`: it is somebody else's.
#[doc(alias = "mq_unlink")]
pub fn unlink<P: Arg>(name: P) -> Result<()> {
    name.into_with_c_str(|name| crate::name::with_mqueue_name(name, backend::unlink))
}

/// Sends one message, waiting while the queue is full.
///
/// # Errors
///
/// - `EMSGSIZE`: longer than the queue's `msgsize`.
/// - `EINVAL`: `priority` is over [`PRIORITY_MAX`].
/// - `EAGAIN`: full, and the descriptor does not block.
/// - `EBADF`: not a queue, or not open for sending.
/// - `EINTR`: a signal came while it waited.
/// - `ENOMEM`: no memory for the message.
#[doc(alias = "mq_send")]
#[inline]
pub fn send<Q: AsMqd>(queue: Q, message: &[u8], priority: u32) -> Result<()> {
    backend::send(queue.as_mqd(), message, priority, None)
}

/// As [`send`], waiting until `deadline` on the realtime clock at the latest.
///
/// A deadline in the past makes it a poll: it succeeds if there is room. On a descriptor that
/// does not block the deadline is ignored.
///
/// # Errors
///
/// As [`send`], and
/// - `ETIMEDOUT`: full until the deadline.
/// - `EINVAL`: (Linux: always, elsewhere perhaps only if it would wait) `tv_nsec` is not below 10⁹, or `tv_sec` negative.
#[doc(alias = "mq_timedsend")]
#[inline]
pub fn timedsend<Q: AsMqd>(
    queue: Q,
    message: &[u8],
    priority: u32,
    deadline: &Timespec,
) -> Result<()> {
    backend::send(queue.as_mqd(), message, priority, Some(deadline))
}

/// Receives the oldest message of the highest priority and that priority, waiting while the
/// queue is empty.
///
/// A length of zero is an empty message; queues have no end of file.
///
/// # Errors
///
/// - `EMSGSIZE`: the buffer is shorter than the queue's `msgsize`, however short the message;
///   nothing was received.
/// - `EAGAIN`: empty, and the descriptor does not block.
/// - `EBADF`: not a queue, or not open for receiving.
/// - `EINTR`: a signal came while it waited.
///
/// # Examples
///
/// Into the spare capacity of a vector, which is not zeroed:
///
/// ```
/// # use posix_ipc_sys::mq::{self, Mode, MqAttr, OFlags};
/// # let name = format!("/doc-sys-mq-receive-{}", std::process::id());
/// # let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
/// # let queue = mq::open(&*name, flags, Mode::RUSR | Mode::WUSR, Some(&MqAttr::new(4, 64)))?;
/// # mq::unlink(&*name)?;
/// mq::send(&queue, b"text", 0)?;
/// let mut message = Vec::with_capacity(64);
/// mq::receive(&queue, mq::spare_capacity(&mut message))?;
/// assert_eq!(message, b"text");
/// # Ok::<(), posix_ipc_sys::io::Errno>(())
/// ```
#[doc(alias = "mq_receive")]
#[inline]
pub fn receive<Q: AsMqd, B: Buffer>(queue: Q, buffer: B) -> Result<(B::Output, u32)> {
    receive_until(queue.as_mqd(), buffer, None)
}

/// As [`receive`], waiting until `deadline` on the realtime clock at the latest.
///
/// A deadline in the past makes it a poll: it succeeds if there is a message. On a descriptor that
/// does not block the deadline is ignored.
///
/// # Errors
///
/// As [`receive`], and
/// - `ETIMEDOUT`: empty until the deadline.
/// - `EINVAL`: (Linux: always, elsewhere perhaps only if it would wait) `tv_nsec` is not below 10⁹, or `tv_sec` negative.
#[doc(alias = "mq_timedreceive")]
#[inline]
pub fn timedreceive<Q: AsMqd, B: Buffer>(
    queue: Q,
    buffer: B,
    deadline: &Timespec,
) -> Result<(B::Output, u32)> {
    receive_until(queue.as_mqd(), buffer, Some(deadline))
}

#[inline]
fn receive_until<B: Buffer>(
    queue: BorrowedMqd<'_>,
    buffer: B,
    deadline: Option<&Timespec>,
) -> Result<(B::Output, u32)> {
    receive_or_return(queue, buffer, deadline).map_err(|(errno, _)| errno)
}

/// As [`receive`] or [`timedreceive`], but an error gives the buffer back, for another try.
///
/// # Errors
///
/// As [`timedreceive`].
#[inline]
pub fn receive_or_return<Q: AsMqd, B: Buffer>(
    queue: Q,
    mut buffer: B,
    deadline: Option<&Timespec>,
) -> core::result::Result<(B::Output, u32), (Errno, B)> {
    let (start, len) = buffer.parts_mut();
    // SAFETY: `parts_mut` gives memory that is writable as long as `buffer` lives, which is
    // until `assume_init` below.
    let answer = unsafe { backend::receive(queue.as_mqd(), start, len, deadline) };
    match answer {
        // An answer beyond the buffer would be the kernel's fault; it costs a compare to be sure.
        Ok((received, priority)) if received <= len => {
            // SAFETY:
            // - Assumption: the kernel wrote as many bytes as it says.
            // - They are within the buffer: checked above.
            let output = unsafe { buffer.assume_init(received) };
            Ok((output, priority))
        }
        Ok(_) => Err((Errno::MSGSIZE, buffer)),
        Err(errno) => Err((errno, buffer)),
    }
}

/// Reads the queue's geometry, its fill and the descriptor's flags.
///
/// # Errors
///
/// `EBADF`: not a queue.
#[doc(alias = "mq_getattr")]
pub fn getattr<Q: AsMqd>(queue: Q) -> Result<MqAttr> {
    backend::getattr(queue.as_mqd())
}

/// Sets the descriptor's flags, of which only [`OFlags::NONBLOCK`] can change, and returns
/// what was before.
///
/// On Linux the flag is the open file description's: duplicates and forked children share it.
///
/// # Errors
///
/// - `EBADF`: not a queue.
/// - `EINVAL`: a flag other than `NONBLOCK`.
#[doc(alias = "mq_setattr")]
pub fn setattr<Q: AsMqd>(queue: Q, attributes: &MqAttr) -> Result<MqAttr> {
    backend::setattr(queue.as_mqd(), attributes)
}

/// Asks to be told of the next message that arrives in the empty queue; `None` takes that back.
///
/// There is one registration per queue, it ends when it fires, and a receiver that is already
/// waiting gets the message instead. On Linux, closing *any* descriptor of the queue in the process
/// that registered also ends it.
///
/// # Errors
///
/// - `EBUSY`: somebody (perhaps this process) is registered.
/// - `EBADF`: not a queue.
/// - `EINVAL`: no such signal.
/// - `ENOTSOCK`, `EBADF`: `Notification::Socket` without a netlink socket.
/// - `ENOSYS`: the system has no such call.
#[doc(alias = "mq_notify")]
pub fn notify<Q: AsMqd>(queue: Q, notification: Option<Notification<'_>>) -> Result<()> {
    backend::notify(queue.as_mqd(), notification.as_ref())
}

/// `SIGRTMIN + n`, for [`notify`]: real-time signals queue, so that none is lost; `None` beyond `SIGRTMAX`.
///
/// The C library keeps the first signals of the kernel's range to itself; they cannot be had.
#[cfg(target_os = "linux")]
pub fn real_time_signal(n: u32) -> Option<rustix::process::Signal> {
    let number = libc::SIGRTMIN().checked_add(i32::try_from(n).ok()?)?;
    if number > libc::SIGRTMAX() {
        return None;
    }
    // SAFETY: a number from `SIGRTMIN` to `SIGRTMAX` is a signal, not reserved by the C library.
    Some(unsafe { rustix::process::Signal::from_raw_unchecked(number) })
}

//! The `libc` back end of `mq`: everything through the C library.

#[cfg(target_os = "linux")]
use core::ffi::c_void;
use core::ffi::{CStr, c_int, c_long};
use core::mem::MaybeUninit;
use core::ptr;

#[cfg(mqd_is_fd)]
use rustix::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use rustix::fs::Mode;
use rustix::io::Result;
use rustix::time::Timespec;

use crate::backend::conv::{done, last_error};
use crate::handle::{BorrowedMqd, OwnedMqd};
use crate::mq_attr::{MqAttr, Notification, OFlags};

#[cfg(target_os = "linux")]
use crate::sigevent::SigEvent;

#[cfg(mqd_is_fd)]
fn raw(queue: BorrowedMqd<'_>) -> libc::mqd_t {
    queue.as_fd().as_raw_fd()
}

#[cfg(not(mqd_is_fd))]
fn raw(queue: BorrowedMqd<'_>) -> libc::mqd_t {
    queue.as_ptr()
}

fn attributes_to_c(attributes: &MqAttr) -> libc::mq_attr {
    // SAFETY: `struct mq_attr` is integers only, for which all zeros is a value.
    let mut raw: libc::mq_attr = unsafe { MaybeUninit::zeroed().assume_init() };
    // What no `long` holds is over every limit as well.
    let long = |value: usize| c_long::try_from(value).unwrap_or(c_long::MAX);
    raw.mq_flags = attributes.flags.bits() as _;
    raw.mq_maxmsg = long(attributes.maxmsg) as _;
    raw.mq_msgsize = long(attributes.msgsize) as _;
    raw
}

fn attributes_from_c(raw: &libc::mq_attr) -> MqAttr {
    let size = |value: c_long| usize::try_from(value).unwrap_or(0);
    MqAttr {
        flags: OFlags::from_bits_retain(raw.mq_flags as u32),
        maxmsg: size(raw.mq_maxmsg as _),
        msgsize: size(raw.mq_msgsize as _),
        curmsgs: size(raw.mq_curmsgs as _),
    }
}

/// A deadline later than the C library's `time_t` can say is the latest that it can.
fn timespec_to_c(time: &Timespec) -> libc::timespec {
    // SAFETY: `struct timespec` is integers only, for which all zeros is a value.
    let mut raw: libc::timespec = unsafe { MaybeUninit::zeroed().assume_init() };
    let latest = if size_of_val(&raw.tv_sec) == 4 { i64::from(i32::MAX) } else { i64::MAX };
    raw.tv_sec = time.tv_sec.min(latest) as _;
    // A number too large for the field is also one that the system refuses.
    raw.tv_nsec = c_long::try_from(time.tv_nsec).unwrap_or(c_long::MAX) as _;
    raw
}

pub(crate) fn open(
    name: &CStr,
    flags: OFlags,
    mode: Mode,
    attributes: Option<&MqAttr>,
) -> Result<OwnedMqd> {
    let attributes = attributes.map(attributes_to_c);
    let pointer = attributes.as_ref().map_or(ptr::null(), ptr::from_ref);
    // The C library adds close-on-exec where it is not the rule.
    let flags = flags.bits() as c_int | libc::O_CLOEXEC;
    // SAFETY: the name is a C string, the attributes are null or of the C library's layout, and
    // both outlive the call. Both variadic arguments are always passed, the mode in the promoted
    // type.
    let mqd =
        unsafe { libc::mq_open(name.as_ptr(), flags, libc::c_uint::from(mode.bits()), pointer) };
    from_raw(mqd)
}

#[cfg(mqd_is_fd)]
fn from_raw(mqd: libc::mqd_t) -> Result<OwnedMqd> {
    if mqd < 0 {
        return Err(last_error());
    }
    // SAFETY: the system gave a new descriptor, and nobody else knows it.
    Ok(OwnedMqd::from(unsafe { OwnedFd::from_raw_fd(mqd) }))
}

#[cfg(not(mqd_is_fd))]
fn from_raw(mqd: libc::mqd_t) -> Result<OwnedMqd> {
    // `(mqd_t)-1` is the failure; null is nothing that can be used either.
    match ptr::NonNull::new(mqd) {
        // SAFETY: the system gave a new descriptor, and nobody else knows it.
        Some(mqd) if mqd.as_ptr().addr() != usize::MAX => Ok(unsafe { OwnedMqd::from_raw(mqd) }),
        _ => Err(last_error()),
    }
}

/// # Safety
///
/// `mqd` is open and is not used again.
#[cfg(not(mqd_is_fd))]
pub(crate) unsafe fn close(mqd: libc::mqd_t) {
    // SAFETY: the caller's duty. An error leaves nothing to do.
    unsafe { libc::mq_close(mqd) };
}

pub(crate) fn unlink(name: &CStr) -> Result<()> {
    // SAFETY: the name is a C string that outlives the call.
    done(unsafe { libc::mq_unlink(name.as_ptr()) })
}

#[inline]
pub(crate) fn send(
    queue: BorrowedMqd<'_>,
    message: &[u8],
    priority: u32,
    deadline: Option<&Timespec>,
) -> Result<()> {
    let (start, len) = (message.as_ptr().cast(), message.len());
    let answer = match deadline {
        // SAFETY: the message is only read, and borrowed for the whole call.
        None => unsafe { libc::mq_send(raw(queue), start, len, priority) },
        Some(deadline) => {
            let deadline = timespec_to_c(deadline);
            // SAFETY: as above; the deadline is a local that outlives the call.
            unsafe { libc::mq_timedsend(raw(queue), start, len, priority, &deadline) }
        }
    };
    done(answer)
}

/// # Safety
///
/// `len` bytes at `start` are writable.
#[inline]
pub(crate) unsafe fn receive(
    queue: BorrowedMqd<'_>,
    start: *mut u8,
    len: usize,
    deadline: Option<&Timespec>,
) -> Result<(usize, u32)> {
    let start = start.cast();
    let mut priority = 0;
    let answer = match deadline {
        // SAFETY: at most `len` bytes are written at `start`, which the caller vouches for.
        None => unsafe { libc::mq_receive(raw(queue), start, len, &mut priority) },
        Some(deadline) => {
            let deadline = timespec_to_c(deadline);
            // SAFETY: as above; the deadline is a local that outlives the call.
            unsafe { libc::mq_timedreceive(raw(queue), start, len, &mut priority, &deadline) }
        }
    };
    let received = usize::try_from(answer).map_err(|_| last_error())?;
    Ok((received, priority))
}

pub(crate) fn getattr(queue: BorrowedMqd<'_>) -> Result<MqAttr> {
    let mut now = attributes_to_c(&MqAttr::new(0, 0));
    // SAFETY: `now` is of the C library's layout and outlives the call.
    done(unsafe { libc::mq_getattr(raw(queue), &mut now) })?;
    Ok(attributes_from_c(&now))
}

pub(crate) fn setattr(queue: BorrowedMqd<'_>, attributes: &MqAttr) -> Result<MqAttr> {
    let new = attributes_to_c(attributes);
    let mut old = attributes_to_c(&MqAttr::new(0, 0));
    // SAFETY: both are of the C library's layout and outlive the call.
    done(unsafe { libc::mq_setattr(raw(queue), &new, &mut old) })?;
    Ok(attributes_from_c(&old))
}

#[cfg(target_os = "linux")]
pub(crate) fn notify(
    queue: BorrowedMqd<'_>,
    notification: Option<&Notification<'_>>,
) -> Result<()> {
    let event = notification.map(SigEvent::from);
    let pointer: *const c_void =
        event.as_ref().map_or(ptr::null(), |event| ptr::from_ref(event).cast());
    // SAFETY: null or of the kernel's layout; a cookie that it points to is borrowed by
    // `notification` for the whole call.
    let answer = unsafe { libc::syscall(libc::SYS_mq_notify, raw(queue), pointer) };
    done(answer as c_int)
}

#[cfg(any(target_os = "freebsd", target_os = "netbsd", target_os = "dragonfly"))]
pub(crate) fn notify(
    queue: BorrowedMqd<'_>,
    notification: Option<&Notification<'_>>,
) -> Result<()> {
    let Some(notification) = notification else {
        // SAFETY: a null pointer takes the registration back.
        return done(unsafe { libc::mq_notify(raw(queue), ptr::null()) });
    };
    // SAFETY: `struct sigevent` is integers and pointers, for which all zeros is a value.
    let mut event: libc::sigevent = unsafe { MaybeUninit::zeroed().assume_init() };
    match *notification {
        Notification::Signal { signal, value } => {
            event.sigev_notify = libc::SIGEV_SIGNAL;
            event.sigev_signo = signal.as_raw();
            event.sigev_value.sival_ptr = ptr::without_provenance_mut(value);
        }
        _ => event.sigev_notify = libc::SIGEV_NONE,
    }
    // SAFETY: the event is of the C library's layout and outlives the call.
    done(unsafe { libc::mq_notify(raw(queue), &event) })
}

/// The libc crate does not declare it there.
#[cfg(any(target_os = "illumos", target_os = "solaris"))]
pub(crate) fn notify(_: BorrowedMqd<'_>, _: Option<&Notification<'_>>) -> Result<()> {
    Err(rustix::io::Errno::NOSYS)
}

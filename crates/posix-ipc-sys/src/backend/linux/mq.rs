//! The `linux` back end of `mq`: the kernel's calls, inlined into the caller.
//!
//! Only for 64-bit targets, where the kernel's `struct timespec` is two 64-bit integers
//! and rustix's as well. Why not through the C library: docs/benchmarks.md.

use core::ffi::{CStr, c_long, c_void};
use core::mem::MaybeUninit;
use core::ptr;

use rustix::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use rustix::fs::Mode;
use rustix::io::{Errno, Result};
use rustix::time::Timespec;
use syscalls::{Sysno, syscall};

use crate::handle::{BorrowedMqd, OwnedMqd};
use crate::mq_attr::{MqAttr, Notification, OFlags};
use crate::sigevent::SigEvent;

const _: () = assert!(size_of::<Timespec>() == 16 && size_of::<c_long>() == 8);

/// `struct mq_attr` of `linux/mqueue.h`.
#[repr(C)]
#[derive(Default)]
struct RawAttr {
    flags: c_long,
    maxmsg: c_long,
    msgsize: c_long,
    curmsgs: c_long,
    reserved: [c_long; 4],
}

impl From<&MqAttr> for RawAttr {
    fn from(attributes: &MqAttr) -> Self {
        // What no `long` holds is over every limit as well.
        let long = |value: usize| c_long::try_from(value).unwrap_or(c_long::MAX);
        Self {
            flags: attributes.flags.bits().into(),
            maxmsg: long(attributes.maxmsg),
            msgsize: long(attributes.msgsize),
            ..Self::default()
        }
    }
}

impl From<RawAttr> for MqAttr {
    fn from(raw: RawAttr) -> Self {
        let size = |value: c_long| usize::try_from(value).unwrap_or(0);
        Self {
            flags: OFlags::from_bits_retain(raw.flags as u32),
            maxmsg: size(raw.maxmsg),
            msgsize: size(raw.msgsize),
            curmsgs: size(raw.curmsgs),
        }
    }
}

#[inline]
fn error(errno: syscalls::Errno) -> Errno {
    Errno::from_raw_os_error(errno.into_raw())
}

/// The descriptor as the register that carries it.
#[inline]
fn register(queue: BorrowedMqd<'_>) -> usize {
    queue.as_fd().as_raw_fd() as usize
}

/// The kernel's names have no slash.
fn bare(name: &CStr) -> *const u8 {
    let bytes = name.to_bytes_with_nul();
    bytes.strip_prefix(b"/").unwrap_or(bytes).as_ptr()
}

pub(crate) fn open(
    name: &CStr,
    flags: OFlags,
    mode: Mode,
    attributes: Option<&MqAttr>,
) -> Result<OwnedMqd> {
    let attributes = attributes.map(RawAttr::from);
    let pointer = attributes.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the name is a C string, the attributes are null or of the kernel's layout, and both
    // outlive the call.
    let answer = unsafe {
        syscall!(
            Sysno::mq_open,
            bare(name),
            flags.bits() | libc::O_CLOEXEC as u32,
            mode.bits(),
            pointer
        )
    };
    let fd = answer.map_err(error)?;
    // SAFETY: the kernel gave a new descriptor, and nobody else knows it.
    Ok(OwnedMqd::from(unsafe { OwnedFd::from_raw_fd(fd as i32) }))
}

pub(crate) fn unlink(name: &CStr) -> Result<()> {
    // SAFETY: the name is a C string that outlives the call.
    let answer = unsafe { syscall!(Sysno::mq_unlink, bare(name)) };
    match answer.map_err(error) {
        // What the C library makes of it.
        Err(Errno::PERM) => Err(Errno::ACCESS),
        other => other.map(drop),
    }
}

#[inline]
pub(crate) fn send(
    queue: BorrowedMqd<'_>,
    message: &[u8],
    priority: u32,
    deadline: Option<&Timespec>,
) -> Result<()> {
    // SAFETY: the kernel only reads the message and the deadline, which is null or of its
    // layout; both are borrowed for the whole call.
    let answer = unsafe {
        syscall!(
            Sysno::mq_timedsend,
            register(queue),
            message.as_ptr(),
            message.len(),
            priority,
            deadline.map_or(ptr::null(), ptr::from_ref)
        )
    };
    answer.map(drop).map_err(error)
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
    let mut priority = MaybeUninit::<u32>::uninit();
    // SAFETY:
    // - The kernel writes at most `len` bytes at `start`, which the caller vouches for,
    //   and one `unsigned int` to `priority`.
    // - It reads the deadline, which is null or of its layout and borrowed for the whole call.
    let answer = unsafe {
        syscall!(
            Sysno::mq_timedreceive,
            register(queue),
            start,
            len,
            priority.as_mut_ptr(),
            deadline.map_or(ptr::null(), ptr::from_ref)
        )
    };
    let received = answer.map_err(error)?;
    // SAFETY: the call succeeded, so the kernel wrote the priority.
    Ok((received, unsafe { priority.assume_init() }))
}

pub(crate) fn getattr(queue: BorrowedMqd<'_>) -> Result<MqAttr> {
    getsetattr(queue, None)
}

pub(crate) fn setattr(queue: BorrowedMqd<'_>, attributes: &MqAttr) -> Result<MqAttr> {
    getsetattr(queue, Some(attributes))
}

fn getsetattr(queue: BorrowedMqd<'_>, new: Option<&MqAttr>) -> Result<MqAttr> {
    let new = new.map(RawAttr::from);
    let mut old = RawAttr::default();
    let new = new.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: both are null or of the kernel's layout, and outlive the call.
    let answer =
        unsafe { syscall!(Sysno::mq_getsetattr, register(queue), new, ptr::from_mut(&mut old)) };
    answer.map_err(error)?;
    Ok(old.into())
}

pub(crate) fn notify(
    queue: BorrowedMqd<'_>,
    notification: Option<&Notification<'_>>,
) -> Result<()> {
    let event = notification.map(SigEvent::from);
    let pointer: *const c_void =
        event.as_ref().map_or(ptr::null(), |event| ptr::from_ref(event).cast());
    // SAFETY: null or of the kernel's layout; a cookie that it points to is borrowed by
    // `notification` for the whole call.
    let answer = unsafe { syscall!(Sysno::mq_notify, register(queue), pointer) };
    answer.map(drop).map_err(error)
}

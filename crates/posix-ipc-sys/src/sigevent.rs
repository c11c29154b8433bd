//! Linux's `struct sigevent` as `mq_notify` reads it, for both back ends: the C libraries' own
//! `mq_notify` cannot carry a [`Notification::Socket`], and the libc crate has none for musl.

use core::ffi::{c_int, c_void};
use core::ptr;

use rustix::fd::AsRawFd;

use crate::mq_attr::Notification;

/// `SIGEV_THREAD`, of which the kernel makes a message to a socket.
const SIGEV_THREAD: c_int = 2;

/// How many `int`s follow `sigev_notify` in the 64 bytes of the structure.
const PADDING: usize = (64 - size_of::<*mut c_void>() - 2 * size_of::<c_int>()) / 4;

/// `struct sigevent` of `asm-generic/siginfo.h`.
#[repr(C)]
pub(crate) struct SigEvent {
    value: *mut c_void,
    signo: c_int,
    notify: c_int,
    padding: [c_int; PADDING],
}

impl From<&Notification<'_>> for SigEvent {
    fn from(notification: &Notification<'_>) -> Self {
        let (value, signo, notify) = match *notification {
            Notification::None => (ptr::null_mut(), 0, libc::SIGEV_NONE),
            Notification::Signal { signal, value } => {
                (ptr::without_provenance_mut(value), signal.as_raw(), libc::SIGEV_SIGNAL)
            }
            Notification::Socket { socket, cookie } => {
                // The kernel only reads it.
                (cookie.as_ptr().cast_mut().cast(), socket.as_raw_fd(), SIGEV_THREAD)
            }
        };
        Self { value, signo, notify, padding: [0; PADDING] }
    }
}

#[cfg(test)]
mod tests {
    use core::mem::offset_of;

    use super::*;

    #[test]
    fn layout_is_the_c_librarys() {
        assert_eq!(size_of::<SigEvent>(), size_of::<libc::sigevent>());
        assert_eq!(align_of::<SigEvent>(), align_of::<libc::sigevent>());
        assert_eq!(offset_of!(SigEvent, value), offset_of!(libc::sigevent, sigev_value));
        assert_eq!(offset_of!(SigEvent, signo), offset_of!(libc::sigevent, sigev_signo));
        assert_eq!(offset_of!(SigEvent, notify), offset_of!(libc::sigevent, sigev_notify));
    }
}

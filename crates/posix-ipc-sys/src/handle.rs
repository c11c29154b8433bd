//! [`OwnedMqd`]: a queue descriptor that closes on drop, whatever `mqd_t` is on the system.

#[cfg(not(mqd_is_fd))]
use core::ffi::c_void;
#[cfg(not(mqd_is_fd))]
use core::marker::PhantomData;
#[cfg(not(mqd_is_fd))]
use core::ptr::NonNull;

#[cfg(mqd_is_fd)]
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

/// An open message queue; closed on drop.
///
/// It is a file descriptor on Linux, NetBSD and DragonFly, and has conversions
/// from and to `OwnedFd` only there. On FreeBSD and illumos it is a pointer of the C library's.
/// `AsFd` exists on all of them but illumos.
#[derive(Debug)]
pub struct OwnedMqd {
    #[cfg(mqd_is_fd)]
    fd: OwnedFd,
    /// Invariant: from `mq_open`, and not closed.
    #[cfg(not(mqd_is_fd))]
    mqd: NonNull<c_void>,
}

/// A queue descriptor borrowed for a call.
#[derive(Debug, Clone, Copy)]
pub struct BorrowedMqd<'a> {
    #[cfg(mqd_is_fd)]
    fd: BorrowedFd<'a>,
    #[cfg(not(mqd_is_fd))]
    mqd: NonNull<c_void>,
    #[cfg(not(mqd_is_fd))]
    owner: PhantomData<&'a OwnedMqd>,
}

/// What the functions of [`mq`](crate::mq) take for a queue.
///
/// Where a queue is a file descriptor, everything that is [`AsFd`](rustix::fd::AsFd) is one;
/// elsewhere [`OwnedMqd`] and [`BorrowedMqd`] are.
pub trait AsMqd {
    /// Borrows the queue descriptor.
    fn as_mqd(&self) -> BorrowedMqd<'_>;
}

#[cfg(mqd_is_fd)]
mod descriptor {
    use super::*;

    impl<T: AsFd> AsMqd for T {
        #[inline]
        fn as_mqd(&self) -> BorrowedMqd<'_> {
            BorrowedMqd { fd: self.as_fd() }
        }
    }

    impl AsFd for OwnedMqd {
        #[inline]
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.fd.as_fd()
        }
    }

    impl AsFd for BorrowedMqd<'_> {
        #[inline]
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.fd
        }
    }

    impl From<OwnedFd> for OwnedMqd {
        /// Takes a descriptor for a queue; if it is none, the calls say `EBADF`.
        fn from(fd: OwnedFd) -> Self {
            Self { fd }
        }
    }

    impl From<OwnedMqd> for OwnedFd {
        fn from(mqd: OwnedMqd) -> Self {
            mqd.fd
        }
    }
}

#[cfg(not(mqd_is_fd))]
mod pointer {
    use super::*;

    // SAFETY: `mq_*` may be called from any thread on one descriptor (POSIX, 2.9.1), and the
    // pointer is only ever handed to them.
    unsafe impl Send for OwnedMqd {}
    // SAFETY: as above.
    unsafe impl Sync for OwnedMqd {}
    // SAFETY: as above.
    unsafe impl Send for BorrowedMqd<'_> {}
    // SAFETY: as above.
    unsafe impl Sync for BorrowedMqd<'_> {}

    impl OwnedMqd {
        /// # Safety
        ///
        /// `mqd` is from `mq_open` and nobody else closes it.
        pub(crate) unsafe fn from_raw(mqd: NonNull<c_void>) -> Self {
            Self { mqd }
        }
    }

    impl BorrowedMqd<'_> {
        pub(crate) fn as_ptr(self) -> *mut c_void {
            self.mqd.as_ptr()
        }
    }

    impl AsMqd for OwnedMqd {
        fn as_mqd(&self) -> BorrowedMqd<'_> {
            BorrowedMqd { mqd: self.mqd, owner: PhantomData }
        }
    }

    impl AsMqd for BorrowedMqd<'_> {
        fn as_mqd(&self) -> BorrowedMqd<'_> {
            *self
        }
    }

    impl<T: AsMqd> AsMqd for &T {
        fn as_mqd(&self) -> BorrowedMqd<'_> {
            T::as_mqd(self)
        }
    }

    /// On FreeBSD the pointer has a descriptor inside, which can be polled.
    #[cfg(target_os = "freebsd")]
    impl rustix::fd::AsFd for OwnedMqd {
        fn as_fd(&self) -> rustix::fd::BorrowedFd<'_> {
            // SAFETY: by the field's invariant it is open.
            let fd = unsafe { libc::mq_getfd_np(self.mqd.as_ptr()) };
            // SAFETY: the descriptor is open as long as the queue, which is borrowed.
            unsafe { rustix::fd::BorrowedFd::borrow_raw(fd) }
        }
    }

    impl Drop for OwnedMqd {
        fn drop(&mut self) {
            // SAFETY: by the field's invariant it is open, and this is its only close.
            unsafe { crate::backend::mq::close(self.mqd.as_ptr()) };
        }
    }
}

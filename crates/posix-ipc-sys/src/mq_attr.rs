//! What a queue is opened with and what it tells of itself: [`OFlags`], [`MqAttr`], and how
//! it announces a message: [`Notification`].

use bitflags::bitflags;
use rustix::process::Signal;

#[cfg(target_os = "linux")]
use rustix::fd::BorrowedFd;

bitflags! {
    /// `O_*` flags of [`open`](crate::mq::open).
    ///
    /// Close-on-exec is always on.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct OFlags: u32 {
        /// `O_RDONLY`: for receiving. It is the value zero, as in C.
        const RDONLY = libc::O_RDONLY as u32;
        /// `O_WRONLY`: for sending.
        const WRONLY = libc::O_WRONLY as u32;
        /// `O_RDWR`: for both.
        const RDWR = libc::O_RDWR as u32;
        /// `O_CREAT`: create the queue if there is none.
        const CREATE = libc::O_CREAT as u32;
        /// `O_EXCL`: with `CREATE`, fail if there is one.
        const EXCL = libc::O_EXCL as u32;
        /// `O_NONBLOCK`: `EAGAIN` instead of waiting.
        const NONBLOCK = libc::O_NONBLOCK as u32;
        // What the platform knows and this crate does not is passed on.
        const _ = !0;
    }
}

/// `struct mq_attr`: the geometry of a queue and how full it is.
///
/// [`open`](crate::mq::open) reads `maxmsg` and `msgsize`, [`setattr`](crate::mq::setattr) reads
/// `flags`, [`getattr`](crate::mq::getattr) fills all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MqAttr {
    /// [`OFlags::NONBLOCK`] or nothing.
    pub flags: OFlags,
    /// How many messages it holds.
    pub maxmsg: usize,
    /// How many bytes a message may have, and how many a receive buffer must have.
    pub msgsize: usize,
    /// How many messages are in it.
    pub curmsgs: usize,
}

impl MqAttr {
    /// For creating a queue of this geometry.
    pub const fn new(maxmsg: usize, msgsize: usize) -> Self {
        Self { flags: OFlags::empty(), maxmsg, msgsize, curmsgs: 0 }
    }

    /// For [`setattr`](crate::mq::setattr), which reads the flags only.
    pub const fn with_flags(flags: OFlags) -> Self {
        Self { flags, maxmsg: 0, msgsize: 0, curmsgs: 0 }
    }
}

/// How many bytes a [`Notification::Socket`] carries.
#[cfg(target_os = "linux")]
pub const COOKIE_LEN: usize = 32;

/// The last byte of a cookie that came because a message arrived.
#[cfg(target_os = "linux")]
pub const COOKIE_FIRED: u8 = 1;

/// The last byte of a cookie that came because the registration was removed.
#[cfg(target_os = "linux")]
pub const COOKIE_REMOVED: u8 = 2;

/// `struct sigevent`: how the system announces a message in an empty queue.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Notification<'a> {
    /// `SIGEV_NONE`: not at all, but the queue counts as registered.
    None,
    /// `SIGEV_SIGNAL`: a signal to the process that registered.
    Signal {
        /// Which one.
        signal: Signal,
        /// What arrives as `si_value`.
        value: usize,
    },
    /// The kernel's own form of `SIGEV_THREAD`: the cookie is sent to a netlink socket, with its
    /// last byte set to [`COOKIE_FIRED`] or [`COOKIE_REMOVED`].
    ///
    /// Such a socket can be polled, serves any number of queues, and needs no signal.
    #[cfg(target_os = "linux")]
    Socket {
        /// An `AF_NETLINK` socket, unbound.
        socket: BorrowedFd<'a>,
        /// Copied by the kernel during the call.
        cookie: &'a [u8; COOKIE_LEN],
    },
    /// Keeps the lifetime in use where there is no socket; cannot be made.
    #[doc(hidden)]
    #[cfg(not(target_os = "linux"))]
    Never(core::convert::Infallible, core::marker::PhantomData<&'a ()>),
}

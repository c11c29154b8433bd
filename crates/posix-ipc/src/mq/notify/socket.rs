//! The socket over which the kernel announces messages, without a signal.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use posix_ipc_sys::mq::{COOKIE_LEN, COOKIE_REMOVED, Notification};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// A netlink socket for one queue; nobody but the kernel can send to it, since it has no address.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
}

/// The kernel gives it back; as there is one queue a socket, there is nothing to tell by it.
static COOKIE: [u8; COOKIE_LEN] = [0; COOKIE_LEN];

/// What has come over the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Notices {
    /// A message arrived.
    pub(super) fired: bool,
    /// The registration ended without one: some descriptor of the queue was closed.
    pub(super) removed: bool,
}

impl Notices {
    pub(super) fn any(self) -> bool {
        self.fired || self.removed
    }
}

impl Socket {
    pub(super) fn new() -> Result<Self, Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None).map(|fd| Self { fd })
    }

    pub(super) fn notification(&self) -> Notification<'_> {
        Notification::Socket { socket: self.fd.as_fd(), cookie: &COOKIE }
    }

    /// Takes everything that has come.
    pub(super) fn take(&self) -> Result<Notices, Errno> {
        let mut notices = Notices::default();
        loop {
            let mut cookie = COOKIE;
            match rustix::io::read(&self.fd, &mut cookie) {
                Ok(_) if cookie.last() == Some(&COOKIE_REMOVED) => notices.removed = true,
                Ok(_) => notices.fired = true,
                // The kernel had no room for a notice: that there was one is all that counts.
                Err(Errno::NOBUFS) => notices.fired = true,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(notices),
                Err(errno) => return Err(errno),
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

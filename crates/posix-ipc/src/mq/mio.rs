//! A queue as an event source of mio.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use super::{MessageQueue, Receiver, Sender};

/// Implements mio's trait by the descriptor.
macro_rules! source {
    ($type:ty) => {
        /// Readable when there is a message, writable when there is room.
        ///
        /// Events come on an edge: on each, call [`MessageQueue::try_receive`] until it answers
        /// `None`, or [`MessageQueue::try_send`] until it answers
        /// [`Full`](crate::mq::SendError::Full). These never wait, whether the handle blocks or
        /// not.
        impl Source for $type {
            fn register(
                &mut self,
                registry: &Registry,
                token: Token,
                interests: Interest,
            ) -> io::Result<()> {
                SourceFd(&self.as_fd().as_raw_fd()).register(registry, token, interests)
            }

            fn reregister(
                &mut self,
                registry: &Registry,
                token: Token,
                interests: Interest,
            ) -> io::Result<()> {
                SourceFd(&self.as_fd().as_raw_fd()).reregister(registry, token, interests)
            }

            fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
                SourceFd(&self.as_fd().as_raw_fd()).deregister(registry)
            }
        }
    };
}
source!(MessageQueue);
source!(Sender);
source!(Receiver);

//! [`Sender`] and [`Receiver`]: halves of a queue whose type says the direction.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Buf;

use super::batch::{Batch, Messages, TryMessages};
use super::error::SendError;
use super::receive::ReceiveBuffer;
use super::{Attributes, MessageQueue};
#[cfg(target_os = "linux")]
use super::{Listener, NotifyError};
use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::name::Name;
use crate::open_mode::Disposition;
use crate::priority::Priority;

/// The sending half of a queue.
///
/// Clones share one handle. It comes from [`MessageQueue::split`], or from
/// [`open_sender`](super::MessageQueueOptions::open_sender), which needs write permission alone.
///
/// # Examples
///
/// ```
/// use posix_ipc::MessageQueue;
/// # use posix_ipc::Name;
/// # let name = Name::unique("doc-mq-halves");
///
/// let (sender, receiver) = MessageQueue::create(&name, 4, 64)?.split();
/// std::thread::spawn(move || sender.send(b"from a thread", 0)).join().unwrap()?;
/// assert_eq!(receiver.receive_vec()?.0, b"from a thread");
/// # Ok::<(), posix_ipc::Error>(())
/// ```
///
/// The type knows the direction:
///
/// ```compile_fail,E0599
/// # let (sender, receiver) = posix_ipc::MessageQueue::create("/doc-mq-no", 4, 64)?.split();
/// sender.receive_vec()?;
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Sender {
    queue: Arc<MessageQueue>,
}

/// The receiving half of a queue.
///
/// Clones share one handle, and each message goes to one of them. It comes from
/// [`MessageQueue::split`], or from
/// [`open_receiver`](super::MessageQueueOptions::open_receiver), which needs read permission alone.
///
/// # Examples
///
/// See [`Sender`].
#[derive(Debug, Clone)]
pub struct Receiver {
    queue: Arc<MessageQueue>,
}

impl MessageQueue {
    /// Makes two halves of the handle, which closes with the last of them.
    pub fn split(self) -> (Sender, Receiver) {
        let queue = Arc::new(self);
        (Sender::new(Arc::clone(&queue)), Receiver::new(queue))
    }

    /// Opens the queue `name` for sending alone.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is none; otherwise as
    /// [`MessageQueueOptions::open`](super::MessageQueueOptions::open).
    pub fn open_sender<N>(name: N) -> Result<Sender>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        Self::options().open_sender(name)
    }

    /// Opens the queue `name` for receiving alone.
    ///
    /// # Errors
    ///
    /// As [`open_sender`](Self::open_sender).
    pub fn open_receiver<N>(name: N) -> Result<Receiver>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        Self::options().open_receiver(name)
    }
}

/// Methods of a half that are the queue's own, under the same names.
macro_rules! forward {
    ($half:ident, $errors:literal: $(
        $(#[$attribute:meta])*
        fn $method:ident $(<$($generic:ident),+>)? (&self $(, $argument:ident: $type:ty)*)
            -> $output:ty $(where [$($bounds:tt)+])?;
    )+) => {
        impl $half {$(
            #[doc = concat!("As [`MessageQueue::", stringify!($method), "`].", $errors)]
            $(#[$attribute])*
            #[inline]
            pub fn $method $(<$($generic),+>)? (&self $(, $argument: $type)*) -> $output
            $(where $($bounds)+)?
            {
                self.queue.$method($($argument),*)
            }
        )+}
    };
}

/// What both halves have.
macro_rules! half {
    ($half:ident) => {
        impl $half {
            pub(super) fn new(queue: Arc<MessageQueue>) -> Self {
                Self { queue }
            }
        }

        forward! { $half, "":
            fn name(&self) -> &Name;
            fn disposition(&self) -> Disposition;
            fn identity(&self) -> Identity;
            fn capacity(&self) -> usize;
            fn message_size(&self) -> usize;
            fn keep(&self) -> ();
        }
        forward! { $half, "\n\n# Errors\n\nAs there.":
            fn attributes(&self) -> Result<Attributes>;
            fn len(&self) -> Result<usize>;
            fn is_empty(&self) -> Result<bool>;
            fn unlink_name(&self) -> Result<()>;
        }

        /// The queue's descriptor, for polling.
        #[cfg(not(any(target_os = "illumos", target_os = "solaris")))]
        impl std::os::fd::AsFd for $half {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.queue.as_fd()
            }
        }
    };
}
half!(Sender);
half!(Receiver);

forward! { Sender, "\n\n# Errors\n\nAs there.":
    fn send<P>(&self, message: &[u8], priority: P) -> Result<(), SendError>
        where [P: TryInto<Priority, Error: Into<SendError>>];
    fn try_send<P>(&self, message: &[u8], priority: P) -> Result<(), SendError>
        where [P: TryInto<Priority, Error: Into<SendError>>];
    fn send_timeout<P>(&self, message: &[u8], priority: P, timeout: Duration)
        -> Result<(), SendError>
        where [P: TryInto<Priority, Error: Into<SendError>>];
    fn send_deadline<P>(&self, message: &[u8], priority: P, deadline: Instant)
        -> Result<(), SendError>
        where [P: TryInto<Priority, Error: Into<SendError>>];
    fn send_deadline_realtime<P>(&self, message: &[u8], priority: P, deadline: SystemTime)
        -> Result<(), SendError>
        where [P: TryInto<Priority, Error: Into<SendError>>];
    fn send_vectored<P>(&self, pieces: &[IoSlice<'_>], priority: P) -> Result<(), SendError>
        where [P: TryInto<Priority, Error: Into<SendError>>];
    fn send_buf<B, P>(&self, message: &mut B, priority: P) -> Result<(), SendError>
        where [B: Buf, P: TryInto<Priority, Error: Into<SendError>>];
    fn try_send_buf<B, P>(&self, message: &mut B, priority: P) -> Result<(), SendError>
        where [B: Buf, P: TryInto<Priority, Error: Into<SendError>>];
}

forward! { Receiver, "\n\n# Errors\n\nAs there.":
    fn receive<B>(&self, buffer: B) -> Result<(B::Output, Priority)> where [B: ReceiveBuffer];
    fn receive_vec(&self) -> Result<(Vec<u8>, Priority)>;
    fn try_receive<B>(&self, buffer: B) -> Result<Option<(B::Output, Priority)>>
        where [B: ReceiveBuffer];
    fn receive_timeout<B>(&self, buffer: B, timeout: Duration)
        -> Result<Option<(B::Output, Priority)>>
        where [B: ReceiveBuffer];
    fn receive_deadline<B>(&self, buffer: B, deadline: Instant)
        -> Result<Option<(B::Output, Priority)>>
        where [B: ReceiveBuffer];
    fn receive_deadline_realtime<B>(&self, buffer: B, deadline: SystemTime)
        -> Result<Option<(B::Output, Priority)>>
        where [B: ReceiveBuffer];
    fn receive_batch(&self, batch: &mut Batch) -> Result<usize>;
    fn try_receive_batch(&self, batch: &mut Batch) -> Result<usize>;
    fn drain<F>(&self, each: F) -> Result<usize> where [F: FnMut(&[u8], Priority)];
    #[cfg(target_os = "linux")]
    fn on_message<F>(&self, callback: F) -> Result<Listener, NotifyError>
        where [F: FnMut(&[u8], Priority) + Send + 'static];
}

forward! { Receiver, "":
    fn messages(&self) -> Messages<'_>;
    fn try_messages(&self) -> TryMessages<'_>;
}

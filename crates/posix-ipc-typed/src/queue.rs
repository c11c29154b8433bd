//! Opening a typed end of a message queue, which is made as large as the type needs.

use posix_ipc::{Error, MessageQueue, OpenMode, mq};

use crate::frame_options::FrameOptions;
use crate::message::{DecodeOwned, Message};
use crate::receiver::Receiver;
use crate::sender::Sender;

/// The message size of a queue for frames of a `T`: as long as the longest where the type has one
/// and the system allows it, else what the system thinks fit. Longer messages go in parts.
pub fn message_size<T: Message + ?Sized>() -> usize {
    let limits = posix_ipc::limits();
    let most = limits.queue_message_size.unwrap_or(8192);
    let usual = limits.queue_message_size_default.unwrap_or(8192).min(most);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let usual = usize::try_from(usual).unwrap_or(8192);
    FrameOptions::new().max_len::<T>().unwrap_or(usual).min(most).max(128)
}

/// Options for a queue of `capacity` frames of a `T`, to be refined and opened.
///
/// # Examples
///
/// ```
/// use posix_ipc_typed::{Receiver, queue_options};
///
/// # let name = posix_ipc::Name::unique("doc-typed-options");
/// let queue = queue_options::<u64>(4).permissions(0o660);
/// let receiver = Receiver::<u64>::new(queue.open_receiver(&name)?);
/// # Ok::<(), posix_ipc::Error>(())
/// ```
pub fn queue_options<T: Message + ?Sized>(capacity: usize) -> mq::MessageQueueOptions {
    MessageQueue::options()
        .mode(OpenMode::OpenOrCreate)
        .any_geometry()
        .capacity(capacity)
        .message_size(message_size::<T>())
}

/// The constructors of both ends.
macro_rules! constructors {
    ($open:ident) => {
        /// Opens the queue, whatever its size.
        ///
        /// # Errors
        ///
        /// As [`MessageQueue::open`].
        pub fn open<N>(name: N) -> Result<Self, Error>
        where
            N: TryInto<posix_ipc::Name, Error: Into<Error>>,
        {
            let options = MessageQueue::options().mode(OpenMode::OpenExisting);
            options.$open(name).map(Self::new)
        }

        /// Creates the queue, for `capacity` messages, of a message size that fits the type.
        ///
        /// # Errors
        ///
        /// As [`MessageQueue::create`].
        pub fn create<N>(name: N, capacity: usize) -> Result<Self, Error>
        where
            N: TryInto<posix_ipc::Name, Error: Into<Error>>,
        {
            let options = queue_options::<T>(capacity).mode(OpenMode::CreateNew);
            options.$open(name).map(Self::new)
        }

        /// Opens the queue, whatever its size, or creates it as [`create`](Self::create) does.
        ///
        /// # Errors
        ///
        /// As [`MessageQueue::open_or_create`].
        pub fn open_or_create<N>(name: N, capacity: usize) -> Result<Self, Error>
        where
            N: TryInto<posix_ipc::Name, Error: Into<Error>>,
        {
            queue_options::<T>(capacity).$open(name).map(Self::new)
        }
    };
}

impl<T: Message + ?Sized> Sender<T, mq::Sender> {
    constructors!(open_sender);
}

impl<T: Message + DecodeOwned> Receiver<T, mq::Receiver> {
    constructors!(open_receiver);
}

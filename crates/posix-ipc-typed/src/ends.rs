//! Clients and servers over named queues and rings: `NAME` for requests, and for the replies to
//! each client `NAME-` and its number.

#[cfg(target_os = "linux")]
use posix_ipc::ring::{mpmc, spsc};
use posix_ipc::{Error, MessageQueue, Name, OpenMode, mq};

use crate::message::{DecodeOwned, Message};
use crate::replies::{collect, collect_replies, reply_name};
use crate::request::{Client, Connect, Server, client_id};
use crate::transport::TransportError;

/// How many replies a client's queue holds.
const REPLIES: usize = 8;

/// Opens the queues that clients receive their replies from.
#[derive(Debug)]
pub struct QueueConnect(Name);

impl Connect for QueueConnect {
    type Sender = mq::Sender;

    fn connect(&mut self, client: u64) -> Result<mq::Sender, TransportError> {
        let name = reply_name(&self.0, client).map_err(TransportError::failed)?;
        let options = MessageQueue::options().mode(OpenMode::OpenExisting);
        options.open_sender(name).map_err(TransportError::failed)
    }

    fn collect(&mut self, client: Option<u64>) -> usize {
        collect(&self.0, client)
    }
}

impl<Req: Message + ?Sized, Rep: DecodeOwned> Client<Req, Rep, mq::Sender, mq::Receiver> {
    /// Connects to the server whose queue has this name; makes a queue for the replies, which goes
    /// with the client.
    ///
    /// # Errors
    ///
    /// As [`MessageQueue::open`] and [`MessageQueue::create`].
    pub fn connect<N>(name: N) -> Result<Self, Error>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        let name = name.try_into().map_err(Into::into)?;
        let id = client_id();
        let requests = MessageQueue::options().mode(OpenMode::OpenExisting).open_sender(&name)?;
        let replies = crate::queue_options::<Rep>(REPLIES)
            .mode(OpenMode::CreateNew)
            .open_receiver(reply_name(&name, id)?)?;
        Ok(Self::with_id(id, requests, replies))
    }
}

impl<Req: DecodeOwned, Rep: Message> Server<Req, Rep, mq::Receiver, QueueConnect> {
    /// Creates the queue for requests, which goes with the server; removes what killed clients of
    /// an earlier server have left.
    ///
    /// # Errors
    ///
    /// As [`MessageQueue::create`].
    pub fn create<N>(name: N, capacity: usize) -> Result<Self, Error>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        let name = name.try_into().map_err(Into::into)?;
        let options = crate::queue_options::<Req>(capacity).mode(OpenMode::CreateNew);
        let requests = options.open_receiver(&name)?;
        collect_replies(&name);
        Ok(Self::new(requests, QueueConnect(name)))
    }
}

/// Opens the rings that clients receive their replies from.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub struct RingConnect(Name);

#[cfg(target_os = "linux")]
impl Connect for RingConnect {
    type Sender = spsc::Sender;

    fn connect(&mut self, client: u64) -> Result<spsc::Sender, TransportError> {
        let name = reply_name(&self.0, client).map_err(TransportError::failed)?;
        spsc::Sender::open(name).map_err(TransportError::failed)
    }

    fn collect(&mut self, client: Option<u64>) -> usize {
        collect(&self.0, client)
    }
}

#[cfg(target_os = "linux")]
impl<Req: Message + ?Sized, Rep: DecodeOwned> Client<Req, Rep, mpmc::Sender, spsc::Receiver> {
    /// Connects to the server whose ring has this name; makes a ring of `bytes` for the replies,
    /// which goes with the client.
    ///
    /// # Errors
    ///
    /// As [`mpmc::Sender::open`] and [`spsc::Receiver::create`].
    pub fn connect_ring<N>(name: N, bytes: usize) -> Result<Self, Error>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        let name = name.try_into().map_err(Into::into)?;
        let id = client_id();
        let requests = mpmc::Sender::open(&name)?;
        let replies = spsc::Receiver::create(reply_name(&name, id)?, bytes)?;
        Ok(Self::with_id(id, requests, replies))
    }
}

#[cfg(target_os = "linux")]
impl<Req: DecodeOwned, Rep: Message> Server<Req, Rep, mpmc::Receiver, RingConnect> {
    /// Creates the ring for requests, of `capacity` frames of up to `message_size` bytes, which goes with
    /// the server; removes what killed clients of an earlier server have left.
    ///
    /// # Errors
    ///
    /// As [`mpmc::Receiver::create`].
    pub fn create_ring<N>(name: N, capacity: usize, message_size: usize) -> Result<Self, Error>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        let name = name.try_into().map_err(Into::into)?;
        collect_replies(&name);
        let requests = mpmc::Receiver::create(&name, capacity, message_size)?;
        Ok(Self::new(requests, RingConnect(name)))
    }
}

//! [`Receiver`]: receives values of one type.

use std::marker::PhantomData;
use std::time::{Duration, Instant};

use crate::inbox::{Envelope, Inbox, ReceiveError, reassembling};
use crate::message::DecodeOwned;
use crate::transport::{ReceiveFrames, TransportError, Wait};

/// Receives values of type `T` over a transport, by default a POSIX message queue.
///
/// A message of another type, and anything that is no message, is an error that holds what came:
/// nothing is lost, and the next call receives what follows.
///
/// Messages in parts need one receiver: several would take the parts from each other.
///
/// # Examples
///
/// ```
/// use posix_ipc_typed::{ReceiveError, Receiver, Sender};
///
/// # let name = posix_ipc::Name::unique("doc-typed-other");
/// let mut receiver = Receiver::<u32>::create(&name, 8)?;
/// Sender::<String>::open(&name)?.send(&"seven".to_string())?;
/// Sender::<u32>::open(&name)?.send(&7)?;
///
/// match receiver.receive() {
///     Err(ReceiveError::Payload { envelope, .. }) => {
///         assert_eq!(envelope.decode::<&str>()?, "seven");
///     }
///     other => panic!("{other:?}"),
/// }
/// assert_eq!(receiver.receive()?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Receiver<T, R = crate::DefaultReceiver> {
    inbox: Inbox<R>,
    /// What ended a batch, for the next call.
    pending: Option<Box<ReceiveError>>,
    marker: PhantomData<fn() -> T>,
}

impl<T, R: ReceiveFrames> Receiver<T, R> {
    /// Receives over `transport`.
    pub fn new(transport: R) -> Self {
        Self { inbox: Inbox::new(transport), pending: None, marker: PhantomData }
    }

    reassembling!(#[must_use]);

    /// The error that a batch has left.
    #[cold]
    fn report(&mut self) -> Result<(), ReceiveError> {
        self.pending.take().map_or(Ok(()), |error| Err(*error))
    }

    /// The transport.
    pub fn transport(&self) -> &R {
        &self.inbox.transport
    }

    /// The transport, to be used by itself again; an error that a batch has left is dropped.
    pub fn into_transport(self) -> R {
        self.inbox.transport
    }

    /// Receives a message of any type, to be decoded by the caller, waiting as said: for types
    /// that borrow.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`], but never for the type of a message.
    ///
    /// # Examples
    ///
    /// ```
    /// use posix_ipc_typed::{Message, Receiver, Sender, transport::{self, Wait}};
    ///
    /// #[derive(Message)]
    /// struct Line<'a> {
    ///     text: &'a str,
    /// }
    ///
    /// let (sender, receiver) = transport::memory(8, 256);
    /// Sender::<Line<'_>, _>::new(sender).send(&Line { text: "no copy" })?;
    /// let mut receiver = Receiver::<Line<'static>, _>::new(receiver);
    /// if let Some(envelope) = receiver.receive_envelope(Wait::Forever)? {
    ///     let line: Line<'_> = envelope.decode()?;
    ///     assert_eq!(line.text, "no copy");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn receive_envelope(&mut self, wait: Wait) -> Result<Option<Envelope>, ReceiveError> {
        self.report()?;
        self.inbox.receive(wait, |arrived| Ok(arrived.envelope()))
    }
}

impl<T: DecodeOwned, R: ReceiveFrames> Receiver<T, R> {
    /// Receives a value, waiting for one.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`].
    #[inline]
    pub fn receive(&mut self) -> Result<T, ReceiveError> {
        let value = self.receive_with(Wait::Forever)?;
        // A transport that does not wait, as a stream that does not block.
        value.ok_or(ReceiveError::Transport(TransportError::TimedOut))
    }

    /// Receives a value if there is one.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`].
    #[inline]
    pub fn try_receive(&mut self) -> Result<Option<T>, ReceiveError> {
        self.receive_with(Wait::Never)
    }

    /// Receives a value, waiting for at most `timeout`; `None` if none came.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`].
    pub fn receive_timeout(&mut self, timeout: Duration) -> Result<Option<T>, ReceiveError> {
        self.receive_with(Wait::timeout(timeout))
    }

    /// Receives a value, waiting until `deadline`; `None` if none came.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`].
    pub fn receive_deadline(&mut self, deadline: Instant) -> Result<Option<T>, ReceiveError> {
        self.receive_with(Wait::Until(deadline))
    }

    /// Receives a value, waiting as said; `None` if none came.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`].
    #[inline]
    pub fn receive_with(&mut self, wait: Wait) -> Result<Option<T>, ReceiveError> {
        if self.pending.is_some() {
            self.report()?;
        }
        self.inbox.receive_value(wait)
    }

    /// Receives one value, waiting for it, and what is there already, up to `limit` values in all.
    ///
    /// An error behind good values ends the batch, and is kept for the next call that receives, of
    /// whatever kind: nothing is lost.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`] of the first, or the one that ended the batch before.
    ///
    /// # Examples
    ///
    /// ```
    /// use posix_ipc_typed::{Receiver, Sender, transport};
    ///
    /// let (sender, receiver) = transport::memory(8, 256);
    /// let mut numbers = Sender::<u32, _>::new(sender.clone());
    /// numbers.send(&1)?;
    /// numbers.send(&2)?;
    /// Sender::<String, _>::new(sender).send(&"three".to_string())?;
    /// numbers.send(&4)?;
    ///
    /// let mut receiver = Receiver::<u32, _>::new(receiver);
    /// assert_eq!(receiver.receive_batch(8)?, [1, 2]);
    /// assert!(receiver.receive_batch(8).is_err(), "a string");
    /// assert_eq!(receiver.receive_batch(8)?, [4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn receive_batch(&mut self, limit: usize) -> Result<Vec<T>, ReceiveError> {
        let mut batch = Vec::new();
        if limit > 0 {
            batch.push(self.receive()?);
        }
        while batch.len() < limit {
            match self.try_receive() {
                Ok(Some(value)) => batch.push(value),
                Ok(None) => break,
                Err(error) => {
                    self.pending = Some(Box::new(error));
                    break;
                }
            }
        }
        Ok(batch)
    }

    /// All values as they come, until the other end is gone.
    pub fn iter(&mut self) -> Iter<'_, T, R> {
        Iter { receiver: self, wait: Wait::Forever }
    }

    /// The values that are there, without waiting.
    pub fn drain(&mut self) -> Iter<'_, T, R> {
        Iter { receiver: self, wait: Wait::Never }
    }
}

/// Values as they are received; made by [`Receiver::iter`] and [`Receiver::drain`].
#[derive(Debug)]
pub struct Iter<'a, T, R> {
    receiver: &'a mut Receiver<T, R>,
    wait: Wait,
}

impl<T: DecodeOwned, R: ReceiveFrames> Iterator for Iter<'_, T, R> {
    type Item = Result<T, ReceiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.receiver.receive_with(self.wait) {
            Err(error) if error.is_closed() => None,
            result => result.transpose(),
        }
    }
}

impl<'a, T: DecodeOwned, R: ReceiveFrames> IntoIterator for &'a mut Receiver<T, R> {
    type Item = Result<T, ReceiveError>;
    type IntoIter = Iter<'a, T, R>;

    fn into_iter(self) -> Iter<'a, T, R> {
        self.iter()
    }
}

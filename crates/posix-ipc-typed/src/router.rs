//! [`Router`]: several types over one transport.

use std::fmt;

use crate::frame::PayloadError;
use crate::inbox::{Envelope, Inbox, ReceiveError, reassembling};
use crate::message::{DecodeOwned, Message};
use crate::schema::Schema;
use crate::transport::{ReceiveFrames, Wait};

/// Hands each message to the function for its type.
///
/// # Examples
///
/// ```
/// use posix_ipc_typed::{Router, Sender, transport::{self, Wait}};
///
/// let (sender, receiver) = transport::memory(8, 256);
/// Sender::<u32, _>::new(sender.clone()).send(&7)?;
/// Sender::<String, _>::new(sender.clone()).send(&"seven".to_string())?;
/// Sender::<bool, _>::new(sender).send(&true)?;
///
/// let (mut sum, mut texts, mut others) = (0, Vec::new(), 0);
/// let mut router = Router::new(receiver)
///     .on(|number: u32| sum += number)
///     .on(|text: String| texts.push(text))
///     .otherwise(|_envelope| others += 1);
/// while router.route(Wait::Never).unwrap_or(false) {}
/// drop(router);
/// assert_eq!((sum, texts, others), (7, vec!["seven".to_string()], 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct Router<'f, R> {
    inbox: Inbox<R>,
    routes: Vec<(Schema, Route<'f>)>,
    otherwise: Option<Box<dyn FnMut(Envelope) + 'f>>,
}

type Route<'f> = Box<dyn FnMut(&Envelope) -> Result<(), PayloadError> + 'f>;

impl<'f, R: ReceiveFrames> Router<'f, R> {
    /// Receives over `transport`.
    pub fn new(transport: R) -> Self {
        Self { inbox: Inbox::new(transport), routes: Vec::new(), otherwise: None }
    }

    reassembling!();

    /// Calls `function` with each message of type `T`, of any version that can be read.
    pub fn on<T: DecodeOwned>(mut self, mut function: impl FnMut(T) + 'f) -> Self {
        let route: Route<'f> = Box::new(move |envelope| {
            function(envelope.decode::<T>()?);
            Ok(())
        });
        self.routes.push((<T as Message>::SCHEMA, route));
        self
    }

    /// Calls `function` with each message that no route takes, in place of the error.
    pub fn otherwise(mut self, function: impl FnMut(Envelope) + 'f) -> Self {
        self.otherwise = Some(Box::new(function));
        self
    }

    /// Receives one message, waiting as said, and hands it on; `false` if none came.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`]; [`ReceiveError::Unrouted`], which holds the message, if no function is
    /// there for its type.
    pub fn route(&mut self, wait: Wait) -> Result<bool, ReceiveError> {
        let Some(envelope) = self.inbox.receive(wait, |arrived| Ok(arrived.envelope()))? else {
            return Ok(false);
        };
        // The very type first, so that a second version among the routes is not mistaken for it.
        let exact = |(schema, _): &(Schema, Route<'f>)| {
            schema.fingerprint == envelope.message.fingerprint()
        };
        let readable = |(schema, _): &(Schema, Route<'f>)| schema.accept(&envelope.message).is_ok();
        let place = self.routes.iter().position(exact);
        let place = place.or_else(|| self.routes.iter().position(readable));
        match place.and_then(|place| self.routes.get_mut(place)) {
            Some((_, route)) => match route(&envelope) {
                Ok(()) => Ok(true),
                Err(error) => Err(ReceiveError::Payload { error, envelope: Box::new(envelope) }),
            },
            None => match &mut self.otherwise {
                Some(otherwise) => {
                    otherwise(envelope);
                    Ok(true)
                }
                None => Err(ReceiveError::Unrouted(Box::new(envelope))),
            },
        }
    }
}

impl<R: fmt::Debug> fmt::Debug for Router<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let types = self.routes.iter().map(|(schema, _)| schema.name).collect::<Vec<_>>();
        f.debug_struct("Router").field("inbox", &self.inbox).field("types", &types).finish()
    }
}

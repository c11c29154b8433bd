//! [`Client`] and [`Server`]: requests over one transport, replies over one to each client.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use crate::frame::Correlation;
use crate::frame_options::FrameOptions;
use crate::inbox::{Inbox, ReceiveError, reassembling};
use crate::message::{DecodeOwned, Message};
use crate::outbox::{Outbox, framing};
use crate::sender::SendError;
use crate::transport::{ReceiveFrames, SendFrames, TransportError, Wait};

/// How many clients a server remembers the way to.
const REMEMBERED: usize = 1024;
/// At how many a server first looks for those that have died.
const SWEEP: usize = 16;

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The request was not sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// What came was no reply that can be read.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// No reply came in time. One that comes later is dropped and counted.
    #[error("no reply came in time")]
    TimedOut,
}

/// Sends requests and waits for their replies.
///
/// # Examples
///
/// ```
/// use posix_ipc_typed::{Client, Server, transport::Wait};
/// use std::thread;
///
/// # let name = posix_ipc::Name::unique("doc-typed-call");
/// let mut server = Server::<u32, String>::create(&name, 8)?;
/// let mut client = Client::<u32, String>::connect(&name)?;
/// let serving = thread::spawn(move || server.serve_one(Wait::Forever, |n| n.to_string()));
/// assert_eq!(client.call(&7)?, "7");
/// serving.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client<Req: ?Sized, Rep, S = crate::DefaultSender, R = crate::DefaultReceiver> {
    outbox: Outbox<S>,
    inbox: Inbox<R>,
    id: u64,
    next: u64,
    late: u64,
    marker: PhantomData<fn(&Req) -> Rep>,
}

/// A number for a client, drawn at random.
pub fn client_id() -> u64 {
    RandomState::new().build_hasher().finish()
}

impl<Req: Message + ?Sized, Rep: DecodeOwned, S: SendFrames, R: ReceiveFrames>
    Client<Req, Rep, S, R>
{
    /// A client that sends over `requests` and receives over `replies`, which is its own.
    pub fn new(requests: S, replies: R) -> Self {
        Self::with_id(client_id(), requests, replies)
    }

    /// As [`new`](Self::new), known to the server by `id`, a number from [`client_id`].
    pub fn with_id(id: u64, requests: S, replies: R) -> Self {
        let (outbox, inbox) = (Outbox::new(requests), Inbox::new(replies));
        Self { outbox, inbox, id, next: 0, late: 0, marker: PhantomData }
    }

    framing!();

    reassembling!(#[must_use]);

    /// The number that the server knows this client by.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How many replies came after their call had given up.
    pub fn late_replies(&self) -> u64 {
        self.late
    }

    /// Sends a request and waits for its reply.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub fn call(&mut self, request: &Req) -> Result<Rep, CallError> {
        self.call_with(request, 0, Wait::Forever)
    }

    /// Sends a request and waits for its reply, for at most `timeout` in all.
    ///
    /// # Errors
    ///
    /// [`CallError`]; [`CallError::TimedOut`] if the request could not be sent or no reply came.
    pub fn call_timeout(&mut self, request: &Req, timeout: Duration) -> Result<Rep, CallError> {
        self.call_with(request, 0, Wait::timeout(timeout))
    }

    /// Sends a request with this priority and waits for its reply, as said.
    ///
    /// # Errors
    ///
    /// As [`call_timeout`](Self::call_timeout).
    pub fn call_with(
        &mut self,
        request: &Req,
        priority: u32,
        wait: Wait,
    ) -> Result<Rep, CallError> {
        let correlation = Correlation { client: self.id, request: self.next };
        self.next += 1;
        match self.outbox.send(request, Some(correlation), priority, wait) {
            Err(error) if error.is_timed_out() => return Err(CallError::TimedOut),
            result => result?,
        }
        loop {
            let mut late = false;
            let this = Some(correlation);
            let make = |reply, _| Some(reply);
            let reply = self.inbox.receive_correlated(wait, this, make, |arrived| {
                if arrived.correlation() == this {
                    return arrived.decode().map(Some);
                }
                late = true;
                Ok(None)
            })?;
            self.late += u64::from(late);
            match reply {
                Some(Some(reply)) => return Ok(reply),
                Some(None) => {}
                None => return Err(CallError::TimedOut),
            }
        }
    }
}

/// Finds the way to a client.
///
/// Implemented by any function of a client's number.
pub trait Connect {
    /// What replies are sent over.
    type Sender: SendFrames;

    /// Opens what the client with this number receives its replies from.
    ///
    /// # Errors
    ///
    /// [`TransportError`]; the reply is then dropped and counted.
    fn connect(&mut self, client: u64) -> Result<Self::Sender, TransportError>;

    /// Removes what this client, or any client, was to receive its replies from, if the client has
    /// died without doing so; tells how many were removed. Nothing of it is open here then.
    ///
    /// By default there is nothing to remove.
    fn collect(&mut self, client: Option<u64>) -> usize {
        let _ = client;
        0
    }
}

impl<S: SendFrames, F: FnMut(u64) -> Result<S, TransportError>> Connect for F {
    type Sender = S;

    fn connect(&mut self, client: u64) -> Result<S, TransportError> {
        self(client)
    }
}

/// Receives requests and replies to each client.
///
/// A client that has died costs no more than one bounded wait: its replies are dropped and
/// counted, and what it received them from is removed.
#[derive(Debug)]
pub struct Server<Req, Rep, R = crate::DefaultReceiver, C: Connect = crate::DefaultConnect> {
    inbox: Inbox<R>,
    connect: C,
    clients: HashMap<u64, Known<C::Sender>>,
    clock: u64,
    frame: FrameOptions,
    /// At how many known clients those that have died are looked for.
    sweep: usize,
    patience: Duration,
    undelivered: u64,
    marker: PhantomData<fn(Req) -> Rep>,
}

/// The way to a client.
#[derive(Debug)]
struct Known<S> {
    /// `None` where it has to be opened anew.
    outbox: Option<Outbox<S>>,
    /// Whether it did not take the last reply in time: nobody waits for it again until it does.
    stuck: bool,
    used: u64,
}

/// Where a reply goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use = "the client waits for a reply"]
pub struct ReplyTo(Correlation);

impl ReplyTo {
    /// The client that sent the request.
    pub fn client(&self) -> u64 {
        self.0.client
    }
}

impl<Req: DecodeOwned, Rep: Message, R: ReceiveFrames, C: Connect> Server<Req, Rep, R, C> {
    /// A server that receives over `requests` and reaches its clients by `connect`.
    pub fn new(requests: R, connect: C) -> Self {
        Self {
            inbox: Inbox::new(requests),
            connect,
            clients: HashMap::new(),
            clock: 0,
            frame: FrameOptions::new(),
            sweep: SWEEP,
            patience: Duration::from_millis(100),
            undelivered: 0,
            marker: PhantomData,
        }
    }

    /// Sets how long a reply waits for room in its client's transport; by default a tenth of a
    /// second, and not at all once it ran out.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets whether a CRC32C covers each frame; by default none does.
    #[must_use]
    pub fn checksum(mut self, checksum: bool) -> Self {
        self.frame = self.frame.checksum(checksum);
        self.clients.clear();
        self
    }

    /// Sets whether replies carry the type's name; by default they do.
    #[must_use]
    pub fn named(mut self, named: bool) -> Self {
        self.frame = self.frame.named(named);
        self.clients.clear();
        self
    }

    reassembling!(#[must_use]);

    /// Removes what clients that have died were to receive their replies from; tells how many.
    ///
    /// The server does so by itself for a client that takes no replies, and whenever the number of
    /// its clients has doubled.
    pub fn collect(&mut self) -> usize {
        // Closed first, so that this server is not taken for a user; opened again as needed.
        for known in self.clients.values_mut() {
            known.outbox = None;
        }
        self.connect.collect(None)
    }

    /// How many replies could not be delivered.
    pub fn undelivered(&self) -> u64 {
        self.undelivered
    }

    /// Receives a request, waiting as said; `None` if none came.
    ///
    /// # Errors
    ///
    /// [`ReceiveError`]; a message that is no request is one too.
    pub fn receive(&mut self, wait: Wait) -> Result<Option<(Req, ReplyTo)>, ReceiveError> {
        let make = |request, correlation| (request, ReplyTo(correlation));
        self.inbox.receive_correlated(wait, None, make, |arrived| match arrived.correlation() {
            Some(correlation) => Ok((arrived.decode()?, ReplyTo(correlation))),
            None => Err(ReceiveError::Unrouted(Box::new(arrived.envelope()))),
        })
    }

    /// Replies to a request; `false` if the client could not be reached or did not take it.
    ///
    /// # Errors
    ///
    /// [`SendError::Encode`] if the reply has no encoding, or [`SendError::Large`].
    pub fn reply(&mut self, to: ReplyTo, reply: &Rep) -> Result<bool, SendError> {
        match self.try_reply(to, reply) {
            Ok(()) => return Ok(true),
            Err(error @ (SendError::Encode { .. } | SendError::Large(_))) => return Err(error),
            Err(error) => {
                let stuck = match &error {
                    SendError::Interrupted { error, .. } | SendError::Transport(error) => {
                        matches!(error, TransportError::Full | TransportError::TimedOut)
                    }
                    _ => false,
                };
                self.lose(to.client(), stuck);
            }
        }
        self.undelivered += 1;
        Ok(false)
    }

    /// A client did not take its reply: it is slow, or has died.
    fn lose(&mut self, client: u64, stuck: bool) {
        match self.clients.get_mut(&client) {
            Some(known) if stuck && known.stuck => {}
            Some(known) if stuck => {
                known.stuck = true;
                known.outbox = None;
                if self.connect.collect(Some(client)) > 0 {
                    self.clients.remove(&client);
                }
            }
            _ => {
                self.clients.remove(&client);
                self.connect.collect(Some(client));
            }
        }
    }

    /// Makes room for one more client.
    fn make_room(&mut self) {
        if self.clients.len() >= self.sweep && self.sweep < REMEMBERED {
            if self.collect() == 0 {
                self.sweep = self.sweep.saturating_mul(2);
            }
            // Who is still there comes again.
            self.clients.retain(|_, known| known.stuck);
        }
        if self.clients.len() >= REMEMBERED {
            let oldest = self.clients.iter().min_by_key(|(_, known)| known.used);
            if let Some(oldest) = oldest.map(|(client, _)| *client) {
                self.clients.remove(&oldest);
            }
        }
    }

    fn try_reply(&mut self, to: ReplyTo, reply: &Rep) -> Result<(), SendError> {
        self.clock += 1;
        let client = to.client();
        if !self.clients.contains_key(&client) {
            self.make_room();
        }
        let new = Known { outbox: None, stuck: false, used: 0 };
        let known = self.clients.entry(client).or_insert(new);
        known.used = self.clock;
        let outbox = match &mut known.outbox {
            Some(outbox) => outbox,
            none => {
                let mut outbox = Outbox::new(self.connect.connect(client)?);
                outbox.set_frame(self.frame);
                none.insert(outbox)
            }
        };
        let wait = if known.stuck { Wait::Never } else { Wait::timeout(self.patience) };
        outbox.send(reply, Some(to.0), 0, wait)?;
        known.stuck = false;
        Ok(())
    }

    /// Receives a request, waiting as said, and replies with what `answer` makes of it; `false` if
    /// none came.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive) and [`reply`](Self::reply). A client that could not be
    /// reached is none.
    pub fn serve_one(
        &mut self,
        wait: Wait,
        answer: impl FnOnce(Req) -> Rep,
    ) -> Result<bool, ServeError> {
        let Some((request, to)) = self.receive(wait)? else {
            return Ok(false);
        };
        self.reply(to, &answer(request))?;
        Ok(true)
    }

    /// Serves requests until `deadline`.
    ///
    /// # Errors
    ///
    /// As [`serve_one`](Self::serve_one).
    pub fn serve_until(
        &mut self,
        deadline: Instant,
        mut answer: impl FnMut(Req) -> Rep,
    ) -> Result<(), ServeError> {
        while self.serve_one(Wait::Until(deadline), &mut answer)? {}
        Ok(())
    }
}

/// Why a request was not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// No request could be received.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// The reply could not be made.
    #[error(transparent)]
    Reply(#[from] SendError),
}

//! [`MessageQueueOptions`]: how a queue is opened or created.

use posix_ipc_sys::mq::{self, Mode, MqAttr, OFlags, OwnedMqd};
use rustix::io::Errno;

use super::budget;
use super::place::{self, PLACE};
use super::{Access, MessageQueue, Receiver, Sender};
use crate::cleanup::NameOwner;
use crate::common::{Common, common_setters};
use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::kind::Kind;
use crate::name::Name;
use crate::open_mode::{Disposition, OpenMode, Opener, open_with};

/// How a queue is opened or created; made by [`MessageQueue::options`].
///
/// A queue cannot be made without its name. So with
/// [`permissions_exact`](Self::permissions_exact) it has, for a moment, what the umask leaves of the
/// permissions, never more: whoever comes that early may be refused once too often.
///
/// # Examples
///
/// ```
/// use posix_ipc::{MessageQueue, Name, OpenMode};
///
/// # let name = Name::unique("doc-mq-options");
/// let queue = MessageQueue::options()
///     .mode(OpenMode::OpenOrCreate)
///     .capacity(4)
///     .message_size(128)
///     .permissions(0o660)
///     .open(&name)?;
/// assert_eq!((queue.capacity(), queue.message_size()), (4, 128));
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct MessageQueueOptions {
    common: Common,
    capacity: Option<usize>,
    message_size: Option<usize>,
    any_geometry: bool,
    access: Access,
    nonblocking: bool,
}

impl MessageQueueOptions {
    pub(super) fn new() -> Self {
        Self {
            common: Common::default(),
            capacity: None,
            message_size: None,
            any_geometry: false,
            access: Access::Both,
            nonblocking: false,
        }
    }

    common_setters!();

    /// How many messages the queue holds.
    ///
    /// A queue that is created gets this, by default what the system thinks fit (10 on Linux,
    /// if nobody changed it). Of a queue that is opened it is expected: another one is
    /// [`Error::Mismatch`].
    #[must_use]
    pub fn capacity(mut self, messages: usize) -> Self {
        self.capacity = Some(messages);
        self
    }

    /// How many bytes a message may have.
    ///
    /// A queue that is created gets this, by default what the system thinks fit (8192 on
    /// Linux, if nobody changed it). Of a queue that is opened it is expected: another one is
    /// [`Error::Mismatch`].
    #[must_use]
    pub fn message_size(mut self, bytes: usize) -> Self {
        self.message_size = Some(bytes);
        self
    }

    /// Takes an existing queue of any geometry; what was asked for counts on creation alone.
    #[must_use]
    pub fn any_geometry(mut self) -> Self {
        self.any_geometry = true;
        self
    }

    /// What the handle is for; by default both sending and receiving.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Whether calls that would wait give up at once; by default they wait.
    ///
    /// A full queue then is [`SendError::Full`](super::SendError::Full), and an empty one
    /// `EAGAIN` as an [`Error`] of the calls that have no `Option` for it.
    /// See also [`MessageQueue::set_nonblocking`].
    #[must_use]
    pub fn nonblocking(mut self, nonblocking: bool) -> Self {
        self.nonblocking = nonblocking;
        self
    }

    /// Opens or creates the queue, as the mode says.
    ///
    /// # Errors
    ///
    /// - [`Error::Name`]: `name` is none.
    /// - [`Error::OutOfRange`]: a capacity or message size of zero.
    /// - [`Error::Os`]: the system refused. Where a limit was hit, the hint
    ///   names it, its value and where to change it; see [`mq::Budget`](super::Budget).
    /// - [`Error::Mismatch`]: the queue has another geometry.
    /// - [`Error::Owner`]: the queue is another user's.
    /// - [`Error::Contended`]: others made and removed the name all the time.
    pub fn open<N>(&self, name: N) -> Result<MessageQueue>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        let name = name.try_into().map_err(Into::into)?;
        name.check_for(Kind::MessageQueue)?;
        let positive = |argument, value: Option<usize>| match value {
            Some(0) => Err(Error::OutOfRange { argument, value: 0, min: 1, max: i64::MAX as u64 }),
            _ => Ok(()),
        };
        positive("capacity", self.capacity)?;
        positive("message size", self.message_size)?;
        open_with(self.common.mode, &mut QueueOpener { options: self, name })
    }

    /// Opens the queue for sending alone, as a half that can be cloned.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_sender<N>(&self, name: N) -> Result<Sender>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        self.clone().access(Access::Send).open(name).map(|queue| Sender::new(queue.into()))
    }

    /// Opens the queue for receiving alone, as a half that can be cloned.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_receiver<N>(&self, name: N) -> Result<Receiver>
    where
        N: TryInto<Name, Error: Into<Error>>,
    {
        self.clone().access(Access::Receive).open(name).map(|queue| Receiver::new(queue.into()))
    }
}

struct QueueOpener<'a> {
    options: &'a MessageQueueOptions,
    name: Name,
}

/// A queue that is open, before its name has an owner.
struct Opened {
    queue: OwnedMqd,
    identity: Identity,
    attributes: MqAttr,
}

impl QueueOpener<'_> {
    fn flags(&self) -> OFlags {
        let access = match self.options.access {
            Access::Both => OFlags::RDWR,
            Access::Send => OFlags::WRONLY,
            Access::Receive => OFlags::RDONLY,
        };
        if self.options.nonblocking { access | OFlags::NONBLOCK } else { access }
    }

    fn error(&self, operation: &'static str, errno: Errno) -> Error {
        Error::os(operation, Kind::MessageQueue, &self.name, errno)
    }

    /// What was asked for; half a geometry is completed by the system's default.
    fn attributes(&self) -> Option<MqAttr> {
        let (capacity, message_size) = (self.options.capacity, self.options.message_size);
        if capacity.is_none() && message_size.is_none() {
            return None;
        }
        let default = budget::default_geometry();
        Some(MqAttr::new(capacity.unwrap_or(default.0), message_size.unwrap_or(default.1)))
    }

    fn opened(&self, queue: OwnedMqd, operation: &'static str) -> Result<Opened> {
        let identity = self.identity(&queue, operation)?;
        place::remember(identity);
        let attributes = mq::getattr(&queue).map_err(|errno| self.error(operation, errno))?;
        Ok(Opened { queue, identity, attributes })
    }

    #[cfg(any(target_os = "linux", target_os = "netbsd", target_os = "dragonfly"))]
    fn identity(&self, queue: &OwnedMqd, operation: &'static str) -> Result<Identity> {
        let status =
            crate::identity::Status::of(queue).map_err(|errno| self.error(operation, errno))?;
        status.check_owner(Kind::MessageQueue, Some(&self.name), self.options.common.owner)?;
        // Only Linux tells of a name which object it is.
        if cfg!(target_os = "linux") { Ok(status.identity) } else { Ok(Identity::new(0, 0)) }
    }

    #[cfg(not(any(target_os = "linux", target_os = "netbsd", target_os = "dragonfly")))]
    fn identity(&self, _: &OwnedMqd, _: &'static str) -> Result<Identity> {
        match self.options.common.owner {
            Some(_) => Err(Error::Unsupported { feature: "owner of a message queue" }),
            None => Ok(Identity::new(0, 0)),
        }
    }

    #[cfg(any(target_os = "linux", target_os = "netbsd", target_os = "dragonfly"))]
    fn set_permissions(&self, queue: &OwnedMqd) -> Result<()> {
        let mode = rustix::fs::Mode::from_raw_mode(self.options.common.permissions as _);
        rustix::fs::fchmod(queue, mode).map_err(|errno| self.error("set the permissions of", errno))
    }

    #[cfg(not(any(target_os = "linux", target_os = "netbsd", target_os = "dragonfly")))]
    fn set_permissions(&self, _: &OwnedMqd) -> Result<()> {
        Err(Error::Unsupported { feature: "permissions of a queue in spite of the umask" })
    }

    fn check_geometry(&self, found: &MqAttr) -> Result<()> {
        let expect = |property, expected: Option<usize>, found: usize| match expected {
            Some(expected) if expected != found => Err(Error::Mismatch {
                kind: Kind::MessageQueue,
                name: Some(self.name.clone()),
                property,
                expected: expected as u64,
                found: found as u64,
            }),
            _ => Ok(()),
        };
        if self.options.any_geometry {
            return Ok(());
        }
        expect("capacity", self.options.capacity, found.maxmsg)?;
        expect("message size", self.options.message_size, found.msgsize)
    }
}

impl Opener for QueueOpener<'_> {
    type Object = Opened;
    type Handle = MessageQueue;

    fn kind(&self) -> Kind {
        Kind::MessageQueue
    }

    fn name(&self) -> &Name {
        &self.name
    }

    fn create(&mut self) -> Result<Opened> {
        let flags = self.flags() | OFlags::CREATE | OFlags::EXCL;
        let attributes = self.attributes();
        let mode = Mode::from_raw_mode(self.options.common.permissions as _);
        let queue = mq::open(&self.name, flags, mode, attributes.as_ref())
            .map_err(|errno| budget::explain(self.error("create", errno), attributes.as_ref()))?;
        let complete = || {
            if self.options.common.exact {
                self.set_permissions(&queue)?;
            }
            Ok(())
        };
        let result = complete().and_then(|()| self.opened(queue, "create"));
        if result.is_err() {
            // It is ours and unfinished; its failure is told already.
            let _ = mq::unlink(&self.name);
        }
        result
    }

    fn open(&mut self) -> Result<Opened> {
        let queue = mq::open(&self.name, self.flags(), Mode::empty(), None)
            .map_err(|errno| budget::explain(self.error("open", errno), None))?;
        let opened = self.opened(queue, "open")?;
        self.check_geometry(&opened.attributes)?;
        Ok(opened)
    }

    fn unlink(&mut self) -> Result<()> {
        mq::unlink(&self.name).map_err(|errno| self.error("unlink", errno))
    }

    fn claim(&mut self, opened: Opened, disposition: Disposition) -> Result<Option<MessageQueue>> {
        let cleanup = self.options.common.cleanup;
        let owner = NameOwner::claim(&PLACE, &self.name, opened.identity, disposition, cleanup)?;
        Ok(owner.map(|owner| MessageQueue {
            owner,
            queue: opened.queue,
            capacity: opened.attributes.maxmsg,
            message_size: opened.attributes.msgsize,
            access: self.options.access,
        }))
    }
}

/// The options of the short forms of [`MessageQueue`].
pub(super) fn of(mode: OpenMode, capacity: usize, message_size: usize) -> MessageQueueOptions {
    MessageQueueOptions::new().mode(mode).capacity(capacity).message_size(message_size)
}

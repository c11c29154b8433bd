//! Many senders, many receivers, messages up to a fixed length, in lanes by priority.
//!
//! Each message goes to one receiver: the oldest of the highest priority. Handles are shared by
//! threads by cloning, and opened by as many processes as like to, up to 1024 handles.
//!
//! Messages can be written and read in place ([`Sender::reserve`], [`Receiver::peek`]). A
//! reservation has its place in the order from the start on: see [`Grant`].
//!
//! # When a participant dies
//!
//! A sleeping participant looks at every [liveness interval](Options::liveness_interval) whether
//! the others live; so does whoever sits down on a dead one's seat.
//!
//! - A message that a sender had half-written is skipped and counted
//!   ([`Incidents::skipped`]). Messages behind it wait until then, since they keep their order.
//! - A message that a receiver had taken and not finished reading is delivered again
//!   ([`Incidents::redelivered`]), before those that are younger: at least once at that edge.
//!
//! A process that was forked from a participant has no part in the ring: dropping its copies of
//! handles, grants and records does nothing, and to send and receive it opens the ring itself.
//!
//! # Examples
//!
//! See [`Sender`].

mod look;
mod queue;
mod returns;
mod shared;
mod slots;
mod state;

#[cfg(not(posix_ipc_loom))]
mod crowd;
#[cfg(not(posix_ipc_loom))]
mod grant;
#[cfg(not(posix_ipc_loom))]
mod incidents;
#[cfg(not(posix_ipc_loom))]
mod options;
#[cfg(not(posix_ipc_loom))]
mod participant;
#[cfg(not(posix_ipc_loom))]
pub(crate) mod party;
#[cfg(not(posix_ipc_loom))]
mod receiver;
#[cfg(not(posix_ipc_loom))]
mod sender;
#[cfg(not(posix_ipc_loom))]
mod source;
#[cfg(not(posix_ipc_loom))]
mod view;

#[cfg(not(posix_ipc_loom))]
pub use self::{
    grant::Grant,
    incidents::Incidents,
    options::{Options, pair},
    receiver::Receiver,
    sender::Sender,
    view::Record,
};

#[cfg(all(test, posix_ipc_loom))]
mod models;

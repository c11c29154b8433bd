//! One sender, one receiver, messages of any length.
//!
//! Messages are records of bytes, up to the capacity less 8, each in one piece, in the order
//! in which they were sent. They can be written and read in place
//! ([`Sender::reserve`], [`Receiver::peek`]), and sent in batches ([`Sender::batch`]).
//!
//! # When the other end goes
//!
//! An end that leaves or dies frees its place; the next process to open that end goes on
//! where it was. Meanwhile the end that stays can go on receiving what is there and
//! sending while there is room; when it would have to wait, it gets `PeerGone`
//! (or waits for the next one, with [`Options::outlive_peer`]).
//!
//! - What a sender had not committed when it died was never sent, and so was what its
//!   [`Batch`] had not published.
//! - What a receiver had not released when it died is received by the next: at least once.
//!
//! # Examples
//!
//! See [`Sender`].

mod consumer;
mod parts;
mod place;
mod producer;
mod record;
mod shared;

#[cfg(not(posix_ipc_loom))]
mod attachment;
#[cfg(not(posix_ipc_loom))]
mod batch;
#[cfg(not(posix_ipc_loom))]
mod catch_up;
#[cfg(not(posix_ipc_loom))]
mod grant;
#[cfg(not(posix_ipc_loom))]
mod options;
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
    attachment::Peer,
    batch::Batch,
    grant::Grant,
    options::{Options, pair},
    receiver::Receiver,
    sender::Sender,
    view::Record,
};

#[cfg(all(test, posix_ipc_loom))]
mod models;

//! Rings, from their API on: one file per topic.

mod allocations;
#[cfg(feature = "tokio")]
mod asynchronous;
mod crash;
mod cross_process;
mod grants;
mod hostile;
mod journal;
mod killed;
mod mpmc;
mod notified;
mod python;
mod spsc;
mod spsc_copies;
mod stepped;
mod wait_any;

#[cfg(feature = "tokio")]
use asynchronous::slow_receiver;
use crash::{mpmc_receiver, mpmc_sender, spsc_long_sender, spsc_receiver, spsc_sender};
use cross_process::{echo, holder, idler, stuck_sender, taker};
use grants::{forks_with_claims, reserver};
use killed::unfinished;
use stepped::stepped;
use wait_any::any_actor;

#[cfg(not(feature = "tokio"))]
fn slow_receiver(_: &[String]) {}

testutil::roles!(
    spsc_sender,
    spsc_long_sender,
    spsc_receiver,
    mpmc_sender,
    mpmc_receiver,
    echo,
    holder,
    stuck_sender,
    taker,
    reserver,
    forks_with_claims,
    any_actor,
    slow_receiver,
    idler,
    stepped,
    unfinished
);

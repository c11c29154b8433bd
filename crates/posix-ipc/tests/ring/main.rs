//! Rings, from their API on: one file per topic.

mod crash;
mod cross_process;
mod grants;
mod hostile;
mod journal;
mod mpmc;
mod notified;
mod python;
mod spsc;
mod wait_any;

use crash::{mpmc_receiver, mpmc_sender, spsc_receiver, spsc_sender};
use cross_process::{echo, holder, stuck_sender, taker};
use grants::reserver;
use wait_any::any_actor;

testutil::roles!(
    spsc_sender,
    spsc_receiver,
    mpmc_sender,
    mpmc_receiver,
    echo,
    holder,
    stuck_sender,
    taker,
    reserver,
    any_actor
);

//! Message queues: a file per topic.

mod allocations;
mod cross_process;
#[cfg(target_os = "linux")]
mod errno;
#[cfg(target_os = "linux")]
mod interop;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
mod notify;
mod open;
mod order;
mod peers;
mod receive;
#[cfg(any(feature = "mio", feature = "tokio"))]
mod runtimes;
mod send;
mod support;

use cross_process::{
    creates_and_unlinks, fills_for_ever, receives_and_reports, receives_until_stopped,
    sends_numbers,
};
#[cfg(target_os = "linux")]
use errno::provokes_as_another_user;
#[cfg(target_os = "linux")]
use limits::{counts_bytes, meets_sysctls, runs_out_of_descriptors};
#[cfg(target_os = "linux")]
use notify::{holds_the_place, is_signalled};
use open::creates_and_waits;
use peers::{meets_anothers_queue, owns_and_waits, waits_through_signals};

testutil::roles!(
    counts_bytes,
    meets_anothers_queue,
    meets_sysctls,
    owns_and_waits,
    provokes_as_another_user,
    runs_out_of_descriptors,
    waits_through_signals,
    creates_and_unlinks,
    creates_and_waits,
    fills_for_ever,
    holds_the_place,
    is_signalled,
    receives_and_reports,
    receives_until_stopped,
    sends_numbers,
);

//! Message queues: a file per topic.

mod cross_process;
#[cfg(target_os = "linux")]
mod interop;
#[cfg(target_os = "linux")]
mod notify;
mod open;
mod order;
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
use notify::{holds_the_place, is_signalled};
use open::creates_and_waits;

testutil::roles!(
    creates_and_unlinks,
    creates_and_waits,
    fills_for_ever,
    holds_the_place,
    is_signalled,
    receives_and_reports,
    receives_until_stopped,
    sends_numbers,
);

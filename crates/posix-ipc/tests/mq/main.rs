//! Message queues: a file per topic.

#[cfg(target_os = "linux")]
mod notify;
mod open;
mod receive;
#[cfg(any(feature = "mio", feature = "tokio"))]
mod runtimes;
mod send;
mod support;

#[cfg(target_os = "linux")]
use notify::{holds_the_place, is_signalled};
use open::creates_and_waits;

testutil::roles!(creates_and_waits, holds_the_place, is_signalled);

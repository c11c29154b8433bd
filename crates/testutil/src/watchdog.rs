//! Ends a test that hangs, with its name.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// While it lives, the process is aborted if the time runs out.
#[derive(Debug)]
pub struct Watchdog {
    _disarm: Sender<()>,
}

/// Aborts the process in `seconds` unless the guard is dropped before.
#[must_use = "the watchdog is disarmed when this is dropped"]
pub fn watchdog(seconds: u64) -> Watchdog {
    let (disarm, bell) = channel::<()>();
    let name = thread::current().name().unwrap_or("unnamed").to_string();
    thread::spawn(move || {
        if bell.recv_timeout(Duration::from_secs(seconds)) == Err(RecvTimeoutError::Timeout) {
            eprintln!("watchdog: test {name} still runs after {seconds} s");
            std::process::abort();
        }
    });
    Watchdog { _disarm: disarm }
}

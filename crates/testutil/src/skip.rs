//! Skips that say why, and that the gate forbids.

use std::fs::OpenOptions;
use std::io::Write;

/// Says on standard error that the current test is skipped, and why.
///
/// With `POSIX_IPC_NO_SKIP` set, as in the gate, a skip is a failure.
///
/// # Panics
///
/// With `POSIX_IPC_NO_SKIP` set.
pub fn skip(reason: &str) {
    let test = std::thread::current().name().unwrap_or("unnamed").to_string();
    assert!(
        std::env::var_os("POSIX_IPC_NO_SKIP").is_none(),
        "test {test} may not be skipped here, but: {reason}"
    );
    // Written past the harness, which would swallow the words of a test that passes.
    let line = format!("\nSKIPPED {test}: {reason}\n");
    match OpenOptions::new().append(true).open("/dev/stderr") {
        Ok(mut stderr) => drop(stderr.write_all(line.as_bytes())),
        Err(_) => eprintln!("{line}"),
    }
}

/// Skips the current test with a reason, if the condition does not hold.
#[macro_export]
macro_rules! require {
    ($condition:expr, $($reason:tt)+) => {
        if !$condition {
            $crate::skip::skip(&format!($($reason)+));
            return;
        }
    };
}

/// Whether `/dev/mqueue` is a mounted message queue file system.
pub fn mqueue_is_mounted() -> bool {
    const MQUEUE_MAGIC: u64 = 0x1980_0202;
    rustix::fs::statfs("/dev/mqueue").is_ok_and(|fs| fs.f_type as u64 == MQUEUE_MAGIC)
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

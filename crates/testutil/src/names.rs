//! Names that no other test uses, removed when the test ends, also by a panic.

use std::ffi::CString;
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};

/// How every name made here starts, after its slash: the gate fails if one is left behind.
pub const PREFIX: &str = "pit-";

/// A name that no other test uses; semaphore, memory and queue of that name go when it is dropped.
#[derive(Debug)]
pub struct UniqueName(String);

/// Makes `/pit-PID-COUNTER-LABEL`.
pub fn unique(label: &str) -> UniqueName {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let counter = COUNTER.fetch_add(1, Ordering::Relaxed);
    UniqueName(format!("/{PREFIX}{}-{counter}-{label}", std::process::id()))
}

impl UniqueName {
    /// The name with its leading slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of the shared memory object of this name on Linux.
    pub fn shm_path(&self) -> String {
        format!("/dev/shm{}", self.0)
    }

    /// The path of the semaphore of this name on Linux with glibc.
    pub fn sem_path(&self) -> String {
        format!("/dev/shm/sem.{}", &self.0[1..])
    }

    /// The path of the message queue of this name where `/dev/mqueue` is mounted.
    pub fn mq_path(&self) -> String {
        format!("/dev/mqueue{}", self.0)
    }
}

impl Deref for UniqueName {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UniqueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Drop for UniqueName {
    fn drop(&mut self) {
        let Ok(name) = CString::new(self.0.as_str()) else {
            return;
        };
        // SAFETY: `name` is a C string that outlives the call.
        unsafe { libc::sem_unlink(name.as_ptr()) };
        // SAFETY: as above.
        unsafe { libc::shm_unlink(name.as_ptr()) };
        // SAFETY: as above.
        unsafe { libc::mq_unlink(name.as_ptr()) };
    }
}

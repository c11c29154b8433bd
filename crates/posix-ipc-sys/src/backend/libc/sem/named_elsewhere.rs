//! Named semaphores where the system keeps them in places of its own.

use super::*;

pub(crate) fn open(name: &CStr, flags: OpenFlags, mode: Mode, value: u32) -> Result<Opened> {
    Ok(Opened { raw: sem_open(name, flags, mode, value)?, file: None })
}

pub(crate) fn unlink(name: &CStr) -> Result<()> {
    // SAFETY: the name is a C string that outlives the call.
    done(unsafe { libc::sem_unlink(name.as_ptr()) })
}

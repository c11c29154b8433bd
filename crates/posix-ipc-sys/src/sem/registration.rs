//! [`Registration`]: a waiter that sleeps by other means than this crate's.

use core::marker::PhantomData;

use rustix::thread::futex;

use super::{AsSem, Raw};
#[cfg(has_glibc_sem)]
use crate::backend::linux::sem::Raw as Linux;

/// A registered waiter of a semaphore, for those who wait for it together with something else
/// that sleeps on futexes; [`wait_any`](super::wait_any) does for semaphores alone.
///
/// Register, [take](Self::take) or get a futex to sleep on, sleep, and so on. Dropped, the waiter
/// leaves, and passes on a wake-up that may have been meant for another one.
///
/// Sleep for a second at most where processes share the semaphore: one that is killed may owe a wake-up.
///
/// # Examples
///
/// ```
/// use posix_ipc_sys::sem::{self, Registration};
///
/// let sem = sem::anonymous(1)?;
/// if let Some(mut waiter) = Registration::new(&sem) {
///     assert!(waiter.take().is_ok());
///     assert_eq!(sem::getvalue(&sem)?, 0);
/// }
/// # Ok::<(), rustix::io::Errno>(())
/// ```
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct Registration<'a> {
    #[cfg(has_glibc_sem)]
    raw: Linux,
    is_registered: bool,
    sem: PhantomData<&'a ()>,
}

impl<'a> Registration<'a> {
    /// Registers a waiter.
    ///
    /// # Platforms
    ///
    /// `None` for the C library's own semaphores, which can only be looked at by turns.
    pub fn new<S: AsSem>(sem: &'a S) -> Option<Self> {
        match sem.as_sem().raw() {
            #[cfg(has_glibc_sem)]
            Raw::Linux(raw) => {
                raw.register();
                Some(Self { raw, is_registered: true, sem: PhantomData })
            }
            #[cfg(not(backend_linux))]
            Raw::C(_) => None,
        }
    }

    /// Takes a unit, which ends the registration; if there is none, gives what to sleep on with
    /// `futex_waitv`.
    ///
    /// # Errors
    ///
    /// What to sleep on. After a success there is nothing to sleep on, and nothing more is taken.
    pub fn take(&mut self) -> Result<(), futex::Wait> {
        #[cfg(has_glibc_sem)]
        if self.is_registered {
            self.raw.take_registered().map_err(|word| self.raw.wait_entry(word))?;
            self.is_registered = false;
        }
        Ok(())
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        #[cfg(has_glibc_sem)]
        if self.is_registered {
            self.raw.deregister();
        }
    }
}

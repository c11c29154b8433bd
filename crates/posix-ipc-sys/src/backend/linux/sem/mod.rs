//! The `linux` back end of `sem`: semaphores over futexes, in glibc's files and layouts.
//!
//! Also there beside the `libc` back end, where glibc's semaphores are a choice.

use core::ffi::CStr;
use core::ptr::NonNull;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{self, Mode, OFlags, Stat};
use rustix::io::Result;

use crate::name::with_path;
use crate::sem::{Abi, OpenFlags, Peek};

mod any;
mod file;
mod futex;
mod glibc32;
#[cfg(target_has_atomic = "64")]
mod glibc64;
#[cfg(target_has_atomic = "64")]
mod last;
mod layout;
#[cfg(all(test, posix_ipc_loom))]
mod model;
mod protocol;
mod wait;

pub(crate) use any::wait_any;
use futex::Scope;
pub(crate) use layout::Layout;
use protocol::Protocol;
pub(crate) use wait::Until;

/// A semaphore in memory.
///
/// Invariant: `base` is valid for reads and writes of `layout.size()` bytes, aligned for the
/// layout, and holds an initialised semaphore that is accessed atomically only, as long as the
/// handle lives that this value was made for; whoever makes a value has to see to it, and handles
/// use it while they live.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw {
    base: NonNull<u8>,
    layout: Layout,
    scope: Scope,
}

/// What a named semaphore is opened to.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) raw: Raw,
    pub(crate) stat: Stat,
}

/// Calls the body with the words of a semaphore, whichever layout they have.
macro_rules! with_words {
    ($raw:expr, $words:ident => $body:expr) => {
        match $raw.layout {
            #[cfg(target_has_atomic = "64")]
            Layout::Glibc64 => {
                // SAFETY: by the invariant of `Raw`; the words are atomics, so that others may
                // write to them at any time.
                let $words = unsafe { $raw.base.cast::<glibc64::Words>().as_ref() };
                $body
            }
            Layout::Glibc32 => {
                // SAFETY: as above.
                let $words = unsafe { $raw.base.cast::<glibc32::Words>().as_ref() };
                $body
            }
        }
    };
}
use with_words;

impl Raw {
    #[cfg(backend_linux)]
    /// The semaphore at `base`, in memory that its user may free once the last unit is taken.
    pub(crate) fn borrowed(base: NonNull<u8>, layout: Layout) -> Self {
        let mut raw = Self { base, layout, scope: Scope::Borrowed };
        let private =
            with_words!(raw, words => words.private.load(crate::primitive::Ordering::Relaxed));
        if private == 0 {
            raw.scope = Scope::Threads;
        }
        raw
    }

    pub(crate) fn base(self) -> NonNull<u8> {
        self.base
    }

    #[inline]
    pub(crate) fn post(self, units: u32) -> Result<()> {
        with_words!(self, words => wait::post(words, units, &self.scope))
    }

    #[inline]
    pub(crate) fn try_wait(self, units: u32) -> bool {
        with_words!(self, words => words.try_take(units))
    }

    #[inline]
    pub(crate) fn wait(self, units: u32, until: Until) -> Result<()> {
        with_words!(self, words => wait::wait(words, units, &self.scope, until))
    }

    #[inline]
    pub(crate) fn value(self) -> u32 {
        with_words!(self, words => words.value())
    }

    pub(crate) fn waiters(self) -> u32 {
        with_words!(self, words => words.waiters())
    }

    /// The processor that last woke a sleeper, as far as posters tell.
    pub(crate) fn waker_cpu(self) -> Option<u32> {
        with_words!(self, words => futex::waker_cpu(words.spare()))
    }
}

pub(crate) fn open(
    layout: Layout,
    name: &CStr,
    flags: OpenFlags,
    mode: Mode,
    value: u32,
) -> Result<Opened> {
    let fd = file::open(layout, name, flags, mode, value)?;
    let stat = fs::fstat(&fd)?;
    let base = file::map(layout, fd.as_fd())?;
    Ok(Opened { raw: Raw { base, layout, scope: Scope::Processes }, stat })
}

pub(crate) fn unlink(name: &CStr) -> Result<()> {
    file::unlink(name)
}

pub(crate) fn stat(name: &CStr) -> Result<Stat> {
    with_path(file::PREFIX, name, |path| fs::lstat(path))
}

pub(crate) fn open_file(name: &CStr) -> Result<OwnedFd> {
    with_path(file::PREFIX, name, |path| file::open_file(path, OFlags::RDWR))
}

pub(crate) fn peek(name: &CStr) -> Result<Option<Peek>> {
    with_path(file::PREFIX, name, |path| {
        let fd = file::open_file(path, OFlags::RDONLY)?;
        Ok(file::peek(&fs::fstat(&fd)?, fd.as_fd())?.map(|(layout, image)| {
            let (value, waiters) = layout.read(&image);
            Peek { abi: layout.abi(), value, waiters: Some(waiters) }
        }))
    })
}

/// Makes a semaphore in memory that nobody uses yet.
///
/// # Safety
///
/// `base` is valid for writes of `layout.size()` bytes, aligned, and not accessed by others
/// during the call.
#[cfg(backend_linux)]
pub(crate) unsafe fn init(base: NonNull<u8>, layout: Layout, shared: bool, value: u32) -> Raw {
    let mut image = layout.image(value);
    if !shared {
        layout.make_private(&mut image);
    }
    // SAFETY: by the caller's promise; source and target do not overlap, as the source is ours.
    unsafe { base.as_ptr().copy_from_nonoverlapping(image.as_ptr(), layout.size()) };
    Raw { base, layout, scope: if shared { Scope::Borrowed } else { Scope::Threads } }
}

impl Layout {
    /// The layout of programs for this target.
    #[cfg(all(lp64_sem, target_has_atomic = "64"))]
    pub(crate) const NATIVE: Self = Self::Glibc64;
    /// The layout of programs for this target.
    #[cfg(not(all(lp64_sem, target_has_atomic = "64")))]
    pub(crate) const NATIVE: Self = Self::Glibc32;

    pub(crate) fn abi(self) -> Abi {
        match self {
            #[cfg(target_has_atomic = "64")]
            Self::Glibc64 => Abi::Glibc64,
            Self::Glibc32 => Abi::Glibc32,
        }
    }
}

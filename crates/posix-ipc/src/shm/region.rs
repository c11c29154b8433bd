//! An owned range of mapped addresses: mapped with guards or twice in a row, unmapped on drop.

use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};

use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

/// What to map and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// Of the first byte, in the object.
    pub(super) offset: u64,
    /// Bytes; not zero.
    pub(super) len: usize,
    pub(super) writable: bool,
    /// Maps privately what is only read, and does not change.
    pub(super) private: bool,
    /// Puts an inaccessible page before and after.
    pub(super) guards: bool,
    /// Maps the same pages a second time right behind.
    pub(super) mirrored: bool,
    /// Where the first byte is to stand.
    pub(super) address: Option<NonZeroAddress>,
}

/// An address that somebody chose.
pub(super) type NonZeroAddress = std::num::NonZeroUsize;

/// Mapped addresses that nobody else unmaps.
///
/// Invariant: `base .. base + span` lies in `start .. start + reserved`, which this value alone
/// has mapped and unmaps on drop; `span` is at most `isize::MAX`.
#[derive(Debug)]
pub(super) struct Region {
    start: NonNull<u8>,
    reserved: usize,
    base: NonNull<u8>,
    span: usize,
}

// SAFETY: a region is a range of addresses that belongs to the process, not to a thread.
unsafe impl Send for Region {}
// SAFETY: a shared region only gives out its address and length.
unsafe impl Sync for Region {}

/// The size of a page.
pub(super) fn page() -> usize {
    rustix::param::page_size()
}

/// `len` rounded up to whole pages; `None` if that is more than there are addresses for.
fn whole_pages(len: usize) -> Option<usize> {
    len.checked_next_multiple_of(page()).filter(|&len| isize::try_from(len).is_ok())
}

impl Region {
    /// Maps as planned.
    ///
    /// `EINVAL` if the plan asks for a mirror of what does not start and end with a page or for
    /// an unaligned address, `EEXIST` if something is mapped at the address, `ENOMEM` if there are
    /// not so many addresses.
    pub(super) fn map(fd: BorrowedFd<'_>, plan: &Plan) -> Result<Self, Errno> {
        let page_size = page();
        let skew = usize::try_from(plan.offset % page_size as u64).map_err(|_| Errno::INVAL)?;
        let body = plan.len.checked_add(skew).and_then(whole_pages).ok_or(Errno::NOMEM)?;
        if plan.mirrored && body != plan.len {
            return Err(Errno::INVAL);
        }
        let copies = if plan.mirrored { 2 } else { 1 };
        let guard = if plan.guards { page_size } else { 0 };
        let reserved = body
            .checked_mul(copies)
            .and_then(|len| len.checked_add(2 * guard))
            .and_then(whole_pages)
            .ok_or(Errno::NOMEM)?;
        let at = match plan.address {
            None => 0,
            Some(address) if address.get() % page_size == skew => {
                (address.get() - skew).checked_sub(guard).ok_or(Errno::INVAL)?
            }
            Some(_) => return Err(Errno::INVAL),
        };
        let &Plan { writable, private, .. } = plan;
        let source = Source { fd, offset: plan.offset - skew as u64, writable, private };
        let start = if plan.guards || plan.mirrored {
            let start = reserve(at, reserved)?;
            // From here on a failure unmaps the whole reservation.
            let region = Self { start, reserved, base: start, span: reserved };
            for copy in 0..copies {
                source.map_over(&region, guard + copy * body, body)?;
            }
            std::mem::forget(region);
            start
        } else {
            source.map(at, body)?
        };
        // SAFETY: `guard + skew` is less than `reserved`, the length of what is mapped at `start`.
        let base = unsafe { start.add(guard + skew) };
        Ok(Self { start, reserved, base, span: plan.len * copies })
    }

    /// The first byte.
    #[inline]
    pub(super) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// How many bytes follow it; both copies of a mirror together.
    #[inline]
    pub(super) fn span(&self) -> usize {
        self.span
    }

    /// The whole pages that hold the bytes, without guards: for calls that want pages.
    pub(super) fn pages(&self) -> (NonNull<u8>, usize) {
        let skew = self.base.as_ptr().addr() % page();
        // SAFETY: the page that holds the first byte was mapped with it.
        let start = unsafe { self.base.sub(skew) };
        (start, (self.span + skew).next_multiple_of(page()))
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY:
        // - The range is this value's own by the type's invariant, mapped by `map` and by nobody
        //   unmapped since.
        // - Nothing refers to it any more: all references are bound to a borrow of the mapping
        //   that owns this region; for raw pointers that is their users' duty.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.reserved) };
    }
}

/// Takes addresses out of circulation: nothing is accessible there yet.
fn reserve(at: usize, len: usize) -> Result<NonNull<u8>, Errno> {
    let flags = MapFlags::PRIVATE | no_reserve() | no_replace(at);
    // SAFETY: without `MAP_FIXED` the kernel picks a range that is not in use, or fails.
    let start =
        unsafe { mmap_anonymous(ptr::without_provenance_mut(at), len, ProtFlags::empty(), flags) };
    settled(start?, at, len)
}

/// Where mapped pages come from.
struct Source<'fd> {
    fd: BorrowedFd<'fd>,
    offset: u64,
    writable: bool,
    private: bool,
}

impl Source<'_> {
    fn protection(&self) -> ProtFlags {
        if self.writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ }
    }

    fn sharing(&self) -> MapFlags {
        if self.private { MapFlags::PRIVATE } else { MapFlags::SHARED }
    }

    /// Maps at an address of the kernel's choice, or at `at` if that is free.
    fn map(&self, at: usize, len: usize) -> Result<NonNull<u8>, Errno> {
        let flags = self.sharing() | no_replace(at);
        let hint = ptr::without_provenance_mut(at);
        // SAFETY:
        // - Without `MAP_FIXED` the kernel picks a range that is not in use, or fails.
        // - Assumption: a length past the object's end maps without error; touching it raises
        //   `SIGBUS`, which the documentation of mappings tells.
        let start = unsafe { mmap(hint, len, self.protection(), flags, self.fd, self.offset) };
        settled(start?, at, len)
    }

    /// Maps over a part of a region that holds nothing yet.
    fn map_over(&self, region: &Region, at: usize, len: usize) -> Result<(), Errno> {
        debug_assert!(at + len <= region.reserved);
        // SAFETY: `at` is less than `reserved`, the length of what is mapped at `start`.
        let target = unsafe { region.start.add(at) };
        let flags = self.sharing() | MapFlags::FIXED;
        // SAFETY: the range lies within `region`, whose pages are inaccessible and this module's
        // own, so that what is replaced is nothing that anybody uses.
        let mapped = unsafe {
            mmap(target.as_ptr().cast(), len, self.protection(), flags, self.fd, self.offset)
        };
        mapped.map(drop)
    }
}

/// Undoes a mapping that the kernel made elsewhere than at the address asked for, if one was.
fn settled(start: *mut std::ffi::c_void, at: usize, len: usize) -> Result<NonNull<u8>, Errno> {
    if at != 0 && start.addr() != at {
        // SAFETY: the range was mapped by the caller just now, and nobody knows of it.
        let _ = unsafe { munmap(start, len) };
        return Err(Errno::EXIST);
    }
    NonNull::new(start.cast()).ok_or(Errno::NOMEM)
}

#[cfg(target_os = "linux")]
fn no_replace(at: usize) -> MapFlags {
    if at == 0 { MapFlags::empty() } else { MapFlags::FIXED_NOREPLACE }
}

/// Elsewhere the address is a hint, and the answer is compared with it.
#[cfg(not(target_os = "linux"))]
fn no_replace(_: usize) -> MapFlags {
    MapFlags::empty()
}

#[cfg(target_os = "linux")]
fn no_reserve() -> MapFlags {
    MapFlags::NORESERVE
}

#[cfg(not(target_os = "linux"))]
fn no_reserve() -> MapFlags {
    MapFlags::empty()
}

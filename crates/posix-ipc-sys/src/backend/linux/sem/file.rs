//! The files of named semaphores: opening, publishing, checking.

use core::ffi::CStr;
use core::ptr;

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::{Errno, Result, pread, write};
use rustix::mm::{MapFlags, ProtFlags, mmap};
use rustix::path::DecInt;
use rustix::rand::{GetRandomFlags, getrandom};

use super::layout::{IMAGE_MAX, Layout};
use crate::name::with_path;
use crate::sem::OpenFlags;

/// How every file of a semaphore starts, in glibc.
pub(crate) const PREFIX: &[u8] = b"sem.";
const DIRECTORY: &CStr = c"/dev/shm";
const PROC: &[u8] = b"/proc/self/fd/";
/// How often open-or-create starts over while others create and unlink the name.
const ATTEMPTS: u32 = 1000;
/// How often a random temporary name is tried.
const TEMPORARY: u32 = 50;

/// Opens or creates the file, which is checked or whole.
pub(crate) fn open(
    layout: Layout,
    name: &CStr,
    flags: OpenFlags,
    mode: Mode,
    value: u32,
) -> Result<OwnedFd> {
    let create = flags.contains(OpenFlags::CREATE);
    let exclusive = create && flags.contains(OpenFlags::EXCL);
    with_path(PREFIX, name, |path| {
        for _ in 0..ATTEMPTS {
            if !exclusive {
                match open_existing(layout, path) {
                    Err(Errno::NOENT) if create => {}
                    other => return other,
                }
            }
            match publish(layout, path, flags, mode, value) {
                Err(Errno::EXIST) if !exclusive => {}
                other => return other,
            }
        }
        Err(Errno::AGAIN)
    })
}

/// Opens a file for use as a semaphore, whatever it is.
pub(crate) fn open_file(path: &CStr, access: OFlags) -> Result<OwnedFd> {
    // Non-blocking for the sake of whatever stands there instead of a semaphore.
    let flags = access | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    match fs::open(path, flags, Mode::empty()) {
        Err(Errno::ISDIR | Errno::NXIO) => Err(Errno::INVAL),
        other => other,
    }
}

fn open_existing(layout: Layout, path: &CStr) -> Result<OwnedFd> {
    let fd = open_file(path, OFlags::RDWR)?;
    if Layout::detect(&fs::fstat(&fd)?, fd.as_fd())? == Some(layout) {
        Ok(fd)
    } else {
        Err(Errno::INVAL)
    }
}

/// Makes the file in full, and gives it its name then.
fn publish(
    layout: Layout,
    path: &CStr,
    flags: OpenFlags,
    mode: Mode,
    value: u32,
) -> Result<OwnedFd> {
    let image = layout.image(value);
    let image = image.get(..layout.size()).unwrap_or(&image);
    let exact = flags.contains(OpenFlags::EXACT_MODE);
    match fs::open(DIRECTORY, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, mode) {
        Ok(fd) => {
            fill(fd.as_fd(), image, exact.then_some(mode))?;
            match link_unnamed(fd.as_fd(), path) {
                Ok(()) => return Ok(fd),
                // Without /proc a file needs a name to be given another.
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno),
            }
        }
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {}
        Err(errno) => return Err(errno),
    }
    publish_by_name(path, image, mode, exact)
}

fn link_unnamed(fd: BorrowedFd<'_>, path: &CStr) -> Result<()> {
    let number = DecInt::new(fd.as_raw_fd());
    let mut old = [0u8; 32];
    for (slot, &byte) in old.iter_mut().zip(PROC.iter().chain(number.as_bytes())) {
        *slot = byte;
    }
    let old = CStr::from_bytes_until_nul(&old).map_err(|_| Errno::INVAL)?;
    fs::linkat(CWD, old, CWD, path, AtFlags::SYMLINK_FOLLOW)
}

/// As glibc: under a random name first, which a crash may leave behind.
fn publish_by_name(path: &CStr, image: &[u8], mode: Mode, exact: bool) -> Result<OwnedFd> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for _ in 0..TEMPORARY {
        let temporary = random_name()?;
        let made = with_path(PREFIX, &temporary, |temporary| {
            let fd = fs::open(temporary, flags, mode)?;
            let linked = fill(fd.as_fd(), image, exact.then_some(mode))
                .and_then(|()| fs::linkat(CWD, temporary, CWD, path, AtFlags::empty()));
            // It has served, whether or not the other name was free.
            let _ = fs::unlink(temporary);
            Ok(linked.map(|()| fd))
        });
        match made {
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
            Ok(linked) => return linked,
        }
    }
    Err(Errno::AGAIN)
}

fn random_name() -> Result<alphabet::Name> {
    let mut bytes = [0u8; 6];
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    alphabet::name(bytes)
}

/// Six random letters, as in glibc's own temporary names.
mod alphabet {
    use core::ffi::CStr;
    use core::ops::Deref;

    use rustix::io::{Errno, Result};

    #[derive(Debug)]
    pub(super) struct Name([u8; 7]);

    pub(super) fn name(random: [u8; 6]) -> Result<Name> {
        let mut name = [0; 7];
        for (slot, byte) in name.iter_mut().zip(random) {
            *slot = b'a' + byte % 26;
        }
        CStr::from_bytes_until_nul(&name).map_err(|_| Errno::INVAL)?;
        Ok(Name(name))
    }

    impl Deref for Name {
        type Target = CStr;
        fn deref(&self) -> &CStr {
            CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
        }
    }
}

fn fill(fd: BorrowedFd<'_>, image: &[u8], exact: Option<Mode>) -> Result<()> {
    if let Some(mode) = exact {
        fs::fchmod(fd, mode)?;
    }
    // A file in memory takes so few bytes in one go or not at all.
    if rustix::io::retry_on_intr(|| write(fd, image))? == image.len() {
        Ok(())
    } else {
        Err(Errno::NOSPC)
    }
}

/// Removes the name.
pub(crate) fn unlink(name: &CStr) -> Result<()> {
    with_path(PREFIX, name, |path| match fs::unlink(path) {
        Err(Errno::PERM) => Err(Errno::ACCESS),
        other => other,
    })
}

/// Maps a file that `open` has checked; the pointer is to `layout.size()` bytes.
pub(crate) fn map(layout: Layout, fd: BorrowedFd<'_>) -> Result<ptr::NonNull<u8>> {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY:
    // - The hint is null and the mapping is not fixed, so that the kernel picks an unused range.
    // - `fd` is borrowed for the whole call.
    // - Assumption: nobody cuts the file, which was long enough a moment ago; whoever does so
    //   earns us a `SIGBUS`, which is said in the documentation of `open`.
    let base =
        unsafe { mmap(ptr::null_mut(), layout.size(), protection, MapFlags::SHARED, fd, 0) }?;
    ptr::NonNull::new(base.cast()).ok_or(Errno::NOMEM)
}

/// What a file says of itself: the layout and the bytes, if it is a semaphore.
pub(crate) fn peek(stat: &Stat, fd: BorrowedFd<'_>) -> Result<Option<(Layout, [u8; IMAGE_MAX])>> {
    let Some(layout) = Layout::of_size(stat.st_size) else { return Ok(None) };
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    let mut image = [0; IMAGE_MAX];
    let wanted = image.get_mut(..layout.size()).ok_or(Errno::INVAL)?;
    let len = rustix::io::retry_on_intr(|| pread(fd, &mut *wanted, 0))?;
    Ok((len == layout.size() && layout.is_shared(&image)).then_some((layout, image)))
}

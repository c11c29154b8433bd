//! Named semaphores on Linux: the C library opens them, and we check what it opened.
//!
//! The C library maps whatever stands under the name, and does not tell which file that was.
//! Here the file is checked first, and what was mapped is compared with it.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{self, CWD, FileType, OFlags, Stat};
use rustix::io::{pread, read};

use super::*;
use crate::name::with_path;
use crate::sem::Peek;

/// How the file of a semaphore starts.
const PREFIX: &[u8] = if cfg!(target_env = "gnu") { b"sem." } else { b"" };
/// Where the file says that processes share it, and in which words.
const SHARED_AT: usize = if cfg!(all(target_env = "gnu", not(lp64_sem))) { 4 } else { 8 };
const SHARED: u32 = if cfg!(target_env = "gnu") { 128 } else { 0 };
const SIZE: usize = size_of::<libc::sem_t>();
const ATTEMPTS: u32 = 1000;

pub(crate) fn open(name: &CStr, flags: OpenFlags, mode: Mode, value: u32) -> Result<Opened> {
    let create = flags.contains(OpenFlags::CREATE);
    let exclusive = create && flags.contains(OpenFlags::EXCL);
    with_path(PREFIX, name, |path| {
        for _ in 0..ATTEMPTS {
            if !exclusive {
                match open_existing(name, path) {
                    Err(Errno::NOENT) if create => {}
                    Ok(None) => continue,
                    Ok(Some(opened)) => return Ok(opened),
                    Err(errno) => return Err(errno),
                }
            }
            match create_new(name, path, flags, mode, value) {
                Err(Errno::EXIST) if !exclusive => {}
                other => return other,
            }
        }
        Err(Errno::AGAIN)
    })
}

/// `None` if the name was given to another file in the middle.
fn open_existing(name: &CStr, path: &CStr) -> Result<Option<Opened>> {
    let fd = open_path(path, OFlags::RDWR)?;
    let stat = fs::fstat(&fd)?;
    if image(&stat, &fd)?.is_none() {
        return Err(Errno::INVAL);
    }
    let raw = match sem_open(name, OpenFlags::empty(), Mode::empty(), 0) {
        Err(Errno::NOENT) => return Ok(None),
        other => other?,
    };
    match mapped_file(raw) {
        Some(file) if file != (stat.st_dev, stat.st_ino) => {
            raw.close();
            Ok(None)
        }
        _ => Ok(Some(Opened { raw, file: Some((stat.st_dev, stat.st_ino, stat.st_uid)) })),
    }
}

fn create_new(
    name: &CStr,
    path: &CStr,
    flags: OpenFlags,
    mode: Mode,
    value: u32,
) -> Result<Opened> {
    let raw = sem_open(name, OpenFlags::CREATE | OpenFlags::EXCL, mode, value)?;
    let file = mapped_file(raw);
    if flags.contains(OpenFlags::EXACT_MODE) {
        let changed =
            fs::open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
                .and_then(|fd| exact_mode(&fd, file, path, mode));
        if let Err(errno) = changed {
            let _ = unlink(name);
            raw.close();
            return Err(errno);
        }
    }
    let owner = rustix::process::geteuid().as_raw();
    Ok(Opened { raw, file: file.map(|(device, inode)| (device, inode, owner)) })
}

/// Sets the mode of the file that was created, and of no other that may have come since.
fn exact_mode(fd: &OwnedFd, file: Option<(u64, u64)>, path: &CStr, mode: Mode) -> Result<()> {
    let stat = fs::fstat(fd)?;
    if file.is_some_and(|file| file != (stat.st_dev, stat.st_ino)) {
        return Ok(());
    }
    fs::chmodat(CWD, path, mode, fs::AtFlags::empty())
}

/// Device and inode of the file that the C library has mapped, by the kernel's own list.
fn mapped_file(raw: Raw) -> Option<(u64, u64)> {
    let fd = fs::open(c"/proc/self/maps", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut lines = Lines { fd, buffer: [0; 1024], len: 0 };
    let address = raw.0.addr().get() as u64;
    while let Some(file) = lines.next(|line| parse(line, address)) {
        if file.is_some() {
            return file;
        }
    }
    None
}

/// `7f00-7f01 rw-s 00000000 00:15 1234 /dev/shm/sem.x`, if it is of the address.
fn parse(line: &[u8], address: u64) -> Option<(u64, u64)> {
    let line = core::str::from_utf8(line.get(..line.len().min(96))?).unwrap_or_default();
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let hex = |text| u64::from_str_radix(text, 16).ok();
    if !(hex(start)?..hex(end)?).contains(&address) {
        return None;
    }
    let (major, minor) = fields.nth(2)?.split_once(':')?;
    let device = fs::makedev(hex(major)?.try_into().ok()?, hex(minor)?.try_into().ok()?);
    Some((device, fields.next()?.parse().ok()?))
}

/// A file read in lines, of which only the start is kept if they are long.
struct Lines {
    fd: OwnedFd,
    buffer: [u8; 1024],
    len: usize,
}

impl Lines {
    /// Calls `f` with the next line; `None` at the end.
    fn next<T>(&mut self, f: impl FnOnce(&[u8]) -> T) -> Option<T> {
        loop {
            let filled = self.buffer.get(..self.len)?;
            if let Some(end) = filled.iter().position(|&byte| byte == b'\n') {
                let result = f(filled.get(..end)?);
                self.buffer.copy_within(end + 1..self.len, 0);
                self.len -= end + 1;
                return Some(result);
            }
            if self.len == self.buffer.len() {
                // A very long path: what matters stands at the start, the rest can go.
                self.len /= 2;
            }
            let room = self.buffer.get_mut(self.len..)?;
            match rustix::io::retry_on_intr(|| read(&self.fd, &mut *room)).ok()? {
                0 => return None,
                n => self.len += n,
            }
        }
    }
}

fn open_path(path: &CStr, access: OFlags) -> Result<OwnedFd> {
    let flags = access | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    match fs::open(path, flags, Mode::empty()) {
        Err(Errno::ISDIR | Errno::NXIO) => Err(Errno::INVAL),
        other => other,
    }
}

/// The bytes of a file that is a semaphore of this C library.
fn image(stat: &Stat, fd: &OwnedFd) -> Result<Option<[u8; SIZE]>> {
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    if !regular || usize::try_from(stat.st_size) != Ok(SIZE) {
        return Ok(None);
    }
    let mut image = [0; SIZE];
    let len = rustix::io::retry_on_intr(|| pread(fd.as_fd(), &mut image, 0))?;
    Ok((len == SIZE && word(&image, SHARED_AT) == SHARED).then_some(image))
}

fn word(image: &[u8; SIZE], at: usize) -> u32 {
    image.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

pub(crate) fn unlink(name: &CStr) -> Result<()> {
    // The C libraries differ in what they say to bad names.
    with_path(PREFIX, name, |_| Ok(()))?;
    // SAFETY: the name is a C string that outlives the call.
    done(unsafe { libc::sem_unlink(name.as_ptr()) })
}

pub(crate) fn stat(name: &CStr) -> Result<Stat> {
    with_path(PREFIX, name, |path| fs::lstat(path))
}

pub(crate) fn open_file(name: &CStr) -> Result<OwnedFd> {
    with_path(PREFIX, name, |path| open_path(path, OFlags::RDWR))
}

/// What a file says of a semaphore of this C library.
///
/// musl up to 1.2.3 wrote a value of -1 for "none, and somebody waits", which newer ones write
/// as the highest bit alone.
pub(crate) fn peek(name: &CStr) -> Result<Option<Peek>> {
    with_path(PREFIX, name, |path| {
        let fd = open_path(path, OFlags::RDONLY)?;
        Ok(image(&fs::fstat(&fd)?, &fd)?.map(|image| {
            let value = match word(&image, 0) {
                u32::MAX => 0,
                value => value & VALUE_MAX,
            };
            Peek { abi: crate::sem::Abi::Native, value, waiters: Some(word(&image, 4)) }
        }))
    })
}

//! What the kernel does with a mapping's pages: populate, lock, advise, huge pages.

use std::ffi::c_void;

use rustix::io::Errno;
use rustix::mm::{Advice as Raw, madvise, mlock, munlock};

use crate::error::{Error, Result};
use crate::shm::map_options::Advice;
use crate::shm::mapping::{Mapping, MappingRead};

impl MappingRead {
    /// Makes every page present for reading, so that no access has to wait for one.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] with `ENOSPC` if there is no memory for them, or the object has been made
    /// smaller.
    ///
    /// # Platforms
    ///
    /// Linux 5.14 and later; elsewhere it does nothing.
    #[doc(alias = "MADV_POPULATE_READ")]
    pub fn populate_read(&self) -> Result<()> {
        #[cfg(target_os = "linux")]
        match self.madvise(Raw::LinuxPopulateRead) {
            Ok(()) | Err(Errno::INVAL) => {}
            Err(errno) => return Err(self.populate_error(errno)),
        }
        Ok(())
    }

    /// Keeps the pages in memory until the mapping goes or [`unlock`](Self::unlock) is called.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] with `ENOMEM`, `EAGAIN` or `EPERM` if that is more than the process may
    /// lock; the hint names the limit.
    #[doc(alias = "mlock")]
    pub fn lock(&self) -> Result<()> {
        let (start, len) = self.pages();
        // SAFETY: the pages are mapped; what becomes of their content is not touched.
        let result = unsafe { mlock(start, len) };
        result.map_err(|errno| {
            let hint = matches!(errno, Errno::NOMEM | Errno::AGAIN | Errno::PERM)
                .then(|| Box::from("RLIMIT_MEMLOCK limits what a process may lock"));
            self.page_error("lock", errno, hint)
        })
    }

    /// Allows the kernel to swap the pages out again.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] as the system answers.
    #[doc(alias = "munlock")]
    pub fn unlock(&self) -> Result<()> {
        let (start, len) = self.pages();
        // SAFETY: as in `lock`.
        let result = unsafe { munlock(start, len) };
        result.map_err(|errno| self.page_error("unlock", errno, None))
    }

    /// Tells the kernel how the memory is going to be used.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] with `EINVAL` if this kernel does not know the advice,
    /// [`Error::Unsupported`] if this system never does.
    #[doc(alias = "madvise")]
    pub fn advise(&self, advice: Advice) -> Result<()> {
        let raw = match advice {
            Advice::Normal => Raw::Normal,
            Advice::Random => Raw::Random,
            Advice::Sequential => Raw::Sequential,
            Advice::WillNeed => Raw::WillNeed,
            #[cfg(target_os = "linux")]
            Advice::HugePages => Raw::LinuxHugepage,
            #[cfg(target_os = "linux")]
            Advice::NoHugePages => Raw::LinuxNoHugepage,
            #[cfg(target_os = "linux")]
            Advice::DontDump => Raw::LinuxDontDump,
            #[cfg(target_os = "linux")]
            Advice::DoDump => Raw::LinuxDoDump,
            #[cfg(not(target_os = "linux"))]
            _ => return Err(Error::Unsupported { feature: "such advice on memory" }),
        };
        self.madvise(raw).map_err(|errno| self.page_error("advise on", errno, None))
    }

    /// How many of the mapped bytes are in huge pages now; `None` where the system does not tell.
    ///
    /// The advice alone promises nothing: the mount has to allow huge pages
    /// (`mount -o remount,huge=advise /dev/shm`), and there has to be contiguous memory when a
    /// page is first used.
    ///
    /// # Platforms
    ///
    /// Linux with `/proc`.
    pub fn huge_bytes(&self) -> Option<usize> {
        let smaps = std::fs::read_to_string("/proc/self/smaps").ok()?;
        let (start, len) = self.pages();
        Some(huge_bytes_in(&smaps, start.addr(), len).min(self.span()))
    }

    fn madvise(&self, advice: Raw) -> Result<(), Errno> {
        let (start, len) = self.pages();
        // SAFETY: the pages are mapped by this value's region, and none of the advice that is
        // passed here changes what they hold.
        unsafe { madvise(start, len, advice) }
    }

    fn pages(&self) -> (*mut c_void, usize) {
        let (start, len) = self.region().pages();
        (start.as_ptr().cast(), len)
    }

    /// The kernel says `EFAULT` where an access would have been a `SIGBUS`.
    #[cfg(target_os = "linux")]
    fn populate_error(&self, errno: Errno) -> Error {
        let errno = if errno == Errno::FAULT { Errno::NOSPC } else { errno };
        self.object().error("populate", errno)
    }

    fn page_error(&self, operation: &'static str, errno: Errno, hint: Option<Box<str>>) -> Error {
        let object = self.object();
        Error::Os { operation, kind: object.kind, name: object.name.clone(), errno, hint }
    }
}

impl Mapping {
    /// Makes every page present for writing, so that no access has to wait for one.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] with `ENOSPC` if there is no memory for them, or the object has been made
    /// smaller.
    ///
    /// # Platforms
    ///
    /// Linux 5.14 and later; before, memory is reserved and becomes present on first use.
    /// Elsewhere it does nothing.
    #[doc(alias = "MADV_POPULATE_WRITE")]
    pub fn populate(&self) -> Result<()> {
        self.populate_write()
    }
}

impl MappingRead {
    /// For mappings that are writable, before they are a [`Mapping`].
    pub(super) fn populate_write(&self) -> Result<()> {
        #[cfg(target_os = "linux")]
        match self.madvise(Raw::LinuxPopulateWrite) {
            Ok(()) => {}
            Err(Errno::INVAL) => {
                use crate::shm::object;
                let end = self.offset() + self.len() as u64;
                object::reserve(self.object().as_fd(), self.offset(), end)
                    .map_err(|errno| self.populate_error(errno))?;
            }
            Err(errno) => return Err(self.populate_error(errno)),
        }
        Ok(())
    }
}

/// Sums what `/proc/PID/smaps` says of the mappings that touch the range.
fn huge_bytes_in(smaps: &str, start: usize, len: usize) -> usize {
    let mut inside = false;
    let mut kib = 0usize;
    for line in smaps.lines() {
        if let Some((from, to)) = address_range(line) {
            inside = from < start + len && start < to;
        } else if inside {
            let mut words = line.split_ascii_whitespace();
            let counted = matches!(
                words.next(),
                Some("ShmemPmdMapped:" | "FilePmdMapped:" | "Shared_Hugetlb:" | "Private_Hugetlb:")
            );
            if let (true, Some(Ok(value))) = (counted, words.next().map(str::parse::<usize>)) {
                kib = kib.saturating_add(value);
            }
        }
    }
    kib.saturating_mul(1024)
}

/// The addresses of a line that starts a mapping.
fn address_range(line: &str) -> Option<(usize, usize)> {
    let (from, to) = line.split_once(' ')?.0.split_once('-')?;
    Some((usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_pages_are_counted_in_the_mappings_that_touch_the_range() {
        let smaps = "\
7f0000000000-7f0000400000 rw-s 00000000 00:19 5 /dev/shm/a\n\
Size: 4096 kB\nShmemPmdMapped: 2048 kB\nVmFlags: rd wr\n\
7f0000800000-7f0000c00000 rw-s 00000000 00:19 6 /dev/shm/b\n\
ShmemPmdMapped: 4096 kB\n";
        assert_eq!(huge_bytes_in(smaps, 0x7f00_0000_0000, 4096), 2 << 20);
        assert_eq!(huge_bytes_in(smaps, 0x7f00_0040_0000, 4096), 0);
        assert_eq!(huge_bytes_in(smaps, 0x7f00_0000_0000, 0xc0_0000), 6 << 20);
    }
}

//! Which of glibc's layouts a semaphore has, what its bytes are, and how files tell.

use rustix::fd::BorrowedFd;
use rustix::fs::Stat;
use rustix::io::Result;

#[cfg(not(posix_ipc_loom))]
use super::glibc32;
#[cfg(all(not(posix_ipc_loom), target_has_atomic = "64"))]
use super::glibc64;
use super::protocol::VALUE_MAX;

/// The size of the largest `sem_t`.
pub(crate) const IMAGE_MAX: usize = 32;
/// What the word `private` is in a semaphore that processes share.
pub(crate) const SHARED: u32 = 128;

/// How glibc lays out a `sem_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Of programs with 64-bit words.
    #[cfg(target_has_atomic = "64")]
    Glibc64,
    /// Of programs with 32-bit words.
    Glibc32,
}

#[cfg(all(not(posix_ipc_loom), target_has_atomic = "64"))]
const _: () = {
    assert!(size_of::<glibc64::Words>() == 16 && align_of::<glibc64::Words>() == 8);
    assert!(core::mem::offset_of!(glibc64::Words, private) == 8);
};
#[cfg(not(posix_ipc_loom))]
const _: () = {
    assert!(size_of::<glibc32::Words>() == 16 && align_of::<glibc32::Words>() == 4);
    assert!(core::mem::offset_of!(glibc32::Words, private) == 4);
    assert!(core::mem::offset_of!(glibc32::Words, waiters) == 12);
};

impl Layout {
    /// The size of a `sem_t`, and of its file.
    pub(crate) const fn size(self) -> usize {
        match self {
            #[cfg(target_has_atomic = "64")]
            Self::Glibc64 => 32,
            Self::Glibc32 => 16,
        }
    }

    /// Where the word `private` is.
    const fn private(self) -> usize {
        match self {
            #[cfg(target_has_atomic = "64")]
            Self::Glibc64 => 8,
            Self::Glibc32 => 4,
        }
    }

    /// The bytes of a fresh semaphore that processes share; the first `size()` count.
    pub(crate) fn image(self, value: u32) -> [u8; IMAGE_MAX] {
        let mut image = [0; IMAGE_MAX];
        let value = match self {
            #[cfg(target_has_atomic = "64")]
            Self::Glibc64 => u64::from(value).to_ne_bytes(),
            Self::Glibc32 => {
                let [a, b, c, d] = (value << 1).to_ne_bytes();
                [a, b, c, d, 0, 0, 0, 0]
            }
        };
        put(&mut image, 0, &value);
        put(&mut image, self.private(), &SHARED.to_ne_bytes());
        image
    }

    #[cfg(backend_linux)]
    /// Makes the image that of a semaphore which only threads share.
    pub(crate) fn make_private(self, image: &mut [u8; IMAGE_MAX]) {
        put(image, self.private(), &[0; 4]);
    }

    /// The layout whose files have this size.
    pub(crate) fn of_size(size: impl TryInto<usize>) -> Option<Self> {
        match size.try_into().ok()? {
            #[cfg(target_has_atomic = "64")]
            32 => Some(Self::Glibc64),
            16 => Some(Self::Glibc32),
            _ => None,
        }
    }

    /// The layout of an open file; `None` if it is no semaphore of glibc.
    pub(crate) fn detect(stat: &Stat, fd: BorrowedFd<'_>) -> Result<Option<Self>> {
        Ok(super::file::peek(stat, fd)?.map(|(layout, _)| layout))
    }

    /// Whether these bytes are of a semaphore that processes share.
    pub(crate) fn is_shared(self, image: &[u8; IMAGE_MAX]) -> bool {
        word(image, self.private()) == SHARED
    }

    /// Value and waiters in these bytes.
    pub(crate) fn read(self, image: &[u8; IMAGE_MAX]) -> (u32, u32) {
        match self {
            #[cfg(target_has_atomic = "64")]
            Self::Glibc64 => {
                let (low, high) = (word(image, 0), word(image, 4));
                let (value, waiters) =
                    if cfg!(target_endian = "big") { (high, low) } else { (low, high) };
                (value.min(VALUE_MAX), waiters)
            }
            Self::Glibc32 => (word(image, 0) >> 1, word(image, 12)),
        }
    }
}

fn put(image: &mut [u8; IMAGE_MAX], at: usize, bytes: &[u8]) {
    for (slot, &byte) in image.iter_mut().skip(at).zip(bytes) {
        *slot = byte;
    }
}

fn word(image: &[u8; IMAGE_MAX], at: usize) -> u32 {
    image.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_fresh_semaphore_has_the_bytes_that_glibc_writes() {
        let wide = Layout::Glibc64.image(3);
        assert_eq!(wide[..16], [3, 0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(wide[16..], [0; 16]);
        let narrow = Layout::Glibc32.image(3);
        assert_eq!(narrow[..16], [6, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn what_an_image_is_made_of_is_read_from_it() {
        for layout in [Layout::Glibc64, Layout::Glibc32] {
            for value in [0, 1, 77, VALUE_MAX] {
                let image = layout.image(value);
                assert!(layout.is_shared(&image));
                assert_eq!(layout.read(&image), (value, 0));
            }
            assert_eq!(Layout::of_size(layout.size()), Some(layout));
            assert!(!layout.is_shared(&[0; IMAGE_MAX]), "musl keeps 0 there");
        }
        for size in [-1i64, 0, 4, 15, 17, 31, 33, 4096] {
            assert_eq!(Layout::of_size(size), None, "{size}");
        }
    }
}

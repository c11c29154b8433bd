//! Reads the value of a semaphore from its file, without mapping it.
//!
//! `posix_ipc_sys::sem::peek` says the same of one name, with a descriptor and a state of its own; a
//! listing has both already. A test holds the two against each other.

use super::object::SemaphoreState;

/// Which programs share a semaphore: those whose C library lays it out this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SemaphoreAbi {
    /// 64-bit programs on glibc, and this library.
    Glibc64,
    /// 32-bit programs on glibc.
    Glibc32,
}

/// What says, in the flag word of either layout, that processes share the semaphore.
const SHARED: u32 = 128;
/// How much of the file [`parse`] wants to see.
pub(super) const HEAD: usize = 16;

/// Tells value and waiters from the first bytes of a file of `size` bytes.
///
/// The size and the flag word tell the layout; anything else is no semaphore that we know.
pub(super) fn parse(head: &[u8], size: u64) -> Option<SemaphoreState> {
    match size {
        32 if word(head, 8)? == SHARED => {
            let data = head.get(..8)?.try_into().ok().map(u64::from_ne_bytes)?;
            let (waiters, value) = ((data >> 32) as u32, data as u32);
            Some(SemaphoreState { value, waiters, abi: SemaphoreAbi::Glibc64 })
        }
        16 if word(head, 4)? == SHARED => {
            let value = word(head, 0)? >> 1;
            Some(SemaphoreState { value, waiters: word(head, 12)?, abi: SemaphoreAbi::Glibc32 })
        }
        _ => None,
    }
}

fn word(head: &[u8], at: usize) -> Option<u32> {
    head.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

/// Whether this is the file of a `sem_open` in progress: the C library fills `sem.` and six
/// random characters, then links it under its final name.
pub(super) fn is_temporary(name: &[u8], size: u64, links: u64) -> bool {
    name.len() == 6 && name.iter().all(u8::is_ascii_alphanumeric) && (size == 0 || links > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(words: [u32; 4]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn value_and_waiters_of_the_64_bit_layout() {
        let state = parse(&head([0, 3, 128, 0]), 32).unwrap();
        assert_eq!((state.value, state.waiters), (0, 3));
        assert_eq!(state.abi, SemaphoreAbi::Glibc64);
    }

    #[test]
    fn value_and_waiters_of_the_32_bit_layout() {
        let state = parse(&head([7, 128, 0, 2]), 16).unwrap();
        assert_eq!((state.value, state.waiters), (3, 2));
        assert_eq!(state.abi, SemaphoreAbi::Glibc32);
    }

    #[test]
    fn other_sizes_flags_and_short_files_are_unknown() {
        assert_eq!(parse(&head([1, 0, 128, 0]), 31), None);
        assert_eq!(parse(&head([1, 0, 0, 0]), 32), None, "musl, or private");
        assert_eq!(parse(&[1, 0, 0], 32), None, "truncated while it was read");
        assert_eq!(parse(&[], 0), None);
    }

    #[test]
    fn only_unfinished_files_of_the_c_librarys_pattern_are_temporary() {
        assert!(is_temporary(b"a1B2c3", 32, 2));
        assert!(is_temporary(b"a1B2c3", 0, 1));
        assert!(!is_temporary(b"a1B2c3", 32, 1), "a semaphore may have such a name");
        assert!(!is_temporary(b"worker", 32, 1));
        assert!(!is_temporary(b"jobs", 0, 1));
    }
}

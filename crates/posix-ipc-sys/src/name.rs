//! From an object's name to what the system calls it (the path of shared memory, the slash of a
//! message queue), without allocating.

use core::ffi::CStr;

use rustix::io::{Errno, Result};

/// The longest file name that the system takes, in bytes.
const NAME_MAX: usize = 255;
/// Where Linux keeps shared memory and semaphores.
const DIRECTORY: &[u8] = b"/dev/shm/";

/// Calls `f` with the path of the object `name`, whose file name starts with `prefix`.
///
/// Leading slashes are dropped, as in glibc.
///
/// # Errors
///
/// `EINVAL` for a name that is empty, has an inner slash, or makes the file name `.` or `..`;
/// `ENAMETOOLONG` where prefix and name together are over 255 bytes.
#[cfg(all(target_os = "linux", any(feature = "sem", feature = "shm")))]
pub(crate) fn with_path<T>(
    prefix: &[u8],
    name: &CStr,
    f: impl FnOnce(&CStr) -> Result<T>,
) -> Result<T> {
    with_joined(DIRECTORY, prefix, name, f)
}

/// Calls `f` with the name of a message queue as the C library wants it, with one slash.
///
/// # Errors
///
/// As [`with_path`] without a prefix.
#[cfg(all(feature = "mq", has_mqueue))]
pub(crate) fn with_mqueue_name<T>(name: &CStr, f: impl FnOnce(&CStr) -> Result<T>) -> Result<T> {
    with_joined(b"/", b"", name, f)
}

fn with_joined<T>(
    directory: &[u8],
    prefix: &[u8],
    name: &CStr,
    f: impl FnOnce(&CStr) -> Result<T>,
) -> Result<T> {
    let name = name.to_bytes();
    let start = name.iter().position(|&byte| byte != b'/').ok_or(Errno::INVAL)?;
    let name = name.get(start..).ok_or(Errno::INVAL)?;
    if name.contains(&b'/') || (prefix.is_empty() && matches!(name, b"." | b"..")) {
        return Err(Errno::INVAL);
    }
    if prefix.len() + name.len() > NAME_MAX {
        return Err(Errno::NAMETOOLONG);
    }
    let mut path = [0u8; DIRECTORY.len() + NAME_MAX + 1];
    let bytes = directory.iter().chain(prefix).chain(name);
    for (slot, &byte) in path.iter_mut().zip(bytes) {
        *slot = byte;
    }
    f(CStr::from_bytes_until_nul(&path).map_err(|_| Errno::INVAL)?)
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString};

    use super::*;

    fn path(prefix: &[u8], name: &CStr) -> Result<String> {
        with_path(prefix, name, |path| Ok(path.to_str().unwrap().to_string()))
    }

    #[test]
    fn leading_slashes_are_optional_and_dropped() {
        for name in [c"jobs", c"/jobs", c"///jobs"] {
            assert_eq!(path(b"sem.", name).unwrap(), "/dev/shm/sem.jobs");
        }
    }

    #[test]
    fn names_that_are_no_file_names_are_refused() {
        for name in [c"", c"/", c"//", c"/a/b", c"/a/", c".", c"/.."] {
            assert_eq!(path(b"", name), Err(Errno::INVAL), "{name:?}");
        }
        assert_eq!(path(b"sem.", c"/.").unwrap(), "/dev/shm/sem..");
    }

    #[test]
    #[cfg(all(feature = "mq", has_mqueue))]
    fn a_queue_has_one_slash() {
        for name in [c"jobs", c"/jobs", c"///jobs"] {
            assert_eq!(with_mqueue_name(name, |name| Ok(name == c"/jobs")), Ok(true));
        }
        assert_eq!(with_mqueue_name(c"/a/b", |_| Ok(())), Err(Errno::INVAL));
    }

    #[test]
    fn the_prefix_counts_in_the_longest_name() {
        let longest = std::format!("/{}\0", "x".repeat(251));
        let name = CStr::from_bytes_with_nul(longest.as_bytes()).unwrap();
        assert!(path(b"sem.", name).is_ok());
        let longer = std::format!("/{}\0", "x".repeat(252));
        let name = CStr::from_bytes_with_nul(longer.as_bytes()).unwrap();
        assert_eq!(path(b"sem.", name), Err(Errno::NAMETOOLONG));
        assert!(path(b"", name).is_ok());
    }
}

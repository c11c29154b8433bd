//! Sizes, alignments and constants against the C headers of this machine.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::collections::HashMap;
use std::path::Path;

use testutil::c;

/// What the headers say, by name.
fn headers(flags: &[&str]) -> Option<HashMap<String, i64>> {
    let program = c::compile(Path::new("tests/c/abi.c"), flags)?;
    let output = program.command().output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let pairs = lines.lines().map(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_string(), value.parse().unwrap())
    });
    Some(pairs.collect())
}

#[cfg(feature = "sem")]
mod sem {
    use posix_ipc_sys::sem::{self, Abi, Memory, Mode, OpenFlags};
    use testutil::names::unique;

    use super::*;

    #[test]
    fn memory_for_a_semaphore_has_the_size_and_alignment_of_a_sem_t() {
        let c = headers(&[]);
        testutil::require!(c.is_some(), "no gcc");
        let c = c.unwrap();
        assert_eq!(c["sem_t size"], size_of::<Memory>() as i64);
        assert_eq!(c["sem_t align"], align_of::<Memory>() as i64);
        assert_eq!(c["SEM_VALUE_MAX"], i64::from(sem::VALUE_MAX));
    }

    #[test]
    fn files_have_the_size_of_a_sem_t_of_their_word_size() {
        for (abi, flags) in [(Abi::Glibc64, &[][..]), (Abi::Glibc32, &["-m32"][..])] {
            let c = headers(flags);
            testutil::require!(c.is_some(), "no gcc for {abi:?}: apt-get install gcc-multilib");
            let c = c.unwrap();
            let name = unique("abi-size");
            let flags = OpenFlags::CREATE | OpenFlags::EXCL;
            let _sem = sem::open_with(abi, name.as_str(), flags, Mode::from(0o600), 3).unwrap();
            let len = std::fs::metadata(name.sem_path()).unwrap().len();
            assert_eq!(c["sem_t size"], len as i64, "{abi:?}");
            assert_eq!(c["SEM_VALUE_MAX"], i64::from(sem::VALUE_MAX), "{abi:?}");
        }
    }

    #[test]
    fn a_fresh_file_is_byte_for_byte_what_the_c_library_writes() {
        use std::ffi::CString;

        let (ours, theirs) = (unique("abi-ours"), unique("abi-theirs"));
        for value in [0, 1, 77, sem::VALUE_MAX] {
            let flags = OpenFlags::CREATE | OpenFlags::EXCL;
            let mode = Mode::from(0o600);
            let _sem = sem::open_with(Abi::Glibc, ours.as_str(), flags, mode, value).unwrap();
            let c = CString::new(theirs.as_str()).unwrap();
            let flags = libc::O_CREAT | libc::O_EXCL;
            // SAFETY: the name is a C string, and mode and value are passed.
            let sem = unsafe { libc::sem_open(c.as_ptr(), flags, 0o600, value) };
            assert_ne!(sem, libc::SEM_FAILED);
            let bytes = |path: String| std::fs::read(path).unwrap();
            assert_eq!(bytes(ours.sem_path()), bytes(theirs.sem_path()), "{value}");
            // SAFETY: it is open, and not used again.
            unsafe { libc::sem_close(sem) };
            sem::unlink_with(Abi::Glibc, ours.as_str()).unwrap();
            sem::unlink_with(Abi::Glibc, theirs.as_str()).unwrap();
        }
    }
}

//! Whatever the file of a semaphore holds: it is refused and left alone, or every call on it comes
//! back with a value in range.

use std::fs;

use posix_ipc_sys::sem::{
    self, Abi, AsSem, Clock, Deadline, Mode, OpenFlags, OwnedSem, Timespec, VALUE_MAX,
};
use rustix::io::Errno;

const PAST: Deadline =
    Deadline { clock: Clock::Monotonic, time: Timespec { tv_sec: 0, tv_nsec: 1 } };

pub fn run(data: &[u8]) {
    let data = &data[..data.len().min(4096)];
    let name = format!("pit-fuzz-sem-{}", std::process::id());
    let path = format!("/dev/shm/sem.{name}");
    for abi in [Abi::Glibc64, Abi::Glibc32] {
        fs::write(&path, data).expect("the file can be written");
        let peek = sem::peek(abi, &*name).expect("the file can be read");
        match sem::open_with(abi, &*name, OpenFlags::empty(), Mode::empty(), 0) {
            Ok(semaphore) => {
                let peek = peek.expect("what can be opened can be seen");
                assert_eq!(peek.abi, abi);
                assert_eq!(sem::getvalue(&semaphore), Ok(peek.value));
                use_it(&semaphore);
            }
            Err(errno) => {
                assert_eq!(errno, Errno::INVAL);
                assert!(peek.is_none_or(|peek| peek.abi != abi));
                let created = sem::open_with(abi, &*name, OpenFlags::CREATE, Mode::from(0o600), 1);
                assert_eq!(created.map(drop), Err(Errno::INVAL));
                assert_eq!(fs::read(&path).expect("the file is there"), data);
            }
        }
    }
    let _ = fs::remove_file(&path);
}

/// The value is whatever was found, and follows the rules from there on.
fn use_it(semaphore: &OwnedSem) {
    let value = || sem::getvalue(semaphore).expect("it has a value");
    let start = value();
    assert!(start <= VALUE_MAX);
    assert_eq!(sem::post(semaphore).is_ok(), start < VALUE_MAX);
    assert_eq!(value(), start.saturating_add(1).min(VALUE_MAX));
    let before = value();
    assert_eq!(sem::post_many(semaphore, 1000).is_ok(), before <= VALUE_MAX - 1000);
    let before = value();
    assert_eq!(sem::trywait_many(semaphore, 5).is_ok(), before >= 5);
    let before = value();
    let waited = sem::wait_many(semaphore, 7, Some(PAST));
    assert_eq!(waited, if before >= 7 { Ok(()) } else { Err(Errno::TIMEDOUT) });
    let before = value();
    let any = sem::wait_any(&[semaphore.as_sem(), semaphore.as_sem()], Some(PAST));
    assert_eq!(any, if before > 0 { Ok(0) } else { Err(Errno::TIMEDOUT) });
    let before = value();
    assert_eq!(sem::trywait(semaphore).is_ok(), before > 0);
    assert!(sem::waiters(semaphore).is_some());
    let _ = sem::waker_cpu(semaphore);
}

//! Memory without a name, and its seals.

use std::io::ErrorKind;

use posix_ipc::shm::Seals;
use posix_ipc::{Disposition, Errno, Error, SharedMemory};
use testutil::names;

#[test]
fn anonymous_memory_has_a_size_and_no_name() {
    let memory = SharedMemory::anonymous(5_000).unwrap();
    assert_eq!(memory.len().unwrap(), 5_000);
    assert_eq!(memory.name(), None);
    assert_eq!(memory.disposition(), Disposition::Created);
    memory.map().unwrap().write_at(4_990, b"to the end").unwrap();
    let other = SharedMemory::from_fd(memory.into_fd().unwrap()).unwrap();
    assert_eq!(other.map_read().unwrap().to_vec(4_990, 10).unwrap(), b"to the end");
    assert!(matches!(SharedMemory::anonymous(0), Err(Error::OutOfRange { .. })));
}

/// The same memory through a descriptor that cannot write.
#[cfg(target_os = "linux")]
fn read_only(memory: &SharedMemory) -> SharedMemory {
    use std::os::fd::{AsFd, AsRawFd};
    let path = format!("/proc/self/fd/{}", memory.as_fd().as_raw_fd());
    SharedMemory::from_fd(std::fs::File::open(path).unwrap().into()).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn more_than_the_machine_has_is_refused_before_anything_is_taken() {
    for size in [1 << 50, i64::MAX as u64] {
        assert_eq!(SharedMemory::anonymous(size).unwrap_err().errno(), Some(Errno::NOMEM));
        let memory = SharedMemory::anonymous(100).unwrap();
        assert_eq!(memory.resize(size).unwrap_err().errno(), Some(Errno::NOMEM));
        assert_eq!(memory.len().unwrap(), 100);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn sealed_against_writing_and_shrinking_it_is_a_slice() {
    let memory = SharedMemory::anonymous(100).unwrap();
    memory.map().unwrap().write_at(0, b"constant").unwrap();
    let mapping = read_only(&memory).map_read().unwrap();
    let refused = mapping.sealed_slice().unwrap_err();
    assert!(matches!(refused, Error::Argument { .. }));
    for seals in [Seals::SHRINK, Seals::FUTURE_WRITE] {
        memory.seal(seals).unwrap();
        assert!(mapping.sealed_slice().is_err(), "{seals:?} is not enough");
    }
    memory.seal(Seals::WRITE).unwrap();
    assert_eq!(&mapping.sealed_slice().unwrap()[..8], b"constant");
    let later = memory.map_read().unwrap();
    assert_eq!(&later.sealed_slice().unwrap()[..8], b"constant");
    assert_eq!(memory.seals().unwrap(), Seals::SHRINK | Seals::FUTURE_WRITE | Seals::WRITE);
}

#[cfg(target_os = "linux")]
#[test]
fn sealed_memory_takes_no_more_writers_and_sizes() {
    let memory = SharedMemory::anonymous(100).unwrap();
    let writer = memory.map().unwrap();
    let error = memory.seal(Seals::WRITE).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::BUSY));
    assert!(error.hint().unwrap().contains("mapped"));
    let reader = writer.into_read();
    assert_eq!(memory.seal(Seals::WRITE).unwrap_err().errno(), Some(Errno::BUSY));
    drop(reader);
    memory.seal(Seals::WRITE | Seals::SHRINK | Seals::GROW | Seals::SEAL).unwrap();
    assert_eq!(memory.map().unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(memory.resize(50).unwrap_err().errno(), Some(Errno::PERM));
    assert_eq!(memory.resize(5_000).unwrap_err().errno(), Some(Errno::PERM));
    assert_eq!(memory.seal(Seals::GROW).unwrap_err().errno(), Some(Errno::PERM));
    assert_eq!(memory.len().unwrap(), 100);
}

#[cfg(target_os = "linux")]
#[test]
fn what_was_shrunk_before_it_was_sealed_is_no_slice() {
    let memory = SharedMemory::anonymous(10_000).unwrap();
    let mapping = read_only(&memory).map_read().unwrap();
    memory.resize(100).unwrap();
    memory.seal(Seals::WRITE | Seals::SHRINK).unwrap();
    assert!(matches!(mapping.sealed_slice(), Err(Error::Mismatch { .. })));
    assert_eq!(memory.map_read().unwrap().sealed_slice().unwrap().len(), 100);
}

#[cfg(target_os = "linux")]
#[test]
fn named_memory_cannot_be_sealed_and_is_never_a_safe_slice() {
    let name = names::unique("seal-named");
    let memory = SharedMemory::create(name.as_str(), 100).unwrap();
    assert_eq!(memory.seal(Seals::WRITE).unwrap_err().errno(), Some(Errno::PERM));
    assert!(memory.map_read().unwrap().sealed_slice().is_err());
}

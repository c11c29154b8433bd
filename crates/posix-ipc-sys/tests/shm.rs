//! Each call of `shm` with what it answers when misused; run on both back ends.
#![cfg(feature = "shm")]

use posix_ipc_sys::io::Errno;
use posix_ipc_sys::shm::{self, Mode, OFlags};
use rustix::fd::OwnedFd;
use testutil::names;

fn mode() -> Mode {
    Mode::from(0o600)
}

fn create(name: &str) -> Result<OwnedFd, Errno> {
    shm::open(name, OFlags::CREATE | OFlags::EXCL | OFlags::RDWR, mode())
}

#[test]
fn a_new_object_is_empty_and_a_second_exclusive_creation_fails() {
    let name = names::unique("sys-create");
    let fd = create(&name).unwrap();
    assert_eq!(shm::size(&fd), Ok(0));
    assert_eq!(create(&name).unwrap_err(), Errno::EXIST);
}

#[test]
fn opening_what_is_not_there_fails_and_creates_nothing() {
    let name = names::unique("sys-missing");
    assert_eq!(shm::open(&*name, OFlags::RDWR, mode()).unwrap_err(), Errno::NOENT);
    assert_eq!(shm::stat(&*name).unwrap_err(), Errno::NOENT);
    assert_eq!(shm::unlink(&*name), Err(Errno::NOENT));
}

#[test]
fn an_unlinked_object_lives_on_for_its_holders() {
    let name = names::unique("sys-unlink");
    let fd = create(&name).unwrap();
    shm::allocate(&fd, 0, 10).unwrap();
    shm::unlink(&*name).unwrap();
    assert_eq!(shm::size(&fd), Ok(10));
    assert_eq!(shm::open(&*name, OFlags::RDWR, mode()).unwrap_err(), Errno::NOENT);
}

#[test]
fn names_that_are_no_names_are_refused_by_every_call() {
    let long = "x".repeat(256);
    let bad = [
        ("", Errno::INVAL),
        ("/", Errno::INVAL),
        ("/a/b", Errno::INVAL),
        ("/a/", Errno::INVAL),
        ("/.", Errno::INVAL),
        ("..", Errno::INVAL),
        ("/nul\0inside", Errno::INVAL),
        (&long, Errno::NAMETOOLONG),
    ];
    for (name, errno) in bad {
        assert_eq!(create(name).unwrap_err(), errno, "open {name:?}");
        assert_eq!(shm::unlink(name).unwrap_err(), errno, "unlink {name:?}");
        assert_eq!(shm::stat(name).unwrap_err(), errno, "stat {name:?}");
    }
}

#[test]
fn a_name_of_255_bytes_fits_with_and_without_slash() {
    let name = names::unique("sys-longest");
    let longest = format!("{:x<256}", &*name);
    let fd = create(&longest).unwrap();
    shm::truncate(&fd, 7).unwrap();
    let again = shm::open(&longest[1..], OFlags::RDONLY, mode()).unwrap();
    assert_eq!(shm::size(again), Ok(7));
    shm::unlink(&*longest).unwrap();
}

#[test]
fn a_read_only_descriptor_changes_no_size() {
    let name = names::unique("sys-readonly");
    create(&name).unwrap();
    let fd = shm::open(&*name, OFlags::RDONLY, mode()).unwrap();
    assert_eq!(shm::truncate(&fd, 1), Err(Errno::INVAL));
    assert_eq!(shm::allocate(&fd, 0, 1), Err(Errno::BADF));
    assert_eq!(shm::size(&fd), Ok(0));
}

#[test]
fn truncate_sets_any_size_and_allocate_only_grows() {
    let name = names::unique("sys-size");
    let fd = create(&name).unwrap();
    shm::truncate(&fd, 1 << 40).unwrap();
    assert_eq!(shm::size(&fd), Ok(1 << 40), "nothing is reserved");
    shm::truncate(&fd, 100).unwrap();
    shm::allocate(&fd, 0, 10).unwrap();
    assert_eq!(shm::size(&fd), Ok(100));
    shm::allocate(&fd, 100, 50).unwrap();
    assert_eq!(shm::size(&fd), Ok(150));
}

#[test]
fn sizes_out_of_range_are_refused_and_change_nothing() {
    let name = names::unique("sys-range");
    let fd = create(&name).unwrap();
    assert_eq!(shm::truncate(&fd, u64::MAX), Err(Errno::INVAL));
    assert_eq!(shm::allocate(&fd, 0, 0), Err(Errno::INVAL));
    assert_eq!(shm::allocate(&fd, u64::MAX, 1), Err(Errno::INVAL));
    assert!(shm::allocate(&fd, 0, 1 << 62).is_err(), "no machine has so much");
    assert_eq!(shm::size(&fd), Ok(0));
}

#[test]
fn a_descriptor_is_close_on_exec() {
    let name = names::unique("sys-cloexec");
    let fd = create(&name).unwrap();
    let flags = rustix::io::fcntl_getfd(fd).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
}

#[cfg(target_os = "linux")]
mod linux {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    #[test]
    fn a_symbolic_link_is_neither_followed_nor_created_through() {
        let (name, target) = (names::unique("sys-symlink"), names::unique("sys-target"));
        symlink(target.shm_path(), name.shm_path()).unwrap();
        assert_eq!(shm::open(&*name, OFlags::RDWR, mode()).unwrap_err(), Errno::LOOP);
        let through = shm::open(&*name, OFlags::CREATE | OFlags::RDWR, mode());
        assert_eq!(through.unwrap_err(), Errno::LOOP);
        assert!(!std::fs::exists(target.shm_path()).unwrap());
    }

    #[test]
    fn a_fifo_or_directory_of_that_name_is_refused_without_waiting() {
        use rustix::fs::{CWD, FileType, mknodat};

        let _watchdog = testutil::watchdog::watchdog(30);
        let name = names::unique("sys-fifo");
        mknodat(CWD, name.shm_path(), FileType::Fifo, mode(), 0).unwrap();
        for access in [OFlags::RDONLY, OFlags::RDWR] {
            assert_eq!(shm::open(&*name, access, mode()).unwrap_err(), Errno::INVAL);
        }
        let name = names::unique("sys-directory");
        std::fs::create_dir(name.shm_path()).unwrap();
        for access in [OFlags::RDONLY, OFlags::RDWR] {
            assert_eq!(shm::open(&*name, access, mode()).unwrap_err(), Errno::INVAL);
        }
        std::fs::remove_dir(name.shm_path()).unwrap();
    }

    #[test]
    fn stat_tells_which_object_the_name_means_now() {
        let name = names::unique("sys-stat");
        let old = create(&name).unwrap();
        let inode = |fd: &OwnedFd| rustix::fs::fstat(fd).unwrap().st_ino;
        assert_eq!(shm::stat(&*name).unwrap().st_ino, inode(&old));
        shm::unlink(&*name).unwrap();
        let new = create(&name).unwrap();
        assert_eq!(shm::stat(&*name).unwrap().st_ino, inode(&new));
        assert_ne!(inode(&old), inode(&new));
    }

    #[test]
    fn an_unnamed_object_appears_whole_and_never_replaces_another() {
        let name = names::unique("sys-link");
        let fd = shm::open_unnamed(mode()).unwrap();
        shm::allocate(&fd, 0, 5000).unwrap();
        shm::link(&fd, &*name).unwrap();
        assert_eq!(std::fs::metadata(name.shm_path()).unwrap().size(), 5000);
        let other = shm::open_unnamed(mode()).unwrap();
        assert_eq!(shm::link(&other, &*name), Err(Errno::EXIST));
        assert_eq!(std::fs::metadata(name.shm_path()).unwrap().size(), 5000);
    }

    #[test]
    fn a_memfd_cannot_be_given_a_name() {
        let name = names::unique("sys-memfd");
        let memfd = rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        assert!(shm::link(&memfd, &*name).is_err());
        assert!(!std::fs::exists(name.shm_path()).unwrap());
    }
}

//! Creating, opening, sizing and removing; what fails changes nothing.

use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use posix_ipc::{Cleanup, Disposition, Errno, Error, OpenMode, SharedMemory};
use testutil::names::{self, UniqueName};

fn exists(name: &UniqueName) -> bool {
    SharedMemory::open_read(name.as_str()).is_ok()
}

#[test]
fn a_created_object_has_its_size_and_is_zero() {
    let name = names::unique("create");
    let memory = SharedMemory::create(name.as_str(), 10_000).unwrap();
    assert_eq!(memory.len().unwrap(), 10_000);
    assert_eq!(memory.disposition(), Disposition::Created);
    assert_eq!(memory.map().unwrap().to_vec(0, 10_000).unwrap(), vec![0; 10_000]);
}

#[test]
fn creation_of_an_existing_name_fails_and_leaves_it_alone() {
    let name = names::unique("exists");
    let memory = SharedMemory::create(name.as_str(), 4096).unwrap();
    memory.map().unwrap().write_at(0, b"mine").unwrap();
    let error = SharedMemory::create(name.as_str(), 16).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(memory.len().unwrap(), 4096);
    assert_eq!(memory.map().unwrap().to_vec(0, 4).unwrap(), b"mine");
}

#[test]
fn opening_with_another_size_never_resizes() {
    let name = names::unique("resize");
    let memory = SharedMemory::create(name.as_str(), 4096).unwrap();
    for size in [1, 4095, 4097, 1 << 30] {
        for mode in [OpenMode::OpenExisting, OpenMode::OpenOrCreate] {
            let error =
                SharedMemory::options().mode(mode).size(size).open(name.as_str()).unwrap_err();
            let Error::Mismatch { expected, found, property, .. } = error else {
                panic!("{error:?}");
            };
            assert_eq!((property, expected, found), ("size", size, 4096));
        }
    }
    assert_eq!(memory.len().unwrap(), 4096);
    assert_eq!(SharedMemory::open(name.as_str()).unwrap().len().unwrap(), 4096);
    let at_least = SharedMemory::options().size_at_least(100).open(name.as_str()).unwrap();
    assert_eq!(at_least.len().unwrap(), 4096);
    assert!(SharedMemory::options().size_at_least(4097).open(name.as_str()).is_err());
}

#[test]
fn a_read_only_open_with_a_wrong_size_leaves_the_object_alone() {
    let name = names::unique("read-only-size");
    let memory = SharedMemory::create(name.as_str(), 4096).unwrap();
    for size in [1, 8192, i64::MAX as u64] {
        let result = SharedMemory::options().read_only(true).size(size).open(name.as_str());
        assert!(matches!(result, Err(Error::Mismatch { .. })));
    }
    assert!(exists(&name));
    assert_eq!(memory.len().unwrap(), 4096);
}

#[test]
fn sizes_that_no_object_can_have_are_refused_and_change_nothing() {
    let name = names::unique("bad-size");
    for size in [0, i64::MAX as u64 + 1, u64::MAX] {
        let create = SharedMemory::create(name.as_str(), size);
        assert!(matches!(create, Err(Error::OutOfRange { argument: "size", .. })));
        assert!(!exists(&name));
    }
    let memory = SharedMemory::create(name.as_str(), 10).unwrap();
    for size in [0, i64::MAX as u64 + 1, u64::MAX] {
        let open = SharedMemory::options().size(size).open(name.as_str());
        assert!(matches!(open, Err(Error::OutOfRange { argument: "size", .. })));
        assert!(matches!(memory.resize(size), Err(Error::OutOfRange { .. })));
        assert_eq!(SharedMemory::open(name.as_str()).unwrap().len().unwrap(), 10);
    }
}

#[test]
fn creation_needs_a_size_and_the_right_to_write() {
    let name = names::unique("needs");
    for mode in [OpenMode::CreateNew, OpenMode::OpenOrCreate, OpenMode::Replace] {
        let options = SharedMemory::options().mode(mode);
        let error = options.clone().open(name.as_str()).unwrap_err();
        assert!(matches!(error, Error::Argument { argument: "size", .. }));
        let error = options.size(1).read_only(true).open(name.as_str()).unwrap_err();
        assert!(matches!(error, Error::Argument { argument: "read_only", .. }));
    }
    assert!(!exists(&name));
}

#[test]
fn a_failed_open_never_unlinks() {
    let name = names::unique("failed-open");
    let _memory = SharedMemory::create(name.as_str(), 10).unwrap();
    for cleanup in [Cleanup::Creator, Cleanup::LastUser, Cleanup::Keep] {
        let options = SharedMemory::options().cleanup(cleanup);
        options.clone().size(11).open(name.as_str()).unwrap_err();
        options.clone().expect_owner(12345).open(name.as_str()).unwrap_err();
        options.clone().mode(OpenMode::CreateNew).size(10).open(name.as_str()).unwrap_err();
        options.clone().size(10).open("/no/name").unwrap_err();
        assert!(exists(&name));
    }
}

#[test]
fn the_one_liner_keeps_its_name_while_the_mapping_lives() {
    let name = names::unique("one-liner");
    let mapping = SharedMemory::create(name.as_str(), 4096).unwrap().map().unwrap();
    assert!(exists(&name), "though the handle has gone");
    drop(mapping);
    assert!(!exists(&name));
}

#[test]
fn a_stale_handle_never_removes_a_newer_object_of_its_name() {
    let name = names::unique("stale");
    let old = SharedMemory::create(name.as_str(), 10).unwrap();
    SharedMemory::unlink(name.as_str()).unwrap();
    let new = SharedMemory::create(name.as_str(), 20).unwrap();
    assert_ne!(old.identity().unwrap(), new.identity().unwrap());
    drop(old);
    assert_eq!(SharedMemory::open(name.as_str()).unwrap().len().unwrap(), 20);
}

#[test]
fn cleanup_decides_who_removes_the_name() {
    let name = names::unique("cleanup");
    let create = |cleanup| {
        let options = SharedMemory::options().mode(OpenMode::OpenOrCreate).cleanup(cleanup);
        options.size(10).open(name.as_str()).unwrap()
    };
    let creator = create(Cleanup::Creator);
    drop(SharedMemory::open(name.as_str()).unwrap());
    assert!(exists(&name), "another handle does not");
    drop(creator);
    assert!(!exists(&name), "the creator does");

    drop(create(Cleanup::Keep));
    assert!(exists(&name), "nobody does");
    SharedMemory::unlink(name.as_str()).unwrap();

    let (first, second) = (create(Cleanup::LastUser), create(Cleanup::LastUser));
    assert_eq!(second.disposition(), Disposition::Opened);
    drop(first);
    assert!(exists(&name), "there is one more user");
    let mapping = second.map().unwrap();
    drop(second);
    assert!(exists(&name), "its mapping is one");
    drop(mapping);
    assert!(!exists(&name), "the last does");

    let kept = create(Cleanup::Creator);
    kept.keep();
    kept.close().unwrap();
    assert!(exists(&name), "it changed its mind");
    let opened = SharedMemory::open(name.as_str()).unwrap();
    opened.unlink_name().unwrap();
    assert!(!exists(&name), "it changed its mind the other way");
    assert_eq!(opened.unlink_name().unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn replace_ends_with_a_new_object_and_leaves_the_old_one_to_its_holders() {
    let name = names::unique("replace");
    let old = SharedMemory::create(name.as_str(), 10).unwrap();
    old.map().unwrap().write_at(0, b"old").unwrap();
    let replace = || SharedMemory::options().mode(OpenMode::Replace).size(20).open(name.as_str());
    let new = replace().unwrap();
    assert_eq!(new.disposition(), Disposition::Created);
    assert_eq!(new.map().unwrap().to_vec(0, 3).unwrap(), [0; 3]);
    assert_eq!(old.map().unwrap().to_vec(0, 3).unwrap(), b"old");
    drop(old);
    assert!(exists(&name), "the old handle does not remove the new object");
}

#[test]
fn growing_keeps_the_content_and_shrinking_cuts_it() {
    let name = names::unique("grow");
    let memory = SharedMemory::create(name.as_str(), 10).unwrap();
    memory.map().unwrap().write_at(0, b"0123456789").unwrap();
    memory.resize(100_000).unwrap();
    let mapping = memory.map().unwrap();
    assert_eq!(mapping.len(), 100_000);
    assert_eq!(mapping.to_vec(0, 12).unwrap(), b"0123456789\0\0");
    memory.resize(4).unwrap();
    assert_eq!(memory.len().unwrap(), 4);
    assert!(!mapping.is_intact().unwrap());
    let error = mapping.check_intact().unwrap_err();
    assert!(matches!(error, Error::Mismatch { expected: 100_000, found: 4, .. }));
    drop(mapping);
    assert_eq!(memory.map().unwrap().to_vec(0, 4).unwrap(), b"0123");
}

#[test]
fn a_read_only_handle_neither_writes_nor_resizes() {
    let name = names::unique("read-only");
    let memory = SharedMemory::create(name.as_str(), 10).unwrap();
    let reader = SharedMemory::open_read(name.as_str()).unwrap();
    assert!(!reader.is_writable() && memory.is_writable());
    assert!(matches!(reader.map(), Err(Error::Argument { argument: "access", .. })));
    assert!(matches!(reader.resize(20), Err(Error::Argument { argument: "access", .. })));
    memory.map().unwrap().write_at(3, b"x").unwrap();
    assert_eq!(reader.map_read().unwrap().to_vec(3, 1).unwrap(), b"x");
    assert_eq!(memory.len().unwrap(), 10);
}

#[test]
fn permissions_are_cut_by_the_umask_or_exact() {
    let name = names::unique("permissions");
    let mode = |exact: bool| {
        let options = SharedMemory::options().mode(OpenMode::CreateNew).size(1);
        let options =
            if exact { options.permissions_exact(0o666) } else { options.permissions(0o600) };
        let _memory = options.open(name.as_str()).unwrap();
        std::fs::metadata(name.shm_path()).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode(true), 0o666, "whatever the umask is");
    assert_eq!(mode(false), 0o600);
}

#[test]
fn the_default_permissions_are_the_owners_alone() {
    let name = names::unique("default-permissions");
    let _memory = SharedMemory::create(name.as_str(), 1).unwrap();
    assert_eq!(std::fs::metadata(name.shm_path()).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn an_object_of_another_user_is_refused_when_an_owner_is_expected() {
    let name = names::unique("owner");
    let memory = SharedMemory::create(name.as_str(), 1).unwrap();
    let me = rustix::process::geteuid().as_raw();
    assert!(SharedMemory::options().expect_owner(me).open(name.as_str()).is_ok());
    let error = SharedMemory::options().expect_owner(me + 1).open(name.as_str()).unwrap_err();
    assert!(matches!(error, Error::Owner { found, .. } if found == me));
    drop(memory);
}

#[test]
fn names_that_are_none_are_refused_with_their_reason() {
    for name in ["", "/", "/a/b", "a\0b", ".", "/..", &"x".repeat(256)] {
        let error = SharedMemory::create(name, 1).unwrap_err();
        assert!(matches!(error, Error::Name(_)), "{name:?}: {error:?}");
    }
}

#[test]
fn what_is_no_regular_file_is_not_opened() {
    let name = names::unique("fifo");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let (cwd, fifo) = (rustix::fs::CWD, rustix::fs::FileType::Fifo);
    rustix::fs::mknodat(cwd, name.shm_path(), fifo, mode, 0).unwrap();
    let error = SharedMemory::open(name.as_str()).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::INVAL));

    let (link, target) = (names::unique("symlink"), names::unique("target"));
    std::os::unix::fs::symlink(target.shm_path(), link.shm_path()).unwrap();
    let error = SharedMemory::open_or_create(link.as_str(), 1).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::LOOP));
    assert!(error.hint().is_some());
    assert!(!exists(&target), "nothing was created behind the link");
}

#[test]
fn a_descriptor_goes_out_and_comes_back() {
    let name = names::unique("descriptor");
    let memory = SharedMemory::create(name.as_str(), 10).unwrap();
    let mapping = memory.map().unwrap();
    let fd = memory.into_fd().unwrap();
    let again = SharedMemory::from_fd(fd).unwrap();
    mapping.write_at(0, b"same").unwrap();
    assert!(again.is_writable() && again.name().is_none());
    assert_eq!(again.map_read().unwrap().to_vec(0, 4).unwrap(), b"same");

    let device = std::fs::File::open("/dev/null").unwrap();
    assert!(matches!(SharedMemory::from_fd(device.into()), Err(Error::Foreign { .. })));
}

#[test]
fn initial_content_is_there_before_the_name() {
    let name = names::unique("init");
    let open = || {
        SharedMemory::options().mode(OpenMode::OpenOrCreate).size(10).open_with(
            name.as_str(),
            |mapping| {
                assert!(!exists(&name));
                mapping.write_at(0, b"once")
            },
        )
    };
    let (first, second) = (open().unwrap(), open().unwrap());
    assert_eq!(second.disposition(), Disposition::Opened, "and is not given again");
    assert_eq!(first.map().unwrap().to_vec(0, 4).unwrap(), b"once");
}

#[test]
fn content_that_fails_creates_nothing() {
    let name = names::unique("init-fails");
    let result = SharedMemory::options()
        .mode(OpenMode::CreateNew)
        .size(10)
        .open_with(name.as_str(), |mapping| mapping.write_at(8, b"too long"));
    assert!(matches!(result, Err(Error::OutOfRange { .. })));
    assert!(!exists(&name));
}

#[test]
fn a_handle_is_close_on_exec_and_leaks_nothing() {
    let name = names::unique("leaks");
    let memory = SharedMemory::create(name.as_str(), 10).unwrap();
    let flags = rustix::io::fcntl_getfd(&memory).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    let mapping = memory.map().unwrap();
    assert_eq!(testutil::leaks::mappings(&name), 1);
    drop((memory, mapping));
    assert_eq!(testutil::leaks::mappings(&name), 0);
}

#[test]
fn a_new_object_has_its_content_also_when_others_remove_it_at_once() {
    let _watchdog = testutil::watchdog::watchdog(120);
    let name = names::unique("lost-at-once");
    let come_and_go = || {
        for _ in 0..3000 {
            let opened = SharedMemory::options()
                .mode(OpenMode::OpenOrCreate)
                .cleanup(Cleanup::LastUser)
                .size(64)
                .open_with(name.as_str(), |mapping| mapping.fill(0, 64, 7));
            match opened {
                Ok(memory) => {
                    let content = memory.map_read().unwrap().to_vec(0, 64).unwrap();
                    assert_eq!(content, [7; 64]);
                }
                Err(error) => assert!(matches!(error, Error::Contended { .. }), "{error}"),
            }
        }
    };
    std::thread::scope(|scope| {
        let threads = [(); 3].map(|()| scope.spawn(come_and_go));
        for thread in threads {
            thread.join().unwrap();
        }
    });
    assert!(!exists(&name), "the last one removed it");
}

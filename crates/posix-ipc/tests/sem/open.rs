//! What happens if the name exists, or doesn't, or means something else.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use posix_ipc::sem::{Abi, VALUE_MAX};
use posix_ipc::{Cleanup, Disposition, Errno, Error, OpenMode, Semaphore};
use testutil::names::unique;

fn options() -> posix_ipc::sem::SemaphoreOptions {
    Semaphore::options()
}

#[test]
fn each_mode_does_what_it_says() {
    let name = unique("modes");
    let missing = options().open(&*name).unwrap_err();
    assert_eq!(missing.errno(), Some(Errno::NOENT));

    let created = options().mode(OpenMode::CreateNew).initial_value(4).open(&*name).unwrap();
    assert_eq!((created.disposition(), created.value()), (Disposition::Created, Ok(4)));
    let exists = options().mode(OpenMode::CreateNew).open(&*name).unwrap_err();
    assert_eq!(exists.errno(), Some(Errno::EXIST));

    let opened = options().mode(OpenMode::OpenOrCreate).initial_value(9).open(&*name).unwrap();
    assert_eq!((opened.disposition(), opened.value()), (Disposition::Opened, Ok(4)));
    assert_eq!(opened.identity(), created.identity());
    drop(opened);

    let replaced = options().mode(OpenMode::Replace).initial_value(9).open(&*name).unwrap();
    assert_eq!((replaced.disposition(), replaced.value()), (Disposition::Created, Ok(9)));
    assert_ne!(replaced.identity(), created.identity());
    assert_eq!(created.value(), Ok(4), "the old one is as it was");
    drop(created);
    assert_eq!(Semaphore::open(&*name).unwrap().identity(), replaced.identity());
}

#[test]
fn bad_names_and_values_are_told_apart_and_create_nothing() {
    for bad in ["", "/", "/a/b", "a\0b", "/.", "/.."] {
        assert!(matches!(Semaphore::create(bad, 0), Err(Error::Name(_))), "{bad:?}");
        assert!(matches!(Semaphore::unlink(bad), Err(Error::Name(_))), "{bad:?}");
    }
    let long = "x".repeat(252);
    assert!(matches!(Semaphore::create(&*long, 0), Err(Error::Name(_))), "251 is the longest");
    let name = unique("bad-value");
    let error = Semaphore::create(&*name, VALUE_MAX + 1).unwrap_err();
    assert!(matches!(error, Error::OutOfRange { max, .. } if max == u64::from(VALUE_MAX)));
    assert!(Semaphore::open(&*name).is_err());
    let most = Semaphore::create(&*name, VALUE_MAX).unwrap();
    assert_eq!(most.value(), Ok(VALUE_MAX));
}

#[test]
fn what_is_no_semaphore_is_told_why_and_left_alone() {
    for bytes in [vec![], vec![0; 31], vec![0; 32], vec![7; 4096]] {
        let name = unique("foreign");
        fs::write(name.sem_path(), &bytes).unwrap();
        for mode in [OpenMode::OpenExisting, OpenMode::OpenOrCreate] {
            let error = options().mode(mode).open(&*name).unwrap_err();
            assert!(matches!(error, Error::Foreign { .. }), "{error}");
        }
        assert_eq!(fs::read(name.sem_path()).unwrap(), bytes);
    }
    let (target, link) = (unique("target"), unique("link"));
    let _target = Semaphore::create(&*target, 0).unwrap();
    symlink(target.sem_path(), link.sem_path()).unwrap();
    assert_eq!(Semaphore::open(&*link).unwrap_err().errno(), Some(Errno::LOOP));
}

#[test]
fn one_of_the_other_word_size_is_named_as_such_and_can_be_chosen() {
    let name = unique("abi");
    let narrow = options().abi(Abi::Glibc32).mode(OpenMode::CreateNew).initial_value(3);
    let narrow = narrow.open(&*name).unwrap();
    let error = options().abi(Abi::Glibc64).open(&*name).unwrap_err();
    assert!(error.to_string().contains("32-bit"), "{error}");
    let same = options().abi(Abi::Glibc32).open(&*name).unwrap();
    same.post().unwrap();
    assert_eq!(narrow.value(), Ok(4));
    drop(narrow);
    assert!(options().abi(Abi::Glibc32).open(&*name).is_err(), "the creator removed it");
}

#[test]
fn permissions_are_cut_by_the_umask_unless_exact() {
    let umask = rustix::process::umask(rustix::fs::Mode::empty());
    rustix::process::umask(umask);
    let (cut, exact, default) = (unique("cut"), unique("exact"), unique("default"));
    let create = |name: &str| options().mode(OpenMode::CreateNew).permissions(0o666).open(name);
    let _cut = create(&cut).unwrap();
    let exactly = options().mode(OpenMode::CreateNew).permissions_exact(0o666);
    let _exact = exactly.open(&*exact).unwrap();
    let _default = Semaphore::create(&*default, 0).unwrap();
    let bits = |path: String| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(bits(cut.sem_path()), 0o666 & !umask.bits());
    assert_eq!(bits(exact.sem_path()), 0o666);
    assert_eq!(bits(default.sem_path()), 0o600);
}

#[test]
fn an_unexpected_owner_is_refused() {
    let name = unique("owner");
    let _sem = Semaphore::create(&*name, 0).unwrap();
    let me = rustix::process::geteuid().as_raw();
    options().expect_owner(me).open(&*name).unwrap();
    let error = options().expect_owner(me + 1).open(&*name).unwrap_err();
    assert!(matches!(error, Error::Owner { found, .. } if found == me), "{error}");
}

#[test]
fn each_cleanup_removes_what_it_should() {
    let name = unique("cleanup");
    let open = |mode, cleanup| options().mode(mode).cleanup(cleanup).open(&*name);
    let exists = || fs::exists(name.sem_path()).unwrap();

    let creator = open(OpenMode::CreateNew, Cleanup::Creator).unwrap();
    drop(open(OpenMode::OpenExisting, Cleanup::Creator).unwrap());
    assert!(exists(), "who only opened it removes nothing");
    creator.close().unwrap();
    assert!(!exists());

    let keeper = open(OpenMode::CreateNew, Cleanup::Keep).unwrap();
    drop(keeper);
    assert!(exists());
    let (first, second) = (
        open(OpenMode::OpenOrCreate, Cleanup::LastUser).unwrap(),
        open(OpenMode::OpenOrCreate, Cleanup::LastUser).unwrap(),
    );
    drop(first);
    assert!(exists());
    drop(second);
    assert!(!exists(), "who leaves last removes it, also if somebody else made it");

    let kept = open(OpenMode::CreateNew, Cleanup::Creator).unwrap();
    kept.keep();
    drop(kept);
    assert!(exists());
    let own = open(OpenMode::OpenExisting, Cleanup::Creator).unwrap();
    own.unlink_name().unwrap();
    assert!(!exists());
    assert_eq!(own.unlink_name().unwrap_err().errno(), Some(Errno::NOENT));
}

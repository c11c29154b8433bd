//! One named typed value.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use posix_ipc::shm::{Shareable, SharedBox, SharedCell, TypeTag, VersionedCell};
use posix_ipc::{Cleanup, Disposition, Error, OpenMode, SharedMemory};
use testutil::names;
use testutil::{child, watchdog};

const TAG: TypeTag = TypeTag::new("test.value", 1);

#[repr(C, align(256))]
struct Wide {
    count: AtomicU64,
    label: SharedCell<[u8; 3]>,
}

// SAFETY: in C's layout, and both fields are shareable.
unsafe impl Shareable for Wide {}

#[test]
fn whoever_comes_first_initialises_and_the_others_see_it() {
    let name = names::unique("box");
    let first = SharedBox::open_or_create(name.as_str(), TAG, || AtomicU64::new(7)).unwrap();
    let second =
        SharedBox::open_or_create(name.as_str(), TAG, || -> AtomicU64 { panic!("not again") })
            .unwrap();
    assert_eq!(first.disposition(), Disposition::Created);
    assert_eq!(second.disposition(), Disposition::Opened);
    second.fetch_add(1, Ordering::Relaxed);
    assert_eq!(first.load(Ordering::Relaxed), 8);
    assert!(SharedBox::create(name.as_str(), TAG, || AtomicU64::new(0)).is_err());
    drop(first);
    assert!(SharedBox::<AtomicU64>::open(name.as_str(), TAG).is_err(), "the creator cleaned up");
}

#[test]
fn a_value_is_aligned_as_its_type_demands() {
    let name = names::unique("box-aligned");
    let init = || Wide { count: AtomicU64::new(1), label: SharedCell::new(*b"abc") };
    let value = SharedBox::create(name.as_str(), TAG, init).unwrap();
    assert_eq!(&raw const *value as usize % 256, 0);
    let peer = SharedBox::<Wide>::open(name.as_str(), TAG).unwrap();
    assert_eq!(peer.label.load(), *b"abc");
    peer.label.store(*b"xyz");
    assert_eq!(value.label.load(), *b"xyz");
    assert_eq!(value.count.load(Ordering::Relaxed), 1);
}

#[test]
fn programs_with_different_types_get_an_error_that_says_what_differs() {
    let name = names::unique("box-types");
    let _value = SharedBox::create(name.as_str(), TAG, || AtomicU64::new(7)).unwrap();
    let property = |error: Error| match error {
        Error::Mismatch { property, .. } => property,
        other => panic!("{other:?}"),
    };
    let wrong = SharedBox::<AtomicU32>::open(name.as_str(), TAG).unwrap_err();
    assert_eq!(property(wrong), "size of the type");
    let wrong = SharedBox::<[AtomicU32; 2]>::open(name.as_str(), TAG).unwrap_err();
    assert_eq!(property(wrong), "alignment of the type");
    let wrong = SharedBox::<[AtomicU64; 200]>::open(name.as_str(), TAG).unwrap_err();
    assert_eq!(property(wrong), "size of the type");
    let newer = TypeTag::new("test.value", 2);
    let wrong = SharedBox::<AtomicU64>::open(name.as_str(), newer).unwrap_err();
    assert_eq!(property(wrong), "version of the type");
    let other = TypeTag::new("test.other", 1);
    let wrong = SharedBox::<AtomicU64>::open(name.as_str(), other).unwrap_err();
    assert_eq!(property(wrong), "hash of the type's name");
    let wrong = SharedBox::open_or_create(name.as_str(), newer, || AtomicU64::new(0)).unwrap_err();
    assert_eq!(property(wrong), "version of the type");
}

#[test]
fn memory_that_is_no_box_is_refused_and_left_alone() {
    let name = names::unique("box-foreign");
    let memory = SharedMemory::create(name.as_str(), 4096).unwrap();
    let error = SharedBox::open_or_create(name.as_str(), TAG, || AtomicU64::new(0)).unwrap_err();
    assert!(matches!(error, Error::Foreign { .. }));
    assert_eq!(memory.map().unwrap().to_vec(0, 4096).unwrap(), [0; 4096]);

    let small = names::unique("box-small");
    let _memory = SharedMemory::create(small.as_str(), 63).unwrap();
    let error = SharedBox::<AtomicU64>::open(small.as_str(), TAG).unwrap_err();
    assert!(matches!(error, Error::Mismatch { property: "size", .. }));
}

#[test]
fn a_box_cut_short_by_its_peer_is_refused() {
    let name = names::unique("box-cut");
    let _value = SharedBox::create(name.as_str(), TAG, || AtomicU64::new(7)).unwrap();
    SharedMemory::open(name.as_str()).unwrap().resize(64).unwrap();
    let error = SharedBox::<AtomicU64>::open(name.as_str(), TAG).unwrap_err();
    assert!(matches!(error, Error::Mismatch { property: "size", expected: 72, found: 64, .. }));
}

/// Opens the box many times, adds one each time, and says how often it was the first.
pub(crate) fn box_user(arguments: &[String]) {
    let mut created = 0;
    child::say("ready");
    child::hear();
    for _ in 0..200 {
        let options = SharedMemory::options().mode(OpenMode::OpenOrCreate).cleanup(Cleanup::Keep);
        let init = || [AtomicU64::new(1_000), AtomicU64::new(0)];
        let value = SharedBox::open_with(&options, &arguments[0], TAG, init).unwrap();
        created += u32::from(value.disposition() == Disposition::Created);
        value[1].fetch_add(1, Ordering::Relaxed);
        assert!(value[0].load(Ordering::Relaxed) == 1_000, "half-made");
    }
    child::say(&created.to_string());
}

#[test]
fn of_many_processes_exactly_one_initialises() {
    let _watchdog = watchdog::watchdog(120);
    let name = names::unique("box-race");
    let mut users: Vec<_> = (0..4).map(|_| child::run("box_user", &[&name])).collect();
    users.iter_mut().for_each(|user| user.expect_line("ready"));
    users.iter_mut().for_each(|user| user.send_line("go"));
    let created: u32 = users.iter_mut().map(|user| user.read_line().parse::<u32>().unwrap()).sum();
    assert_eq!(created, 1);
    let value = SharedBox::<[AtomicU64; 2]>::open(name.as_str(), TAG).unwrap();
    assert_eq!(value[1].load(Ordering::Relaxed), 800);
}

#[test]
fn a_versioned_cell_is_in_memory_what_a_versioned_value_is() {
    let name = names::unique("box-versioned");
    let value = SharedBox::create(&*name, TAG, || VersionedCell::new([7u8; 13])).unwrap();
    assert_eq!((value.load(), value.version()), (Some([7; 13]), 0));
    let mapping = value.memory().map().unwrap();
    // Behind the header of the box.
    let view = mapping.versioned::<[u8; 13]>(64).unwrap();
    assert_eq!(view.load(), Some([7; 13]));
    let mut writer = value.writer().unwrap();
    assert!(mapping.versioned_writer::<[u8; 13]>(64).unwrap().is_none());
    for n in 1..=3 {
        writer.store([n; 13]);
        assert_eq!(view.load_versioned(), Some(([n; 13], u64::from(n))));
    }
    std::mem::forget(writer);
    assert!(value.writer().is_none(), "the dead keep it");
    let mut writer = value.take_over();
    writer.store([9; 13]);
    drop(writer);
    assert_eq!((value.load(), value.version()), (Some([9; 13]), 4));
    assert!(value.writer().is_some());
}

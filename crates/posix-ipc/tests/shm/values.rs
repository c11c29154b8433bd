//! Values in a mapping: slots, which may tear, and versioned ones, which never do.

use std::sync::atomic::{AtomicBool, Ordering};

use posix_ipc::shm::{Mapping, Versioned};
use posix_ipc::{Error, Name, SharedMemory};
use testutil::{child, names};

type Words = [u64; 37];

fn mapping(size: usize) -> Mapping {
    SharedMemory::create(Name::unique("pit-values"), size as u64).unwrap().map().unwrap()
}

#[test]
fn a_slot_stores_and_loads_at_any_offset() {
    let mapping = mapping(100);
    for offset in [0, 1, 7, 8, 100 - 24] {
        let slot = mapping.slot::<[u64; 3]>(offset).unwrap();
        slot.store([1, u64::MAX, offset as u64]);
        assert_eq!(slot.load(), [1, u64::MAX, offset as u64]);
        assert_eq!(mapping.value::<[u64; 3]>(offset).unwrap()[2], offset as u64);
    }
    assert!(matches!(mapping.slot::<[u64; 3]>(77), Err(Error::OutOfRange { .. })));
    assert!(matches!(mapping.value::<u128>(usize::MAX), Err(Error::OutOfRange { .. })));
    mapping.slot::<()>(100).unwrap().store(());
}

#[cfg(feature = "zerocopy")]
#[test]
fn what_zerocopy_calls_bytes_is_plain_without_unsafe() {
    use zerocopy::little_endian::U32;

    let mapping = mapping(100);
    mapping.slot::<[U32; 2]>(1).unwrap().store([U32::new(1), U32::new(0x0102_0304)]);
    assert_eq!(mapping.to_vec(1, 8).unwrap(), [1, 0, 0, 0, 4, 3, 2, 1]);
    assert_eq!(mapping.value::<U32>(5).unwrap().get(), 0x0102_0304);
}

#[test]
fn a_versioned_value_starts_as_zeros_and_counts_its_versions() {
    let mapping = mapping(8 + Versioned::<Words>::LEN);
    let value = mapping.versioned::<Words>(8).unwrap();
    assert_eq!((value.version(), value.load()), (0, Some([0; 37])));
    let mut writer = mapping.versioned_writer::<Words>(8).unwrap().unwrap();
    for n in 1..10 {
        writer.store([n; 37]);
        assert_eq!(value.load_versioned(), Some(([n; 37], n)));
    }
    assert!(matches!(mapping.versioned::<Words>(4), Err(Error::Argument { .. })));
    assert!(matches!(mapping.versioned::<Words>(16), Err(Error::OutOfRange { .. })));
}

#[test]
fn a_versioned_value_has_one_writer_at_a_time() {
    let mapping = mapping(Versioned::<u64>::LEN);
    let first = mapping.versioned_writer::<u64>(0).unwrap();
    assert!(first.is_some());
    assert!(mapping.versioned_writer::<u64>(0).unwrap().is_none());
    drop(first);
    let mut second = mapping.versioned_writer::<u64>(0).unwrap().unwrap();
    second.store(5);
    let mut heir = mapping.versioned_take_over::<u64>(0).unwrap();
    assert_eq!(heir.version(), 1);
    heir.store(6);
    assert_eq!(mapping.versioned::<u64>(0).unwrap().load(), Some(6));
}

#[test]
fn a_versioned_value_is_never_torn() {
    let mapping = mapping(Versioned::<Words>::LEN);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = mapping.versioned_writer::<Words>(0).unwrap().unwrap();
            for n in 1..=200_000u64 {
                writer.store([n; 37]);
            }
            done.store(true, Ordering::Release);
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let value = mapping.versioned::<Words>(0).unwrap();
                let mut last = 0;
                while !done.load(Ordering::Acquire) {
                    let Some((words, version)) = value.load_versioned() else { continue };
                    assert!(words.iter().all(|&word| word == version), "torn: {words:?}");
                    assert!(version >= last, "{version} came after {last}");
                    last = version;
                }
            });
        }
    });
    assert_eq!(mapping.versioned::<Words>(0).unwrap().load(), Some([200_000; 37]));
}

/// Stores for ever, and says so once.
pub(crate) fn versioned_writer(arguments: &[String]) {
    let mapping = SharedMemory::open(&arguments[0]).unwrap().map().unwrap();
    let mut writer = mapping.versioned_writer::<Words>(0).unwrap().unwrap();
    for n in 1.. {
        writer.store([n; 37]);
        if n == 1_000 {
            child::say("storing");
        }
    }
}

#[test]
fn a_writer_killed_half_way_leaves_a_whole_value_to_its_readers_and_heir() {
    let _watchdog = testutil::watchdog::watchdog(120);
    for _ in 0..20 {
        let name = names::unique("versioned-killed");
        let size = Versioned::<Words>::LEN as u64;
        let mapping = SharedMemory::create(name.as_str(), size).unwrap().map().unwrap();
        let mut writer = child::run("versioned_writer", &[&name]);
        writer.expect_line("storing");
        writer.kill();
        let value = mapping.versioned::<Words>(0).unwrap();
        let (words, version) = value.load_versioned().unwrap();
        assert!(words.iter().all(|&word| word == version), "torn: {words:?}");
        assert!(mapping.versioned_writer::<Words>(0).unwrap().is_none(), "it died with it");
        let mut heir = mapping.versioned_take_over::<Words>(0).unwrap();
        heir.store([version + 1; 37]);
        assert_eq!(value.load(), Some([version + 1; 37]));
    }
}

#[test]
fn lies_in_the_header_of_a_versioned_value_cost_an_answer_at_most() {
    let mapping = mapping(Versioned::<Words>::LEN);
    let value = mapping.versioned::<Words>(0).unwrap();
    for published in [0, 1, 7, u64::MAX, u64::MAX - 1] {
        for begun in [0, 1, 8, u64::MAX] {
            mapping.slot(0).unwrap().store([published, begun]);
            let _ = value.load();
            mapping.versioned_take_over::<Words>(0).unwrap().store([1; 37]);
            assert_eq!(value.load(), Some([1; 37]));
        }
    }
}

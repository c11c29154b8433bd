//! Kills at chosen instructions: a value is stored whole or not at all.

use posix_ipc::SharedMemory;
use posix_ipc::shm::Versioned;
use testutil::stepped::{kill_everywhere, run_between_marks};

type Words = [u64; 37];

/// Stores a value, and a second one between two marks.
pub(crate) fn stepped(arguments: &[String]) {
    let mapping = SharedMemory::open(&arguments[1]).unwrap().map().unwrap();
    let mut writer = mapping.versioned_writer::<Words>(0).unwrap().unwrap();
    run_between_marks(&mut |time| writer.store([time as u64 + 1; 37]));
}

#[test]
fn a_writer_killed_at_any_instruction_has_stored_the_whole_value_or_left_the_one_before() {
    kill_everywhere("store", |name, kill| {
        let size = Versioned::<Words>::LEN as u64;
        let mapping = SharedMemory::create(name, size).unwrap().map().unwrap();
        if !kill(name) {
            return None;
        }
        let value = mapping.versioned::<Words>(0).unwrap();
        let (words, version) = value.load_versioned().unwrap();
        assert_eq!(words, [version; 37]);
        let mut heir = mapping.versioned_take_over::<Words>(0).unwrap();
        heir.store([3; 37]);
        assert_eq!(value.load_versioned(), Some(([3; 37], version + 1)));
        Some(version == 2)
    });
}

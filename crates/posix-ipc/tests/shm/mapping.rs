//! Reading and writing through a mapping.

use std::cmp::Ordering as Order;
use std::mem::MaybeUninit;
use std::sync::atomic::Ordering;

use posix_ipc::shm::Mapping;
use posix_ipc::{Error, SharedMemory};
use testutil::names;

fn mapping(label: &str, size: u64) -> Mapping {
    let name = names::unique(label);
    SharedMemory::create(name.as_str(), size).unwrap().map().unwrap()
}

#[test]
fn what_is_written_is_read_by_another_mapping() {
    let name = names::unique("two-mappings");
    let memory = SharedMemory::create(name.as_str(), 100_000).unwrap();
    let (writer, reader) = (memory.map().unwrap(), memory.map_read().unwrap());
    let bytes: Vec<u8> = (0..90_000u32).map(|i| (i % 251) as u8).collect();
    writer.write_at(4_321, &bytes).unwrap();
    assert_eq!(reader.to_vec(4_321, bytes.len()).unwrap(), bytes);
    let mut buffer = vec![0; 100];
    reader.read_at(4_321 + 500, &mut buffer).unwrap();
    assert_eq!(buffer, bytes[500..600]);
    let mut uninit = [MaybeUninit::uninit(); 33];
    assert_eq!(reader.read_uninit_at(4_321 + 7, &mut uninit).unwrap(), &bytes[7..40]);
}

#[test]
fn fill_copy_within_and_compare_do_as_their_c_namesakes() {
    let mapping = mapping("bulk", 10_000);
    mapping.fill(10, 9_000, 7).unwrap();
    assert_eq!(mapping.compare(10, &[7; 9_000]).unwrap(), Order::Equal);
    assert_eq!(mapping.to_vec(9_009, 2).unwrap(), [7, 0]);
    mapping.write_at(0, b"abcdefgh").unwrap();
    mapping.copy_within(0, 2, 6).unwrap();
    assert_eq!(mapping.to_vec(0, 8).unwrap(), b"ababcdef");
    mapping.copy_within(2, 0, 6).unwrap();
    assert_eq!(mapping.to_vec(0, 8).unwrap(), b"abcdefef");
    assert_eq!(mapping.compare(0, b"abcdeg").unwrap(), Order::Less);
    assert_eq!(mapping.compare(0, b"abc").unwrap(), Order::Equal);
    assert_eq!(mapping.compare(0, b"abb").unwrap(), Order::Greater);
    let mut far = mapping.to_vec(0, 10_000).unwrap();
    assert_eq!(mapping.compare(0, &far).unwrap(), Order::Equal);
    far[9_999] = 1;
    assert_eq!(mapping.compare(0, &far).unwrap(), Order::Less);
}

#[test]
fn atomics_are_words_of_the_mapping() {
    let mapping = mapping("atomics", 4096);
    mapping.atomic_u32(8).unwrap().store(0x0403_0201u32.to_le(), Ordering::Relaxed);
    assert_eq!(mapping.to_vec(8, 4).unwrap(), [1, 2, 3, 4]);
    mapping.atomic_u8(9).unwrap().fetch_add(10, Ordering::Relaxed);
    assert_eq!(mapping.load_u8(9).unwrap(), 12);
    mapping.atomic_u64(16).unwrap().store(u64::MAX, Ordering::Release);
    assert_eq!(mapping.memory().map_read().unwrap().load_u64(16).unwrap(), u64::MAX);
    mapping.atomic_u16(4094).unwrap().store(5, Ordering::Relaxed);
    assert_eq!(mapping.load_u16(4094).unwrap(), 5);
}

#[test]
fn misaligned_atomics_are_refused() {
    let mapping = mapping("misaligned", 4096);
    for offset in [1, 2, 3, 5, 4093] {
        let refused = matches!(mapping.atomic_u32(offset), Err(Error::Argument { .. }));
        assert!(refused || offset > 4092, "{offset}");
        assert!(mapping.load_u32(offset).is_err());
    }
    assert!(mapping.atomic_u64(4).is_err());
    assert!(mapping.atomic_u16(1).is_err());
    // What counts is where the word is, not how far from the start of the mapping.
    let odd = mapping.memory().map_range(2, 100).unwrap();
    assert!(odd.atomic_u32(0).is_err());
    odd.atomic_u32(2).unwrap().store(9, Ordering::Relaxed);
    assert_eq!(mapping.load_u32(4).unwrap(), 9);
}

#[test]
fn a_range_starts_and_ends_anywhere() {
    let name = names::unique("range");
    let memory = SharedMemory::create(name.as_str(), 20_000).unwrap();
    let whole = memory.map().unwrap();
    for (offset, len) in [(0, 1), (1, 1), (4095, 2), (4096, 4096), (5000, 10_000), (19_999, 1)] {
        let range = memory.map_range(offset, len).unwrap();
        assert_eq!((range.offset(), range.len(), range.span()), (offset, len, len));
        whole.fill(0, 20_000, 0).unwrap();
        range.fill(0, len, 1).unwrap();
        let mut expected = vec![0; 20_000];
        expected[offset as usize..offset as usize + len].fill(1);
        assert_eq!(whole.to_vec(0, 20_000).unwrap(), expected);
        assert!(range.write_at(len, b"x").is_err());
    }
    for (offset, len) in [(20_000, 1), (20_001, 1), (0, 20_001), (19_999, 2), (u64::MAX, 1)] {
        assert!(matches!(memory.map_range(offset, len), Err(Error::OutOfRange { .. })));
    }
    assert!(matches!(memory.map_range(0, 0), Err(Error::OutOfRange { .. })));
    assert!(matches!(memory.map_range(1, usize::MAX), Err(Error::OutOfRange { .. })));
}

#[test]
fn an_empty_object_can_be_opened_but_not_mapped() {
    let name = names::unique("empty");
    std::fs::File::create(name.shm_path()).unwrap();
    let memory = SharedMemory::open(name.as_str()).unwrap();
    assert!(memory.is_empty().unwrap());
    assert!(matches!(memory.map(), Err(Error::OutOfRange { .. })));
    let expecting = SharedMemory::options().size(1).open(name.as_str());
    assert!(matches!(expecting, Err(Error::Mismatch { found: 0, .. })));
}

#[test]
fn slices_are_there_for_those_who_can_vouch_for_them() {
    let mapping = mapping("slices", 100);
    // SAFETY: nobody else knows the object, and this is the only reference to its bytes.
    let bytes = unsafe { mapping.as_mut_slice() };
    bytes[5] = 42;
    // SAFETY: as above.
    assert_eq!(unsafe { mapping.as_slice() }[5], 42);
}

#[test]
fn threads_share_a_mapping() {
    let mapping = mapping("threads", 4096);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    mapping.atomic_u64(0).unwrap().fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(mapping.load_u64(0).unwrap(), 4_000);
}

//! Properties of offsets and lengths: whatever they are, an access is within the mapping or a
//! typed error, and never a panic.

use posix_ipc::shm::Mapping;
use posix_ipc::{Error, Name, SharedMemory};
use proptest::prelude::*;

const SIZE: usize = 3 * 4096 + 77;

fn mapping() -> Mapping {
    let memory = SharedMemory::create(Name::unique("pit-bounds"), SIZE as u64).unwrap();
    memory.map().unwrap()
}

/// Offsets and lengths near every edge, and anywhere.
fn number() -> impl Strategy<Value = usize> {
    prop_oneof![
        0..SIZE + 20,
        SIZE - 5..SIZE + 5,
        (0usize..20).prop_map(|n| usize::MAX - n),
        (0usize..20).prop_map(|n| isize::MAX as usize - 10 + n),
        (0usize..5000).prop_map(|n| n.wrapping_neg()),
        any::<usize>(),
    ]
}

fn fits(offset: usize, len: usize) -> bool {
    offset.checked_add(len).is_some_and(|end| end <= SIZE)
}

fn is_out_of_range<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::OutOfRange { .. }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn bulk_accesses_are_within_or_refused(offset in number(), len in number()) {
        let mapping = mapping();
        let short = len.min(2 * SIZE);
        let mut buffer = vec![0; short];
        prop_assert_eq!(mapping.read_at(offset, &mut buffer).is_ok(), fits(offset, short));
        prop_assert_eq!(mapping.write_at(offset, &buffer).is_ok(), fits(offset, short));
        prop_assert_eq!(mapping.compare(offset, &buffer).is_ok(), fits(offset, short));
        prop_assert_eq!(mapping.fill(offset, len, 1).is_ok(), fits(offset, len));
        prop_assert_eq!(mapping.to_vec(offset, len).is_ok(), fits(offset, len));
        if !fits(offset, len) {
            prop_assert!(is_out_of_range(mapping.fill(offset, len, 1)));
            prop_assert!(is_out_of_range(mapping.to_vec(offset, len)));
        }
    }

    #[test]
    fn moves_are_within_or_refused(from in number(), to in number(), len in number()) {
        let mapping = mapping();
        let fits = fits(from, len) && fits(to, len);
        prop_assert_eq!(mapping.copy_within(from, to, len).is_ok(), fits);
    }

    #[test]
    fn moves_do_as_on_a_slice(from in 0..SIZE, to in 0..SIZE, len in 0..SIZE) {
        let len = len.min(SIZE - from).min(SIZE - to);
        let mapping = mapping();
        let mut model: Vec<u8> = (0..SIZE).map(|i| (i * 7 % 256) as u8).collect();
        mapping.write_at(0, &model).unwrap();
        model.copy_within(from..from + len, to);
        mapping.copy_within(from, to, len).unwrap();
        prop_assert_eq!(mapping.to_vec(0, SIZE).unwrap(), model);
    }

    #[test]
    fn words_are_within_and_aligned_or_refused(offset in number()) {
        let mapping = mapping();
        let word = |size: usize| fits(offset, size) && offset % size == 0;
        prop_assert_eq!(mapping.atomic_u8(offset).is_ok(), word(1));
        prop_assert_eq!(mapping.atomic_u16(offset).is_ok(), word(2));
        prop_assert_eq!(mapping.atomic_u32(offset).is_ok(), word(4));
        prop_assert_eq!(mapping.atomic_u64(offset).is_ok(), word(8));
        prop_assert_eq!(mapping.load_u32(offset).is_ok(), word(4));
    }

    #[test]
    fn ranges_are_within_the_object_or_refused(offset in number(), len in number()) {
        let whole = mapping();
        let result = whole.memory().map_range(offset as u64, len);
        prop_assert_eq!(result.is_ok(), len > 0 && fits(offset, len));
        match result {
            Ok(range) => {
                range.fill(0, len, 9).unwrap();
                prop_assert_eq!(whole.to_vec(offset, len).unwrap(), vec![9; len]);
                prop_assert!(is_out_of_range(range.fill(len, 1, 9)));
            }
            Err(error) => prop_assert!(is_out_of_range::<()>(Err(error))),
        }
    }
}

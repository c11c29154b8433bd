//! Options of mapping and of creation.

use posix_ipc::shm::Advice;
use posix_ipc::{Errno, Error, OpenMode, SharedMemory};
use testutil::names;

fn memory(label: &str, size: u64) -> SharedMemory {
    let name = names::unique(label);
    let memory = SharedMemory::create(name.as_str(), size).unwrap();
    memory.unlink_name().unwrap();
    memory
}

fn page() -> usize {
    rustix::param::page_size()
}

#[test]
fn a_mirror_shows_the_same_bytes_twice_in_a_row() {
    let page = page();
    let memory = memory("mirror", 4 * page as u64);
    let mirror = memory
        .map_options()
        .offset(page as u64)
        .length(2 * page)
        .mirrored(true)
        .guard_pages(true)
        .map()
        .unwrap();
    assert_eq!((mirror.len(), mirror.span()), (2 * page, 4 * page));
    mirror.write_at(2 * page - 3, b"around").unwrap();
    assert_eq!(mirror.to_vec(0, 3).unwrap(), b"und");
    assert_eq!(mirror.to_vec(2 * page, 3).unwrap(), b"und");
    assert_eq!(memory.map().unwrap().to_vec(3 * page - 3, 3).unwrap(), b"aro");
    assert!(mirror.write_at(4 * page - 1, b"xy").is_err());
}

#[test]
fn a_mirror_of_what_is_not_whole_pages_is_refused() {
    let memory = memory("mirror-pages", 3 * page() as u64);
    for (offset, len) in [(1, page()), (0, page() - 1), (0, page() + 1)] {
        let result = memory.map_options().offset(offset).length(len).mirrored(true).map();
        assert!(matches!(result, Err(Error::Argument { argument: "mirrored", .. })));
    }
}

#[test]
fn an_address_is_kept_and_what_is_there_is_not_replaced() {
    let memory = memory("address", 3 * page() as u64);
    let free = memory.map().unwrap();
    let address = free.as_ptr() as usize;
    drop(free);
    // Another thread of this process may take it meanwhile; then there is nothing to see here.
    let Ok(mapping) = memory.map_options().address(address).map() else { return };
    assert_eq!(mapping.as_ptr() as usize, address);
    let error = memory.map_options().address(address).map().unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EXIST));
    mapping.write_at(0, b"unharmed").unwrap();
    for bad in [0, 1, address + 1] {
        let result = memory.map_options().address(bad).map();
        assert!(matches!(result, Err(Error::Argument { argument: "address", .. })));
    }
}

#[test]
fn guard_pages_stand_before_and_after() {
    let memory = memory("guards", page() as u64);
    let mapping = memory.map_options().guard_pages(true).map().unwrap();
    mapping.fill(0, page(), 1).unwrap();
    let start = mapping.as_ptr() as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let protection = |from: usize, to: usize| {
        maps.lines().find_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (low, high) = range.split_once('-')?;
            let low = usize::from_str_radix(low, 16).ok()?;
            let high = usize::from_str_radix(high, 16).ok()?;
            (low <= from && to <= high).then(|| rest[..4].to_string())
        })
    };
    assert_eq!(protection(start, start + page()).unwrap(), "rw-s");
    assert_eq!(protection(start - page(), start).unwrap(), "---p");
    assert_eq!(protection(start + page(), start + 2 * page()).unwrap(), "---p");
}

#[test]
fn populated_memory_is_present() {
    let name = names::unique("populate");
    let mapping = SharedMemory::options()
        .mode(OpenMode::CreateNew)
        .size(1 << 20)
        .populate(true)
        .open_mapped(name.as_str())
        .unwrap();
    use std::os::unix::fs::MetadataExt;
    assert!(std::fs::metadata(name.shm_path()).unwrap().blocks() * 512 >= 1 << 20);
    mapping.memory().map_options().populate(true).map_read().unwrap();
}

#[test]
fn sparse_memory_takes_none_until_it_is_touched() {
    use std::os::unix::fs::MetadataExt;
    let name = names::unique("sparse");
    let options = SharedMemory::options().mode(OpenMode::CreateNew).sparse(true).size(1 << 40);
    let memory = options.open(name.as_str()).unwrap();
    assert_eq!(memory.len().unwrap(), 1 << 40);
    assert_eq!(std::fs::metadata(name.shm_path()).unwrap().blocks(), 0);
    memory.map_range(1 << 39, 10).unwrap().write_at(0, b"x").unwrap();
    assert!(std::fs::metadata(name.shm_path()).unwrap().blocks() > 0);
}

#[test]
fn advice_and_locks_leave_the_bytes_alone() {
    let memory = memory("advice", 3 * page() as u64);
    let mapping = memory.map_options().lock(true).advise(Advice::Random).map().unwrap();
    mapping.write_at(0, b"still here").unwrap();
    for advice in [
        Advice::Normal,
        Advice::Random,
        Advice::Sequential,
        Advice::WillNeed,
        Advice::NoHugePages,
        Advice::DontDump,
        Advice::DoDump,
    ] {
        mapping.advise(advice).unwrap();
        assert_eq!(mapping.to_vec(0, 10).unwrap(), b"still here");
    }
    mapping.unlock().unwrap();
    assert_eq!(mapping.to_vec(0, 10).unwrap(), b"still here");
}

#[test]
fn huge_pages_are_a_wish_and_what_came_of_it_is_told() {
    let name = names::unique("huge");
    let mapping = SharedMemory::options()
        .mode(OpenMode::CreateNew)
        .size(4 << 20)
        .huge_pages(true)
        .open_mapped(name.as_str())
        .unwrap();
    mapping.fill(0, 4 << 20, 1).unwrap();
    let huge = mapping.huge_bytes().unwrap();
    assert!(huge <= 4 << 20, "{huge}");
}

//! Provokes every line of docs/errno.md on shared memory.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::AtomicU64;

use posix_ipc::shm::{Seals, SharedBox, TypeTag};
use posix_ipc::{Errno, Error, OpenMode, Result, SharedMemory};
use rustix::process::{Resource, Rlimit, setrlimit};
use testutil::names::unique;
use testutil::{child, require, skip, watchdog};

/// A line of the table by its call and its occasion.
type Key = (String, String);

/// What a line says: the errno and the variant.
type Answer = (String, String);

fn table() -> BTreeMap<Key, Answer> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errno.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once("## Shared memory\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [call, errno, when, variant] = cells[..] else { panic!("four cells: {row}") };
        let plain = |cell: &str| cell.replace('`', "");
        ((plain(call), plain(when)), (plain(errno), plain(variant)))
    })
    .collect()
}

fn name_of(errno: Option<Errno>) -> String {
    let name = match errno {
        None => "-",
        Some(Errno::ACCESS) => "EACCES",
        Some(Errno::BUSY) => "EBUSY",
        Some(Errno::EXIST) => "EEXIST",
        Some(Errno::INVAL) => "EINVAL",
        Some(Errno::LOOP) => "ELOOP",
        Some(Errno::MFILE) => "EMFILE",
        Some(Errno::NAMETOOLONG) => "ENAMETOOLONG",
        Some(Errno::NOENT) => "ENOENT",
        Some(Errno::NOMEM) => "ENOMEM",
        Some(Errno::NOSPC) => "ENOSPC",
        Some(Errno::PERM) => "EPERM",
        Some(other) => return format!("{other:?}"),
    };
    name.to_string()
}

#[track_caller]
fn answer<T: Debug>(result: Result<T>) -> Answer {
    let error: Error = result.unwrap_err();
    let text = format!("{error:?}");
    let variant = text.split(|char: char| !char.is_alphanumeric()).next().unwrap();
    (name_of(error.errno()), format!("Error::{variant}"))
}

/// Everything about names and sizes that one's own process can provoke.
fn objects() -> Vec<(&'static str, &'static str, Answer)> {
    let (name, missing, other) = (unique("errno"), unique("none"), unique("other"));
    let memory = SharedMemory::create(&*name, 4096).unwrap();
    let reader = SharedMemory::open_read(&*name).unwrap();
    let create = || SharedMemory::options().mode(OpenMode::CreateNew);
    let uid = rustix::process::geteuid().as_raw();
    let sealed = SharedMemory::anonymous(10).unwrap();
    sealed.seal(Seals::SHRINK).unwrap();
    let gone = SharedMemory::create(&*missing, 1).unwrap();
    SharedMemory::unlink(&*missing).unwrap();
    std::os::unix::fs::symlink("/dev/null", other.shm_path()).unwrap();
    let link = SharedMemory::open(&*other);
    SharedMemory::unlink(&*other).unwrap();
    std::fs::create_dir(other.shm_path()).unwrap();
    let directory = SharedMemory::open(&*other);
    std::fs::remove_dir(other.shm_path()).unwrap();
    let device = std::fs::File::open("/dev/null").unwrap();
    let size = "the size is zero, or over i64::MAX";
    vec![
        (
            "open",
            "the name is empty, has a slash or NUL inside, or is . or ..",
            answer(SharedMemory::open("/a/b")),
        ),
        ("open", "the name has over 255 bytes", answer(SharedMemory::open(&*"x".repeat(256)))),
        ("open", "there is none", answer(SharedMemory::open(&*missing))),
        ("open", "a fifo or a directory stands under the name", answer(directory)),
        ("open", "a symbolic link stands under the name", answer(link)),
        (
            "open",
            "it has another size than expected",
            answer(SharedMemory::options().size(5).open(&*name)),
        ),
        (
            "open",
            "it is another user's than expected",
            answer(SharedMemory::options().expect_owner(uid + 1).open(&*name)),
        ),
        ("create", "the name exists", answer(SharedMemory::create(&*name, 4096))),
        ("create", size, answer(SharedMemory::create(&*missing, 0))),
        (
            "create",
            "there is no size, or it is for reading alone",
            answer(create().open(&*missing)),
        ),
        (
            "create",
            "there is not so much memory",
            answer(SharedMemory::create(&*missing, i64::MAX as u64)),
        ),
        ("resize", size, answer(memory.resize(u64::MAX))),
        ("resize", "the handle is for reading", answer(reader.resize(10))),
        ("resize", "there is not so much memory", answer(memory.resize(i64::MAX as u64))),
        ("resize", "it is sealed against it", answer(sealed.resize(5))),
        ("unlink", "there is none", answer(SharedMemory::unlink(&*missing))),
        ("unlink_name", "the name is gone, or another object's", answer(gone.unlink_name())),
        ("from_fd", "it is no regular file", answer(SharedMemory::from_fd(device.into()))),
        ("seal", "it has a name", answer(memory.seal(Seals::SHRINK))),
        (
            "SharedBox::open",
            "it is no shared box",
            answer(SharedBox::<AtomicU64>::open(&*name, TypeTag::new("x", 1)).map(drop)),
        ),
    ]
}

/// Everything about mappings that one's own process can provoke.
fn mappings() -> Vec<(&'static str, &'static str, Answer)> {
    let (name, typed) = (unique("errno-map"), unique("errno-box"));
    let memory = SharedMemory::create(&*name, 8192).unwrap();
    let mapping = memory.map().unwrap();
    let reader = SharedMemory::open_read(&*name).unwrap();
    let address = mapping.as_ptr() as usize;
    let anonymous = SharedMemory::anonymous(10).unwrap();
    let writer = anonymous.map().unwrap();
    let busy = anonymous.seal(Seals::WRITE);
    let unsealed = writer.sealed_slice().map(drop);
    drop(writer);
    anonymous.seal(Seals::WRITE).unwrap();
    let _value = SharedBox::create(&*typed, TypeTag::new("x", 1), || AtomicU64::new(0)).unwrap();
    let mut rows = vec![
        ("map", "the handle is for reading", answer(reader.map())),
        (
            "map",
            "the range is empty, or ends past the object's end",
            answer(memory.map_range(1, 8192)),
        ),
        (
            "map",
            "a mirror or an address does not fit pages",
            answer(memory.map_options().address(address + 1).map()),
        ),
        (
            "map",
            "something is mapped at the address",
            answer(memory.map_options().address(address).map()),
        ),
        ("map", "it is sealed against writing", answer(anonymous.map())),
        (
            "read_at",
            "the bytes do not lie within the mapping",
            answer(mapping.read_at(8192, &mut [0])),
        ),
        ("atomic_u32", "the word is not aligned", answer(mapping.atomic_u32(2))),
        ("seal", "it is mapped through a descriptor that may write", answer(busy)),
        ("sealed_slice", "it is not sealed against writing and shrinking", answer(unsealed)),
        (
            "SharedBox::open",
            "it holds another type",
            answer(SharedBox::<AtomicU64>::open(&*typed, TypeTag::new("x", 2)).map(drop)),
        ),
    ];
    memory.resize(1).unwrap();
    rows.push(("populate", "the object has been made smaller", answer(mapping.populate())));
    rows.push(("check_intact", "the object has been made smaller", answer(mapping.check_intact())));
    rows
}

/// What it takes another user, and limits that nobody else may meet, to provoke.
pub(crate) fn refused_as_another_user(arguments: &[String]) {
    let theirs = &*arguments[0];
    let memory = SharedMemory::anonymous(1 << 20).unwrap();
    let mapping = memory.map().unwrap();
    let uid = 1_700_000_000 + std::process::id();
    // SAFETY: no pointers.
    assert_eq!(unsafe { libc::setresuid(uid, uid, uid) }, 0);
    let say = |call: &str, when: &str, (errno, variant): Answer| {
        child::say(&format!("{call}|{when}|{errno}|{variant}"));
    };
    say("open", "its permissions forbid it", answer(SharedMemory::open(theirs)));
    say("unlink", "it is not the caller's to remove", answer(SharedMemory::unlink(theirs)));
    let limit = |resource, most| {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).unwrap();
    };
    limit(Resource::Memlock, 4096);
    say("lock", "RLIMIT_MEMLOCK is used up", answer(mapping.lock()));
    limit(Resource::Nofile, 0);
    say("open", "RLIMIT_NOFILE is used up", answer(SharedMemory::open(theirs)));
    child::say("end");
}

#[test]
fn every_line_of_the_table_is_provoked_and_says_the_truth() {
    let _watchdog = watchdog::watchdog(60);
    require!(skip::is_root(), "becoming another user needs root");
    let mut expected = table();
    assert!(expected.len() > 30, "the table has {} lines", expected.len());
    let mut check = |call: &str, when: &str, found: Answer| {
        let key = (call.to_string(), when.to_string());
        let row = expected.remove(&key).unwrap_or_else(|| panic!("no line {key:?}"));
        assert_eq!(found, row, "{key:?}");
    };
    for (call, when, found) in objects().into_iter().chain(mappings()) {
        check(call, when, found);
    }
    let name = unique("errno-theirs");
    let _memory = SharedMemory::create(&*name, 4096).unwrap();
    let mut other = child::run("refused_as_another_user", &[&name]);
    loop {
        let line = other.read_line();
        let [call, when, errno, variant] = line.split('|').collect::<Vec<_>>()[..] else { break };
        check(call, when, (errno.to_string(), variant.to_string()));
    }
    other.expect_success();
    assert!(expected.is_empty(), "not provoked: {expected:?}");
}

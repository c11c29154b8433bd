//! Listing and looking at objects by their files.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};

use posix_ipc::inspect::{self, Object, SemaphoreAbi};
use posix_ipc::{Error, Kind, Name};
use testutil::names;

/// A file as glibc makes one on a 64-bit machine.
fn semaphore_file(value: u32, waiters: u32) -> Vec<u8> {
    let data = u64::from(value) | u64::from(waiters) << 32;
    let mut file = data.to_ne_bytes().to_vec();
    file.extend(128u32.to_ne_bytes());
    file.resize(32, 0);
    file
}

fn listed(name: &str) -> Vec<Object> {
    let name = Name::new(name).unwrap();
    inspect::list_where(|_, found| *found == name).objects
}

#[test]
fn a_semaphore_is_listed_with_its_value_and_waiters() {
    let name = names::unique("inspect-sem");
    fs::write(name.sem_path(), semaphore_file(7, 2)).unwrap();
    let objects = listed(&name);
    assert_eq!(objects.len(), 1);
    assert_eq!(objects[0].kind, Kind::Semaphore);
    let state = objects[0].semaphore().unwrap();
    assert_eq!((state.value, state.waiters, state.abi), (7, 2, SemaphoreAbi::Glibc64));
}

#[test]
fn a_short_or_foreign_semaphore_file_is_listed_with_an_unknown_value() {
    let name = names::unique("inspect-bogus");
    for content in [Vec::new(), vec![1; 5], vec![0; 32], vec![1; 4096]] {
        fs::write(name.sem_path(), &content).unwrap();
        let object = inspect::stat(Kind::Semaphore, &*name).unwrap();
        assert_eq!(object.size, content.len() as u64);
        assert!(object.semaphore().is_none(), "{} bytes", content.len());
    }
}

#[test]
#[cfg(all(target_env = "gnu", target_endian = "little"))]
fn listing_and_peeking_say_the_same_of_every_semaphore_file() {
    use posix_ipc_sys::sem::{Abi, peek};

    let name = names::unique("inspect-peek");
    let narrow = |words: [u32; 4]| words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let files: [Vec<u8>; 7] = [
        semaphore_file(3, 0),
        semaphore_file(0, 2),
        semaphore_file(0x7fff_ffff, 0),
        narrow([7, 128, 0, 2]),
        narrow([6, 128, 0, 0]),
        narrow([6, 0, 0, 0]),
        vec![0; 32],
    ];
    for file in files {
        fs::write(name.sem_path(), &file).unwrap();
        let object = inspect::stat(Kind::Semaphore, &*name).unwrap();
        let listed = object.semaphore().map(|state| (state.value, Some(state.waiters), state.abi));
        let peeked = peek(Abi::Native, &*name).unwrap().map(|peek| {
            let abi = match peek.abi {
                Abi::Glibc32 => SemaphoreAbi::Glibc32,
                _ if file.len() == 16 => SemaphoreAbi::Glibc32,
                _ => SemaphoreAbi::Glibc64,
            };
            (peek.value, peek.waiters, abi)
        });
        assert_eq!(listed, peeked, "{file:?}");
    }
}

#[test]
fn shared_memory_is_listed_with_size_mode_and_owner() {
    let name = names::unique("inspect-shm");
    fs::write(name.shm_path(), vec![0; 5000]).unwrap();
    fs::set_permissions(name.shm_path(), fs::Permissions::from_mode(0o640)).unwrap();
    let objects = listed(&name);
    assert_eq!(objects.len(), 1);
    let object = &objects[0];
    assert_eq!((object.kind, object.size, object.mode), (Kind::SharedMemory, 5000, 0o640));
    assert_eq!(object.uid, rustix::process::geteuid().as_raw());
    assert!(object.allocated >= 5000);
}

#[test]
fn a_queue_is_listed_with_depth_and_geometry_even_if_it_may_only_be_sent_to() {
    testutil::require!(testutil::skip::mqueue_is_mounted(), "/dev/mqueue is not mounted");
    let name = names::unique("inspect-mq");
    use posix_ipc_sys::mq::{self, Mode, MqAttr, OFlags};
    let attributes = MqAttr::new(3, 16);
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
    let queue = mq::open(&*name, flags, Mode::RUSR | Mode::WUSR, Some(&attributes)).unwrap();
    mq::send(&queue, b"hello", 1).unwrap();
    let object = inspect::stat(Kind::MessageQueue, &*name).unwrap();
    let state = object.queue().unwrap();
    assert_eq!((state.messages, state.max_messages), (Some(1), Some(3)));
    assert_eq!((state.max_message_size, state.bytes), (Some(16), Some(5)));
    assert_eq!(state.notification, Some(None), "nobody asked to be told");
}

#[test]
fn what_is_no_object_is_not_listed() {
    let name = names::unique("inspect-stray");
    let path = name.shm_path();
    fs::create_dir(&path).unwrap();
    let directory = listed(&name);
    fs::remove_dir(&path).unwrap();
    assert!(directory.is_empty());
    symlink("/etc/passwd", &path).unwrap();
    assert!(listed(&name).is_empty());
    let error = inspect::stat(Kind::SharedMemory, &*name).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_pipe_in_the_place_of_a_semaphore_does_not_block() {
    let _watchdog = testutil::watchdog::watchdog(60);
    let name = names::unique("inspect-fifo");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    let made =
        rustix::fs::mknodat(rustix::fs::CWD, name.sem_path(), rustix::fs::FileType::Fifo, mode, 0);
    made.unwrap();
    assert!(listed(&name).is_empty());
    assert!(inspect::stat(Kind::Semaphore, &*name).is_err());
}

#[test]
fn one_name_may_stand_for_an_object_of_each_kind() {
    let name = names::unique("inspect-both");
    fs::write(name.sem_path(), semaphore_file(1, 0)).unwrap();
    fs::write(name.shm_path(), b"x").unwrap();
    let kinds: Vec<Kind> =
        inspect::find(&*name).unwrap().iter().map(|object| object.kind).collect();
    assert_eq!(kinds, [Kind::Semaphore, Kind::SharedMemory]);
}

#[test]
fn names_that_are_not_text_are_listed() {
    use std::os::unix::ffi::OsStrExt;
    let name = names::unique("inspect-bytes");
    let mut bytes = name.as_bytes()[1..].to_vec();
    bytes.push(0xff);
    let path = std::path::Path::new("/dev/shm").join(std::ffi::OsStr::from_bytes(&bytes));
    fs::write(&path, b"x").unwrap();
    let found = inspect::list_where(|_, name| name.as_bytes() == bytes).objects.len();
    fs::remove_file(&path).unwrap();
    assert_eq!(found, 1);
}

#[test]
fn unlink_removes_the_object_that_was_found_and_no_newer_one() {
    let name = names::unique("inspect-unlink");
    fs::write(name.shm_path(), b"old").unwrap();
    let old = inspect::stat(Kind::SharedMemory, &*name).unwrap();
    let kept = fs::File::open(name.shm_path()).unwrap();
    fs::remove_file(name.shm_path()).unwrap();
    fs::write(name.shm_path(), b"new").unwrap();
    assert!(matches!(old.unlink(), Err(Error::Foreign { .. })));
    assert_eq!(fs::read(name.shm_path()).unwrap(), b"new");
    drop(kept);

    let new = inspect::stat(Kind::SharedMemory, &*name).unwrap();
    new.unlink().unwrap();
    assert_eq!(new.unlink().unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn many_objects_are_listed_completely_and_in_order() {
    let name = names::unique("inspect-many");
    let path = |i: u32| format!("{}-{i:05}", name.shm_path());
    for i in 0..3000 {
        fs::write(path(i), b"x").unwrap();
    }
    let prefix = name.as_bytes()[1..].to_vec();
    let objects = inspect::list_where(|_, name| name.as_bytes().starts_with(&prefix)).objects;
    for i in 0..3000 {
        fs::remove_file(path(i)).unwrap();
    }
    assert_eq!(objects.len(), 3000);
    assert!(objects.is_sorted_by(|a, b| a.name < b.name));
}

/// So many objects that several threads look at them.
struct Crowd {
    name: names::UniqueName,
    prefix: Vec<u8>,
}

impl Crowd {
    const SIZE: u32 = 3000;

    fn new(label: &str) -> Self {
        let name = names::unique(label);
        let prefix = name.as_bytes()[1..].to_vec();
        let crowd = Self { name, prefix };
        for number in 0..Self::SIZE {
            // One in three is a semaphore, whose name comes first.
            let (path, content) = match number % 3 {
                0 => (crowd.name.sem_path(), semaphore_file(number, 0)),
                _ => (crowd.name.shm_path(), vec![1]),
            };
            fs::write(format!("{path}-{number:05}"), content).unwrap();
        }
        crowd
    }

    fn has(&self, name: &Name) -> bool {
        name.as_bytes().starts_with(&self.prefix)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for number in 0..Self::SIZE {
            let path = if number % 3 == 0 { self.name.sem_path() } else { self.name.shm_path() };
            let _ = fs::remove_file(format!("{path}-{number:05}"));
        }
    }
}

#[test]
fn what_is_made_of_many_objects_comes_in_their_order() {
    let crowd = Crowd::new("inspect-made");
    let listing = inspect::list_with(
        |_, name| crowd.has(name),
        |object| match object.semaphore() {
            Some(state) => Some((object.kind, object.name.to_string(), state.value)),
            None if object.name.to_string().ends_with('1') => None,
            None => Some((object.kind, object.name.to_string(), 0)),
        },
    );
    let left_out = (0..Crowd::SIZE).filter(|number| number % 3 != 0 && number % 10 == 1).count();
    assert_eq!(listing.objects.len(), Crowd::SIZE as usize - left_out);
    assert!(listing.objects.is_sorted(), "by kind and then by name");
    let semaphores = listing.objects.iter().filter(|(kind, ..)| *kind == Kind::Semaphore);
    let values: Vec<u32> = semaphores.map(|(_, _, value)| *value).collect();
    assert_eq!(values, (0..Crowd::SIZE).step_by(3).collect::<Vec<_>>());
}

#[test]
fn a_panic_while_many_objects_are_looked_at_reaches_the_caller() {
    let _watchdog = testutil::watchdog::watchdog(60);
    let crowd = Crowd::new("inspect-panic");
    let make = |object: Object| match object.name.as_bytes().ends_with(b"-01500") {
        true => panic!("as it was told to"),
        false => Some(object.size),
    };
    let listed = std::panic::catch_unwind(|| inspect::list_with(|_, name| crowd.has(name), make));
    assert!(listed.is_err());
    let wanted = |_, _: &Name| panic!("as it was told to");
    assert!(std::panic::catch_unwind(|| inspect::list_where(wanted)).is_err());
}

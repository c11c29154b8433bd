//! Who uses what.

use std::fs::{self, File, OpenOptions};

use posix_ipc::inspect::{self, Access, Usage, Via};
use posix_ipc::{Kind, Name};
use testutil::{child, names};

testutil::roles!(hold_open);

/// Opens the path for reading and holds it until it is told to end.
fn hold_open(arguments: &[String]) {
    let held = File::open(&arguments[0]).unwrap();
    child::say("open");
    child::hear();
    drop(held);
}

#[test]
fn another_process_that_has_an_object_open_is_seen_with_its_access() {
    let name = names::unique("usage-open");
    fs::write(name.shm_path(), b"x").unwrap();
    let mut holder = child::run("hold_open", &[&name.shm_path()]);
    holder.expect_line("open");
    let object = inspect::stat(Kind::SharedMemory, &*name).unwrap();
    let usage = Usage::scan();
    let users = usage.of(&object);
    assert_eq!(users.len(), 1);
    assert_eq!(users[0].process.pid, holder.id());
    assert_eq!((users[0].via, users[0].access), (Via::Descriptor, Access::Read));
    assert_eq!(users[0].process.uid, rustix::process::geteuid().as_raw());
    holder.expect_success();
    assert!(Usage::scan().of(&object).is_empty());
}

#[test]
fn the_users_of_a_queue_are_seen() {
    testutil::require!(testutil::skip::mqueue_is_mounted(), "/dev/mqueue is not mounted");
    use posix_ipc_sys::mq::{self, Mode, OFlags};
    let name = names::unique("usage-mq");
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY;
    let attributes = mq::MqAttr::new(1, 8);
    let queue = mq::open(&*name, flags, Mode::RUSR | Mode::WUSR, Some(&attributes)).unwrap();
    let object = inspect::stat(Kind::MessageQueue, &*name).unwrap();
    let usage = Usage::scan();
    let users = usage.of(&object);
    assert_eq!(users.len(), 1);
    assert_eq!(users[0].process.pid, std::process::id());
    assert_eq!(users[0].access, Access::Write);
    drop(queue);
}

#[test]
fn an_unlinked_object_that_is_held_is_a_ghost_with_name_and_size() {
    let name = names::unique("usage-ghost");
    fs::write(name.shm_path(), vec![1; 4096]).unwrap();
    let held = OpenOptions::new().read(true).write(true).open(name.shm_path()).unwrap();
    fs::remove_file(name.shm_path()).unwrap();
    let wanted = Name::new(&*name).unwrap();
    let find = || Usage::scan().ghosts().iter().find(|ghost| ghost.name == wanted).cloned();
    let ghost = find().expect("it is held");
    assert_eq!((ghost.kind, ghost.size), (Kind::SharedMemory, Some(4096)));
    assert_eq!(ghost.users[0].process.pid, std::process::id());
    assert_eq!(ghost.users[0].access, Access::ReadWrite);
    drop(held);
    assert!(find().is_none(), "it went with its last user");
}

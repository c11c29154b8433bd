//! The same objects in C, in Python's `posix_ipc` and `nob.ipc`, and in `multiprocessing`.

use std::path::Path;

use posix_ipc::{Cleanup, Error, OpenMode, SharedMemory};
use testutil::child::{self, Child};
use testutil::{c, names, python, watchdog};

fn text(memory: &SharedMemory, len: usize) -> String {
    String::from_utf8(memory.map_read().unwrap().to_vec(0, len).unwrap()).unwrap()
}

#[test]
fn c_and_rust_share_objects_in_both_directions() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shm/peer.c");
    let program = c::compile(&source, &[]);
    testutil::require!(program.is_some(), "there is no gcc");
    let _watchdog = watchdog::watchdog(60);
    let name = names::unique("c");
    let mut command = program.as_ref().unwrap().command();
    command.arg(name.as_str());
    let mut peer = child::start(command);
    let mut ask = |line: &str| {
        peer.send_line(line);
        peer.read_line()
    };

    assert_eq!(ask("read"), "missing");
    let ours = SharedMemory::create(name.as_str(), 4_321).unwrap();
    ours.map().unwrap().write_at(0, b"from-rust\0").unwrap();
    assert_eq!(ask("read"), "4321 from-rust");
    assert_eq!(ask("write from-c"), "4321 from-c");
    assert_eq!(text(&ours, 6), "from-c");
    ours.resize(6_000).unwrap();
    assert_eq!(ask("read"), "6000 from-c");
    drop(ours);
    assert_eq!(ask("read"), "missing");

    assert_eq!(ask("create made-by-c"), "5000 made-by-c");
    let theirs = SharedMemory::options().size(5_000).open(name.as_str()).unwrap();
    assert_eq!(text(&theirs, 9), "made-by-c");
    let other = SharedMemory::options().size(4_999).open(name.as_str());
    assert!(matches!(other, Err(Error::Mismatch { found: 5_000, .. })));
    drop(theirs);
    assert_eq!(ask("read"), "5000 made-by-c", "we only opened it");
    assert_eq!(ask("unlink"), "unlinked");
    assert!(SharedMemory::open(name.as_str()).is_err());
    peer.expect_success();
}

/// Reads `create SIZE TEXT`, `write TEXT`, `read LEN`, `unlink` and answers with text or an error.
const POSIX_IPC: &str = r#"
import sys, mmap, posix_ipc
name = sys.argv[1]
for line in sys.stdin:
    words = line.split()
    try:
        if words[0] == "create":
            memory = posix_ipc.SharedMemory(name, posix_ipc.O_CREX, size=int(words[1]))
        elif words[0] == "unlink":
            posix_ipc.unlink_shared_memory(name)
            print("unlinked")
            continue
        else:
            memory = posix_ipc.SharedMemory(name)
        with mmap.mmap(memory.fd, memory.size) as m:
            if words[0] != "read":
                m[:len(words[-1])] = words[-1].encode()
            print(memory.size, m[:9].rstrip(b"\0").decode())
        memory.close_fd()
    except Exception as error:
        print(type(error).__name__)
"#;

const NOB_IPC: &str = r#"
import sys
from nob.ipc import NamedSharedMemory, Flags
name = sys.argv[1]
for line in sys.stdin:
    words = line.split()
    try:
        if words[0] == "create":
            memory = NamedSharedMemory(name, size=int(words[1]), handle_existence=Flags.RAISE_IF_EXISTS, unlink_on_delete=False)
        elif words[0] == "unlink":
            NamedSharedMemory(name, unlink_on_delete=False).unlink()
            print("unlinked")
            continue
        else:
            memory = NamedSharedMemory(name, unlink_on_delete=False)
        with memory.mmap() as m:
            if words[0] != "read":
                m[:len(words[-1])] = words[-1].encode()
            print(memory.size, m[:9].rstrip(b"\0").decode())
        memory.close()
    except Exception as error:
        print(type(error).__name__)
"#;

/// `multiprocessing` rounds no sizes on Linux; its tracker is told to leave the object alone.
const MULTIPROCESSING: &str = r#"
import sys
from multiprocessing import shared_memory, resource_tracker
resource_tracker.register = lambda *_: None
resource_tracker.unregister = lambda *_: None
name = sys.argv[1].lstrip("/")
for line in sys.stdin:
    words = line.split()
    try:
        if words[0] == "create":
            memory = shared_memory.SharedMemory(name, create=True, size=int(words[1]))
        else:
            memory = shared_memory.SharedMemory(name)
        if words[0] == "unlink":
            memory.unlink()
            memory.close()
            print("unlinked")
            continue
        if words[0] != "read":
            memory.buf[:len(words[-1])] = words[-1].encode()
        print(memory.size, bytes(memory.buf[:9]).rstrip(b"\0").decode())
        memory.close()
    except Exception as error:
        print(type(error).__name__)
"#;

fn talk(script: &str, label: &str, missing: &str) {
    let _watchdog = watchdog::watchdog(60);
    let name = names::unique(label);
    let Some(command) = python::script(script, &[&name]) else {
        testutil::skip::skip(python::HOW_TO);
        return;
    };
    let mut peer: Child = child::start(command);
    let mut ask = |line: &str| {
        peer.send_line(line);
        peer.read_line()
    };

    assert_eq!(ask("read"), missing);
    let ours = SharedMemory::create(name.as_str(), 8_192).unwrap();
    ours.map().unwrap().write_at(0, b"from-rust").unwrap();
    assert_eq!(ask("read"), "8192 from-rust");
    assert_eq!(ask("write by-python"), "8192 by-python"[..14].to_string());
    assert_eq!(text(&ours, 9), "by-python");
    drop(ours);
    assert_eq!(ask("read"), missing);

    assert_eq!(ask("create 5000 py-made-it"), "5000 py-made-i");
    let options = SharedMemory::options().mode(OpenMode::OpenOrCreate).cleanup(Cleanup::Creator);
    let theirs = options.size(5_000).open(name.as_str()).unwrap();
    assert_eq!(text(&theirs, 10), "py-made-it");
    theirs.map().unwrap().write_at(0, b"answer\0\0\0\0").unwrap();
    assert_eq!(ask("read"), "5000 answer");
    drop(theirs);
    assert_eq!(ask("read"), "5000 answer", "we only opened it");
    assert_eq!(ask("unlink"), "unlinked");
    assert!(SharedMemory::open(name.as_str()).is_err());
    peer.expect_success();
}

#[test]
fn posix_ipc_of_python_shares_objects_in_both_directions() {
    talk(POSIX_IPC, "posix-ipc", "ExistentialError");
}

#[test]
fn nob_ipc_shares_objects_in_both_directions() {
    talk(NOB_IPC, "nob-ipc", "FileNotFoundError");
}

#[test]
fn multiprocessing_shares_objects_in_both_directions() {
    talk(MULTIPROCESSING, "multiprocessing", "FileNotFoundError");
}

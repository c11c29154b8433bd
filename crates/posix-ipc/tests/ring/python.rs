//! A reader and a writer in Python, written from `docs/ring-format.md` alone.

use std::process::Command;
use std::time::Duration;

use posix_ipc::ring::{mpmc, spsc};
use posix_ipc::{OpenMode, SharedMemory};
use testutil::child::{self, Child};
use testutil::names::unique;
use testutil::watchdog::watchdog;

fn script(arguments: &[&str]) -> Option<Command> {
    run("--version", "/tests/ring/ring.py", arguments)
}

/// A command that runs `file`; `None` if no Python can be run with `probe`.
fn run(probe: &str, file: &str, arguments: &[&str]) -> Option<Command> {
    let python = ["python3", "python"].into_iter().find(|python| {
        Command::new(python).arg(probe).output().is_ok_and(|out| out.status.success())
    })?;
    let mut command = Command::new(python);
    command.arg("-u").arg(concat!(env!("CARGO_MANIFEST_DIR")).to_owned() + file);
    command.args(arguments);
    Some(command)
}

fn message(i: u32) -> Vec<u8> {
    (0..i * 7 % 900).map(|j| (i + j) as u8).collect()
}

#[test]
fn python_reads_what_we_write() {
    let _watchdog = watchdog(120);
    let name = unique("to-python");
    let Some(command) = script(&["read", &name, "500"]) else {
        return testutil::skip::skip("no Python");
    };
    let mut sender = spsc::Sender::create(&*name, 8192).unwrap();
    let mut reader = child::start(command);
    for i in 0..500 {
        sender.send(&message(i)).unwrap();
    }
    reader.expect_line("ok");
    reader.expect_success();
    assert_eq!(sender.backlog().unwrap(), 0);
}

#[test]
fn we_read_what_python_writes() {
    let _watchdog = watchdog(120);
    let name = unique("from-python");
    let Some(command) = script(&["write", &name, "500"]) else {
        return testutil::skip::skip("no Python");
    };
    let mut receiver = spsc::Receiver::create(&*name, 8192).unwrap();
    let mut writer = child::start(command);
    for i in 0..500 {
        assert_eq!(receiver.receive_vec().unwrap(), message(i), "message {i}");
    }
    writer.expect_line("ok");
    writer.expect_success();
    assert_eq!(receiver.receive_vec(), Err(posix_ipc::ring::ReceiveError::PeerGone));
}

fn long_message(i: u32) -> Vec<u8> {
    (0..100_000 + i * 7 % 900).map(|j| (i + j) as u8).collect()
}

#[test]
fn python_and_we_exchange_messages_in_parts() {
    let _watchdog = watchdog(120);
    let names = [unique("parts-from-python"), unique("parts-to-python")];
    let write = script(&["write", &names[0], "50", "100000"]);
    let read = script(&["read", &names[1], "50", "100000"]);
    let (Some(write), Some(read)) = (write, read) else {
        return testutil::skip::skip("no Python");
    };
    let mut receiver = spsc::Receiver::create(&*names[0], 1 << 20).unwrap();
    let mut sender = spsc::Sender::create(&*names[1], 1 << 20).unwrap();
    let (writer, reader) = (child::start(write), child::start(read));
    let mut buffer = vec![0; 101_000];
    for i in 0..50 {
        let len = receiver.receive(&mut buffer).unwrap();
        assert_eq!(buffer[..len], long_message(i), "message {i}");
        sender.send(&long_message(i)).unwrap();
    }
    for mut peer in [writer, reader] {
        peer.expect_line("ok");
        peer.expect_success();
    }
}

#[test]
fn python_creates_a_ring_that_we_take() {
    let _watchdog = watchdog(120);
    let name = unique("by-python");
    let Some(command) = script(&["create", &name, "500"]) else {
        return testutil::skip::skip("no Python");
    };
    let mut writer = child::start(command);
    writer.expect_line("created");
    let mut receiver = spsc::Receiver::open(&*name).unwrap();
    assert_eq!(receiver.capacity(), 4096);
    for i in 0..500 {
        assert_eq!(receiver.receive_vec().unwrap(), message(i), "message {i}");
    }
    writer.expect_line("ok");
    writer.expect_success();
}

/// Starts the peer for mpmc rings, which has a compare-and-swap from libatomic alone.
fn mpmc_peer(arguments: &[&str]) -> Option<Child> {
    let probe = "-cimport ctypes; ctypes.CDLL('libatomic.so.1')";
    run(probe, "/tests/ring/mpmc_ring.py", arguments).map(child::start)
}

const NO_PEER: &str = "no Python, or no libatomic.so.1, which comes with gcc";

/// Nobody looks by itself: every wake has to come.
fn senders(name: &str, capacity: usize) -> mpmc::Sender {
    let options = mpmc::Sender::options().mode(OpenMode::OpenOrCreate).capacity(capacity);
    let options = options.message_size(300).lanes(3);
    options.liveness_interval(Duration::MAX).spin(false).open(name).unwrap()
}

fn receivers(name: &str) -> mpmc::Receiver {
    let options = mpmc::Receiver::options().liveness_interval(Duration::MAX);
    options.spin(false).open(name).unwrap()
}

fn numbered(i: u32) -> Vec<u8> {
    let mut message = i.to_ne_bytes().to_vec();
    message.extend((0..i * 7 % 290).map(|j| (i + j) as u8));
    message
}

/// The number of a message, if it is whole.
fn number(message: &[u8]) -> u32 {
    let number = u32::from_ne_bytes(message[..4].try_into().unwrap());
    assert_eq!(message, numbered(number));
    number
}

#[test]
fn python_takes_the_highest_lane_first_and_each_in_order() {
    let _watchdog = watchdog(120);
    let name = unique("lanes-to-python");
    let sender = senders(&name, 16);
    (0..48).for_each(|i| sender.try_send(&numbered(i), i % 3).unwrap());
    let Some(mut reader) = mpmc_peer(&["read", &name]) else {
        return testutil::skip::skip(NO_PEER);
    };
    reader.expect_line("ready");
    for lane in [2, 1, 0] {
        for i in (lane..48).step_by(3) {
            reader.expect_line(&format!("{i} {lane}"));
        }
    }
    sender.send(b"", 0).unwrap();
    reader.expect_line("ok");
    reader.expect_success();
    assert_eq!(sender.participants(), 1);
}

#[test]
fn we_take_pythons_lanes_in_order_and_wake_at_its_messages() {
    let _watchdog = watchdog(120);
    let name = unique("lanes-from-python");
    let Some(mut writer) = mpmc_peer(&["create", &name, "0", "1000"]) else {
        return testutil::skip::skip(NO_PEER);
    };
    writer.expect_line("created");
    let receiver = receivers(&name);
    assert_eq!((receiver.capacity(), receiver.message_size(), receiver.lanes()), (8, 300, 3));
    let mut next = [0; 2];
    for _ in 0..1000 {
        let (message, lane) = receiver.receive_vec().unwrap();
        let lane = lane.get() as usize;
        assert_eq!(number(&message), next[lane - 1] * 2 + lane as u32 - 1);
        next[lane - 1] += 1;
    }
    writer.expect_line("ready");
    writer.expect_line("ok");
    writer.expect_success();
    assert_eq!(receiver.try_receive_vec().unwrap(), None);
}

#[test]
fn python_answers_sleepers_on_either_side() {
    let _watchdog = watchdog(120);
    let (there, back) = (unique("to-python-and"), unique("and-back"));
    let (sender, receiver) = (senders(&there, 4), {
        drop(
            mpmc::Sender::options()
                .mode(OpenMode::CreateNew)
                .cleanup(posix_ipc::Cleanup::Keep)
                .capacity(4)
                .message_size(300)
                .lanes(3)
                .open(&*back)
                .unwrap(),
        );
        receivers(&back)
    });
    let Some(mut peer) = mpmc_peer(&["echo", &there, &back, "1500"]) else {
        return testutil::skip::skip(NO_PEER);
    };
    peer.expect_line("ready");
    for i in 0..500 {
        sender.send(&numbered(i), i % 3).unwrap();
        let (message, lane) = receiver.receive_vec().unwrap();
        assert_eq!((number(&message), lane.get()), (i, i % 3));
    }
    // Four slots: the sender sleeps for want of room, and so does the peer.
    let sending = std::thread::spawn(move || {
        (500..1500).for_each(|i| sender.send(&numbered(i), 1).unwrap());
    });
    for i in 500..1500 {
        assert_eq!(number(&receiver.receive_vec().unwrap().0), i);
    }
    sending.join().unwrap();
    peer.expect_line("ok");
    peer.expect_success();
}

#[test]
fn python_and_we_claim_from_the_same_lanes_at_once_and_each_message_once() {
    let _watchdog = watchdog(120);
    const EACH: u32 = 1000;
    let name = unique("contended-by-python");
    let sender = senders(&name, 8);
    let Some(mut reader) = mpmc_peer(&["read", &name]) else {
        return testutil::skip::skip(NO_PEER);
    };
    let count = EACH.to_string();
    let mut writers =
        ["0", &*count].map(|first| mpmc_peer(&["write", &name, first, &count]).unwrap());
    let other = receivers(&name);
    let ours = std::thread::spawn(move || {
        let mut numbers = Vec::new();
        loop {
            let (message, _) = other.receive_vec().unwrap();
            if message.is_empty() {
                return numbers;
            }
            numbers.push(number(&message));
        }
    });
    for i in 2 * EACH..3 * EACH {
        sender.send(&numbered(i), 1 + i % 2).unwrap();
    }
    for writer in &mut writers {
        writer.expect_line("ready");
        writer.expect_line("ok");
    }
    // Lowest lane: behind all others. Each reader ends at the first that it gets.
    (0..2).for_each(|_| sender.send(b"", 0).unwrap());
    reader.expect_line("ready");
    let mut all = Vec::new();
    loop {
        match &*reader.read_line() {
            "ok" => break,
            line => all.push(line.split(' ').next().unwrap().parse().unwrap()),
        }
    }
    let ours = ours.join().unwrap();
    println!("Python received {}, we {} of {}", all.len(), ours.len(), 3 * EACH);
    all.extend(ours);
    all.sort_unstable();
    assert!(all.into_iter().eq(0..3 * EACH), "one was lost, or received twice");
    let incidents = sender.incidents();
    assert_eq!((incidents.skipped, incidents.redelivered), (0, 0));
}

#[test]
fn python_repairs_what_the_killed_leave() {
    let _watchdog = watchdog(120);
    let name = unique("repaired-by-python");
    let sender = mpmc::Sender::options().mode(OpenMode::CreateNew).capacity(4).message_size(16);
    let sender = sender.liveness_interval(Duration::MAX).open(&*name).unwrap();
    sender.send(b"", 0).unwrap();
    let mut taker = child::run("taker", &[&name]);
    taker.expect_line("");
    let mut reserver = child::run("reserver", &[&name]);
    reserver.expect_line("half");
    let Some(mut reader) = mpmc_peer(&["read", &name]) else {
        return testutil::skip::skip(NO_PEER);
    };
    reader.expect_line("ready");
    assert_eq!(sender.participants(), 4);
    reserver.kill();
    taker.kill();
    reader.expect_line("ok");
    reader.expect_success();
    let incidents = sender.incidents();
    assert_eq!((incidents.skipped, incidents.redelivered), (1, 1));
}

#[test]
fn python_refuses_rings_that_are_not_its_own() {
    let _watchdog = watchdog(120);
    let (spsc, mpmc) = (unique("shape"), unique("version"));
    let _spsc = spsc::Sender::create(&*spsc, 4096).unwrap();
    let _mpmc = senders(&mpmc, 4);
    let refused = |name: &str| {
        let Some(mut peer) = mpmc_peer(&["read", name]) else {
            testutil::skip::skip(NO_PEER);
            return false;
        };
        assert_eq!(peer.try_read_line(), None, "it takes part");
        assert_eq!(peer.wait().code(), Some(1));
        true
    };
    if !refused(&spsc) {
        return;
    }
    let memory = SharedMemory::open(&*mpmc).unwrap().map().unwrap();
    // Version, capacity, longest message, lanes, flags.
    for (at, wrong) in [(8, 1), (8, 2), (32, 3), (40, 400), (44, 33), (52, 2)] {
        let word = memory.atomic_u32(at).unwrap();
        let right = word.swap(wrong, std::sync::atomic::Ordering::SeqCst);
        assert!(refused(&mpmc), "{wrong} at {at}");
        word.store(right, std::sync::atomic::Ordering::SeqCst);
    }
    let mut peer = mpmc_peer(&["write", &mpmc, "0", "0"]).unwrap();
    peer.expect_line("ready");
    peer.expect_line("ok");
}

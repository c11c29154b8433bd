//! Several processes at one queue: nothing is lost or repeated, whoever comes, goes or dies.

use std::collections::BTreeSet;
use std::fs;

use posix_ipc::mq::Access;
use posix_ipc::{Disposition, MessageQueue, OpenMode};
use testutil::churn::Churn;
use testutil::names::unique;
use testutil::{child, watchdog};

use crate::support::{contents, patiently, small};

const SENDERS: usize = 4;
const RECEIVERS: usize = 4;
const PER_SENDER: usize = 250_000;
const STOP: &[u8] = b"stop";

#[test]
fn four_senders_and_four_receivers_lose_and_repeat_nothing_over_a_million_messages() {
    let _watchdog = watchdog::watchdog(600);
    let directory = tempfile::tempdir().unwrap();
    let name = unique("million");
    let queue = patiently(|| MessageQueue::create(&*name, 10, 16)).unwrap();
    let path = |receiver: usize| directory.path().join(receiver.to_string()).display().to_string();
    let receivers: Vec<_> =
        (0..RECEIVERS).map(|n| child::run("receives_until_stopped", &[&name, &path(n)])).collect();
    let senders: Vec<_> =
        (0..SENDERS).map(|n| child::run("sends_numbers", &[&name, &n.to_string()])).collect();
    for sender in senders {
        sender.expect_success();
    }
    // Of the lowest priority: received after everything else.
    for _ in 0..RECEIVERS {
        queue.send(STOP, 0).unwrap();
    }
    for receiver in receivers {
        receiver.expect_success();
    }
    let mut seen = vec![0u8; SENDERS * PER_SENDER];
    for receiver in 0..RECEIVERS {
        let bytes = fs::read(path(receiver)).unwrap();
        for number in bytes.chunks_exact(4) {
            let number = u32::from_ne_bytes(number.try_into().unwrap());
            seen[number as usize] += 1;
        }
    }
    let wrong = seen.iter().filter(|&&count| count != 1).count();
    assert_eq!(wrong, 0, "so many messages were lost or repeated");
    assert!(queue.is_empty().unwrap());
}

pub(crate) fn sends_numbers(arguments: &[String]) {
    let queue = MessageQueue::open_sender(&*arguments[0]).unwrap();
    let sender: usize = arguments[1].parse().unwrap();
    for number in sender * PER_SENDER..(sender + 1) * PER_SENDER {
        queue.send(&(number as u32).to_ne_bytes(), 1).unwrap();
    }
}

pub(crate) fn receives_until_stopped(arguments: &[String]) {
    let queue = MessageQueue::open_receiver(&*arguments[0]).unwrap();
    let mut seen = Vec::new();
    let mut last = [None; SENDERS];
    let mut buffer = [0; 16];
    loop {
        let (length, _) = queue.receive(&mut buffer).unwrap();
        let message = &buffer[..length];
        if message == STOP {
            break;
        }
        let number = u32::from_ne_bytes(message.try_into().unwrap());
        let last = &mut last[number as usize / PER_SENDER];
        assert!(*last < Some(number), "messages of one sender come in order");
        *last = Some(number);
        seen.extend_from_slice(message);
    }
    fs::write(&arguments[1], seen).unwrap();
}

#[test]
fn killed_receiver_loses_only_what_it_had_received() {
    let _watchdog = watchdog::watchdog(120);
    const ROUNDS: u32 = 20;
    const PER_ROUND: u32 = 40;
    let name = unique("kill");
    let queue = small(&name);
    for round in 0..ROUNDS {
        let mut receiver = child::run("receives_and_reports", &[&name]);
        let mut reported = Vec::new();
        // From "before its first message" to "amid of them".
        let patience = round % 10;
        let mut sent = 0;
        while sent < PER_ROUND {
            if queue.try_send(&sent.to_ne_bytes(), 0).is_ok() {
                sent += 1;
            } else if reported.len() < patience as usize {
                reported.push(receiver.read_line().parse::<u32>().unwrap());
            } else {
                break;
            }
        }
        receiver.kill();
        while let Some(line) = receiver.try_read_line() {
            reported.push(line.parse().unwrap());
        }
        let left = contents(&queue);
        let left = left.iter().map(|(text, _)| u32::from_ne_bytes(text[..].try_into().unwrap()));
        let found: Vec<u32> = reported.into_iter().chain(left).collect();
        assert!(found.is_sorted(), "{found:?}");
        let distinct: BTreeSet<u32> = found.iter().copied().collect();
        assert_eq!(distinct.len(), found.len(), "repeated: {found:?}");
        // One may have been received, but not reported yet.
        assert!(distinct.len() as u32 + 1 >= sent, "round {round}: {sent} sent, {found:?}");
    }
}

pub(crate) fn receives_and_reports(arguments: &[String]) {
    let queue = MessageQueue::open_receiver(&*arguments[0]).unwrap();
    let mut buffer = [0; 64];
    loop {
        let (length, _) = queue.receive(&mut buffer).unwrap();
        let number = u32::from_ne_bytes(buffer[..length].try_into().unwrap());
        child::say(&number.to_string());
    }
}

#[test]
fn killed_waiting_receiver_takes_nothing_with_it() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("kill-waiting");
    let queue = small(&name);
    let mut receiver = child::run("receives_and_reports", &[&name]);
    queue.send(&1u32.to_ne_bytes(), 0).unwrap();
    receiver.expect_line("1");
    receiver.wait_until_asleep();
    receiver.kill();
    queue.send(b"still mine", 0).unwrap();
    assert_eq!(contents(&queue), [(b"still mine".to_vec(), 0)]);
}

#[test]
fn killed_waiting_sender_leaves_its_message_or_nothing() {
    let _watchdog = watchdog::watchdog(60);
    let name = unique("kill-sender");
    let queue = small(&name);
    let mut sender = child::run("fills_for_ever", &[&name]);
    sender.expect_line("ready");
    while queue.len().unwrap() < queue.capacity() {
        std::thread::yield_now();
    }
    sender.kill();
    assert_eq!(contents(&queue), vec![(b"whole".to_vec(), 7); 4]);
}

pub(crate) fn fills_for_ever(arguments: &[String]) {
    let queue = MessageQueue::open_sender(&*arguments[0]).unwrap();
    child::say("ready");
    loop {
        queue.send(b"whole", 7).unwrap();
    }
}

const CHURNS: usize = 30_000;

#[test]
fn open_or_create_under_churn_never_surfaces_not_found_or_exists() {
    let _watchdog = watchdog::watchdog(300);
    let name = unique("churn");
    let mut peer = child::run("creates_and_unlinks", &[&name]);
    peer.expect_line("ready");
    let (mut created, mut opened) = (0, 0);
    // Goes on until both ways were taken.
    while created + opened < CHURNS || created == 0 || opened == 0 {
        let queue = patiently(|| MessageQueue::open_or_create(&*name, 1, 8)).unwrap();
        match queue.disposition() {
            Disposition::Created => created += 1,
            Disposition::Opened => opened += 1,
        }
    }
    peer.close_input();
    peer.expect_success();
}

#[test]
fn replace_under_churn_never_ends_with_an_old_queue() {
    let _watchdog = watchdog::watchdog(300);
    let name = unique("replace-churn");
    let mut peer = child::run("creates_and_unlinks", &[&name]);
    peer.expect_line("ready");
    let options = MessageQueue::options().mode(OpenMode::Replace).capacity(1).message_size(8);
    for _ in 0..5_000 {
        // The peer's has its mark in it, and another geometry could be refused, but not this one.
        let queue = patiently(|| options.open(&*name)).unwrap();
        assert_eq!(queue.disposition(), Disposition::Created);
        assert!(queue.is_empty().unwrap());
    }
    peer.close_input();
    peer.expect_success();
}

pub(crate) fn creates_and_unlinks(arguments: &[String]) {
    let name = &*arguments[0];
    child::say("ready");
    let ended = std::thread::spawn(child::hear);
    let mut churn = Churn::new();
    while !ended.is_finished() {
        let options = MessageQueue::options().mode(OpenMode::CreateNew).access(Access::Send);
        if let Ok(queue) = options.capacity(1).message_size(8).open(name) {
            queue.send(b"mark", 0).unwrap();
            churn.there();
            // Also if another has replaced it meanwhile.
            let _ = MessageQueue::unlink(name);
            churn.away();
        }
    }
}

//! Kills at chosen instructions: a send and a receive of either shape, what puts messages back, and
//! [arrivals](arrival) are stepped through one instruction at a time, and killed after so many, from before
//! the first to after the last.
//!
//! As many kills for each as `POSIX_IPC_STEPS` says, 64 by default; an eighth of that for long ways.

mod arrival;

use std::cell::Cell;

use posix_ipc::ring::{mpmc, spsc};
use posix_ipc::{Cleanup, OpenMode, SharedMemory};
use testutil::child;
use testutil::stepped::{kill_everywhere, run_between_marks};

const MESSAGES: [&[u8]; 3] = [b"first", b"second", b"third"];
/// As long as those that are copied beside the index of an spsc ring in several lines, and as those whose
/// lines a receiver of an mpmc ring marks.
const LONG: [&[u8]; 3] = [&[1; 100], &[2; 150], &[3; 208]];

/// So long that they go in parts.
static IN_PARTS: [&[u8]; 3] = [&[1; 65_536], &[2; 65_537], &[3; 70_000]];

/// Where the first lane of an mpmc ring counts what came back, and the state of the second of its slots of
/// 32 bytes, by docs/ring-format.md.
const RETURNS: usize = 4232;
const SECOND_STATE: usize = 16_384 + 32;

/// A word of a ring.
fn word(ring: &str, offset: usize) -> u64 {
    let mut bytes = [0; 8];
    SharedMemory::open(ring).unwrap().map().unwrap().read_at(offset, &mut bytes).unwrap();
    u64::from_ne_bytes(bytes)
}

/// Does what it is told to: the first time as usual, the second time between two marks.
pub(crate) fn stepped(arguments: &[String]) {
    let [what, ring] = arguments else { panic!("two arguments") };
    let mut buffer = [0; 256];
    let mut act: Box<dyn FnMut(usize)> = match &**what {
        "spsc send" => {
            let mut sender = spsc::Sender::open(ring).unwrap();
            Box::new(move |i| sender.send(MESSAGES[i]).unwrap())
        }
        "spsc send long" => {
            let mut sender = spsc::Sender::open(ring).unwrap();
            Box::new(move |i| sender.send(LONG[i]).unwrap())
        }
        "spsc send in parts" => {
            let mut sender = spsc::Sender::open(ring).unwrap();
            Box::new(move |i| sender.send(IN_PARTS[i]).unwrap())
        }
        "spsc batch" => {
            let mut sender = spsc::Sender::open(ring).unwrap();
            Box::new(move |i| sender.batch().send(MESSAGES[i]).unwrap())
        }
        "spsc reserve" => {
            let mut sender = spsc::Sender::open(ring).unwrap();
            Box::new(move |i| {
                let mut grant = sender.reserve(MESSAGES[i].len()).unwrap();
                grant.write_at(0, MESSAGES[i]).unwrap();
                grant.commit();
            })
        }
        "spsc open to send" => {
            Box::new(move |i| spsc::Sender::open(ring).unwrap().send(MESSAGES[i]).unwrap())
        }
        "spsc open to receive" => Box::new(move |_| {
            assert!(spsc::Receiver::open(ring).unwrap().receive(&mut buffer).is_ok());
        }),
        "spsc create" => Box::new(move |i| match i {
            0 => drop(spsc::Sender::create(format!("{ring}-first"), 4096).unwrap()),
            _ => spsc::Sender::create(ring, 4096).unwrap().keep(),
        }),
        "spsc receive" => {
            let mut receiver = spsc::Receiver::open(ring).unwrap();
            Box::new(move |_| assert!(receiver.receive(&mut buffer).is_ok()))
        }
        "mpmc send" => {
            let sender = mpmc::Sender::open(ring).unwrap();
            Box::new(move |i| sender.send(MESSAGES[i], 0).unwrap())
        }
        "mpmc reserve" => {
            let sender = mpmc::Sender::open(ring).unwrap();
            Box::new(move |i| {
                let mut grant = sender.reserve(MESSAGES[i].len(), 0).unwrap();
                grant.write_at(0, MESSAGES[i]).unwrap();
                grant.commit();
            })
        }
        "mpmc open to send" => {
            Box::new(move |i| mpmc::Sender::open(ring).unwrap().send(MESSAGES[i], 0).unwrap())
        }
        "mpmc open to receive" => Box::new(move |_| {
            assert!(mpmc::Receiver::open(ring).unwrap().receive(&mut buffer).is_ok());
        }),
        "mpmc abandon" => {
            let sender = mpmc::Sender::open(ring).unwrap();
            Box::new(move |i| match i {
                0 => sender.send(MESSAGES[0], 0).unwrap(),
                _ => drop(sender.reserve(1, 0).unwrap()),
            })
        }
        "mpmc receive" => {
            let receiver = mpmc::Receiver::open(ring).unwrap();
            Box::new(move |_| assert!(receiver.receive(&mut buffer).is_ok()))
        }
        "mpmc hold" => {
            let receiver = mpmc::Receiver::open(ring).unwrap();
            Box::new(move |_| std::mem::forget(receiver.peek().unwrap()))
        }
        "mpmc repair" => {
            let receiver = mpmc::Receiver::open(ring).unwrap();
            Box::new(move |i| match i {
                // It needs its seat before, or it would take the dead one's.
                0 => {
                    let mut holder = child::run("stepped", &["mpmc hold", ring]);
                    holder.read_line();
                    holder.kill();
                }
                _ => receiver.repair(),
            })
        }
        "mpmc put back" => {
            let receiver = mpmc::Receiver::open(ring).unwrap();
            Box::new(move |i| {
                let record = receiver.peek().unwrap();
                if i == 0 {
                    record.release();
                }
            })
        }
        _ => {
            let receiver = mpmc::Receiver::open(ring).unwrap();
            Box::new(move |i| {
                let record = receiver.peek().unwrap();
                assert!(record.read_at(0, &mut buffer[..MESSAGES[i].len()]).is_ok());
                record.release();
            })
        }
    };
    run_between_marks(&mut *act);
}

fn texts(received: &[Vec<u8>]) -> Vec<&[u8]> {
    received.iter().map(Vec::as_slice).collect()
}

/// Whether the second message arrived: the others have to, in order.
fn second_arrived(received: &[Vec<u8>], expected: &[&[u8]]) -> bool {
    let arrived = received.len() == expected.len();
    let seconds = [MESSAGES[1], LONG[1], IN_PARTS[1]];
    let kept = |text: &&[u8]| arrived || !seconds.contains(text);
    let kept: Vec<&[u8]> = expected.iter().copied().filter(kept).collect();
    assert_eq!(texts(received), kept);
    arrived
}

fn kill_an_spsc_sender(what: &str, messages: &[&[u8]; 3]) {
    kill_everywhere(what, |ring, kill| {
        let capacity = messages.iter().map(|message| message.len()).sum::<usize>().max(4096);
        let mut receiver = spsc::Receiver::create(ring, capacity).unwrap();
        if !kill(ring) {
            return None;
        }
        spsc::Sender::open(ring).unwrap().send(messages[2]).unwrap();
        let received: Vec<_> = std::iter::from_fn(|| receiver.try_receive_vec().unwrap()).collect();
        Some(second_arrived(&received, messages))
    });
}

#[test]
fn an_spsc_sender_killed_at_any_instruction_has_sent_all_or_nothing() {
    for what in ["spsc send", "spsc batch", "spsc reserve"] {
        kill_an_spsc_sender(what, &MESSAGES);
    }
}

#[test]
fn an_spsc_sender_killed_at_any_instruction_of_a_copy_in_several_lines_has_sent_all_or_nothing() {
    kill_an_spsc_sender("spsc send long", &LONG);
}

/// Where copies take few instructions: in the language itself, it would be stepped for minutes.
#[cfg(all(target_arch = "x86_64", not(posix_ipc_portable_copy)))]
#[test]
fn an_spsc_sender_killed_at_any_instruction_of_a_copy_in_parts_has_sent_all_or_nothing() {
    kill_an_spsc_sender("spsc send in parts", &IN_PARTS);
}

/// The receiver follows closely, so that it takes each message by the copy beside the index.
#[test]
fn what_an_spsc_sender_left_half_copied_is_not_taken_for_the_next_message() {
    kill_everywhere("spsc send long", |ring, kill| {
        let mut receiver = spsc::Receiver::create(ring, 4096).unwrap();
        if !kill(ring) {
            return None;
        }
        assert_eq!(receiver.receive_vec().unwrap(), LONG[0]);
        let second = receiver.try_receive_vec().unwrap();
        assert!(second.as_deref().is_none_or(|second| second == LONG[1]));
        let mut sender = spsc::Sender::open(ring).unwrap();
        for message in LONG {
            sender.send(message).unwrap();
            assert_eq!(receiver.receive_vec().unwrap(), message);
        }
        Some(second.is_some())
    });
}

fn kill_an_spsc_receiver(what: &str) {
    kill_everywhere(what, |ring, kill| {
        let mut sender = spsc::Sender::create(ring, 4096).unwrap();
        MESSAGES.iter().for_each(|text| sender.send(text).unwrap());
        if !kill(ring) {
            return None;
        }
        let mut receiver = spsc::Receiver::open(ring).unwrap();
        let received: Vec<_> = std::iter::from_fn(|| receiver.try_receive_vec().unwrap()).collect();
        Some(!second_arrived(&received, &MESSAGES[1..]))
    });
}

#[test]
fn an_spsc_receiver_killed_at_any_instruction_loses_nothing_that_it_had_not_taken() {
    kill_an_spsc_receiver("spsc receive");
}

/// Kills who sends the second of three messages in the way that `what` names; gives whether it
/// could, and how often one was left half-written.
fn kill_an_mpmc_sender(what: &str) -> (bool, u64) {
    let halves = Cell::new(0);
    let traced = kill_everywhere(what, |ring, kill| {
        let receiver = mpmc::Receiver::create(ring, 4, 16).unwrap();
        if !kill(ring) {
            return None;
        }
        receiver.repair();
        mpmc::Sender::open(ring).unwrap().send(MESSAGES[2], 0).unwrap();
        let next = || receiver.try_receive_vec().unwrap().map(|(message, _)| message);
        let received: Vec<_> = std::iter::from_fn(next).collect();
        let arrived = second_arrived(&received, &MESSAGES);
        let skipped = receiver.incidents().skipped;
        assert!(skipped <= u64::from(!arrived), "{skipped} skipped, arrived: {arrived}");
        halves.set(halves.get() + skipped);
        Some(arrived)
    });
    println!("{} of them left a half-written message", halves.get());
    (traced, halves.get())
}

#[test]
fn an_mpmc_sender_killed_at_any_instruction_has_sent_all_or_is_skipped() {
    for what in ["mpmc send", "mpmc reserve"] {
        let (traced, halves) = kill_an_mpmc_sender(what);
        assert!(!traced || halves > 0);
    }
}

#[test]
fn an_mpmc_sender_killed_at_any_instruction_of_giving_up_blocks_nobody() {
    kill_everywhere("mpmc abandon", |ring, kill| {
        let receiver = mpmc::Receiver::create(ring, 4, 16).unwrap();
        if !kill(ring) {
            return None;
        }
        let is_given_up = word(ring, SECOND_STATE) == 1 << 12;
        receiver.repair();
        assert!(
            [0, 1 << 12].contains(&word(ring, SECOND_STATE)),
            "free in its first or second lap"
        );
        mpmc::Sender::open(ring).unwrap().send(MESSAGES[2], 0).unwrap();
        let next = || receiver.try_receive_vec().unwrap().map(|(message, _)| message);
        let received: Vec<_> = std::iter::from_fn(next).collect();
        assert_eq!(texts(&received), [MESSAGES[0], MESSAGES[2]]);
        Some(is_given_up)
    });
}

/// Kills who takes the second of three messages in the way that `what` names; gives whether it
/// could, and how often one was delivered again.
fn kill_an_mpmc_receiver(what: &str, messages: [&[u8]; 3]) -> (bool, u64) {
    let halves = Cell::new(0);
    let traced = kill_everywhere(what, |ring, kill| {
        let options = mpmc::Sender::options().mode(OpenMode::CreateNew).cleanup(Cleanup::Creator);
        let sender = options.capacity(4).message_size(208).open(ring).unwrap();
        messages.iter().for_each(|text| sender.send(text, 0).unwrap());
        if !kill(ring) {
            return None;
        }
        sender.repair();
        let receiver = mpmc::Receiver::open(ring).unwrap();
        let next = || receiver.try_receive_vec().unwrap().map(|(message, _)| message);
        let received: Vec<_> = std::iter::from_fn(next).collect();
        let arrived = second_arrived(&received, &messages[1..]);
        let again = receiver.incidents().redelivered;
        assert!(again <= u64::from(arrived), "{again} redelivered, arrived: {arrived}");
        halves.set(halves.get() + again);
        Some(!arrived)
    });
    println!("{} of them left a message that it was reading", halves.get());
    (traced, halves.get())
}

#[test]
fn an_mpmc_receiver_killed_at_any_instruction_loses_nothing_that_it_had_not_taken() {
    let (_, halves) = kill_an_mpmc_receiver("mpmc receive", MESSAGES);
    assert_eq!(halves, 0, "a short message is taken by one instruction, after it was read");
}

#[test]
fn what_an_mpmc_receiver_killed_at_any_instruction_had_in_hand_is_delivered_again() {
    let (traced, halves) = kill_an_mpmc_receiver("mpmc peek", MESSAGES);
    assert!(!traced || halves > 0);
}

/// It has it in hand while it marks the message's lines, which it does where copies are the
/// processor's own instructions.
#[cfg(all(target_arch = "x86_64", not(posix_ipc_portable_copy)))]
#[test]
fn what_an_mpmc_receiver_was_killed_with_as_it_marked_its_lines_is_delivered_again() {
    let (traced, halves) = kill_an_mpmc_receiver("mpmc receive", LONG);
    assert!(!traced || halves > 0);
}

#[test]
fn an_mpmc_receiver_killed_at_any_instruction_of_putting_back_hides_no_message() {
    kill_everywhere("mpmc put back", |ring, kill| {
        let sender = mpmc::Sender::create(ring, 4, 16).unwrap();
        let receiver = mpmc::Receiver::open(ring).unwrap();
        MESSAGES.iter().for_each(|text| sender.send(text, 0).unwrap());
        if !kill(ring) {
            return None;
        }
        let has_counted = word(ring, RETURNS) > 0;
        receiver.repair();
        let next = || receiver.try_receive_vec().unwrap().map(|(message, _)| message);
        let received: Vec<_> = std::iter::from_fn(next).collect();
        assert_eq!(texts(&received), &MESSAGES[1..]);
        Some(has_counted)
    });
}

#[test]
fn who_is_killed_at_any_instruction_of_a_repair_hides_no_message() {
    kill_everywhere("mpmc repair", |ring, kill| {
        let sender = mpmc::Sender::create(ring, 4, 16).unwrap();
        MESSAGES.iter().for_each(|text| sender.send(text, 0).unwrap());
        let receiver = mpmc::Receiver::open(ring).unwrap();
        if !kill(ring) {
            return None;
        }
        let happened = receiver.incidents().redelivered > 0;
        receiver.repair();
        let next = || receiver.try_receive_vec().unwrap().map(|(message, _)| message);
        let received: Vec<_> = std::iter::from_fn(next).collect();
        assert_eq!(texts(&received), MESSAGES);
        Some(happened)
    });
}

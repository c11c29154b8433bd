//! Messages in parts: interleaved, lost, contradictory, over budget, of dead senders.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use posix_ipc_typed::transport::{
    self, Arrival, MemoryReceiver, MemorySender, ReceiveFrames, SendFrames, Transport,
    TransportError, Wait,
};
use posix_ipc_typed::{
    DropReason, Fragment, Frame, FrameOptions, Message, Reassembly, ReassemblyLimits, ReceiveError,
    Receiver, Sender,
};
use proptest::prelude::*;
use testutil::watchdog::watchdog;
use testutil::{child, names};

testutil::roles!(half_a_message);

#[derive(Debug, Clone, PartialEq, Message)]
struct Note {
    author: u32,
    text: Vec<u8>,
}

/// The fragments of a message, of `size` bytes each.
fn fragments(sender: u64, sequence: u32, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let total = payload.len() as u32;
    payload
        .chunks(size)
        .scan(0, |offset, part| {
            let fragment = Fragment { sender, total, offset: *offset };
            *offset += part.len() as u32;
            let mut frame = Vec::new();
            let options = FrameOptions::new().sequence(sequence).fragment(fragment);
            options.write_payload(&Note::SCHEMA, part, &mut frame).unwrap();
            Some(frame)
        })
        .collect()
}

fn push(reassembly: &mut Reassembly, frame: &[u8], now: Instant) -> Option<Vec<u8>> {
    reassembly.push(&Frame::parse(frame).unwrap(), now)
}

proptest! {
    #[test]
    fn messages_of_several_senders_come_together_however_they_interleave(
        payloads in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 1..200), 1..6),
        size in 1usize..40,
        order in proptest::collection::vec(any::<prop::sample::Index>(), 1200),
    ) {
        let now = Instant::now();
        let mut reassembly = Reassembly::new(ReassemblyLimits::new());
        let mut queues: Vec<std::vec::IntoIter<Vec<u8>>> = payloads
            .iter()
            .enumerate()
            .map(|(sender, payload)| fragments(sender as u64, 9, payload, size).into_iter())
            .collect();
        let mut complete = 0;
        for index in order {
            let sender = index.index(queues.len());
            if let Some(frame) = queues[sender].next() {
                let whole = push(&mut reassembly, &frame, now);
                prop_assert_eq!(whole.is_some(), queues[sender].len() == 0);
                if let Some(whole) = whole {
                    prop_assert_eq!(&whole, &payloads[sender]);
                    complete += 1;
                }
            }
        }
        if queues.iter().all(|queue| queue.len() == 0) {
            prop_assert_eq!(complete, payloads.len());
            prop_assert_eq!((reassembly.held(), reassembly.incomplete()), (0, 0));
        }
        prop_assert_eq!(reassembly.drops().total(), 0);
    }
}

#[test]
fn a_missing_part_drops_the_message_once_and_no_other() {
    let now = Instant::now();
    let mut reassembly = Reassembly::new(ReassemblyLimits::new());
    let parts = fragments(1, 5, &[7; 100], 20);
    let others = fragments(2, 5, &[8; 60], 20);
    push(&mut reassembly, &others[0], now);
    for missing in [0, 1, 3, 4] {
        let parts = parts.iter().enumerate().filter(|(index, _)| *index == missing);
        assert!(parts.into_iter().all(|(_, frame)| push(&mut reassembly, frame, now).is_none()));
    }
    assert_eq!((reassembly.drops().gaps, reassembly.drops().total()), (1, 1));
    let reports = reassembly.take_reports();
    assert_eq!(reports.len(), 1);
    let report = &reports[0];
    assert_eq!((report.sender, report.sequence, report.reason), (1, 5, DropReason::Gap));
    assert_eq!((report.received, report.total, report.message.name()), (40, 100, Some("Note")));
    assert_eq!(push(&mut reassembly, &others[1], now), None);
    assert_eq!(push(&mut reassembly, &others[2], now), Some(vec![8; 60]));
    // The same number again is a new message.
    let again = parts.iter().filter_map(|frame| push(&mut reassembly, frame, now)).next();
    assert_eq!(again, Some(vec![7; 100]));
    assert_eq!(reassembly.held(), 0);
}

#[test]
fn parts_of_one_message_must_agree() {
    let now = Instant::now();
    let mut reassembly = Reassembly::new(ReassemblyLimits::new());
    let parts = fragments(1, 5, &[7; 100], 20);
    push(&mut reassembly, &parts[0], now);
    let longer = &fragments(1, 5, &[7; 120], 20)[1];
    assert_eq!(push(&mut reassembly, longer, now), None);
    assert_eq!((reassembly.drops().inconsistent, reassembly.drops().total()), (1, 1));
    assert_eq!((reassembly.held(), reassembly.incomplete()), (0, 0));
}

#[test]
fn budgets_bound_what_is_kept_of_one_sender_and_of_all() {
    let now = Instant::now();
    let limits = ReassemblyLimits::new().per_sender(100).total(150).messages(4);
    let mut reassembly = Reassembly::new(limits);
    // Too long by its own announcement: nothing is kept from the start.
    for frame in fragments(1, 0, &[0; 101], 50) {
        assert_eq!(push(&mut reassembly, &frame, now), None);
        assert_eq!(reassembly.held(), 0);
    }
    assert_eq!(reassembly.drops().over_budget, 1);
    // Two of one sender, together too long.
    push(&mut reassembly, &fragments(1, 1, &[0; 100], 60)[0], now);
    push(&mut reassembly, &fragments(1, 2, &[0; 100], 60)[0], now);
    assert_eq!((reassembly.held(), reassembly.drops().over_budget), (60, 2));
    // All senders together.
    push(&mut reassembly, &fragments(2, 1, &[0; 100], 60)[0], now);
    push(&mut reassembly, &fragments(3, 1, &[0; 100], 60)[0], now);
    assert_eq!((reassembly.held(), reassembly.drops().over_budget), (120, 3));
    // And their number.
    for sender in 4..7 {
        push(&mut reassembly, &fragments(sender, 1, &[0; 2], 1)[0], now);
    }
    assert_eq!((reassembly.incomplete(), reassembly.drops().over_budget), (4, 4));
    assert!(reassembly.held() <= 150);
}

#[test]
fn a_message_of_which_no_more_comes_is_given_up_in_time() {
    let start = Instant::now();
    let limits = ReassemblyLimits::new().timeout(Duration::from_secs(5));
    let mut reassembly = Reassembly::new(limits);
    let parts = fragments(1, 5, &[7; 60], 20);
    push(&mut reassembly, &parts[0], start);
    push(&mut reassembly, &parts[1], start + Duration::from_secs(5));
    reassembly.expire(start + Duration::from_secs(10));
    assert_eq!(reassembly.drops().total(), 0, "each part starts the time anew");
    reassembly.expire(start + Duration::from_secs(11));
    assert_eq!((reassembly.drops().timed_out, reassembly.held()), (1, 0));
    let late = push(&mut reassembly, &parts[2], start + Duration::from_secs(11));
    assert_eq!((late, reassembly.drops().total()), (None, 1), "counted once");
}

/// Sends the first parts of a message and is killed.
fn half_a_message(arguments: &[String]) {
    let mut queue = posix_ipc::mq::Sender::open_it(&arguments[0]);
    for frame in &fragments(77, 0, &[7; 1000], 100)[..4] {
        queue.send_frame(frame, 0, Wait::Forever).unwrap();
    }
    child::say("half");
    child::hear();
}

/// Opens the sending half of a queue.
trait OpenIt {
    fn open_it(name: &str) -> Self;
}

impl OpenIt for posix_ipc::mq::Sender {
    fn open_it(name: &str) -> Self {
        posix_ipc::MessageQueue::open_sender(name).unwrap()
    }
}

#[test]
fn a_sender_that_is_killed_halfway_costs_its_own_message_alone() {
    let _watchdog = watchdog(60);
    let name = names::unique("fragments-kill");
    let limits = ReassemblyLimits::new().timeout(Duration::from_secs(1));
    let mut receiver = Receiver::<Note>::create(&*name, 10).unwrap().reassembly(limits);
    let mut child = child::run("half_a_message", &[&name]);
    child.expect_line("half");
    child.kill();
    assert!(receiver.try_receive().unwrap().is_none());
    let note = Note { author: 1, text: vec![1; 50] };
    Sender::<Note>::open(&*name).unwrap().send(&note).unwrap();
    assert_eq!(receiver.receive().unwrap(), note);
    while receiver.drops().timed_out == 0 {
        assert!(receiver.receive_timeout(Duration::from_millis(50)).unwrap().is_none());
    }
    let dropped = receiver.take_dropped();
    assert_eq!((dropped[0].sender, dropped[0].total), (77, 1000));
    assert_eq!(dropped[0].reason, DropReason::TimedOut);
}

/// Notes how long the receiver wants to wait, each time that it does.
struct Noting {
    receiver: MemoryReceiver,
    waits: Arc<Mutex<Vec<Wait>>>,
}

impl Transport for Noting {
    fn max_frame_len(&self) -> usize {
        self.receiver.max_frame_len()
    }
}

impl ReceiveFrames for Noting {
    fn receive_frame(
        &mut self,
        buffer: &mut Vec<u8>,
        wait: Wait,
    ) -> Result<Option<Arrival>, TransportError> {
        self.waits.lock().unwrap().push(wait);
        self.receiver.receive_frame(buffer, wait)
    }
}

type NotingReceiver = Receiver<Note, Noting>;

/// A receiver that keeps 1000 bytes of messages in parts, for `timeout`; what it waited for.
fn noting(timeout: Duration) -> (MemorySender, NotingReceiver, Arc<Mutex<Vec<Wait>>>) {
    let (sender, receiver) = transport::memory(64, 4096);
    let waits = Arc::new(Mutex::new(Vec::new()));
    let limits = ReassemblyLimits::new().total(1000).timeout(timeout);
    let receiver = Noting { receiver, waits: Arc::clone(&waits) };
    (sender, Receiver::new(receiver).reassembly(limits), waits)
}

#[test]
fn what_a_dead_sender_left_is_given_up_while_the_receiver_waits_and_nothing_comes() {
    let _watchdog = watchdog(60);
    let (mut sender, mut receiver, waits) = noting(Duration::from_millis(500));
    let note = Note { author: 1, text: vec![1; 600] };
    let living = fragments(2, 0, &note.encoded().unwrap(), 100);
    for frame in &fragments(1, 0, &[7; 800], 100)[..7] {
        sender.send_frame(frame, 0, Wait::Forever).unwrap();
    }
    assert!(receiver.try_receive().unwrap().is_none());
    assert_eq!(receiver.held(), 700);
    // With 700 bytes kept, another of 608 would be over the budget.
    waits.lock().unwrap().clear();
    let deadline = Instant::now() + Duration::from_secs(1);
    assert!(receiver.receive_deadline(deadline).unwrap().is_none());
    assert!(Instant::now() >= deadline, "the wait goes on after that");
    assert_eq!(receiver.held(), 0, "freed without being asked, and without a further part");
    let noted = std::mem::take(&mut *waits.lock().unwrap());
    assert_eq!(noted.last(), Some(&Wait::Until(deadline)), "nothing is left to be given up");
    assert!(matches!(noted[0], Wait::Until(first) if first < deadline), "{noted:?}");
    let drops = receiver.drops();
    assert_eq!((drops.timed_out, drops.total()), (1, 1));
    assert_eq!(receiver.take_dropped()[0].received, 700);

    for frame in &living {
        sender.send_frame(frame, 0, Wait::Forever).unwrap();
    }
    assert_eq!(receiver.receive().unwrap(), note);
    assert_eq!(receiver.drops().total(), 1);
}

#[test]
fn a_receiver_that_waits_for_ever_gives_up_what_is_late_and_goes_on_waiting() {
    let _watchdog = watchdog(60);
    let (mut sender, mut receiver, waits) = noting(Duration::from_millis(20));
    sender.send_frame(&fragments(1, 0, &[7; 20], 10)[0], 0, Wait::Forever).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The first wait that is not limited while a message was incomplete is the one after
            // that message was given up.
            while waits.lock().unwrap().iter().filter(|wait| **wait == Wait::Forever).count() < 2 {
                std::thread::yield_now();
            }
            let mut sender = Sender::<Note, _>::new(sender);
            sender.send(&Note { author: 3, text: Vec::new() }).unwrap();
        });
        assert_eq!(receiver.receive().unwrap().author, 3);
    });
    assert_eq!((receiver.held(), receiver.drops().timed_out), (0, 1));
}

#[test]
fn a_receiver_without_incomplete_messages_waits_once_and_as_long_as_it_was_told() {
    let _watchdog = watchdog(60);
    let (mut sender, mut receiver, waits) = noting(Duration::from_millis(1));
    let deadline = Instant::now() + Duration::from_millis(30);
    assert!(receiver.receive_deadline(deadline).unwrap().is_none());
    assert_eq!(*waits.lock().unwrap(), [Wait::Until(deadline)]);
    // Nor does one that does not wait, or whose wait ends before anything is late.
    let limits = ReassemblyLimits::new().timeout(Duration::from_secs(1000));
    let mut receiver = receiver.reassembly(limits);
    sender.send_frame(&fragments(1, 0, &[7; 20], 10)[0], 0, Wait::Forever).unwrap();
    waits.lock().unwrap().clear();
    assert!(receiver.try_receive().unwrap().is_none());
    assert!(receiver.receive_deadline(deadline).unwrap().is_none());
    let expected = [Wait::Never, Wait::Never, Wait::Until(deadline)];
    assert_eq!(*waits.lock().unwrap(), expected);
    assert_eq!(receiver.held(), 10);
}

/// A stream that has nothing and does not wait for more.
struct Late;

impl std::io::Read for Late {
    fn read(&mut self, _buffer: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::WouldBlock.into())
    }
}

#[test]
fn a_transport_that_does_not_wait_is_not_asked_over_and_over() {
    let _watchdog = watchdog(60);
    let part = fragments(1, 0, &[7; 20], 10).remove(0);
    let stream = std::io::Read::chain(std::io::Cursor::new(part), Late);
    let stream = transport::StreamTransport::new(stream, 4096);
    let limits = ReassemblyLimits::new().timeout(Duration::from_secs(1000));
    let mut receiver = Receiver::<Note, _>::new(stream).reassembly(limits);
    let error = receiver.receive().unwrap_err();
    assert!(matches!(error, ReceiveError::Transport(TransportError::TimedOut)), "{error}");
    assert_eq!(receiver.held(), 10);
}

#[test]
fn senders_in_threads_interleave_over_one_queue() {
    let _watchdog = watchdog(120);
    let name = names::unique("fragments-many");
    let queue = posix_ipc_typed::queue_options::<Note>(4).message_size(256);
    let mut receiver = Receiver::<Note>::new(queue.open_receiver(&*name).unwrap());
    std::thread::scope(|scope| {
        for author in 0..3u32 {
            let name = name.as_str();
            scope.spawn(move || {
                let mut sender = Sender::<Note>::open(name).unwrap();
                for length in 0..20 {
                    let text = vec![author as u8; length * 97];
                    sender.send(&Note { author, text }).unwrap();
                }
            });
        }
        let mut next = [0; 3];
        for _ in 0..60 {
            let note = receiver.receive().unwrap();
            let expected = &mut next[note.author as usize];
            assert_eq!(note.text, vec![note.author as u8; *expected * 97]);
            *expected += 1;
        }
    });
    assert_eq!(receiver.drops().total(), 0);
}

#[test]
fn a_fragment_alone_is_no_message() {
    let (mut sender, receiver) = transport::memory(4, 4096);
    let parts = fragments(1, 0, &[1; 10], 5);
    assert!(Frame::parse(&parts[0]).unwrap().decode::<Note>().is_err());
    sender.send_frame(&parts[1], 0, Wait::Forever).unwrap();
    let mut receiver = Receiver::<Note, _>::new(receiver);
    assert!(receiver.try_receive().unwrap().is_none());
    assert_eq!(receiver.drops().gaps, 1);
    // What comes together is decoded, and may be wrong in itself.
    for part in parts {
        sender.send_frame(&part, 0, Wait::Forever).unwrap();
    }
    assert!(matches!(receiver.receive(), Err(ReceiveError::Payload { .. })));
}

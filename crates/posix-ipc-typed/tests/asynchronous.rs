//! Typed ends of a message queue on tokio.

use std::time::Duration;

use posix_ipc::ring::{mpmc, spsc};
use posix_ipc_typed::{
    AsyncReceiver, AsyncRingReceiver, AsyncRingSender, AsyncSender, Frame, Message, ReceiveError,
    SendError, Sender,
};
use testutil::names;
use testutil::watchdog::watchdog;

#[derive(Debug, Clone, PartialEq, Message)]
struct Note {
    number: u32,
    text: String,
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

#[test]
fn a_receiver_waits_for_what_is_sent_later_whole_or_in_parts() {
    let _watchdog = watchdog(60);
    let name = names::unique("async");
    run(async {
        let mut receiver = AsyncReceiver::<Note>::create(&*name, 2).unwrap();
        let mut sender = AsyncSender::<Note>::open(&*name).unwrap().checksum(true);
        let notes: Vec<Note> = (0..10)
            .map(|number| Note { number, text: "x".repeat(number as usize * 5_000) })
            .collect();
        let expected = notes.clone();
        // The queue holds two frames: both sides have to wait for each other.
        let sending = async {
            for note in &notes {
                sender.send(note).await.unwrap();
            }
        };
        let receiving = async {
            let mut received = Vec::new();
            while received.len() < expected.len() {
                received.push(receiver.receive().await.unwrap());
            }
            received
        };
        let (received, ()) = join(receiving, sending).await;
        assert_eq!(received, expected);
        assert_eq!(receiver.drops().total(), 0);
    });
}

#[test]
fn a_receive_that_is_given_up_loses_nothing() {
    let _watchdog = watchdog(60);
    let name = names::unique("async-cancel");
    run(async {
        let mut receiver = AsyncReceiver::<Note>::create(&*name, 4).unwrap();
        let waiting = tokio::time::timeout(Duration::from_millis(5), receiver.receive()).await;
        assert!(waiting.is_err(), "nothing has come");
        Sender::<u64>::open(&*name).unwrap().send(&5).unwrap();
        let note = Note { number: 1, text: "later".into() };
        Sender::<Note>::open(&*name).unwrap().send(&note).unwrap();
        match receiver.receive().await {
            Err(ReceiveError::Payload { envelope, .. }) => assert_eq!(envelope.decode(), Ok(5u64)),
            other => panic!("{other:?}"),
        }
        assert_eq!(receiver.receive().await.unwrap(), note);
    });
}

/// Runs both futures by turns until both are done.
async fn join<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
    let (mut first, mut second) = (None, None);
    std::future::poll_fn(|context| {
        use std::task::Poll;
        if first.is_none() {
            if let Poll::Ready(value) = a.as_mut().poll(context) {
                first = Some(value);
            }
        }
        if second.is_none() {
            if let Poll::Ready(value) = b.as_mut().poll(context) {
                second = Some(value);
            }
        }
        match (first.take(), second.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (a, b) => {
                (first, second) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}

#[test]
fn a_ring_is_received_from_whole_in_parts_and_until_the_sender_has_gone() {
    let _watchdog = watchdog(60);
    run(async {
        let (sender, receiver) = spsc::pair(8192).unwrap();
        let mut receiver = AsyncRingReceiver::<Note, _>::new(receiver).unwrap();
        let notes: Vec<Note> = (0..10)
            .map(|number| Note { number, text: "x".repeat(number as usize * 5_000) })
            .collect();
        let expected = notes.clone();
        let sending = std::thread::spawn(move || {
            let mut sender = Sender::<Note, _>::new(sender).checksum(true);
            for note in &notes {
                sender.send(note).unwrap();
            }
            Sender::<u64, _>::new(sender.into_transport()).send(&5).unwrap();
        });
        for note in &expected {
            assert_eq!(receiver.receive().await.unwrap(), *note);
        }
        match receiver.receive().await {
            Err(ReceiveError::Payload { envelope, .. }) => {
                assert_eq!(envelope.decode::<u64>().unwrap(), 5);
            }
            other => panic!("{other:?}"),
        }
        assert!(receiver.receive().await.unwrap_err().is_closed());
        assert_eq!(receiver.drops().total(), 0);
        sending.join().unwrap();
    });
}

#[test]
fn a_receive_from_a_ring_that_is_given_up_loses_nothing() {
    let _watchdog = watchdog(60);
    let name = names::unique("async-ring");
    run(async {
        let ring = mpmc::Receiver::create(&*name, 16, 256).unwrap();
        let mut receiver = AsyncRingReceiver::<Note, _>::new(ring).unwrap();
        let waiting = tokio::time::timeout(Duration::from_millis(5), receiver.receive()).await;
        assert!(waiting.is_err(), "nothing has come");
        let mut sender = Sender::<Note, _>::new(mpmc::Sender::open(&*name).unwrap());
        for number in 0..3 {
            sender.send(&Note { number, text: "later ".repeat(100) }).unwrap();
        }
        for number in 0..3 {
            assert_eq!(receiver.receive().await.unwrap().number, number, "in parts");
        }
        let ring = receiver.into_ring();
        assert!(ring.try_receive_vec().unwrap().is_none());
    });
}

#[test]
fn both_ends_of_a_ring_wait_for_each_other_on_one_thread() {
    let _watchdog = watchdog(60);
    let notes: Vec<Note> =
        (0..10).map(|number| Note { number, text: "x".repeat(number as usize * 5_000) }).collect();
    run(async {
        let (sender, receiver) = spsc::pair(8192).unwrap();
        let mut sender = AsyncRingSender::<Note, _>::new(sender).unwrap().checksum(true);
        let mut receiver = AsyncRingReceiver::<Note, _>::new(receiver).unwrap();
        let sending = async {
            for note in &notes {
                sender.send(note).await.unwrap();
            }
        };
        let receiving = async {
            for note in &notes {
                assert_eq!(receiver.receive().await.unwrap(), *note);
            }
        };
        join(receiving, sending).await;
        drop(receiver);
        let error = loop {
            if let Err(error) = sender.send(&notes[9]).await {
                break error;
            }
        };
        assert!(
            matches!(&error, error if error.is_closed())
                || matches!(error, SendError::Interrupted { .. }),
            "{error:?}"
        );
    });
    let name = names::unique("async-room");
    run(async {
        let ring = mpmc::Receiver::create(&*name, 4, 1024).unwrap();
        let mut receiver = AsyncRingReceiver::<Note, _>::new(ring).unwrap();
        let ring = mpmc::Sender::open(&*name).unwrap();
        let mut sender = AsyncRingSender::<Note, _>::new(ring).unwrap().named(false);
        let sending = async {
            for note in &notes {
                sender.send(note).await.unwrap();
            }
        };
        let receiving = async {
            for note in &notes {
                assert_eq!(receiver.receive().await.unwrap(), *note);
            }
        };
        join(receiving, sending).await;
    });
}

#[test]
fn what_was_sent_of_a_message_is_counted_in_its_own_bytes() {
    let _watchdog = watchdog(60);
    run(async {
        let (sender, mut receiver) = spsc::pair(4096).unwrap();
        let mut sender = AsyncRingSender::<Note, _>::new(sender).unwrap();
        let note = Note { number: 1, text: "x".repeat(20_000) };
        let mut kept = Vec::new();
        let taking = async {
            while kept.is_empty() {
                tokio::task::yield_now().await;
                while let Ok(Some(frame)) = receiver.try_receive_vec() {
                    kept.push(frame);
                }
            }
            drop(receiver);
        };
        let (error, ()) = join(sender.send(&note), taking).await;
        match error.unwrap_err() {
            SendError::Interrupted { sent, length, .. } => {
                assert_eq!(length, note.encoded_len());
                let room = Frame::parse(&kept[0]).unwrap().payload.len();
                assert!(sent > 0 && sent < length && sent % room == 0, "{sent} by {room}");
            }
            error => panic!("{error:?}"),
        }
    });
}

/// How many payloads of this process lie in shared memory.
fn payloads() -> usize {
    let prefix = format!("posix-ipc-payload-{:x}-", std::process::id());
    let entries = std::fs::read_dir("/dev/shm").unwrap();
    entries
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(&prefix))
        .count()
}

#[test]
fn a_payload_goes_by_reference_and_is_removed_if_it_is_not_sent() {
    let _watchdog = watchdog(60);
    let name = names::unique("async-reference");
    run(async {
        let mut receiver = AsyncReceiver::<Note>::create(&*name, 1).unwrap();
        let mut sender = AsyncSender::<Note>::open(&*name).unwrap().by_reference(1000, 0o600);
        let note = Note { number: 1, text: "x".repeat(100_000) };
        sender.send(&note).await.unwrap();
        assert_eq!(payloads(), 1);
        // The queue is full: a send that is given up leaves nothing.
        let waiting = tokio::time::timeout(Duration::from_millis(5), sender.send(&note)).await;
        assert!(waiting.is_err(), "there is no room");
        assert_eq!(payloads(), 1);
        assert_eq!(receiver.receive().await.unwrap(), note);
        assert_eq!(payloads(), 0);

        let (ring, end) = spsc::pair(8192).unwrap();
        let mut sender = AsyncRingSender::<Note, _>::new(ring).unwrap().by_reference(1000, 0o600);
        let mut receiver = AsyncRingReceiver::<Note, _>::new(end).unwrap();
        sender.send(&note).await.unwrap();
        assert_eq!(receiver.receive().await.unwrap(), note);
        assert_eq!(payloads(), 0);
    });
}

#[test]
fn the_futures_may_move_between_threads() {
    fn check<F: Future + Send>(_: F) {}
    let _watchdog = watchdog(60);
    run(async {
        let (sender, receiver) = spsc::pair(8192).unwrap();
        let mut sender = AsyncRingSender::<Note, _>::new(sender).unwrap();
        let mut receiver = AsyncRingReceiver::<Note, _>::new(receiver).unwrap();
        check(sender.send(&Note { number: 1, text: String::new() }));
        check(receiver.receive());
    });
}

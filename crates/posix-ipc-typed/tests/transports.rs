//! One suite over every transport: values arrive, whatever carries them.

use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use posix_ipc::MessageQueue;
use posix_ipc::ring::{mpmc, spsc};
use posix_ipc_typed::transport::{
    self, ReceiveFrames, SendFrames, StreamTransport, TransportError, Wait,
};
use posix_ipc_typed::{
    Client, Fragment, Frame, FrameOptions, Message, MismatchReason, PayloadError, ReassemblyLimits,
    ReceiveError, Receiver, Router, SendError, Sender, Server,
};
use testutil::names;
use testutil::watchdog::watchdog;

#[derive(Debug, Clone, PartialEq, Message)]
struct Job {
    id: u32,
    #[message(max_len = 40)]
    title: String,
}

#[derive(Debug, Clone, PartialEq, Message)]
struct Blob {
    data: bytes::Bytes,
}

fn job(id: u32) -> Job {
    Job { id, title: format!("job {id}") }
}

/// Sends through both ends of a fresh transport what every transport has to carry.
fn suite<S: SendFrames + Send + 'static, R: ReceiveFrames>(ends: (S, R)) {
    let _watchdog = watchdog(60);
    let mut sender = Sender::<Job, _>::new(ends.0).checksum(true);
    let mut receiver = Receiver::<Job, _>::new(ends.1);

    // One by one, and several at once.
    sender.send(&job(1)).unwrap();
    assert_eq!(receiver.receive().unwrap(), job(1));
    assert_eq!(sender.send_all(&[job(2), job(3), job(4)]).unwrap(), 3);
    assert_eq!(receiver.receive_batch(2).unwrap(), [job(2), job(3)]);
    assert_eq!(receiver.receive_timeout(Duration::from_secs(60)).unwrap(), Some(job(4)));
    sender.try_send(&job(5)).unwrap();
    sender.send_timeout(&job(6), Duration::from_secs(60)).unwrap();
    let drained: Vec<Job> =
        [receiver.receive().unwrap(), receiver.try_receive().unwrap().unwrap()].into();
    assert_eq!(drained, [job(5), job(6)]);

    // Another type is refused, whole and by name, and the next message comes through.
    let mut other = Sender::<u64, _>::new(sender.into_transport());
    other.send(&77).unwrap();
    let mut sender = Sender::<Job, _>::new(other.into_transport());
    sender.send(&job(7)).unwrap();
    match receiver.receive() {
        Err(ReceiveError::Payload { error: PayloadError::Type(mismatch), envelope }) => {
            assert_eq!(mismatch.reason, MismatchReason::OtherType);
            assert_eq!(mismatch.received.name(), Some("u64"));
            assert_eq!(envelope.decode::<u64>().unwrap(), 77);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(receiver.receive().unwrap(), job(7));

    // A message far beyond a frame goes in parts.
    let max = sender.transport().max_frame_len();
    let blob = Blob { data: (0..max * 3).map(|i| (i % 251) as u8).collect::<Vec<u8>>().into() };
    let transport = sender.into_transport();
    let expected = blob.clone();
    let sending = thread::spawn(move || {
        let mut sender = Sender::<Blob, _>::new(transport);
        sender.send(&blob).unwrap();
        sender.into_transport()
    });
    let mut blobs = Receiver::<Blob, _>::new(receiver.into_transport());
    assert_eq!(blobs.receive().unwrap(), expected);
    assert_eq!(blobs.drops().total(), 0);

    // Without parts, it is an error that says so.
    let mut whole = Sender::<Blob, _>::new(sending.join().unwrap()).whole().unwrap();
    match whole.send(&expected) {
        Err(SendError::TooLong { type_name: "Blob", version: 1, length, .. }) => {
            assert!(length > max);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_pass_through_memory() {
    suite(transport::memory(8, 200));
}

#[test]
fn values_pass_through_a_unix_socket() {
    let (here, there) = UnixStream::pair().unwrap();
    suite((StreamTransport::new(here, 4096), StreamTransport::new(there, 4096)));
}

#[test]
fn values_pass_through_a_message_queue() {
    let name = names::unique("typed-queue");
    let queue = MessageQueue::create(&*name, 8, 256).unwrap();
    suite(queue.split());
}

#[test]
fn values_pass_through_a_ring_for_one() {
    suite(spsc::pair(65_536).unwrap());
}

#[test]
fn values_pass_through_a_ring_for_many() {
    suite(mpmc::pair(8, 256).unwrap());
}

#[test]
fn a_queue_is_as_large_as_its_type_needs() {
    let name = names::unique("typed-size");
    let receiver = Receiver::<Job>::create(&*name, 4).unwrap();
    let expected = 32 + 1 + "Job".len() + 4 + 4 + 40;
    assert_eq!(receiver.transport().message_size(), expected.max(128));
    assert_eq!(receiver.transport().capacity(), 4);
    let mut sender = Sender::<Job>::open(&*name).unwrap().whole().unwrap();
    sender.send(&Job { id: u32::MAX, title: "x".repeat(40) }).unwrap();
    let error = sender.send(&Job { id: 0, title: "x".repeat(41) }).unwrap_err();
    assert!(matches!(error, SendError::Encode { type_name: "Job", .. }), "{error}");
}

#[test]
fn a_type_that_cannot_fit_is_refused_when_the_end_is_made() {
    let (small, _receiver) = transport::memory(1, 64);
    let error = Sender::<Job, _>::new(small).whole().unwrap_err();
    let text = error.to_string();
    assert_eq!(text, "Job version 1 takes a frame of 84 bytes, and the transport carries 64");
}

#[test]
fn urgent_messages_of_a_queue_come_first() {
    let name = names::unique("typed-priority");
    let mut receiver = Receiver::<u8>::create(&*name, 4).unwrap();
    let mut sender = Sender::<u8>::open(&*name).unwrap().priority(1);
    sender.send(&1).unwrap();
    sender.send_with(&0, 0, Wait::Forever).unwrap();
    sender.send_with(&9, 30_000, Wait::Forever).unwrap();
    let error = sender.send_with(&9, 40_000, Wait::Forever).unwrap_err();
    assert!(matches!(error, SendError::Transport(TransportError::Failed(_))), "{error}");
    let received: Vec<u8> = receiver.drain().map(Result::unwrap).collect();
    assert_eq!(received, [9, 1, 0]);
}

#[test]
fn a_full_transport_is_an_outcome_and_no_failure() {
    let (sender, receiver) = transport::memory(1, 200);
    let mut sender = Sender::<u8, _>::new(sender);
    let mut receiver = Receiver::<u8, _>::new(receiver);
    assert_eq!(receiver.try_receive().unwrap(), None);
    assert_eq!(receiver.receive_timeout(Duration::from_millis(1)).unwrap(), None);
    sender.try_send(&1).unwrap();
    assert!(sender.try_send(&2).unwrap_err().is_full());
    assert!(sender.send_timeout(&2, Duration::from_millis(1)).unwrap_err().is_timed_out());
    drop(sender);
    let mut values = receiver.iter();
    assert_eq!(values.next().unwrap().unwrap(), 1);
    assert!(values.next().is_none(), "the sender is gone");
    assert!(receiver.receive().unwrap_err().is_closed());
}

#[test]
fn frames_that_no_route_takes_are_reported_with_their_content() {
    let (sender, receiver) = transport::memory(4, 200);
    Sender::<u8, _>::new(sender.clone()).send(&5).unwrap();
    Sender::<Job, _>::new(sender.clone()).send(&job(1)).unwrap();
    let mut raw = sender;
    raw.send_frame(b"not a frame", 0, Wait::Forever).unwrap();
    let mut jobs = Vec::new();
    let mut router = Router::new(receiver).on(|job: Job| jobs.push(job));
    match router.route(Wait::Never) {
        Err(ReceiveError::Unrouted(envelope)) => assert_eq!(envelope.decode::<u8>(), Ok(5)),
        other => panic!("{other:?}"),
    }
    assert!(router.route(Wait::Never).unwrap());
    match router.route(Wait::Never) {
        Err(ReceiveError::Frame { bytes, .. }) => assert_eq!(bytes, b"not a frame"),
        other => panic!("{other:?}"),
    }
    assert!(!router.route(Wait::Never).unwrap(), "nothing is left");
    drop(router);
    assert_eq!(jobs, [job(1)]);
}

#[test]
fn bytes_of_a_large_message_share_the_received_buffer() {
    let (sender, receiver) = transport::memory(1, 65_536);
    let data = vec![7; 20_000];
    Sender::<Blob, _>::new(sender).send(&Blob { data: data.clone().into() }).unwrap();
    let mut receiver = Receiver::<Blob, _>::new(receiver);
    let envelope = receiver.receive_envelope(Wait::Forever).unwrap().unwrap();
    let blob: Blob = envelope.decode().unwrap();
    assert_eq!(blob.data, data);
    let (all, part) = (envelope.payload.as_ptr_range(), blob.data.as_ptr_range());
    assert!(all.start <= part.start && part.end <= all.end);
}

#[test]
fn a_stream_that_is_interrupted_goes_on_where_it_was() {
    let _watchdog = watchdog(60);
    let (here, there) = UnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    there.set_nonblocking(true).unwrap();
    let mut sender = Sender::<Blob, _>::new(StreamTransport::new(here, 4 << 20));
    let mut receiver = Receiver::<Blob, _>::new(StreamTransport::new(there, 4 << 20));
    let blob = Blob { data: vec![3; 1 << 20].into() };
    let mut received = 0;
    // A socket takes far less than a megabyte at once, so that both sides stop in its middle.
    for _ in 0..3 {
        while let Err(error) = sender.try_send(&blob) {
            assert!(error.is_full(), "{error}");
            received += receiver.drain().map(Result::unwrap).filter(|got| *got == blob).count();
        }
    }
    // The end of the third may still be with the sender; the first two have left it.
    while received < 2 {
        received += receiver.drain().map(Result::unwrap).filter(|got| *got == blob).count();
    }
}

#[test]
fn a_stream_of_garbage_is_an_error_and_no_wait() {
    use std::io::Write;
    let (mut here, there) = UnixStream::pair().unwrap();
    here.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let mut receiver = Receiver::<u8, _>::new(StreamTransport::new(there, 4096));
    assert!(receiver.receive().is_err());
    // A length that would fill the memory is refused before anything is made room for.
    let (mut here, there) = UnixStream::pair().unwrap();
    let mut frame = Vec::new();
    posix_ipc_typed::FrameOptions::new().write(&1u8, &mut frame).unwrap();
    frame[4..8].copy_from_slice(&[255; 4]);
    here.write_all(&frame).unwrap();
    let mut receiver = Receiver::<u8, _>::new(StreamTransport::new(there, 4096));
    let error = receiver.receive().unwrap_err();
    assert!(
        matches!(error, ReceiveError::Transport(TransportError::TooLong { max: 4096, .. })),
        "{error}"
    );
}

#[test]
fn an_error_behind_good_values_is_reported_by_the_next_call_and_nothing_is_lost() {
    let (sender, receiver) = transport::memory(16, 256);
    let mut raw = sender.clone();
    let mut jobs = Sender::<Job, _>::new(sender.clone());
    let mut others = Sender::<u32, _>::new(sender);
    let mut receiver = Receiver::<Job, _>::new(receiver);
    jobs.send_all(&[job(1), job(2)]).unwrap();
    others.send(&9).unwrap();
    raw.send_frame(b"no frame at all", 0, Wait::Forever).unwrap();
    jobs.send(&job(3)).unwrap();
    others.send(&10).unwrap();

    assert_eq!(receiver.receive_batch(8).unwrap(), [job(1), job(2)]);
    match receiver.receive_batch(8) {
        Err(ReceiveError::Payload { envelope, .. }) => {
            assert_eq!(envelope.decode::<u32>().unwrap(), 9);
        }
        other => panic!("{other:?}"),
    }
    // As the first of a batch it is reported at once.
    match receiver.receive_batch(8) {
        Err(ReceiveError::Frame { bytes, .. }) => assert_eq!(bytes, b"no frame at all"),
        other => panic!("{other:?}"),
    }
    assert_eq!(receiver.receive_batch(8).unwrap(), [job(3)]);
    // Whatever the next call is.
    assert!(matches!(receiver.try_receive(), Err(ReceiveError::Payload { .. })));
    assert_eq!(receiver.try_receive().unwrap(), None);
    // The other end gone is an error that waits too.
    jobs.send(&job(4)).unwrap();
    drop((jobs, others, raw));
    assert_eq!(receiver.receive_batch(8).unwrap(), [job(4)]);
    assert!(receiver.receive_batch(8).unwrap_err().is_closed());
}

/// What `frame` is sent as by itself.
fn alone(options: FrameOptions, job: &Job) -> Vec<u8> {
    let mut frame = Vec::new();
    options.write(job, &mut frame).unwrap();
    frame
}

#[test]
fn a_head_that_serves_again_is_that_of_a_frame_by_itself() {
    let (sender, mut receiver) = transport::memory(1, 1 << 16);
    let mut next = || {
        let mut buffer = Vec::new();
        let arrival = receiver.receive_frame(&mut buffer, Wait::Never).unwrap().unwrap();
        buffer[..arrival.length].to_vec()
    };
    let mut sent = |sender: &mut Sender<Job, transport::MemorySender>, job: &Job| {
        // One frame may be there, from before.
        let before = sender.try_send(job).is_err().then(&mut next);
        if before.is_some() {
            sender.send(job).unwrap();
        }
        next()
    };
    let mut sender = Sender::<Job, _>::new(sender);
    let options = FrameOptions::new();
    let (short, long) = (job(1), job(123_456));
    for (sequence, job) in [&short, &short, &long, &long, &short, &long].into_iter().enumerate() {
        assert_eq!(sent(&mut sender, job), alone(options.sequence(sequence as u32), job));
    }
    // What is refused takes no number, whether there is no room or no encoding.
    sender.send(&long).unwrap();
    assert!(sender.try_send(&long).unwrap_err().is_full());
    assert!(sender.send(&Job { id: 1, title: "x".repeat(41) }).is_err());
    assert!(sender.try_send(&long).unwrap_err().is_full());
    assert_eq!(sent(&mut sender, &long), alone(options.sequence(7), &long));
    // What the sender is told meanwhile holds from then on.
    let mut sender = sender.named(false);
    let unnamed = options.named(false);
    assert_eq!(sent(&mut sender, &long), alone(unnamed.sequence(8), &long));
    let mut sender = sender.checksum(true);
    for sequence in 9..12 {
        assert_eq!(
            sent(&mut sender, &long),
            alone(unnamed.checksum(true).sequence(sequence), &long)
        );
    }
    let mut sender = sender.checksum(false).by_reference(1, 0o600);
    for _ in 0..2 {
        let frame = sent(&mut sender, &long);
        assert!(Frame::parse(&frame).unwrap().reference);
        Receiver::<Job, _>::new(one_frame(frame)).receive().unwrap();
    }
}

/// A transport with one frame in it.
fn one_frame(frame: Vec<u8>) -> transport::MemoryReceiver {
    let (mut sender, receiver) = transport::memory(1, 1 << 16);
    sender.send_frame(&frame, 0, Wait::Never).unwrap();
    receiver
}

/// A stream that takes some bytes at a time, and so many in all.
#[derive(Default)]
struct Narrow {
    taken: Vec<u8>,
    room: usize,
}

impl std::io::Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = bytes.len().min(self.room).min(7);
        if count == 0 {
            return Err(std::io::ErrorKind::WouldBlock.into());
        }
        self.room -= count;
        self.taken.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stream_takes_the_rest_of_a_frame_with_the_next_or_when_it_is_flushed() {
    let frames: Vec<Vec<u8>> = (0..3).map(|id| alone(FrameOptions::new(), &job(id))).collect();
    let mut stream = StreamTransport::new(Narrow { room: 10, ..Narrow::default() }, 1024);
    stream.send_frame(&frames[0], 0, Wait::Forever).unwrap();
    assert_eq!(stream.get_ref().taken, frames[0][..10]);
    // Nothing of the next is taken before all of the last: it is the caller's still.
    let full = stream.send_frame(&frames[1], 0, Wait::Never).unwrap_err();
    assert!(matches!(full, TransportError::Full), "{full}");
    assert!(matches!(stream.flush(), Err(TransportError::TimedOut)));
    stream.get_mut().room = 60;
    stream.send_frame(&frames[1], 0, Wait::Never).unwrap();
    assert!(matches!(stream.flush(), Err(TransportError::TimedOut)));
    stream.get_mut().room = 1000;
    stream.flush().unwrap();
    assert_eq!(stream.get_ref().taken, frames[..2].concat());
    stream.send_frame(&frames[2], 0, Wait::Never).unwrap();
    assert_eq!(stream.into_inner().taken, frames.concat());
}

#[test]
fn who_routes_and_who_serves_are_told_of_messages_that_were_dropped() {
    let half = |sender: &mut transport::MemorySender| {
        let fragment = Fragment { sender: 1, total: 100, offset: 0 };
        let mut frame = Vec::new();
        let options = FrameOptions::new().fragment(fragment);
        options.write_payload(&Blob::SCHEMA, &[0; 10], &mut frame).unwrap();
        sender.send_frame(&frame, 0, Wait::Never).unwrap();
    };
    let limits = ReassemblyLimits::new().per_sender(50);

    let (mut sender, receiver) = transport::memory(4, 1024);
    let mut router = Router::new(receiver).reassembly(limits).on(|_: Blob| ());
    half(&mut sender);
    assert!(!router.route(Wait::Never).unwrap());
    assert_eq!((router.drops().over_budget, router.take_dropped().len()), (1, 1));

    let (mut sender, receiver) = transport::memory(4, 1024);
    let connect = |_| Err::<transport::MemorySender, _>(TransportError::Closed);
    let mut server = Server::<Blob, Blob, _, _>::new(receiver, connect).reassembly(limits);
    half(&mut sender);
    assert!(server.receive(Wait::Never).unwrap().is_none());
    assert_eq!((server.drops().over_budget, server.take_dropped().len()), (1, 1));

    let (mut sender, receiver) = transport::memory(4, 1024);
    let (requests, _kept) = transport::memory(4, 1024);
    let mut client = Client::<Blob, Blob, _, _>::new(requests, receiver).reassembly(limits);
    half(&mut sender);
    let request = Blob { data: bytes::Bytes::new() };
    assert!(client.call_with(&request, 0, Wait::Never).is_err());
    assert_eq!((client.drops().over_budget, client.take_dropped().len()), (1, 1));
}

#[test]
fn a_message_without_bytes_goes_in_its_frame_whatever_goes_by_reference() {
    let (sender, receiver) = transport::memory(1, 1024);
    Sender::<(), _>::new(sender).by_reference(0, 0o600).send(&()).unwrap();
    Receiver::<(), _>::new(receiver).receive().unwrap();
}

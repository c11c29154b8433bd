//! Receiving: buffers, deadlines, several at once.

use std::mem::MaybeUninit;
use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use posix_ipc::Errno;
use posix_ipc::mq::Batch;
use testutil::names::unique;
use testutil::watchdog::watchdog;

use crate::support::small;

#[test]
fn every_kind_of_buffer_gets_the_message() {
    let name = unique("buffers");
    let queue = small(&name);
    let mut next = 0;
    let mut send = || {
        next += 1;
        queue.send(b"text", next).unwrap();
        next
    };

    let priority = send();
    let mut array = [0; 64];
    let (length, got) = queue.receive(&mut array).unwrap();
    assert_eq!((&array[..length], got.get()), (&b"text"[..], priority));

    send();
    let (length, _) = queue.receive(&mut array[..]).unwrap();
    assert_eq!(&array[..length], b"text");

    send();
    let mut memory = [MaybeUninit::uninit(); 64];
    assert_eq!(queue.receive(&mut memory).unwrap().0, b"text");
    send();
    assert_eq!(queue.receive(&mut memory[..]).unwrap().0, b"text");

    send();
    let mut vec = b"so far: ".to_vec();
    assert_eq!(queue.receive(&mut vec).unwrap().0, 4);
    assert_eq!(vec, b"so far: text");

    send();
    let mut bytes = BytesMut::from(&b"so far: "[..]);
    assert_eq!(queue.receive(&mut bytes).unwrap().0, 4);
    assert_eq!(&bytes[..], b"so far: text");
}

#[test]
fn short_buffer_is_told_the_size_and_loses_nothing() {
    let name = unique("short");
    let queue = small(&name);
    queue.send(b"text", 0).unwrap();
    let error = queue.receive(&mut [0; 63]).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::MSGSIZE));
    assert!(error.hint().unwrap().contains("64 bytes"), "{error}");
    assert_eq!(queue.receive_vec().unwrap().0, b"text");
}

#[test]
fn empty_message_is_no_end() {
    let name = unique("empty");
    let queue = small(&name);
    queue.send(b"", 0).unwrap();
    queue.send(b"after", 0).unwrap();
    assert_eq!(queue.receive_vec().unwrap().0, b"");
    assert_eq!(queue.receive_vec().unwrap().0, b"after");
}

#[test]
fn empty_queue_is_none_without_and_with_a_deadline() {
    let _watchdog = watchdog(60);
    let name = unique("none");
    let queue = small(&name);
    let mut buffer = Vec::new();
    let wait = Duration::from_millis(20);
    assert!(queue.try_receive(&mut buffer).unwrap().is_none());
    assert!(queue.receive_timeout(&mut buffer, Duration::ZERO).unwrap().is_none());

    let start = Instant::now();
    assert!(queue.receive_timeout(&mut buffer, wait).unwrap().is_none());
    assert!(queue.receive_deadline(&mut buffer, Instant::now() + wait).unwrap().is_none());
    assert!(start.elapsed() >= 2 * wait);

    let end = SystemTime::now() + wait;
    assert!(queue.receive_deadline_realtime(&mut buffer, end).unwrap().is_none());
    assert!(SystemTime::now() >= end);
    assert!(buffer.is_empty());
}

#[test]
fn handle_that_does_not_block_never_waits() {
    let name = unique("nonblocking");
    let queue = small(&name);
    queue.set_nonblocking(true).unwrap();
    assert_eq!(queue.receive_vec().unwrap_err().errno(), Some(Errno::AGAIN));
    let mut buffer = Vec::new();
    assert!(queue.receive_timeout(&mut buffer, Duration::MAX).unwrap().is_none());
}

#[test]
fn waiting_receiver_gets_the_message() {
    let _watchdog = watchdog(60);
    let name = unique("waiting");
    let queue = small(&name);
    let hour = Duration::from_secs(3600);
    type Receive<'a> = &'a (dyn Fn(&mut Vec<u8>) -> bool + Sync);
    let ways: [Receive<'_>; 4] = [
        &|buffer| queue.receive(buffer).is_ok(),
        &|buffer| queue.receive_timeout(buffer, Duration::MAX).unwrap().is_some(),
        &|buffer| queue.receive_timeout(buffer, hour).unwrap().is_some(),
        &|buffer| {
            queue.receive_deadline_realtime(buffer, SystemTime::now() + hour).unwrap().is_some()
        },
    ];
    for receive in ways {
        std::thread::scope(|scope| {
            let receiver = scope.spawn(move || {
                let mut buffer = Vec::new();
                assert!(receive(&mut buffer));
                buffer
            });
            queue.send(b"for you", 0).unwrap();
            assert_eq!(receiver.join().unwrap(), b"for you");
        });
    }
}

#[test]
fn try_messages_end_when_the_queue_is_empty_and_never_wait() {
    let _watchdog = watchdog(60);
    let name = unique("try-messages");
    let queue = small(&name);
    for (text, priority) in [("low", 1), ("high", 5), ("low too", 1)] {
        queue.send(text.as_bytes(), priority).unwrap();
    }
    let mut drain = queue.try_messages();
    let order: Vec<_> = drain.by_ref().map(|message| message.unwrap().0).collect();
    assert_eq!(order, [&b"high"[..], b"low", b"low too"]);
    queue.send(b"later", 0).unwrap();
    assert!(drain.next().is_none(), "it stays at its end");
    assert_eq!(queue.messages().next().unwrap().unwrap().0, b"later");
}

#[test]
fn iterators_return_errors_and_do_not_panic() {
    let name = unique("iterate");
    let _queue = small(&name);
    let options = posix_ipc::MessageQueue::options().access(posix_ipc::mq::Access::Send);
    let sender = options.open(&*name).unwrap();
    assert!(sender.messages().next().unwrap().is_err());
    let mut drain = sender.try_messages();
    assert!(drain.next().unwrap().is_err());
    assert!(drain.next().is_none(), "an error is the last item");
    assert!(sender.drain(|_, _| unreachable!()).is_err());
}

#[test]
fn drain_gives_every_message_with_its_priority_and_ends_when_the_queue_is_empty() {
    let _watchdog = watchdog(60);
    let name = unique("drain");
    let queue = small(&name);
    for (text, priority) in [("low", 1), ("", 3), ("high", 5)] {
        queue.send(text.as_bytes(), priority).unwrap();
    }
    let mut got = Vec::new();
    let count = queue.drain(|text, priority| got.push((text.to_vec(), priority.get()))).unwrap();
    assert_eq!(count, 3);
    assert_eq!(got, [(b"high".to_vec(), 5), (Vec::new(), 3), (b"low".to_vec(), 1)]);
    assert_eq!(queue.drain(|_, _| unreachable!()).unwrap(), 0);
}

#[test]
fn batch_takes_what_is_there_up_to_its_size() {
    let _watchdog = watchdog(60);
    let name = unique("batch");
    let queue = small(&name);
    let mut batch = Batch::with_capacity(3);
    assert_eq!(queue.try_receive_batch(&mut batch).unwrap(), 0);
    for (text, priority) in [("a", 1), ("bb", 2), ("", 3), ("dddd", 4)] {
        queue.send(text.as_bytes(), priority).unwrap();
    }
    assert_eq!(queue.receive_batch(&mut batch).unwrap(), 3);
    let got: Vec<_> = batch.iter().map(|(text, priority)| (text, priority.get())).collect();
    assert_eq!(got, [(&b"dddd"[..], 4), (b"", 3), (b"bb", 2)]);
    assert_eq!(queue.try_receive_batch(&mut batch).unwrap(), 1);
    assert_eq!(batch.iter().next().unwrap().0, b"a");
    assert_eq!(queue.receive_batch(&mut Batch::with_capacity(0)).unwrap(), 0);
}

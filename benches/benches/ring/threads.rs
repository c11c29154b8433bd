//! crossbeam's channel between threads of one process, as a reference: it need not cross
//! address spaces. Payloads over 64 bytes are boxed, as one would.

use std::time::Instant;

use crossbeam_channel::bounded;
use posix_ipc_benches::figures::Figures;
use posix_ipc_benches::pair;

/// A message by value, as large as the job's.
pub(crate) type Message = [u8; 64];

/// One way, from a thread on one processor to a thread on the other.
pub(crate) fn stream<const LEN: usize>(count: u64) -> Figures {
    let (sender, receiver) = bounded::<[u8; LEN]>(1024);
    let thread = std::thread::spawn(move || {
        pair::pin(1);
        for number in 0..count {
            let message = receiver.recv().expect("the sender is there");
            assert_eq!(message[..8], number.to_ne_bytes());
        }
    });
    pair::pin(0);
    let start = Instant::now();
    for number in 0..count {
        let mut message = [0; LEN];
        message[..8].copy_from_slice(&number.to_ne_bytes());
        sender.send(message).expect("the receiver is there");
    }
    thread.join().expect("every message is as sent");
    pair::unpin();
    Figures::of_total(start.elapsed(), count)
}

/// Many to many: `many` threads send and as many receive.
pub(crate) fn many(count: u64, many: u64) -> Figures {
    let (sender, receiver) = bounded::<Message>(1024);
    let each = count / many;
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..many {
            let (sender, receiver) = (sender.clone(), receiver.clone());
            scope.spawn(move || {
                for number in 0..each {
                    let mut message = [0; 64];
                    message[..8].copy_from_slice(&number.to_ne_bytes());
                    sender.send(message).expect("the receivers are there");
                }
            });
            scope.spawn(move || {
                for _ in 0..each {
                    let message = receiver.recv().expect("the senders are there");
                    assert!(message[..8] < u64::MAX.to_ne_bytes()[..]);
                }
            });
        }
    });
    Figures::of_total(start.elapsed(), each * many)
}

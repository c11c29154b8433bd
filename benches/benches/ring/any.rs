//! What it costs to wait for the first of several things: the same ring by itself, alone among
//! those that `wait_any` is given, and as the last of eight.

use posix_ipc::ring::spsc;
use posix_ipc::{Name, Semaphore, Waitable, wait_any};

use crate::channel::{Channel, Side, Spsc};

/// How many semaphores stand before the ring among eight.
const OTHERS: usize = 7;

/// Our spsc rings, received from by way of `wait_any`.
pub(crate) struct AnyOf {
    sender: spsc::Sender,
    receiver: spsc::Receiver,
    /// Nobody posts them.
    others: Vec<Semaphore>,
}

impl AnyOf {
    fn with(base: &str, side: Side, others: usize) -> Self {
        let (sender, receiver) = Spsc::with(base, side, 1 << 20, true).into_ends();
        let idle = |_| Semaphore::create(Name::unique("bench-any"), 0).expect("a new semaphore");
        Self { sender, receiver, others: (0..others).map(idle).collect() }
    }

    pub(crate) fn open(base: &str, side: Side, _: usize) -> Self {
        Self::with(base, side, 0)
    }

    pub(crate) fn open_eight(base: &str, side: Side, _: usize) -> Self {
        Self::with(base, side, OTHERS)
    }
}

impl Channel for AnyOf {
    fn send(&mut self, message: &[u8]) {
        self.sender.send(message).expect("the peer is there");
    }

    fn receive(&mut self, buffer: &mut [u8]) {
        let Self { receiver, others, .. } = self;
        let ring = |receiver| Waitable::SpscReceiver(receiver);
        let found = match others.as_slice() {
            [a, b, c, d, e, f, g] => {
                let semaphores = [a, b, c, d, e, f, g].map(Waitable::Semaphore);
                let [a, b, c, d, e, f, g] = semaphores;
                wait_any(&mut [a, b, c, d, e, f, g, ring(receiver)], None)
            }
            _ => wait_any(&mut [ring(receiver)], None),
        };
        assert_eq!(found, Ok(Some(others.len())));
        let received = self.receiver.try_receive(buffer).expect("the peer is there");
        assert_eq!(received, Some(buffer.len()), "nobody else takes it");
    }
}

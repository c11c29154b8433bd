//! Frames from thread to thread, for tests and for programs of one process.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{Arrival, ReceiveFrames, SendFrames, Transport, TransportError, Wait};

/// The sending end of [`memory`]; clones send to the same receiver.
#[derive(Debug)]
pub struct MemorySender(Arc<Shared>);

/// The receiving end of [`memory`].
#[derive(Debug)]
pub struct MemoryReceiver(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    capacity: usize,
    max_len: usize,
}

#[derive(Debug, Default)]
struct State {
    /// Highest priority first, equal ones in order.
    frames: VecDeque<(u32, Vec<u8>)>,
    senders: usize,
    receiver: bool,
}

/// Makes a channel of up to `capacity` frames of up to `max_len` bytes each.
///
/// # Examples
///
/// ```
/// use posix_ipc_typed::{Receiver, Sender, transport};
///
/// let (sender, receiver) = transport::memory(8, 256);
/// let mut sender = Sender::<String, _>::new(sender);
/// let mut receiver = Receiver::<String, _>::new(receiver);
/// sender.send(&"hello".to_string())?;
/// assert_eq!(receiver.receive()?, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn memory(capacity: usize, max_len: usize) -> (MemorySender, MemoryReceiver) {
    let state = State { frames: VecDeque::new(), senders: 1, receiver: true };
    let (state, changed) = (Mutex::new(state), Condvar::new());
    let shared = Arc::new(Shared { state, changed, capacity, max_len });
    (MemorySender(Arc::clone(&shared)), MemoryReceiver(shared))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `ready` or the time is over; tells which.
    fn wait_until<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        wait: Wait,
        ready: impl Fn(&State) -> bool,
    ) -> (MutexGuard<'a, State>, bool) {
        loop {
            if ready(&state) {
                return (state, true);
            }
            state = match wait.left() {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return (state, false),
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl Transport for MemorySender {
    fn max_frame_len(&self) -> usize {
        self.0.max_len
    }

    fn priorities(&self) -> u32 {
        u32::MAX
    }
}

impl Transport for MemoryReceiver {
    fn max_frame_len(&self) -> usize {
        self.0.max_len
    }

    fn priorities(&self) -> u32 {
        u32::MAX
    }
}

impl SendFrames for MemorySender {
    fn send_frame(
        &mut self,
        frame: &[u8],
        priority: u32,
        wait: Wait,
    ) -> Result<(), TransportError> {
        let shared = &self.0;
        let (length, max) = (frame.len(), shared.max_len);
        if length > max {
            return Err(TransportError::TooLong { length, max });
        }
        let (mut state, ready) = shared.wait_until(shared.lock(), wait, |state| {
            !state.receiver || state.frames.len() < shared.capacity
        });
        match (ready, wait) {
            (false, Wait::Never) => return Err(TransportError::Full),
            (false, _) => return Err(TransportError::TimedOut),
            (true, _) if !state.receiver => return Err(TransportError::Closed),
            (true, _) => {}
        }
        let place = state.frames.partition_point(|(other, _)| *other >= priority);
        state.frames.insert(place, (priority, frame.to_vec()));
        shared.changed.notify_all();
        Ok(())
    }
}

impl ReceiveFrames for MemoryReceiver {
    fn receive_frame(
        &mut self,
        buffer: &mut Vec<u8>,
        wait: Wait,
    ) -> Result<Option<Arrival>, TransportError> {
        let shared = &self.0;
        let (mut state, ready) = shared.wait_until(shared.lock(), wait, |state| {
            state.senders == 0 || !state.frames.is_empty()
        });
        if !ready {
            return Ok(None);
        }
        let Some((priority, frame)) = state.frames.pop_front() else {
            return Err(TransportError::Closed);
        };
        *buffer = frame;
        shared.changed.notify_all();
        Ok(Some(Arrival { length: buffer.len(), priority }))
    }
}

impl Clone for MemorySender {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl Drop for MemorySender {
    fn drop(&mut self) {
        self.0.lock().senders -= 1;
        self.0.changed.notify_all();
    }
}

impl Drop for MemoryReceiver {
    fn drop(&mut self) {
        self.0.lock().receiver = false;
        self.0.changed.notify_all();
    }
}

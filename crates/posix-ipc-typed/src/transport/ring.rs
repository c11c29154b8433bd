//! Frames over rings: one frame a record; priorities are the lanes of the ring for many.

use posix_ipc::ring::{self, mpmc, spsc};

use super::{Arrival, ReceiveFrames, SendFrames, Transport, TransportError, Wait};

impl From<ring::SendError> for TransportError {
    fn from(error: ring::SendError) -> Self {
        match error {
            ring::SendError::Full => Self::Full,
            ring::SendError::TimedOut => Self::TimedOut,
            ring::SendError::TooLong { length, max } => Self::TooLong { length, max },
            ring::SendError::PeerGone => Self::Closed,
            other => Self::failed(other),
        }
    }
}

impl From<ring::ReceiveError> for TransportError {
    fn from(error: ring::ReceiveError) -> Self {
        match error {
            ring::ReceiveError::PeerGone => Self::Closed,
            other => Self::failed(other),
        }
    }
}

impl Transport for spsc::Sender {
    fn max_frame_len(&self) -> usize {
        self.message_size()
    }
}

impl Transport for spsc::Receiver {
    fn max_frame_len(&self) -> usize {
        self.message_size()
    }
}

impl SendFrames for spsc::Sender {
    #[inline]
    fn send_frame(
        &mut self,
        frame: &[u8],
        _priority: u32,
        wait: Wait,
    ) -> Result<(), TransportError> {
        let sent = match wait {
            Wait::Never => self.try_send(frame),
            Wait::Forever => self.send(frame),
            Wait::Until(deadline) => self.send_deadline(frame, deadline),
        };
        sent.map_err(Into::into)
    }
}

impl ReceiveFrames for spsc::Receiver {
    #[inline]
    fn receive_frame(
        &mut self,
        buffer: &mut Vec<u8>,
        wait: Wait,
    ) -> Result<Option<Arrival>, TransportError> {
        let record = match wait {
            Wait::Never => self.try_peek()?,
            Wait::Forever => Some(self.peek()?),
            Wait::Until(deadline) => self.peek_deadline(deadline)?,
        };
        Ok(record.map(|record| {
            let length = record.len();
            let read = buffer.get_mut(..length).is_some_and(|slot| record.read_at(0, slot).is_ok());
            if !read {
                // A longer one than any before: without zeroing first.
                buffer.clear();
                record.append_to(buffer);
            }
            record.release();
            Arrival { length, priority: 0 }
        }))
    }
}

impl Transport for mpmc::Sender {
    fn max_frame_len(&self) -> usize {
        self.message_size()
    }

    fn priorities(&self) -> u32 {
        self.lanes()
    }
}

impl Transport for mpmc::Receiver {
    fn max_frame_len(&self) -> usize {
        self.message_size()
    }

    fn priorities(&self) -> u32 {
        self.lanes()
    }
}

impl SendFrames for mpmc::Sender {
    #[inline]
    fn send_frame(
        &mut self,
        frame: &[u8],
        priority: u32,
        wait: Wait,
    ) -> Result<(), TransportError> {
        let sent = match wait {
            Wait::Never => self.try_send(frame, priority),
            Wait::Forever => self.send(frame, priority),
            Wait::Until(deadline) => self.send_deadline(frame, priority, deadline),
        };
        sent.map_err(Into::into)
    }
}

impl ReceiveFrames for mpmc::Receiver {
    #[inline]
    fn receive_frame(
        &mut self,
        buffer: &mut Vec<u8>,
        wait: Wait,
    ) -> Result<Option<Arrival>, TransportError> {
        // The buffer keeps its length between calls, so that it is zeroed only once.
        if buffer.len() < self.message_size() {
            buffer.resize(self.message_size(), 0);
        }
        let received = match wait {
            Wait::Never => self.try_receive(buffer)?,
            Wait::Forever => Some(self.receive(buffer)?),
            Wait::Until(deadline) => self.receive_deadline(buffer, deadline)?,
        };
        Ok(received.map(|(length, priority)| Arrival { length, priority: priority.get() }))
    }
}

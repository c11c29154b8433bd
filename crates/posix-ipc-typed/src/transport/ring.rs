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
        // Into a buffer that is there, since the ring has a shorter way for short messages.
        if buffer.len() < USUAL {
            buffer.resize(USUAL, 0);
        }
        let received = match wait {
            Wait::Never => self.try_receive(buffer),
            Wait::Forever => self.receive(buffer).map(Some),
            Wait::Until(deadline) => self.receive_deadline(buffer, deadline),
        };
        match received {
            Ok(received) => Ok(received.map(|length| Arrival { length, priority: 0 })),
            Err(ring::ReceiveError::TooShort { .. }) => receive_long(self, buffer),
            Err(error) => Err(error.into()),
        }
    }
}

/// How long a buffer for frames is at least.
const USUAL: usize = 256;

/// Receives a frame that is there and longer than the buffer, without zeroing room for it first.
#[cold]
fn receive_long(
    receiver: &mut spsc::Receiver,
    buffer: &mut Vec<u8>,
) -> Result<Option<Arrival>, TransportError> {
    Ok(receiver.try_peek()?.map(|record| {
        buffer.clear();
        record.append_to(buffer);
        record.release();
        Arrival { length: buffer.len(), priority: 0 }
    }))
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

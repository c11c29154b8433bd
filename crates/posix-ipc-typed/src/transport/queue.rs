//! Frames over POSIX message queues: one frame a message, with the queue's priorities.

use posix_ipc::mq::{self, Priority};
use posix_ipc::{Errno, Error, MessageQueue};

use super::{Arrival, ReceiveFrames, SendFrames, Transport, TransportError, Wait};

impl From<mq::SendError> for TransportError {
    fn from(error: mq::SendError) -> Self {
        match error {
            mq::SendError::Full => Self::Full,
            mq::SendError::TimedOut => Self::TimedOut,
            mq::SendError::TooLong { length, max } => Self::TooLong { length, max },
            other => Self::failed(other),
        }
    }
}

/// Implements the traits for a handle of a queue.
macro_rules! queue {
    (transport $($type:ty),*) => {$(
        impl Transport for $type {
            fn max_frame_len(&self) -> usize {
                self.message_size()
            }

            fn priorities(&self) -> u32 {
                Priority::HIGHEST.get() + 1
            }
        }
    )*};
    (send $($type:ty),*) => {$(
        impl SendFrames for $type {
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
    )*};
    (receive $($type:ty),*) => {$(
        impl ReceiveFrames for $type {
            fn receive_frame(
                &mut self,
                buffer: &mut Vec<u8>,
                wait: Wait,
            ) -> Result<Option<Arrival>, TransportError> {
                buffer.clear();
                let received = match wait {
                    Wait::Never => self.try_receive(&mut *buffer),
                    Wait::Forever => self.receive(&mut *buffer).map(Some),
                    Wait::Until(deadline) => self.receive_deadline(&mut *buffer, deadline),
                };
                match received {
                    Ok(received) => Ok(received.map(|(length, priority)| {
                        Arrival { length, priority: priority.get() }
                    })),
                    // A handle that does not block.
                    Err(Error::Os { errno: Errno::AGAIN, .. }) => Ok(None),
                    Err(error) => Err(TransportError::failed(error)),
                }
            }
        }
    )*};
}

queue!(transport MessageQueue, mq::Sender, mq::Receiver);
queue!(send MessageQueue, mq::Sender);
queue!(receive MessageQueue, mq::Receiver);

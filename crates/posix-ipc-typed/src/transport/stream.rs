//! Frames over a stream of bytes: a Unix socket, a pipe, a file.

use std::io::{self, Read, Write};

use super::{Arrival, ReceiveFrames, SendFrames, Transport, TransportError, Wait};
use crate::frame::{Frame, FrameError, HEADER_LEN};

/// Frames one after the other in anything that is [`Read`] or [`Write`].
///
/// Deadlines are those of the stream: set its timeouts, or make it non-blocking. A call that
/// runs out of time in the middle of a frame goes on there the next time; after the last frame,
/// [`flush`](Self::flush) does.
///
/// # Examples
///
/// ```
/// use posix_ipc_typed::{Receiver, Sender, transport::StreamTransport};
/// use std::os::unix::net::UnixStream;
///
/// let (here, there) = UnixStream::pair()?;
/// let mut sender = Sender::<u32, _>::new(StreamTransport::new(here, 65_536));
/// let mut receiver = Receiver::<u32, _>::new(StreamTransport::new(there, 65_536));
/// sender.send(&7)?;
/// assert_eq!(receiver.receive()?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct StreamTransport<S> {
    stream: S,
    max_len: usize,
    /// What was read of the next frame.
    partial: Vec<u8>,
    /// The last frame, if a part of it could not be written yet.
    unsent: Vec<u8>,
    /// How much of it was written.
    written: usize,
}

impl<S> StreamTransport<S> {
    /// Carries frames of up to `max_len` bytes; a longer one of the peer is an error.
    pub fn new(stream: S, max_len: usize) -> Self {
        Self { stream, max_len, partial: Vec::new(), unsent: Vec::new(), written: 0 }
    }

    /// The stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream, to be set up otherwise: what is read or written past this gets lost.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The stream, without what was read of a frame that is not complete, and without what could
    /// not be written yet.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S> Transport for StreamTransport<S> {
    fn max_frame_len(&self) -> usize {
        self.max_len
    }
}

/// Whether the stream only has to be asked again.
fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn failed(error: io::Error, wait: Wait) -> TransportError {
    match error.kind() {
        _ if is_late(&error) && wait == Wait::Never => TransportError::Full,
        _ if is_late(&error) => TransportError::TimedOut,
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => TransportError::Closed,
        _ => TransportError::failed(error),
    }
}

impl<S: Write> StreamTransport<S> {
    /// Writes what is left of a frame that was sent, of which the stream has taken a part only.
    ///
    /// # Errors
    ///
    /// [`TransportError::TimedOut`] if the stream still does not take all, [`TransportError::Closed`]
    /// if the other end is gone, and [`TransportError::Failed`].
    pub fn flush(&mut self) -> Result<(), TransportError> {
        self.flush_unsent().map_err(|error| failed(error, Wait::Forever))
    }

    /// Writes from `unsent` until it is empty.
    fn flush_unsent(&mut self) -> io::Result<()> {
        while let Some(rest @ [_, ..]) = self.unsent.get(self.written..) {
            match self.stream.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written = self.written.saturating_add(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.unsent.clear();
        self.written = 0;
        self.stream.flush()
    }
}

impl<S: Write> SendFrames for StreamTransport<S> {
    fn send_frame(
        &mut self,
        frame: &[u8],
        _priority: u32,
        wait: Wait,
    ) -> Result<(), TransportError> {
        let (length, max) = (frame.len(), self.max_len);
        if length > max {
            return Err(TransportError::TooLong { length, max });
        }
        // What an earlier call could not write has to go first.
        self.flush_unsent().map_err(|error| failed(error, wait))?;
        self.unsent.extend_from_slice(frame);
        match self.flush_unsent() {
            // Nothing was written: the frame is not sent, and the caller still has it.
            Err(error) if self.written == 0 && !self.unsent.is_empty() => {
                self.unsent.clear();
                Err(failed(error, wait))
            }
            // A part of it was: the rest follows with the next call.
            Err(error) if is_late(&error) => Ok(()),
            result => result.map_err(|error| failed(error, wait)),
        }
    }
}

impl<S: Read> ReceiveFrames for StreamTransport<S> {
    fn receive_frame(
        &mut self,
        buffer: &mut Vec<u8>,
        _wait: Wait,
    ) -> Result<Option<Arrival>, TransportError> {
        loop {
            let needed = match Frame::len_of(&self.partial) {
                Ok(length) if length > self.max_len => {
                    return Err(TransportError::TooLong { length, max: self.max_len });
                }
                Ok(length) => length,
                Err(FrameError::Short { .. }) => HEADER_LEN,
                Err(error) => return Err(TransportError::failed(error)),
            };
            let have = self.partial.len();
            if have >= HEADER_LEN && have == needed {
                std::mem::swap(buffer, &mut self.partial);
                self.partial.clear();
                return Ok(Some(Arrival { length: buffer.len(), priority: 0 }));
            }
            // No more than was announced is read, and no more room made than has been filled.
            let step = (needed - have).min(have.max(4096));
            self.partial.resize(have + step, 0);
            let result = self.stream.read(self.partial.get_mut(have..).unwrap_or_default());
            self.partial.truncate(have + result.as_ref().map_or(0, |count| *count));
            match result {
                Ok(0) if have == 0 => return Err(TransportError::Closed),
                Ok(0) => {
                    let error = io::Error::from(io::ErrorKind::UnexpectedEof);
                    return Err(TransportError::failed(error));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_late(&error) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(TransportError::Closed);
                }
                Err(error) => return Err(TransportError::failed(error)),
            }
        }
    }
}

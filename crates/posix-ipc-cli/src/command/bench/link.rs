//! A way there and a way back between two processes, and what the other process does with them.

use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, SystemTime};

use posix_ipc::ring::spsc;
use posix_ipc::{Kind, MessageQueue, Name, Semaphore};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::args::Measured;
use crate::command::temporary;
use crate::exit::{Failure, Outcome, Status};

/// How long one side waits for the other before it gives up.
const PATIENCE: Duration = Duration::from_secs(30);
const RING: usize = 4 << 20;
const QUEUE: usize = 10;

/// What the first byte of a message says: send it back, count it, tell the count.
pub(super) const ECHO: u8 = 0;
pub(super) const COUNT: u8 = 1;
pub(super) const TELL: u8 = 2;

/// A message there or back.
pub(super) trait Link {
    fn send(&mut self, message: &[u8]) -> Outcome;
    fn receive(&mut self, message: &mut Vec<u8>) -> Outcome;
}

fn broken(text: impl std::fmt::Display) -> Failure {
    Failure::said(Status::Failed, format!("the measurement broke: {text}"))
}

struct Queues {
    to: MessageQueue,
    from: MessageQueue,
}

impl Link for Queues {
    fn send(&mut self, message: &[u8]) -> Outcome {
        self.to.send_timeout(message, 0, PATIENCE).map_err(broken)
    }

    fn receive(&mut self, message: &mut Vec<u8>) -> Outcome {
        message.clear();
        // A deadline of the kernel's own clock needs no second system call.
        let deadline = SystemTime::now() + PATIENCE;
        let received = self.from.receive_deadline_realtime(message, deadline).map_err(broken)?;
        received.map(drop).ok_or_else(|| broken("no answer came"))
    }
}

struct Rings {
    to: spsc::Sender,
    from: spsc::Receiver,
}

impl Link for Rings {
    fn send(&mut self, message: &[u8]) -> Outcome {
        self.to.send_timeout(message, PATIENCE).map_err(broken)
    }

    fn receive(&mut self, message: &mut Vec<u8>) -> Outcome {
        let record = self.from.peek_timeout(PATIENCE).map_err(broken)?;
        let record = record.ok_or_else(|| broken("no answer came"))?;
        message.resize(record.len(), 0);
        record.read_at(0, message).map_err(broken)?;
        record.release();
        Ok(())
    }
}

/// Messages of one length over streams.
struct Streams<W, R> {
    to: W,
    from: R,
    size: usize,
}

impl<W: Write, R: Read> Link for Streams<W, R> {
    fn send(&mut self, message: &[u8]) -> Outcome {
        self.to.write_all(message).and_then(|()| self.to.flush()).map_err(broken)
    }

    fn receive(&mut self, message: &mut Vec<u8>) -> Outcome {
        message.resize(self.size, 0);
        self.from.read_exact(message).map_err(broken)
    }
}

struct Semaphores {
    to: Semaphore,
    from: Semaphore,
}

impl Link for Semaphores {
    fn send(&mut self, _: &[u8]) -> Outcome {
        self.to.post().map_err(broken)
    }

    fn receive(&mut self, message: &mut Vec<u8>) -> Outcome {
        message.resize(super::SMALLEST, ECHO);
        match self.from.wait_timeout(PATIENCE).map_err(broken)? {
            true => Ok(()),
            false => Err(broken("no answer came")),
        }
    }
}

/// This end of a link, with the process at the other, which ends with it.
pub(super) struct Pair {
    pub(super) link: Box<dyn Link>,
    child: Child,
}

impl Drop for Pair {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Pair {
    pub(super) fn start(what: Measured, size: usize) -> Outcome<Self> {
        let names = [Name::unique("pipc-bench-to"), Name::unique("pipc-bench-from")];
        let word = match what {
            Measured::Sem => "sem",
            Measured::Mq => "mq",
            Measured::Ring => "ring",
            Measured::Pipe | Measured::Shm => "pipe",
        };
        let kind = match what {
            Measured::Sem => Kind::Semaphore,
            Measured::Mq => Kind::MessageQueue,
            _ => Kind::Ring,
        };
        temporary::remove_on_signal(names.iter().map(|name| (kind, name.clone())))?;
        let description = format!("{word},{},{},{size}", names[0], names[1]);
        // The objects exist before the other process looks for them.
        let named: Option<Box<dyn Link>> = match what {
            Measured::Sem => Some(Box::new(Semaphores {
                to: Semaphore::create(&names[0], 0)?,
                from: Semaphore::create(&names[1], 0)?,
            })),
            Measured::Mq => Some(Box::new(Queues {
                to: MessageQueue::create(&names[0], QUEUE, size)?,
                from: MessageQueue::create(&names[1], QUEUE, size)?,
            })),
            Measured::Ring => Some(Box::new(Rings {
                to: spsc::Sender::create(&names[0], RING)?,
                from: spsc::Receiver::create(&names[1], RING)?,
            })),
            Measured::Pipe | Measured::Shm => None,
        };
        let program = std::env::current_exe().map_err(Failure::io("find this program"))?;
        let mut child = Command::new(program)
            .args(["bench", "--echo", &description])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Failure::io("start a process"))?;
        let (to, from): (Option<ChildStdin>, Option<ChildStdout>) =
            (child.stdin.take(), child.stdout.take());
        let (Some(to), Some(from)) = (to, from) else { return Err(broken("no pipes")) };
        let link = match named {
            // The streams stay open with the link, so that nothing is lost by a full pipe.
            Some(link) => link,
            None => Box::new(Streams { to, from, size }),
        };
        Ok(Self { link, child })
    }
}

/// What the other process does: sends back, counts, tells the count; until its peer goes.
pub(super) fn echo(description: &str) -> Outcome {
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let parts: Vec<&str> = description.split(',').collect();
    let [word, from, to, size] = parts.as_slice() else {
        return Err(Failure::usage("there is nothing to answer"));
    };
    let size = size.parse().map_err(|_| Failure::usage("the size is no number"))?;
    let mut link: Box<dyn Link> = match *word {
        "sem" => Box::new(Semaphores { from: Semaphore::open(*from)?, to: Semaphore::open(*to)? }),
        "mq" => Box::new(Queues { from: MessageQueue::open(*from)?, to: MessageQueue::open(*to)? }),
        "ring" => {
            Box::new(Rings { from: spsc::Receiver::open(*from)?, to: spsc::Sender::open(*to)? })
        }
        _ => Box::new(Streams { from: io::stdin().lock(), to: io::stdout().lock(), size }),
    };
    let mut message = Vec::with_capacity(size);
    let mut counted = 0u64;
    loop {
        link.receive(&mut message)?;
        match message.first().copied() {
            Some(COUNT) => {
                let number = message.get(8..16).and_then(|bytes| bytes.try_into().ok());
                if number.map(u64::from_ne_bytes) != Some(counted) {
                    return Err(broken("a message was lost or doubled"));
                }
                counted += 1;
            }
            Some(TELL) => {
                if let Some(place) = message.get_mut(8..16) {
                    place.copy_from_slice(&counted.to_ne_bytes());
                }
                counted = 0;
                link.send(&message)?;
            }
            _ => link.send(&message)?,
        }
    }
}

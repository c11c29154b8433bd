//! `pipc ring`.

use std::time::Duration;

use posix_ipc::inspect::{self, Object, RingShape};
use posix_ipc::ring::{ReceiveError, SendError, mpmc, spsc};
use posix_ipc::{Error, Kind, Name};
use serde_json::json;

use super::describe;
use super::format::{Format, Message};
use super::source::Source;
use crate::args::{AmountArgs, RingCommand};
use crate::exit::{Failure, Outcome, Status};
use crate::output::Out;

/// What a ring is made of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Geometry {
    Spsc { capacity: usize },
    Mpmc { slots: usize, slot_size: usize },
}

impl Geometry {
    pub(super) fn new(capacity: Option<u64>, slots: Option<u64>, slot_size: Option<u64>) -> Self {
        const CAPACITY: u64 = 64 * 1024;
        const SLOT_SIZE: u64 = 240;
        // What is beyond any memory is refused as out of range.
        let size = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        match slots {
            None => Self::Spsc { capacity: size(capacity.unwrap_or(CAPACITY)) },
            Some(slots) => {
                Self::Mpmc { slots: size(slots), slot_size: size(slot_size.unwrap_or(SLOT_SIZE)) }
            }
        }
    }

    /// Refuses a ring that is not as this one would be.
    pub(super) fn check(&self, object: &Object) -> Result<(), Error> {
        let foreign =
            |reason| Error::Foreign { kind: Kind::Ring, name: Some(object.name.clone()), reason };
        let Some(state) = object.ring() else { return Err(foreign("it is no ring")) };
        let check = |property, expected: usize, found: u64| match expected as u64 == found {
            true => Ok(()),
            false => Err(Error::Mismatch {
                kind: Kind::Ring,
                name: Some(object.name.clone()),
                property,
                expected: expected as u64,
                found,
            }),
        };
        match (*self, state.shape) {
            (Self::Spsc { capacity }, RingShape::Spsc) => check(
                "capacity",
                capacity.max(4096).checked_next_power_of_two().unwrap_or(usize::MAX),
                state.capacity,
            ),
            (Self::Mpmc { slots, slot_size }, RingShape::Mpmc) => {
                check(
                    "number of slots",
                    slots.max(2).checked_next_power_of_two().unwrap_or(usize::MAX),
                    state.capacity,
                )?;
                check("message size", slot_size, state.message_size.into())
            }
            _ => Err(foreign("it has the other shape")),
        }
    }
}

pub(crate) fn run(command: &RingCommand, out: &mut Out) -> Outcome {
    match command {
        RingCommand::Send { name, source, lane, timeout } => {
            send(name, Source::open(source)?, *lane, *timeout, out)
        }
        RingCommand::Receive { name, amount } => receive(name, amount, out),
    }
}

fn shape(name: &Name) -> Outcome<RingShape> {
    let object = inspect::stat(Kind::Ring, name)?;
    let state = object.ring().ok_or(Failure::said(Status::Failed, format!("{name} is no ring")))?;
    Ok(state.shape)
}

/// An end of a ring of either shape, for sending.
enum Sender {
    Spsc(spsc::Sender),
    Mpmc(mpmc::Sender),
}

impl Sender {
    fn message_size(&self) -> usize {
        match self {
            Self::Spsc(sender) => sender.message_size(),
            Self::Mpmc(sender) => sender.message_size(),
        }
    }

    fn send(
        &mut self,
        message: &[u8],
        lane: u32,
        timeout: Option<Duration>,
    ) -> Result<(), SendError> {
        match (self, timeout) {
            (Self::Spsc(sender), None) => sender.send(message),
            (Self::Spsc(sender), Some(timeout)) => sender.send_timeout(message, timeout),
            (Self::Mpmc(sender), None) => sender.send(message, lane),
            (Self::Mpmc(sender), Some(timeout)) => sender.send_timeout(message, lane, timeout),
        }
    }
}

fn send(
    name: &Name,
    source: Source,
    lane: u32,
    timeout: Option<Duration>,
    out: &mut Out,
) -> Outcome {
    let mut sender = match shape(name)? {
        RingShape::Spsc if lane > 0 => {
            return Err(Failure::usage(format!("{name} is for one sender and has no lanes")));
        }
        RingShape::Spsc => Sender::Spsc(spsc::Sender::options().outlive_peer(true).open(name)?),
        _ => Sender::Mpmc(mpmc::Sender::open(name)?),
    };
    let max = sender.message_size();
    let check = |message: &[u8]| match message.len() <= max {
        true => Ok(()),
        false => {
            let text =
                format!("a message of {} bytes is too long: {name} takes {max}", message.len());
            Err(Failure::said(Status::Failed, text))
        }
    };
    let (mut messages, mut bytes) = (0u64, 0u64);
    let result = source.each(check, |message| {
        sender.send(message, lane, timeout).map_err(|error| match error {
            SendError::Full | SendError::TimedOut => {
                Failure::timed_out(format!("ring {name} is full"))
            }
            SendError::Priority(_) | SendError::NoSuchLane { .. } => {
                Failure::usage(format!("{name}: {error}"))
            }
            other => Failure::said(Status::Failed, format!("cannot send to {name}: {other}")),
        })?;
        messages += 1;
        bytes += message.len() as u64;
        Ok(())
    });
    if out.is_json() {
        let name = describe::name(name);
        out.document(json!({ "name": name, "sent": messages, "bytes": bytes, "lane": lane }))?;
    } else if result.is_err() && messages > 0 {
        out.warn(&format!("{messages} sent before this one"));
    }
    result
}

fn receive(name: &Name, amount: &AmountArgs, out: &mut Out) -> Outcome {
    let format = Format::of(amount, out)?;
    match shape(name)? {
        RingShape::Spsc => {
            let mut receiver = spsc::Receiver::options().outlive_peer(true).open(name)?;
            each(name, amount, |index, wait| {
                let record = match wait {
                    Wait::Not => receiver.try_peek(),
                    Wait::Within(timeout) => receiver.peek_timeout(timeout),
                    Wait::Ever => receiver.peek().map(Some),
                };
                let Some(record) = record.map_err(|error| failure(name, error))? else {
                    return Ok(false);
                };
                // Released only when it is printed: if that fails, it is still there.
                let data = record.to_vec();
                format.print(&Message { index, data: &data, priority: 0 }, out)?;
                record.release();
                Ok(true)
            })
        }
        _ => {
            let receiver = mpmc::Receiver::open(name)?;
            let mut buffer = vec![0; receiver.message_size()];
            each(name, amount, |index, wait| {
                let received = match wait {
                    Wait::Not => receiver.try_receive(&mut buffer),
                    Wait::Within(timeout) => receiver.receive_timeout(&mut buffer, timeout),
                    Wait::Ever => receiver.receive(&mut buffer).map(Some),
                };
                let Some((length, priority)) = received.map_err(|error| failure(name, error))?
                else {
                    return Ok(false);
                };
                let data = buffer.get(..length).unwrap_or_default();
                format.print(&Message { index, data, priority: priority.get() }, out)?;
                Ok(true)
            })
        }
    }
}

/// How long to wait for a message.
#[derive(Debug, Clone, Copy)]
enum Wait {
    Not,
    Within(Duration),
    Ever,
}

/// Receives as many as are asked for; `next` tells whether there was one.
fn each(
    name: &Name,
    amount: &AmountArgs,
    mut next: impl FnMut(u64, Wait) -> Outcome<bool>,
) -> Outcome {
    let wait = match amount.timeout {
        _ if amount.all => Wait::Not,
        Some(timeout) => Wait::Within(timeout),
        None => Wait::Ever,
    };
    let last = if amount.all || amount.follow { u64::MAX } else { amount.count };
    for index in 0..last {
        match next(index, wait)? {
            true => {}
            false if amount.all => break,
            false => return Err(Failure::timed_out(format!("no message came to {name}"))),
        }
    }
    Ok(())
}

fn failure(name: &Name, error: ReceiveError) -> Failure {
    Failure::said(Status::Failed, format!("cannot receive from {name}: {error}"))
}

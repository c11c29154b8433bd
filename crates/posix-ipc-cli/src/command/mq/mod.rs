//! `pipc mq`.

mod file;
mod receive;
mod resize;
mod send;

use std::time::{Duration, Instant};

pub(crate) use file::Saved;
pub(super) use file::{put_back, read, take_all};
use posix_ipc::mq::{Access, SendError};
use posix_ipc::{MessageQueue, Name};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::time::Timespec;
use serde_json::json;

use super::describe;
use crate::args::MqCommand;
use crate::exit::{Failure, Outcome, Status};
use crate::output::{Out, counted};

pub(crate) fn run(command: &MqCommand, out: &mut Out) -> Outcome {
    match command {
        MqCommand::Send(args) => send::run(args, out),
        MqCommand::Receive(args) => receive::run(args, out),
        MqCommand::Wait { name, timeout } => wait(name, *timeout, out),
        MqCommand::Drain { name } => drain(name, out),
        MqCommand::Save { name, file, keep } => file::save(name, file, *keep, out),
        MqCommand::Load { name, file, timeout } => file::load(name, file, *timeout, out),
        MqCommand::Resize { name, maxmsg, msgsize, force } => {
            resize::run(name, *maxmsg, *msgsize, *force, out)
        }
    }
}

/// Opens an existing queue of any geometry.
pub(super) fn open(name: &Name, access: Access) -> Outcome<MessageQueue> {
    Ok(MessageQueue::options().access(access).open(name)?)
}

/// What a failed send means.
pub(super) fn send_failure(name: &Name, error: SendError) -> Failure {
    match error {
        SendError::Full | SendError::TimedOut => {
            Failure::timed_out(format!("message queue {name} is full"))
        }
        SendError::Failed(error) => error.into(),
        other => Failure::said(Status::Failed, format!("cannot send to {name}: {other}")),
    }
}

/// Sends, waiting for room at most so long, or for ever.
pub(super) fn send_one(
    queue: &MessageQueue,
    message: &[u8],
    priority: u32,
    timeout: Option<Duration>,
) -> Outcome {
    let sent = match timeout {
        None => queue.send(message, priority),
        Some(timeout) => queue.send_timeout(message, priority, timeout),
    };
    sent.map_err(|error| send_failure(queue.name(), error))
}

fn wait(name: &Name, timeout: Option<Duration>, out: &mut Out) -> Outcome {
    let queue = open(name, Access::Receive)?;
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        let mut fds = [PollFd::new(&queue, PollFlags::IN)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) if left.is_some_and(|left| left.is_zero()) || timeout.is_some() => {
                return Err(Failure::timed_out(format!("no message came to {name}")));
            }
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => break,
            Err(errno) => return Err(Failure::io(format!("wait for {name}"))(errno.into())),
        }
    }
    let messages = queue.len()?;
    if out.is_json() {
        out.document(json!({ "name": describe::name(name), "messages": messages }))?;
    }
    Ok(())
}

fn drain(name: &Name, out: &mut Out) -> Outcome {
    let queue = open(name, Access::Receive)?;
    let mut bytes = 0u64;
    let messages = queue.drain(|message, _priority| bytes += message.len() as u64)? as u64;
    let text = format!("drained {} ({bytes} bytes)", counted(messages, "message", "messages"));
    let name = describe::name(name);
    out.done(&text, json!({ "name": name, "drained": messages, "bytes": bytes }))
}

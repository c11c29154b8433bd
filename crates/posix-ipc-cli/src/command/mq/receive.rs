//! `pipc mq receive`.

use posix_ipc::mq::Access;
use posix_ipc::{Cleanup, MessageQueue, OpenMode, Priority};

use super::open;
use crate::args::{AmountArgs, MqReceiveArgs};
use crate::command::format::{Format, Message};
use crate::exit::{Failure, Outcome};
use crate::output::Out;

pub(super) fn run(args: &MqReceiveArgs, out: &mut Out) -> Outcome {
    let format = Format::of(&args.amount, out)?;
    let queue = match args.create {
        false => open(&args.name, Access::Receive)?,
        true => MessageQueue::options()
            .mode(OpenMode::OpenOrCreate)
            .any_geometry()
            .access(Access::Receive)
            .cleanup(Cleanup::Keep)
            .open(&args.name)?,
    };
    let mut buffer = Vec::with_capacity(queue.message_size());
    for index in 0.. {
        if !args.amount.follow && !args.amount.all && index >= args.amount.count {
            break;
        }
        buffer.clear();
        let Some(priority) = receive(&queue, &args.amount, &mut buffer)? else {
            if args.amount.all {
                break;
            }
            return Err(Failure::timed_out(format!("no message came to {}", args.name)));
        };
        let message = Message { index, data: &buffer, priority: priority.get() };
        format.print(&message, out)?;
    }
    Ok(())
}

fn receive(
    queue: &MessageQueue,
    amount: &AmountArgs,
    buffer: &mut Vec<u8>,
) -> Outcome<Option<Priority>> {
    let received = match amount.timeout {
        _ if amount.all => queue.try_receive(buffer)?,
        Some(timeout) => queue.receive_timeout(buffer, timeout)?,
        None => Some(queue.receive(buffer)?),
    };
    Ok(received.map(|(_, priority)| priority))
}

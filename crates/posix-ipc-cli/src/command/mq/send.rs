//! `pipc mq send`.

use posix_ipc::mq::Access;
use serde_json::json;

use super::{open, send_one};
use crate::args::MqSendArgs;
use crate::command::describe;
use crate::command::source::Source;
use crate::exit::{Failure, Outcome, Status};
use crate::output::Out;

pub(super) fn run(args: &MqSendArgs, out: &mut Out) -> Outcome {
    let queue = open(&args.name, Access::Send)?;
    let source = Source::open(&args.source)?;
    let (mut messages, mut bytes) = (0u64, 0u64);
    let max = queue.message_size();
    let check = |message: &[u8]| match message.len() <= max {
        true => Ok(()),
        false => Err(Failure::said(
            Status::Failed,
            format!("a message of {} bytes is too long: {} takes {max}", message.len(), args.name),
        )),
    };
    let result = source.each(check, |message| {
        send_one(&queue, message, args.priority, args.timeout)?;
        messages += 1;
        bytes += message.len() as u64;
        Ok(())
    });
    if out.is_json() {
        let name = describe::name(&args.name);
        out.document(json!({
            "name": name, "sent": messages, "bytes": bytes, "priority": args.priority,
        }))?;
    }
    match result {
        Err(failure) if messages > 0 && !out.is_json() => {
            let failed = failure.text().unwrap_or_default();
            out.warn(&format!("{messages} sent before this one"));
            Err(Failure::Said { status: to_status(&failure), text: failed })
        }
        other => other,
    }
}

fn to_status(failure: &Failure) -> Status {
    match failure.status() {
        75 => Status::TimedOut,
        5 => Status::Permission,
        3 => Status::NotFound,
        _ => Status::Failed,
    }
}

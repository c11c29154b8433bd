//! `pipc stat`.

use std::time::SystemTime;

use posix_ipc::inspect::{self, Details, Object, RingShape, Usage, User, Via};
use posix_ipc::{Kind, Name};
use serde_json::{Map, Value, json};

use super::describe;
use super::entry::Entry;
use crate::args::StatArgs;
use crate::args::value::KindArg;
use crate::exit::{Failure, Outcome, Status};
use crate::output::{
    Align, Out, Table, age, counted, group, human, known, octal, permissions, printable, rfc3339,
    user, written,
};

pub(crate) fn run(args: &StatArgs, out: &mut Out) -> Outcome {
    let usage = Usage::scan();
    let mut missing = Vec::new();
    let mut documents: Vec<Map<String, Value>> = Vec::new();
    for name in &args.names {
        let objects = find(name, args.kind)?;
        if objects.is_empty() {
            missing.push(name);
        }
        for object in objects {
            let users = usage.of(&object).to_vec();
            if out.is_json() {
                documents.push(describe::entry(&Entry::new(object, Some(users))));
            } else {
                show(&object, &users, usage.hidden(), out)?;
            }
        }
    }
    if out.is_json() {
        let missing: Value = missing.iter().map(|name| describe::name(name)).collect();
        out.document(json!({
            "objects": documents, "missing": missing, "hidden_processes": usage.hidden(),
        }))?;
    }
    not_found(&missing, args.kind)
}

/// The objects of a name, of one kind or of all.
pub(crate) fn find(name: &Name, kind: Option<KindArg>) -> Outcome<Vec<Object>> {
    let mut objects = inspect::find(name)?;
    objects.retain(|object| kind.is_none_or(|kind| kind.kind() == object.kind));
    Ok(objects)
}

/// The failure of not having found these.
pub(crate) fn not_found(missing: &[&Name], kind: Option<KindArg>) -> Outcome {
    let what = kind.map_or("object".to_string(), |kind| kind.kind().to_string());
    match missing {
        [] => Ok(()),
        [one] => Err(Failure::said(Status::NotFound, format!("there is no {what} {one}"))),
        many => {
            let names: Vec<String> = many.iter().map(ToString::to_string).collect();
            let text = format!("there is no {what} named {}", names.join(", "));
            Err(Failure::said(Status::NotFound, text))
        }
    }
}

fn show(object: &Object, users: &[User], hidden: usize, out: &mut Out) -> Outcome {
    let now = SystemTime::now();
    let mut table = Table::new([("", Align::Right), ("", Align::Left)]).without_headings();
    let mut row = |label: &str, text: String| table.row([label.to_string(), text]);
    row(
        "permissions",
        format!("{} ({})", octal(object.mode), written(|text| permissions(text, object.mode))),
    );
    row("owner", format!("{} ({}:{})", owner(object), object.uid, object.gid));
    if object.kind != Kind::MessageQueue {
        row("size", format!("{} ({} bytes)", human(object.size), object.size));
        row("allocated", format!("{} ({} bytes)", human(object.allocated), object.allocated));
    }
    details(object, &mut row);
    let when = |time| format!("{} ({} ago)", rfc3339(time), written(|text| age(text, time, now)));
    row("modified", when(object.modified));
    row("changed", when(object.changed));
    row("accessed", when(object.accessed));
    let identity = object.identity;
    row("identity", format!("device {}, inode {}", identity.device(), identity.inode()));
    let unseen = counted(hidden as u64, "process", "processes");
    match (users, hidden) {
        ([], 0) => row("users", "none".to_string()),
        ([], _) => row("users", format!("none seen; {unseen} may not be looked at")),
        (_, 0) => {}
        _ => row("users", format!("those below; {unseen} may not be looked at")),
    }
    for one in users {
        row("used by", used_by(one));
    }
    let title = format!("{} {}", object.kind, object.name);
    let title = out.styled(anstyle::Style::new().bold(), &title);
    out.line(&title)?;
    out.table(&table)
}

fn owner(object: &Object) -> String {
    written(|text| {
        user(text, object.uid);
        text.push(':');
        group(text, object.gid);
    })
}

fn details(object: &Object, row: &mut impl FnMut(&str, String)) {
    match &object.details {
        Details::Semaphore(None) => {
            row("value", "? (it may not be read, or another C library made it)".to_string());
        }
        Details::Semaphore(Some(state)) => {
            row("value", state.value.to_string());
            row("waiters", state.waiters.to_string());
            row("layout", describe::abi(state.abi).to_string());
        }
        Details::MessageQueue(state) => {
            row("messages", format!("{} of {}", known(state.messages), known(state.max_messages)));
            row("content", known(state.bytes.map(|bytes| format!("{bytes} bytes"))));
            row(
                "message size",
                match state.max_message_size {
                    Some(size) => format!("at most {size} bytes"),
                    None => known(None::<u64>),
                },
            );
            row(
                "notifies",
                match state.notification {
                    None => known(None::<u64>),
                    Some(None) => "nobody".to_string(),
                    Some(Some(to)) => match to.signal {
                        Some(signal) => format!("process {} by signal {signal}", to.pid),
                        None => format!("process {}", to.pid),
                    },
                },
            );
        }
        Details::Ring(state) => {
            row(
                "shape",
                match state.shape {
                    RingShape::Spsc => "spsc: one sender, one receiver".to_string(),
                    _ => format!("mpmc: many of both, {} lanes", state.lanes),
                },
            );
            let unit = if state.shape == RingShape::Spsc { "bytes" } else { "messages a lane" };
            row("capacity", format!("{} {unit}", state.capacity));
            row("used", known(state.used));
            row("message size", format!("at most {} bytes", state.message_size));
        }
        _ => {}
    }
}

fn used_by(one: &User) -> String {
    let process = &one.process;
    let held = match one.via {
        Via::Mapping(bytes) => format!("mapping of {}", human(bytes)),
        _ => "descriptor".to_string(),
    };
    let access = describe::access(one.access);
    let user = written(|text| user(text, process.uid));
    format!("{} {} ({user}), {held}, {access}", process.pid, printable(&process.command))
}

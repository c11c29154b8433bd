//! `pipc ls`.

use std::cmp::Ordering;
use std::time::SystemTime;

use anstyle::{Effects, Style};
use clap::ValueEnum;
use posix_ipc::Kind;
use posix_ipc::inspect::{Details, Object, QueueState, RingShape, RingState, SemaphoreState, User};
use serde_json::{Map, Value, json};

use super::describe;
use super::entry::{Entry, Found, Selection, last_change};
use crate::args::value::{KindArg, Pattern, short};
use crate::args::{Column, LsArgs};
use crate::exit::{Failure, Outcome};
use crate::output::{
    Align, Out, Row, Table, UNKNOWN, age, group, human, known, permissions, printable, rfc3339,
    user, write_human,
};

const DEFAULT: [Column; 7] = [
    Column::Kind,
    Column::Name,
    Column::Mode,
    Column::Owner,
    Column::Size,
    Column::State,
    Column::Age,
];
const GHOST: Style = Style::new().effects(Effects::DIMMED);
/// What stands for a value that this kind does not have.
const NONE: &str = "-";

pub(crate) fn run(args: &LsArgs, out: &mut Out) -> Outcome {
    let (kind, patterns) = parse_what(&args.what)?;
    let mut selection = Selection::new(kind, &patterns, &args.filter);
    selection.users = args.users || args.output.contains(&Column::Users);
    selection.ghosts = args.ghosts;
    let now = SystemTime::now();
    let columns = columns(args);
    let row = |entry: &Entry| row(entry, &columns, now, args.bytes);
    let mut found = match args.sort {
        // Rows are made by whoever looks at the objects, on several threads if there are many.
        None if !out.is_json() => selection.find_with(|entry| row(&entry)),
        sort => {
            let mut found = selection.find();
            if let Some(column) = sort {
                found.entries.sort_by(|a, b| compare(column, a, b));
            }
            if out.is_json() {
                if args.reverse {
                    found.entries.reverse();
                }
                return out.document(document(args, &found));
            }
            found.map(|entry| row(&entry))
        }
    };
    if args.reverse {
        found.entries.reverse();
    }
    found.warn(out);
    let table = Table::new(columns.iter().map(|column| heading(*column)));
    let table = if args.no_headings { table.without_headings() } else { table };
    let table = table.with_rows(found.entries);
    out.table(&table)?;
    // Freeing thousands of rows one by one just before the end would be wasted time.
    std::mem::forget(table);
    Ok(())
}

/// The kind and the pattern of `ls [KIND] [GLOB]`.
fn parse_what(what: &[String]) -> Outcome<(Option<KindArg>, Vec<Pattern>)> {
    let parse = |text: &String| {
        text.parse::<Pattern>()
            .map_err(|error| Failure::usage(format!("{text:?} is no pattern: {error}")))
    };
    match what {
        [] => Ok((None, Vec::new())),
        [one] => match KindArg::from_str(one, false) {
            Ok(kind) => Ok((Some(kind), Vec::new())),
            Err(_) => Ok((None, vec![parse(one)?])),
        },
        [kind, pattern, ..] => match KindArg::from_str(kind, false) {
            Ok(kind) => Ok((Some(kind), vec![parse(pattern)?])),
            Err(_) => Err(Failure::usage(format!(
                "{kind:?} is no kind: sem, shm, mq or ring come before a pattern"
            ))),
        },
    }
}

fn columns(args: &LsArgs) -> Vec<Column> {
    let mut columns = match args.output.is_empty() {
        true => DEFAULT.to_vec(),
        false => args.output.clone(),
    };
    if args.users && !columns.contains(&Column::Users) {
        columns.push(Column::Users);
    }
    columns
}

fn document(args: &LsArgs, found: &Found) -> Value {
    let mut objects: Vec<Map<String, Value>> = found.entries.iter().map(describe::entry).collect();
    if !args.output.is_empty() {
        for object in &mut objects {
            let keys: Vec<&str> =
                args.output.iter().flat_map(|column| keys(*column)).copied().collect();
            object.retain(|key, _| keys.contains(&key.as_str()));
        }
    }
    let mut document = json!({ "objects": objects });
    if let Some(hidden) = found.hidden {
        document["hidden_processes"] = hidden.into();
    }
    document["problems"] = describe::problems(&found.problems);
    document
}

/// The members of the JSON that a column stands for.
fn keys(column: Column) -> &'static [&'static str] {
    match column {
        Column::Kind => &["kind"],
        Column::Name => &["name", "name_hex"],
        Column::Mode => &["mode", "permissions"],
        Column::Owner => &["uid", "user"],
        Column::Group => &["gid", "group"],
        Column::Size => &["size"],
        Column::Allocated => &["allocated"],
        Column::Value => &["value"],
        Column::Waiters => &["waiters"],
        Column::Messages => &["messages"],
        Column::MaxMessages => &["max_messages"],
        Column::MessageSize => &["message_size"],
        Column::Bytes => &["bytes"],
        Column::Notify => &["notify"],
        Column::State => {
            &["value", "waiters", "messages", "max_messages", "message_size", "used", "capacity"]
        }
        Column::Changed => &["changed"],
        Column::Modified => &["modified"],
        Column::Accessed => &["accessed"],
        Column::Age => &["changed", "modified"],
        Column::Identity => &["device", "inode"],
        Column::Users => &["users"],
    }
}

fn row(entry: &Entry, columns: &[Column], now: SystemTime, bytes: bool) -> Row {
    let row = Row::new(columns, |text, column| cell(text, *column, entry, now, bytes));
    if entry.object().is_none() { row.styled(&GHOST) } else { row }
}

fn heading(column: Column) -> (&'static str, Align) {
    match column {
        Column::Kind => ("KIND", Align::Left),
        Column::Name => ("NAME", Align::Left),
        Column::Mode => ("MODE", Align::Left),
        Column::Owner => ("OWNER", Align::Left),
        Column::Group => ("GROUP", Align::Left),
        Column::Size => ("SIZE", Align::Right),
        Column::Allocated => ("ALLOCATED", Align::Right),
        Column::Value => ("VALUE", Align::Right),
        Column::Waiters => ("WAITERS", Align::Right),
        Column::Messages => ("MESSAGES", Align::Right),
        Column::MaxMessages => ("MAX-MESSAGES", Align::Right),
        Column::MessageSize => ("MESSAGE-SIZE", Align::Right),
        Column::Bytes => ("BYTES", Align::Right),
        Column::Notify => ("NOTIFY", Align::Left),
        Column::State => ("STATE", Align::Left),
        Column::Changed => ("CHANGED", Align::Left),
        Column::Modified => ("MODIFIED", Align::Left),
        Column::Accessed => ("ACCESSED", Align::Left),
        Column::Age => ("AGE", Align::Right),
        Column::Identity => ("IDENTITY", Align::Left),
        Column::Users => ("USERS", Align::Left),
    }
}

/// Writes a cell; a listing may have many, so that few are made of more than their text.
fn cell(text: &mut String, column: Column, entry: &Entry, now: SystemTime, bytes: bool) {
    let size = |text: &mut String, size: u64| match bytes {
        true => write(text, size),
        false => write_human(text, size),
    };
    match column {
        Column::Kind => text.push_str(short(entry.kind())),
        Column::Name => write(text, entry.name()),
        Column::Size if entry.kind() == Kind::MessageQueue => text.push_str(NONE),
        Column::Size => match entry.size() {
            Some(bytes) => size(text, bytes),
            None => text.push_str(UNKNOWN),
        },
        Column::Identity => {
            let identity = entry.identity();
            write(text, format_args!("{}/{}", identity.device(), identity.inode()));
        }
        Column::Users => text.push_str(&users(entry.users())),
        _ => match entry.object() {
            Some(object) => object_cell(text, column, object, now, &size),
            None => text.push_str(if column == Column::State { "unlinked" } else { NONE }),
        },
    }
}

fn object_cell(
    text: &mut String,
    column: Column,
    object: &Object,
    now: SystemTime,
    size: &dyn Fn(&mut String, u64),
) {
    match column {
        Column::Mode => permissions(text, object.mode),
        Column::Owner => user(text, object.uid),
        Column::Group => group(text, object.gid),
        Column::Allocated => size(text, object.allocated),
        Column::State => state(text, object),
        Column::Changed => text.push_str(&rfc3339(object.changed)),
        Column::Modified => text.push_str(&rfc3339(object.modified)),
        Column::Accessed => text.push_str(&rfc3339(object.accessed)),
        Column::Age => age(text, last_change(object), now),
        Column::Notify => match object.queue() {
            Some(state) => text.push_str(&notify(state)),
            None => text.push_str(NONE),
        },
        Column::MessageSize | Column::Bytes => match number(column, object) {
            Some(Some(value)) => size(text, value),
            Some(None) => text.push_str(UNKNOWN),
            None => text.push_str(NONE),
        },
        _ => match number(column, object) {
            Some(value) => text.push_str(&known(value)),
            None => text.push_str(NONE),
        },
    }
}

fn write(text: &mut String, value: impl std::fmt::Display) {
    use std::fmt::Write;
    let _ = write!(text, "{value}");
}

/// The number in a column; `None` if the kind has none, `Some(None)` if it can't be known.
fn number(column: Column, object: &Object) -> Option<Option<u64>> {
    let semaphore = |field: fn(&SemaphoreState) -> u32| match &object.details {
        Details::Semaphore(state) => Some(state.as_ref().map(|state| field(state).into())),
        _ => None,
    };
    let queue = |field: fn(&QueueState) -> Option<u64>| object.queue().map(field);
    match column {
        Column::Value => semaphore(|state| state.value),
        Column::Waiters => semaphore(|state| state.waiters),
        Column::Messages => match object.ring() {
            Some(state) if state.shape == RingShape::Mpmc => Some(state.used),
            _ => queue(|state| state.messages),
        },
        Column::MaxMessages => queue(|state| state.max_messages),
        Column::MessageSize => match object.ring() {
            Some(state) => Some(Some(state.message_size.into())),
            None => queue(|state| state.max_message_size),
        },
        Column::Bytes => match object.ring() {
            Some(state) if state.shape == RingShape::Spsc => Some(state.used),
            _ => queue(|state| state.bytes),
        },
        Column::Allocated => Some(Some(object.allocated)),
        _ => None,
    }
}

/// Writes what an object holds, in a few words.
pub(super) fn state(text: &mut String, object: &Object) {
    match &object.details {
        Details::Semaphore(None) => text.push_str(UNKNOWN),
        Details::Semaphore(Some(state)) => {
            write(text, format_args!("{} free", state.value));
            if state.waiters > 0 {
                write(text, format_args!(", {} waiting", state.waiters));
            }
        }
        Details::MessageQueue(state) => {
            let depth = format!("{}/{}", known(state.messages), known(state.max_messages));
            write(text, format_args!("{depth} of {}", known(state.max_message_size.map(human))));
        }
        Details::Ring(state) => {
            let (used, of) = ring_level(state);
            write(text, format_args!("{}/{of}", known(used)));
        }
        _ => text.push_str(NONE),
    }
}

/// What of a ring is taken, and of how much, in its own measure.
fn ring_level(state: &RingState) -> (Option<String>, String) {
    match state.shape {
        RingShape::Spsc => (state.used.map(human), human(state.capacity)),
        _ => {
            let of = state.capacity.saturating_mul(state.lanes.into());
            let of = format!("{of} of {}", human(state.message_size.into()));
            (state.used.map(|used| used.to_string()), of)
        }
    }
}

fn notify(state: &QueueState) -> String {
    match state.notification {
        None => UNKNOWN.to_string(),
        Some(None) => NONE.to_string(),
        Some(Some(to)) => match to.signal {
            Some(signal) => format!("{} by signal {signal}", to.pid),
            None => to.pid.to_string(),
        },
    }
}

fn users(users: Option<&[User]>) -> String {
    let Some(users) = users else { return UNKNOWN.to_string() };
    if users.is_empty() {
        return NONE.to_string();
    }
    let mut seen: Vec<String> = Vec::new();
    for user in users {
        let text = format!("{}({})", printable(&user.process.command), user.process.pid);
        if !seen.contains(&text) {
            seen.push(text);
        }
    }
    seen.join(" ")
}

fn compare(column: Column, a: &Entry, b: &Entry) -> Ordering {
    let by = |field: fn(&Object) -> u64| {
        let key = |entry: &Entry| entry.object().map(field);
        key(a).cmp(&key(b))
    };
    let times = |field: fn(&Object) -> SystemTime| {
        let key = |entry: &Entry| entry.object().map(field);
        key(a).cmp(&key(b))
    };
    match column {
        Column::Kind | Column::State => a.kind().cmp(&b.kind()),
        Column::Name => a.name().cmp(b.name()),
        Column::Mode => by(|object| object.mode.into()),
        Column::Owner => by(|object| object.uid.into()),
        Column::Group => by(|object| object.gid.into()),
        Column::Size => a.size().cmp(&b.size()),
        Column::Changed => times(|object| object.changed),
        Column::Modified => times(|object| object.modified),
        Column::Accessed => times(|object| object.accessed),
        Column::Age => times(last_change).reverse(),
        Column::Identity => {
            let key = |entry: &Entry| (entry.identity().device(), entry.identity().inode());
            key(a).cmp(&key(b))
        }
        Column::Users => {
            let key = |entry: &Entry| entry.users().map(<[User]>::len);
            key(a).cmp(&key(b))
        }
        Column::Notify => {
            let key = |entry: &Entry| {
                entry.object()?.queue()?.notification?.map(|notification| notification.pid)
            };
            key(a).cmp(&key(b))
        }
        _ => {
            let key = |entry: &Entry| entry.object().and_then(|object| number(column, object));
            key(a).cmp(&key(b))
        }
    }
}

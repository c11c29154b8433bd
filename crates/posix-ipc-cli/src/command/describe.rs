//! Objects, users and problems as JSON.

use posix_ipc::inspect::{
    Access, Details, Object, Problem, QueueState, RingShape, SemaphoreAbi, User, Via,
};
use posix_ipc::{Kind, Name};
use serde_json::{Map, Value, json};

use super::entry::Entry;
use crate::args::value::short;
use crate::output::{group_name, octal, rfc3339, user_name};

/// All that is known of an entry.
pub(crate) fn entry(entry: &Entry) -> Map<String, Value> {
    let mut members = Map::new();
    let mut put = |key: &str, value: Value| drop(members.insert(key.to_string(), value));
    put("kind", short(entry.kind()).into());
    put("name", name(entry.name()));
    if std::str::from_utf8(entry.name().as_bytes()).is_err() {
        put("name_hex", hex(entry.name().as_bytes()).into());
    }
    if entry.kind() != Kind::MessageQueue {
        put("size", entry.size().into());
    }
    put("device", entry.identity().device().into());
    put("inode", entry.identity().inode().into());
    put("linked", entry.object().is_some().into());
    if let Some(object) = entry.object() {
        members.extend(object_members(object));
    }
    if let Some(users) = entry.users() {
        members.insert("users".into(), users.iter().map(user).collect());
    }
    members
}

/// A name as text, with its slash.
pub(crate) fn name(name: &Name) -> Value {
    format!("/{}", String::from_utf8_lossy(name.as_bytes())).into()
}

fn object_members(object: &Object) -> Map<String, Value> {
    let mut members = Map::new();
    let mut put = |key: &str, value: Value| drop(members.insert(key.to_string(), value));
    put("mode", object.mode.into());
    put("permissions", octal(object.mode).into());
    put("uid", object.uid.into());
    put("user", user_name(object.uid).into());
    put("gid", object.gid.into());
    put("group", group_name(object.gid).into());
    put("allocated", object.allocated.into());
    put("changed", rfc3339(object.changed).into());
    put("modified", rfc3339(object.modified).into());
    put("accessed", rfc3339(object.accessed).into());
    match &object.details {
        Details::Semaphore(state) => {
            put("value", state.map(|state| state.value).into());
            put("waiters", state.map(|state| state.waiters).into());
            put("abi", state.map(|state| abi(state.abi)).into());
        }
        Details::MessageQueue(state) => {
            put("messages", state.messages.into());
            put("max_messages", state.max_messages.into());
            put("message_size", state.max_message_size.into());
            put("bytes", state.bytes.into());
            put("notify", notify(state));
        }
        Details::Ring(state) => {
            put("shape", shape(state.shape).into());
            put("capacity", state.capacity.into());
            put("message_size", state.message_size.into());
            put("lanes", state.lanes.into());
            put("used", state.used.into());
        }
        _ => {}
    }
    members
}

/// `null` if unknown, `false` if nobody is to be told.
fn notify(state: &QueueState) -> Value {
    match state.notification {
        None => Value::Null,
        Some(None) => false.into(),
        Some(Some(to)) => json!({ "pid": to.pid, "signal": to.signal }),
    }
}

/// The name of a ring's shape.
pub(crate) fn shape(shape: RingShape) -> &'static str {
    match shape {
        RingShape::Spsc => "spsc",
        RingShape::Mpmc => "mpmc",
        _ => "other",
    }
}

/// The name of a memory layout.
pub(crate) fn abi(abi: SemaphoreAbi) -> &'static str {
    match abi {
        SemaphoreAbi::Glibc64 => "glibc-64",
        SemaphoreAbi::Glibc32 => "glibc-32",
        _ => "other",
    }
}

/// A process that uses an object.
pub(crate) fn user(user: &User) -> Value {
    let mapped = match user.via {
        Via::Mapping(bytes) => Some(bytes),
        _ => None,
    };
    json!({
        "pid": user.process.pid, "uid": user.process.uid, "user": user_name(user.process.uid),
        "command": user.process.command, "via": via(user.via), "access": access(user.access),
        "mapped": mapped,
    })
}

/// How a process holds an object, in a word.
pub(crate) fn via(via: Via) -> &'static str {
    match via {
        Via::Mapping(_) => "mapping",
        _ => "descriptor",
    }
}

/// What a process may do with an object, in two letters.
pub(crate) fn access(access: Access) -> &'static str {
    match access {
        Access::Read => "r",
        Access::Write => "w",
        Access::ReadWrite => "rw",
        _ => "-",
    }
}

/// Why a listing may be incomplete.
pub(crate) fn problems(problems: &[Problem]) -> Value {
    problems.iter().map(ToString::to_string).collect()
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

//! What the fuzz target `command` calls: the parsers of what users and files say.
#![allow(missing_docs, reason = "hidden, and no API")]

use std::time::Duration;

use posix_ipc::Name;

use crate::args::value::{self, Pattern};
use crate::args::{byte, plan};
use crate::command::{Saved, describe, format, inspect_bytes, source};

pub fn hex(bytes: &[u8]) -> String {
    describe::hex(bytes)
}

pub fn unhex(text: &[u8]) -> Result<Vec<u8>, String> {
    source::unhex(text)
}

/// A line of `mq save`, and what `mq load` makes of it: priority and bytes.
pub fn save(priority: u32, data: &[u8]) -> String {
    Saved { priority, data: data.to_vec() }.line().to_string()
}

pub fn load(line: &str) -> Result<(u32, Vec<u8>), String> {
    Saved::parse(line).map(|saved| (saved.priority, saved.data))
}

/// What `--format` prints of a message.
pub fn render(template: &str, index: u64, priority: u32, data: &[u8]) -> Result<Vec<u8>, String> {
    let message = format::Message { index, data, priority };
    let parts = format::parse(template)?;
    Ok(parts.iter().flat_map(|part| part.text(&message).into_owned()).collect())
}

pub fn size(text: &str) -> Result<u64, String> {
    value::size(text)
}

pub fn duration(text: &str) -> Result<Duration, String> {
    value::duration(text)
}

pub fn mode(text: &str) -> Result<u32, String> {
    value::mode(text)
}

pub fn one_byte(text: &str) -> Result<u8, String> {
    byte(text)
}

/// Capacity, message size and number of queues.
pub fn planned(text: &str) -> Result<[u64; 3], String> {
    plan(text).map(|plan| [plan.capacity, plan.message_size, plan.count])
}

/// Whether a pattern matches a name.
pub fn matches(pattern: &str, name: &Name) -> Result<bool, String> {
    pattern.parse::<Pattern>().map(|pattern| pattern.matches(name))
}

/// What `typed inspect` shows of bytes: the table and the JSON.
pub fn inspect(bytes: &[u8]) -> (String, String) {
    inspect_bytes(bytes)
}

//! `pipc mq save` and `pipc mq load`, and the file that they share: a line of JSON for each
//! message, so that `receive --format json` makes one too.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use posix_ipc::mq::Access;
use posix_ipc::{MessageQueue, Name};
use serde_json::{Value, json};

use super::{open, send_failure, send_one};
use crate::command::describe::{self, hex};
use crate::command::source::unhex;
use crate::exit::{Failure, Outcome, Status};
use crate::output::{Out, counted};

/// One message with its priority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) priority: u32,
    pub(crate) data: Vec<u8>,
}

impl Saved {
    pub(crate) fn line(&self) -> Value {
        match std::str::from_utf8(&self.data) {
            Ok(text) => json!({ "priority": self.priority, "text": text }),
            Err(_) => json!({ "priority": self.priority, "hex": hex(&self.data) }),
        }
    }

    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let priority = match value.get("priority") {
            None => 0,
            Some(priority) => priority
                .as_u64()
                .and_then(|priority| u32::try_from(priority).ok())
                .filter(|&priority| priority <= 32_767)
                .ok_or("the priority is none")?,
        };
        let data = match (value.get("text"), value.get("hex")) {
            (Some(Value::String(text)), None) => text.as_bytes().to_vec(),
            (None, Some(Value::String(digits))) => unhex(digits.as_bytes())?,
            _ => return Err("it has neither text nor hex".to_string()),
        };
        Ok(Self { priority, data })
    }
}

/// Takes every message out of a queue and writes each before the next is taken.
pub(crate) fn take_all(
    queue: &MessageQueue,
    mut write: impl FnMut(&Saved) -> Outcome,
) -> Outcome<Vec<Saved>> {
    let mut messages = Vec::new();
    for received in queue.try_messages() {
        let (data, priority) = received?;
        let message = Saved { priority: priority.get(), data };
        if let Err(failure) = write(&message) {
            messages.push(message);
            put_back(queue, &messages)?;
            return Err(failure);
        }
        messages.push(message);
    }
    Ok(messages)
}

/// Sends messages in the order in which they were received.
pub(crate) fn put_back(queue: &MessageQueue, messages: &[Saved]) -> Outcome {
    messages.iter().try_for_each(|message| {
        let sent = queue.try_send(&message.data, message.priority);
        sent.map_err(|error| send_failure(queue.name(), error))
    })
}

pub(super) fn create_file(path: &Path) -> Outcome<File> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    created.map_err(Failure::io(format!("create {}", path.display())))
}

pub(super) fn save(name: &Name, path: &Path, keep: bool, out: &mut Out) -> Outcome {
    let access = if keep { Access::Both } else { Access::Receive };
    let queue = open(name, access)?;
    let to_stdout = path == Path::new("-");
    let mut writer: Box<dyn Write> = match to_stdout {
        true => Box::new(io::stdout()),
        false => Box::new(create_file(path)?),
    };
    let shown = path.display().to_string();
    let messages = take_all(&queue, |message| {
        let line = writeln!(writer, "{}", message.line());
        line.and_then(|()| writer.flush()).map_err(Failure::io(format!("write {shown}")))
    })?;
    if keep {
        put_back(&queue, &messages)?;
    }
    if to_stdout {
        return Ok(());
    }
    let count = messages.len() as u64;
    let text = format!("saved {} of {name} in {shown}", counted(count, "message", "messages"));
    let name = describe::name(name);
    out.done(&text, json!({ "name": name, "saved": count, "file": shown, "kept": keep }))
}

/// Reads all messages of a file, or of standard input.
pub(crate) fn read(path: &Path) -> Outcome<Vec<Saved>> {
    let shown = path.display().to_string();
    let reader: Box<dyn BufRead> = match path == Path::new("-") {
        true => Box::new(io::stdin().lock()),
        false => {
            let file = File::open(path).map_err(Failure::io(format!("open {shown}")))?;
            Box::new(BufReader::new(file))
        }
    };
    let mut messages = Vec::new();
    for (index, line) in reader.lines().enumerate() {
        let line = line.map_err(Failure::io(format!("read {shown}")))?;
        let parsed = Saved::parse(&line).map_err(|error| {
            let text = format!("line {} of {shown} is no message: {error}", index + 1);
            Failure::said(Status::Failed, text)
        });
        messages.push(parsed?);
    }
    Ok(messages)
}

pub(super) fn load(name: &Name, path: &Path, timeout: Option<Duration>, out: &mut Out) -> Outcome {
    let queue = open(name, Access::Send)?;
    let messages = read(path)?;
    let max = queue.message_size();
    if let Some(long) = messages.iter().find(|message| message.data.len() > max) {
        return Err(Failure::said(
            Status::Failed,
            format!("a message of {} bytes is too long: {name} takes {max}", long.data.len()),
        ));
    }
    for message in &messages {
        send_one(&queue, &message.data, message.priority, timeout)?;
    }
    let count = messages.len() as u64;
    let text = format!("sent {} to {name}", counted(count, "message", "messages"));
    out.done(&text, json!({ "name": describe::name(name), "sent": count }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_its_line() {
        for data in [&b"text"[..], b"", &[0xff, 0, 10], "é\n\"".as_bytes()] {
            let message = Saved { priority: 7, data: data.to_vec() };
            assert_eq!(Saved::parse(&message.line().to_string()), Ok(message));
        }
    }

    #[test]
    fn lines_that_are_no_messages_are_refused() {
        for line in ["", "{}", r#"{"text":"a","hex":"00"}"#, r#"{"priority":32768,"text":""}"#] {
            assert!(Saved::parse(line).is_err(), "{line}");
        }
    }
}

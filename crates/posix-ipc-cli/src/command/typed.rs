//! `pipc typed inspect`: what stands in the headers of typed messages.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use posix_ipc::Name;
use posix_ipc::mq::Access;
use posix_ipc_typed::Frame;
use serde_json::{Value, json};

use super::describe::hex;
use super::mq::{Saved, open, put_back, read, take_all};
use crate::args::{TypedCommand, TypedInspectArgs};
use crate::exit::{Failure, Outcome, Status};
use crate::output::{Align, Out, Table, printable};

pub(crate) fn run(command: &TypedCommand, out: &mut Out) -> Outcome {
    let TypedCommand::Inspect(args) = command;
    let messages = messages(args)?;
    let frames: Vec<Seen<'_>> = messages.iter().flat_map(Seen::all).collect();
    if out.is_json() {
        let frames: Vec<Value> = frames.iter().map(Seen::document).collect();
        out.document(json!({ "frames": frames }))?;
    } else {
        out.table(&table(&frames))?;
    }
    let bad = frames.iter().filter(|seen| seen.frame.is_err()).count();
    match bad {
        0 => Ok(()),
        _ if out.is_json() => Err(Failure::Silent(Status::Failed)),
        _ => Err(Failure::said(Status::Failed, format!("{bad} of them could not be decoded"))),
    }
}

/// What is shown of bytes that are said to be frames: the table and the JSON.
pub(crate) fn inspect_bytes(bytes: &[u8]) -> (String, String) {
    let message = Saved { priority: 0, data: bytes.to_vec() };
    let frames = Seen::all(&message);
    let json: Value = frames.iter().map(Seen::document).collect();
    (table(&frames).text(false), json.to_string())
}

fn messages(args: &TypedInspectArgs) -> Outcome<Vec<Saved>> {
    match (&args.name, &args.file) {
        (Some(name), _) => of_queue(name, args.keep),
        (None, Some(path)) => of_file(path),
        (None, None) => Err(Failure::usage("say a queue or a file")),
    }
}

fn of_queue(name: &Name, keep: bool) -> Outcome<Vec<Saved>> {
    let queue = open(name, if keep { Access::Both } else { Access::Receive })?;
    let messages = take_all(&queue, |_| Ok(()))?;
    if keep {
        put_back(&queue, &messages)?;
    }
    Ok(messages)
}

/// A file of `pipc mq save` has a line of JSON for each message; else it is frames alone.
fn of_file(path: &Path) -> Outcome<Vec<Saved>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        let read = io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(Failure::io("read standard input"))?;
    } else {
        bytes = fs::read(path).map_err(Failure::io(format!("read {}", path.display())))?;
    }
    if bytes.first() == Some(&b'{') && path != Path::new("-") {
        return read(path);
    }
    Ok(vec![Saved { priority: 0, data: bytes }])
}

/// A frame, or why there is none.
struct Seen<'a> {
    priority: u32,
    length: usize,
    frame: Result<Frame<'a>, String>,
}

impl<'a> Seen<'a> {
    /// The frames of a message, which may stand one after the other.
    fn all(message: &'a Saved) -> Vec<Self> {
        let mut seen = Vec::new();
        let mut rest = message.data.as_slice();
        while !rest.is_empty() || seen.is_empty() {
            match Frame::parse_prefix(rest) {
                Ok((frame, after)) => {
                    let length = rest.len() - after.len();
                    seen.push(Self { priority: message.priority, length, frame: Ok(frame) });
                    rest = after;
                }
                Err(error) => {
                    let (length, frame) = (rest.len(), Err(error.to_string()));
                    seen.push(Self { priority: message.priority, length, frame });
                    break;
                }
            }
        }
        seen
    }

    fn document(&self) -> Value {
        let mut document = json!({ "priority": self.priority, "length": self.length });
        match &self.frame {
            Err(error) => document["error"] = error.as_str().into(),
            Ok(frame) => {
                document["fingerprint"] = format!("{:016x}", frame.fingerprint).into();
                document["lineage"] = format!("{:08x}", frame.lineage).into();
                document["version"] = frame.version.into();
                document["name"] = frame.name.into();
                document["sequence"] = frame.sequence.into();
                document["checksum"] = frame.checksum.into();
                document["reference"] = frame.reference.into();
                document["fragment"] = frame.fragment.map_or(Value::Null, |fragment| {
                    json!({
                        "sender": fragment.sender, "total": fragment.total,
                        "offset": fragment.offset,
                    })
                });
                document["correlation"] = frame.correlation.map_or(Value::Null, |correlation| {
                    json!({ "client": correlation.client, "request": correlation.request })
                });
                document["payload"] = hex(frame.payload).into();
            }
        }
        document
    }
}

fn table(frames: &[Seen<'_>]) -> Table {
    let mut table = Table::new([
        ("PRIORITY", Align::Right),
        ("LENGTH", Align::Right),
        ("TYPE", Align::Left),
        ("VERSION", Align::Right),
        ("FINGERPRINT", Align::Left),
        ("SEQUENCE", Align::Right),
        ("PAYLOAD", Align::Right),
        ("FLAGS", Align::Left),
    ]);
    for seen in frames {
        let (priority, length) = (seen.priority.to_string(), seen.length.to_string());
        match &seen.frame {
            Err(error) => {
                // In the last column, where a sentence makes no other wider.
                let [none, why] = ["-".to_string(), format!("no frame: {error}")];
                let columns = std::iter::repeat_n(none, 5);
                table.row([priority, length].into_iter().chain(columns).chain([why]));
            }
            Ok(frame) => table.row([
                priority,
                length,
                printable(frame.name.unwrap_or("?")).into_owned(),
                frame.version.to_string(),
                format!("{:016x}", frame.fingerprint),
                frame.sequence.to_string(),
                frame.payload.len().to_string(),
                flags(frame),
            ]),
        }
    }
    table
}

fn flags(frame: &Frame<'_>) -> String {
    let mut flags = Vec::new();
    if frame.checksum {
        flags.push("checksum".to_string());
    }
    if frame.reference {
        flags.push("reference".to_string());
    }
    if let Some(fragment) = frame.fragment {
        flags.push(format!("fragment at {} of {}", fragment.offset, fragment.total));
    }
    if let Some(correlation) = frame.correlation {
        flags.push(format!("request {} of {}", correlation.request, correlation.client));
    }
    if flags.is_empty() { "-".to_string() } else { flags.join(", ") }
}

//! `pipc shm`. Bytes are copied through the descriptor and not through a mapping: if another
//! process shrinks the object meanwhile, that is an error here and no crash.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::fd::AsFd;

use indicatif::{ProgressBar, ProgressStyle};
use posix_ipc::inspect::{self, Usage, Via};
use posix_ipc::{Cleanup, Error, Kind, Name, OpenMode, SharedMemory};
use rustix::io::{Errno, pread, pwrite, retry_on_intr};
use serde_json::json;

use super::describe;
use crate::args::ShmCommand;
use crate::exit::{Failure, Outcome, Status};
use crate::output::{Out, human, printable};

const CHUNK: usize = 1 << 20;
/// Shorter transfers are over before a bar could be seen.
const WORTH_A_BAR: u64 = 64 << 20;

pub(crate) fn run(command: &ShmCommand, out: &mut Out) -> Outcome {
    match command {
        ShmCommand::Dump { name, offset, len, hex } => dump(name, *offset, *len, *hex, out),
        ShmCommand::Load { name, create: true, offset } => create(name, *offset, out),
        ShmCommand::Load { name, offset, .. } => load(name, *offset, out),
        ShmCommand::Fill { name, byte, offset, len } => fill(name, *byte, *offset, *len, out),
        ShmCommand::Truncate { name, size, force } => truncate(name, *size, *force, out),
    }
}

fn dump(name: &Name, offset: u64, len: Option<u64>, hex: bool, out: &mut Out) -> Outcome {
    let memory = SharedMemory::open_read(name)?;
    let len = range(name, memory.len()?, offset, len)?;
    let bar = bar(len);
    let mut buffer = vec![0; CHUNK];
    let mut done = 0;
    while done < len {
        let wanted = buffer.get_mut(..chunk(len - done)).unwrap_or_default();
        let at = offset + done;
        let read = pread(&memory, &mut *wanted, at).map_err(failed("read", name))?;
        if read == 0 {
            return Err(Failure::said(Status::Failed, format!("{name} was shrunk meanwhile")));
        }
        let bytes = wanted.get(..read).unwrap_or_default();
        match hex {
            true => out.raw(hex_lines(at, bytes).as_bytes())?,
            false => out.raw(bytes)?,
        }
        done += read as u64;
        bar.set_position(done);
    }
    bar.finish_and_clear();
    out.flush()
}

/// How many bytes are meant; an error if they are not all there.
fn range(name: &Name, size: u64, offset: u64, len: Option<u64>) -> Outcome<u64> {
    match (size.checked_sub(offset), len) {
        (Some(rest), None) => Ok(rest),
        (Some(rest), Some(len)) if len <= rest => Ok(len),
        _ => {
            let wanted = len.map_or("what follows".to_string(), |len| format!("{len} bytes"));
            let text = format!("{wanted} after byte {offset} is not there: {name} has {size}");
            Err(Failure::said(Status::Failed, text))
        }
    }
}

fn chunk(left: u64) -> usize {
    usize::try_from(left).unwrap_or(CHUNK).min(CHUNK)
}

/// Lines of sixteen bytes: offset, hexadecimal, and text where it is printable.
fn hex_lines(start: u64, bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 5);
    for (index, line) in bytes.chunks(16).enumerate() {
        let _ = write!(text, "{:08x} ", start + index as u64 * 16);
        for position in 0..16 {
            text.push_str(if position % 8 == 0 { " " } else { "" });
            let _ = match line.get(position) {
                Some(byte) => write!(text, "{byte:02x} "),
                None => write!(text, "   "),
            };
        }
        let printable = |&byte: &u8| if (b' '..=b'~').contains(&byte) { byte as char } else { '.' };
        let _ = writeln!(text, " |{}|", line.iter().map(printable).collect::<String>());
    }
    text
}

fn load(name: &Name, offset: u64, out: &mut Out) -> Outcome {
    let memory = SharedMemory::open(name)?;
    let room = range(name, memory.len()?, offset, None)?;
    let known = input_length();
    if let Some(length) = known.filter(|&length| length > room) {
        let text = format!("the input has {length} bytes, and {name} has room for {room}");
        return Err(Failure::said(Status::Failed, text));
    }
    let bar = bar(known.unwrap_or(0));
    let mut input = io::stdin().lock();
    let mut buffer = vec![0; CHUNK];
    let mut done = 0;
    loop {
        let read = read_some(&mut input, &mut buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        let fits = usize::try_from(room - done).unwrap_or(usize::MAX).min(bytes.len());
        write(&memory, name, offset + done, bytes.get(..fits).unwrap_or_default())?;
        done += fits as u64;
        if fits < bytes.len() {
            let text =
                format!("the input is longer than the {room} bytes that {name} has room for");
            return Err(Failure::said(Status::Failed, text));
        }
        bar.set_position(done);
    }
    bar.finish_and_clear();
    loaded(name, done, out)
}

fn loaded(name: &Name, bytes: u64, out: &mut Out) -> Outcome {
    let text = format!("loaded {bytes} bytes into {name}");
    out.done(&text, json!({ "name": describe::name(name), "bytes": bytes }))
}

fn read_some(input: &mut impl Read, buffer: &mut [u8]) -> Outcome<usize> {
    loop {
        match input.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map_err(Failure::io("read standard input")),
        }
    }
}

/// How long standard input is, if it is a file.
fn input_length() -> Option<u64> {
    let file = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    let status = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let position = io::Seek::stream_position(&mut &file).ok()?;
    Some(status.len().saturating_sub(position))
}

fn write(memory: &SharedMemory, name: &Name, offset: u64, bytes: &[u8]) -> Outcome {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        // Writing past the end would make it longer, which was not asked for.
        if memory.len()? < offset + bytes.len() as u64 {
            return Err(Failure::said(Status::Failed, format!("{name} was shrunk meanwhile")));
        }
        let at = offset + done as u64;
        done += retry_on_intr(|| pwrite(memory, rest, at)).map_err(failed("write to", name))?;
    }
    Ok(())
}

fn failed(doing: &'static str, name: &Name) -> impl FnOnce(Errno) -> Failure {
    let doing = format!("{doing} shared memory {name}");
    move |errno| Failure::io(doing)(errno.into())
}

/// Makes an object that is visible only when the whole input is in it.
fn create(name: &Name, offset: u64, out: &mut Out) -> Outcome {
    let (length, mut input): (u64, Box<dyn Read>) = match input_length() {
        Some(length) => (length, Box::new(io::stdin().lock().take(length))),
        None => {
            let mut bytes = Vec::new();
            let read = io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(Failure::io("read standard input"))?;
            (bytes.len() as u64, Box::new(Cursor::new(bytes)))
        }
    };
    let Some(size) = offset.checked_add(length) else {
        return Err(Failure::usage("the offset is too large"));
    };
    let trouble = RefCell::new(None);
    let bar = bar(length);
    let options = SharedMemory::options().mode(OpenMode::CreateNew).cleanup(Cleanup::Keep);
    let made = match size {
        0 => options.size(0).open(name),
        _ => options.size(size).open_with(name, |mapping| {
            let mut buffer = vec![0; CHUNK];
            let mut done = 0;
            let failure = loop {
                match read_some(&mut input, &mut buffer) {
                    Ok(0) if done == length => {
                        bar.finish_and_clear();
                        return Ok(());
                    }
                    Ok(0) => {
                        let text = format!("the input was cut to {done} bytes meanwhile");
                        break Failure::said(Status::Failed, text);
                    }
                    Ok(read) => {
                        let at = usize::try_from(offset + done).unwrap_or(usize::MAX);
                        mapping.write_at(at, buffer.get(..read).unwrap_or_default())?;
                        done += read as u64;
                        bar.set_position(done);
                    }
                    Err(failure) => break failure,
                }
            };
            trouble.replace(Some(failure));
            Err(Error::Argument { argument: "input", reason: "unreadable" })
        }),
    };
    if let Some(failure) = trouble.take() {
        return Err(failure);
    }
    made?;
    loaded(name, length, out)
}

fn fill(name: &Name, byte: u8, offset: u64, len: Option<u64>, out: &mut Out) -> Outcome {
    let memory = SharedMemory::open(name)?;
    let len = range(name, memory.len()?, offset, len)?;
    let bar = bar(len);
    let buffer = vec![byte; chunk(len)];
    let mut done = 0;
    while done < len {
        let bytes = buffer.get(..chunk(len - done)).unwrap_or_default();
        write(&memory, name, offset + done, bytes)?;
        done += bytes.len() as u64;
        bar.set_position(done);
    }
    bar.finish_and_clear();
    let text = format!("filled {len} bytes of {name} with {byte:#04x}");
    out.done(&text, json!({ "name": describe::name(name), "bytes": len, "byte": byte }))
}

fn truncate(name: &Name, size: u64, force: bool, out: &mut Out) -> Outcome {
    let object = inspect::stat(Kind::SharedMemory, name)?;
    let memory = SharedMemory::open(name)?;
    if memory.identity()? != object.identity {
        return Err(Failure::said(Status::Failed, format!("{name} was replaced meanwhile")));
    }
    let old = memory.len()?;
    if size < old && !force {
        let usage = Usage::scan();
        let mapped = usage.of(&object).iter().filter(|user| matches!(user.via, Via::Mapping(_)));
        let users: Vec<String> = mapped
            .map(|user| format!("{} ({})", user.process.pid, printable(&user.process.command)))
            .collect();
        if !users.is_empty() {
            let users = users.join(", ");
            let text = format!(
                "{name} is mapped by process {users}, which would crash when it touches what is \
                 gone: end it, or say --force"
            );
            return Err(Failure::said(Status::Failed, text));
        }
        if usage.hidden() > 0 && !out.is_quiet() && object.mode & 0o077 != 0 {
            out.warn("not every process could be looked at: one may have it mapped");
        }
    }
    memory.resize(size)?;
    let text = format!("{name} has {} now, it had {}", human(size), human(old));
    out.done(&text, json!({ "name": describe::name(name), "size": size, "old_size": old }))
}

/// A bar for a long transfer on standard error, if that is a terminal.
fn bar(length: u64) -> ProgressBar {
    if length < WORTH_A_BAR {
        return ProgressBar::hidden();
    }
    let template = "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    let style = ProgressStyle::with_template(template);
    let bar = ProgressBar::new(length);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_lines_have_offset_bytes_and_text() {
        let text = hex_lines(0x1000, b"hello, world\n\x00\xff and more");
        let expected = "\
00001000  68 65 6c 6c 6f 2c 20 77  6f 72 6c 64 0a 00 ff 20  |hello, world... |
00001010  61 6e 64 20 6d 6f 72 65                           |and more|
";
        assert_eq!(text, expected);
    }
}

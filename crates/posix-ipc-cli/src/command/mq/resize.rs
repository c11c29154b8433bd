//! `pipc mq resize`: a new queue takes the place of the old one, with its messages.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use posix_ipc::inspect::{self, Object, Usage};
use posix_ipc::mq::Access;
use posix_ipc::{Cleanup, Kind, MessageQueue, Name, OpenMode};
use rustix::fs::{Gid, Uid, fchown};
use serde_json::json;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::file::{Saved, create_file, put_back, take_all};
use super::open;
use crate::command::describe;
use crate::exit::{Failure, Outcome, Status};
use crate::output::{Out, counted, printable};

pub(super) fn run(
    name: &Name,
    maxmsg: Option<u64>,
    msgsize: Option<u64>,
    force: bool,
    out: &mut Out,
) -> Outcome {
    let object = inspect::stat(Kind::MessageQueue, name)?;
    if !force {
        refuse_users(&object)?;
    }
    let old = open(name, Access::Both)?;
    if old.identity() != object.identity {
        return Err(Failure::said(Status::Failed, format!("{name} was replaced meanwhile")));
    }
    let wanted = Geometry::new(maxmsg, msgsize, &old)?;
    let present = Geometry { capacity: old.capacity(), message_size: old.message_size() };
    let count = old.len()?;
    if count > wanted.capacity {
        let text = format!("{name} holds {count} messages, more than {}", wanted.capacity);
        return Err(Failure::said(Status::Failed, text));
    }
    // A signal between taking the messages out and putting them back would lose them.
    let _deaf = Deaf::new()?;
    let backup = Backup::create(name)?;
    let mut messages = take_all(&old, |message| backup.write(message))?;
    if let Some(long) = messages.iter().find(|message| message.data.len() > wanted.message_size) {
        let text = format!(
            "{name} holds a message of {} bytes, more than {}; nothing was changed",
            long.data.len(),
            wanted.message_size
        );
        put_back(&old, &messages)?;
        backup.remove();
        return Err(Failure::said(Status::Failed, text));
    }
    if let Err(error) = object.unlink() {
        put_back(&old, &messages)?;
        backup.remove();
        return Err(error.into());
    }
    let new = match create(&object, wanted) {
        Ok(new) => new,
        Err(failure) => {
            // The old name is gone: a queue as it was takes its place.
            create(&object, present)
                .and_then(|queue| put_back(&queue, &messages))
                .map_err(|_| backup.kept("the queue could neither be resized nor restored"))?;
            backup.remove();
            return Err(failure);
        }
    };
    // Whoever opened the old one before its name went may have sent something since.
    messages.extend(take_all(&old, |message| backup.write(message))?);
    put_back(&new, &messages)
        .map_err(|_| backup.kept("not all messages could be sent to the new queue"))?;
    backup.remove();
    let count = messages.len() as u64;
    let text = format!(
        "{name} now holds {} messages of {} bytes; {} moved",
        wanted.capacity,
        wanted.message_size,
        counted(count, "message", "messages")
    );
    let document = json!({
        "name": describe::name(name), "max_messages": wanted.capacity,
        "message_size": wanted.message_size, "moved": count,
    });
    out.done(&text, document)
}

/// How many messages of how many bytes.
#[derive(Debug, Clone, Copy)]
struct Geometry {
    capacity: usize,
    message_size: usize,
}

impl Geometry {
    fn new(maxmsg: Option<u64>, msgsize: Option<u64>, old: &MessageQueue) -> Outcome<Self> {
        let number = |value: Option<u64>, old: usize| match value.map(usize::try_from) {
            None => Ok(old),
            Some(Ok(value)) if value > 0 => Ok(value),
            Some(_) => Err(Failure::usage("capacity and message size are at least 1")),
        };
        let capacity = number(maxmsg, old.capacity())?;
        Ok(Self { capacity, message_size: number(msgsize, old.message_size())? })
    }
}

fn refuse_users(object: &Object) -> Outcome {
    let usage = Usage::scan();
    let own = std::process::id();
    let users: Vec<String> = usage
        .of(object)
        .iter()
        .filter(|user| user.process.pid != own)
        .map(|user| format!("{} ({})", user.process.pid, printable(&user.process.command)))
        .collect();
    if users.is_empty() {
        return Ok(());
    }
    Err(Failure::said(
        Status::Failed,
        format!(
            "{} is open in process {}, which would keep the old queue: end it, or say --force",
            object.name,
            users.join(", ")
        ),
    ))
}

/// A queue with the owner and the permissions of the old one.
fn create(object: &Object, geometry: Geometry) -> Outcome<MessageQueue> {
    let queue = MessageQueue::options()
        .mode(OpenMode::CreateNew)
        .capacity(geometry.capacity)
        .message_size(geometry.message_size)
        .permissions_exact(object.mode)
        .cleanup(Cleanup::Keep)
        .open(&object.name)?;
    let (uid, gid) = (Uid::from_raw(object.uid), Gid::from_raw(object.gid));
    let own = (rustix::process::geteuid(), rustix::process::getegid());
    if (uid, gid) != own {
        // An ordinary user may not give queues away; the old one was its own then.
        let _ = fchown(&queue, Some(uid), Some(gid));
    }
    Ok(queue)
}

/// While it lives, signals do not end the process.
struct Deaf(Vec<signal_hook::SigId>);

impl Deaf {
    fn new() -> Outcome<Self> {
        let ignored = Arc::new(AtomicBool::new(false));
        let mut ids = Vec::new();
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            let id = signal_hook::flag::register(signal, Arc::clone(&ignored));
            ids.push(id.map_err(Failure::io("catch signals"))?);
        }
        Ok(Self(ids))
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        for id in self.0.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

/// The file that holds the messages while they are in no queue.
struct Backup {
    path: PathBuf,
    file: fs::File,
}

impl Backup {
    fn create(name: &Name) -> Outcome<Self> {
        let file = format!(
            "pipc-resize-{}-{}.pipc",
            name.file_name().display().to_string().replace(['/', '\0'], "_"),
            std::process::id()
        );
        let path = Path::new(&std::env::temp_dir()).join(file);
        Ok(Self { file: create_file(&path)?, path })
    }

    fn write(&self, message: &Saved) -> Outcome {
        let line = writeln!(&self.file, "{}", message.line());
        line.map_err(Failure::io(format!("write {}", self.path.display())))
    }

    fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }

    /// The failure that says where the messages are.
    fn kept(&self, what: &str) -> Failure {
        let text = format!("{what}: the messages are in {}, for pipc mq load", self.path.display());
        Failure::said(Status::Failed, text)
    }
}

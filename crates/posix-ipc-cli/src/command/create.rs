//! `pipc create`.

use posix_ipc::inspect::{self, Object};
use posix_ipc::ring::{mpmc, spsc};
use posix_ipc::{
    Cleanup, Disposition, Error, Identity, Kind, MessageQueue, Name, OpenMode, Semaphore,
    SharedMemory,
};
use rustix::fs::{AtFlags, CWD, Gid, Uid, chownat};
use serde_json::json;

use super::entry::Entry;
use super::{describe, ring};
use crate::args::value::short;
use crate::args::{CreateArgs, CreateCommand, Exist};
use crate::exit::{Failure, Outcome, Status};
use crate::output::Out;

/// How often a race between others who create and remove the name is tried to be won.
const ATTEMPTS: u32 = 1000;

pub(crate) fn run(command: &CreateCommand, out: &mut Out) -> Outcome {
    match command {
        CreateCommand::Sem { value, common } => {
            finish(sem(*value, common)?, Kind::Semaphore, common, out)
        }
        CreateCommand::Shm { size, common } => {
            finish(shm(*size, common)?, Kind::SharedMemory, common, out)
        }
        CreateCommand::Mq { maxmsg, msgsize, common } => {
            finish(mq(*maxmsg, *msgsize, common)?, Kind::MessageQueue, common, out)
        }
        CreateCommand::Ring { capacity, slots, slot_size, common } => {
            let geometry = ring::Geometry::new(*capacity, *slots, *slot_size);
            finish(ring(geometry, common)?, Kind::Ring, common, out)
        }
    }
}

/// Which object was created or opened.
struct Made {
    disposition: Disposition,
    identity: Identity,
}

/// Applies what all kinds have in common to a builder.
macro_rules! options {
    ($type:ty, $common:expr, $mode:expr) => {{
        let options = <$type>::options().mode($mode).cleanup(Cleanup::Keep);
        let options = match $common.exact {
            true => options.permissions_exact($common.mode),
            false => options.permissions($common.mode),
        };
        match $common.owner {
            // Of what exists already, an owner that was asked for is expected.
            Some(owner) if $mode == OpenMode::OpenExisting => options.expect_owner(owner),
            _ => options,
        }
    }};
}

fn sem(value: Option<u32>, common: &CreateArgs) -> Outcome<Made> {
    open_as(common.exist, |mode, matching| {
        let options = options!(Semaphore, common, mode).initial_value(value.unwrap_or(1));
        let semaphore = options.open(&common.name)?;
        let opened = semaphore.disposition() == Disposition::Opened;
        if let Some(expected) = value.filter(|_| matching && opened) {
            let found = semaphore.value()?;
            if found != expected {
                return Err(Error::Mismatch {
                    kind: Kind::Semaphore,
                    name: Some(common.name.clone()),
                    property: "value",
                    expected: expected.into(),
                    found: found.into(),
                });
            }
        }
        Ok(Made { disposition: semaphore.disposition(), identity: semaphore.identity() })
    })
}

fn shm(size: u64, common: &CreateArgs) -> Outcome<Made> {
    open_as(common.exist, |mode, matching| {
        let mut options = options!(SharedMemory, common, mode);
        if mode != OpenMode::OpenExisting || matching {
            options = options.size(size);
        }
        let memory = options.open(&common.name)?;
        Ok(Made { disposition: memory.disposition(), identity: memory.identity()? })
    })
}

fn mq(maxmsg: Option<u64>, msgsize: Option<u64>, common: &CreateArgs) -> Outcome<Made> {
    let number = |value: u64| {
        usize::try_from(value).map_err(|_| Failure::usage(format!("{value} is too much")))
    };
    let (maxmsg, msgsize) = (maxmsg.map(number).transpose()?, msgsize.map(number).transpose()?);
    open_as(common.exist, |mode, matching| {
        let mut options = options!(MessageQueue, common, mode);
        if let Some(maxmsg) = maxmsg {
            options = options.capacity(maxmsg);
        }
        if let Some(msgsize) = msgsize {
            options = options.message_size(msgsize);
        }
        if !matching {
            options = options.any_geometry();
        }
        let queue = options.open(&common.name)?;
        Ok(Made { disposition: queue.disposition(), identity: queue.identity() })
    })
}

/// A ring is looked at from outside, not opened: that would take the seat of a sender.
fn ring(geometry: ring::Geometry, common: &CreateArgs) -> Outcome<Made> {
    open_as(common.exist, |mode, matching| {
        if mode == OpenMode::OpenExisting {
            let object = inspect::stat(Kind::Ring, &common.name)?;
            if matching {
                geometry.check(&object)?;
            }
            return Ok(Made { disposition: Disposition::Opened, identity: object.identity });
        }
        match geometry {
            ring::Geometry::Spsc { capacity } => {
                let options = options!(spsc::Sender, common, mode);
                drop(options.capacity(capacity).open(&common.name)?);
            }
            ring::Geometry::Mpmc { slots, slot_size } => {
                let options = options!(mpmc::Sender, common, mode).capacity(slots);
                drop(options.message_size(slot_size).open(&common.name)?);
            }
        }
        let object = inspect::stat(Kind::Ring, &common.name)?;
        Ok(Made { disposition: Disposition::Created, identity: object.identity })
    })
}

/// Runs `open` as `--exist` says; its second argument is whether what exists has to match.
fn open_as(
    exist: Exist,
    mut open: impl FnMut(OpenMode, bool) -> Result<Made, Error>,
) -> Outcome<Made> {
    let matching = match exist {
        Exist::Fail => return open(OpenMode::CreateNew, true).map_err(exists),
        Exist::Replace => return Ok(open(OpenMode::Replace, true)?),
        Exist::Ok => false,
        Exist::Match => true,
    };
    let mut last = None;
    for _ in 0..ATTEMPTS {
        match open(OpenMode::OpenExisting, matching) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            other => return Ok(other?),
        }
        match open(OpenMode::CreateNew, true) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => last = Some(error),
            other => return Ok(other?),
        }
    }
    Err(last.map_or(Failure::Silent(Status::Failed), Failure::from))
}

/// Says what to do about a name that is taken.
fn exists(error: Error) -> Failure {
    let hint = "--exist ok opens it, match only if it is as asked for, replace makes a new one";
    match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::Helped { error, hint },
        _ => error.into(),
    }
}

/// Gives a new object to whom it is for, and says what was done.
fn finish(made: Made, kind: Kind, common: &CreateArgs, out: &mut Out) -> Outcome {
    let object = inspect::stat(kind, &common.name)?;
    let created = made.disposition == Disposition::Created;
    let to_give = created && (common.owner.is_some() || common.group.is_some());
    if to_give && let Err(failure) = give_away(&object, made.identity, common) {
        // What can't be as it was asked for shall not be at all.
        let _ = object.unlink();
        return Err(failure);
    }
    let verb = if created { "created" } else { "opened" };
    let text = format!("{verb} {kind} {}", common.name);
    if !out.is_json() {
        return out.done(&text, json!({}));
    }
    let object = inspect::stat(kind, &common.name)?;
    let name = describe::name(&common.name);
    let object = describe::entry(&Entry::Object(object));
    out.document(json!({
        "kind": short(kind), "name": name, "disposition": verb, "object": object,
    }))
}

fn give_away(object: &Object, made: Identity, common: &CreateArgs) -> Outcome {
    if object.identity != made {
        let text = format!("{} was replaced meanwhile", common.name);
        return Err(Failure::said(Status::Failed, text));
    }
    let path = path(object.kind, &common.name);
    let owner = common.owner.map(Uid::from_raw);
    let group = common.group.map(Gid::from_raw);
    chownat(CWD, path, owner, group, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|errno| Failure::io(format!("give {} away", common.name))(errno.into()))
}

fn path(kind: Kind, name: &Name) -> std::path::PathBuf {
    let file = name.file_name();
    match kind {
        Kind::MessageQueue => std::path::Path::new("/dev/mqueue").join(file),
        Kind::Semaphore => {
            let mut prefixed = std::ffi::OsString::from("/dev/shm/sem.");
            prefixed.push(file);
            prefixed.into()
        }
        _ => std::path::Path::new("/dev/shm").join(file),
    }
}

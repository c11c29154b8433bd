//! `pipc doctor`: looks for what is wrong with POSIX IPC on this system.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anstyle::AnsiColor;
use posix_ipc::inspect::{self, Details, Object, Usage};
use posix_ipc::{Kind, limits};
use serde_json::{Value, json};

use crate::exit::{Failure, Outcome, Status};
use crate::output::{Out, counted, human, printable, user_name};

const MEMORY: &str = "/dev/shm";
const QUEUES: &str = "/dev/mqueue";

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// As it should be.
    Good,
    /// May surprise somebody.
    Advice,
    /// Wrong: something does not work, or a stranger can make it fail.
    Error,
}

/// One thing that was looked at.
struct Finding {
    check: &'static str,
    level: Level,
    text: String,
    /// What to do about it.
    remedy: Option<String>,
}

impl Finding {
    fn good(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, level: Level::Good, text: text.into(), remedy: None }
    }

    fn advice(check: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, level: Level::Advice, text: text.into(), remedy: Some(remedy.into()) }
    }

    fn error(check: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, level: Level::Error, text: text.into(), remedy: Some(remedy.into()) }
    }
}

pub(crate) fn run(out: &mut Out) -> Outcome {
    let listing = inspect::list();
    let usage = Usage::scan();
    let queues =
        mount(QUEUES, "mqueue", "mkdir -p /dev/mqueue && mount -t mqueue none /dev/mqueue");
    // Of a directory where nothing is mounted the permissions do not matter.
    let queues_open = (queues.level != Level::Error).then(|| sticky(QUEUES));
    let findings = [
        mount(MEMORY, "tmpfs", "mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /dev/shm"),
        queues,
        sticky(MEMORY),
    ];
    let rest = [
        space(&listing.objects),
        remove_ipc(),
        temporaries(&usage),
        short_semaphores(),
        strays(),
        ghosts(&usage),
        owners(&listing.objects),
        waiters(&listing.objects, &usage),
        allowance(&listing.objects),
    ];
    let findings: Vec<Finding> = findings.into_iter().chain(queues_open).chain(rest).collect();
    let worst = findings.iter().any(|finding| finding.level == Level::Error);
    if out.is_json() {
        let findings: Vec<Value> = findings.iter().map(document).collect();
        out.document(json!({ "healthy": !worst, "findings": findings }))?;
    } else {
        findings.iter().try_for_each(|finding| show(finding, out))?;
    }
    if worst { Err(Failure::Silent(Status::Failed)) } else { Ok(()) }
}

fn document(finding: &Finding) -> Value {
    let level = match finding.level {
        Level::Good => "good",
        Level::Advice => "advice",
        Level::Error => "error",
    };
    json!({
        "check": finding.check, "level": level, "text": finding.text, "remedy": finding.remedy,
    })
}

fn show(finding: &Finding, out: &mut Out) -> Outcome {
    if finding.level == Level::Good && out.is_quiet() {
        return Ok(());
    }
    let (mark, colour) = match finding.level {
        Level::Good => ("ok    ", AnsiColor::Green),
        Level::Advice => ("advice", AnsiColor::Yellow),
        Level::Error => ("wrong ", AnsiColor::Red),
    };
    let mark = out.styled(colour.on_default(), mark);
    out.line(&format!("{mark}  {}: {}", finding.check, finding.text))?;
    match &finding.remedy {
        Some(remedy) => out.line(&format!("        {remedy}")),
        None => Ok(()),
    }
}

/// Whether a directory is a mounted file system of its type.
fn mount(directory: &'static str, kind: &str, remedy: &str) -> Finding {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let found = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|fields| fields.get(1) == Some(&directory))
        .filter_map(|fields| fields.get(2).map(ToString::to_string))
        .next_back();
    match found {
        Some(found) if found == kind => Finding::good(directory, format!("{kind} is mounted")),
        Some(found) => {
            let text = format!("{found} is mounted, {kind} is expected");
            Finding::advice(directory, text, "objects may be slow, or survive a restart")
        }
        None if Path::new(directory).is_dir() && kind == "tmpfs" => {
            let text = "is a plain directory, no mounted tmpfs";
            Finding::advice(directory, text, remedy)
        }
        None => Finding::error(directory, format!("no {kind} is mounted"), remedy),
    }
}

/// Whether everybody may create objects and nobody may remove those of others.
fn sticky(directory: &'static str) -> Finding {
    let check = "permissions";
    let Ok(status) = fs::metadata(directory) else {
        return Finding::advice(check, format!("{directory} cannot be looked at"), "see above");
    };
    let mode = status.mode() & 0o7777;
    let remedy = format!("chmod 1777 {directory}");
    match mode {
        0o1777 => Finding::good(check, format!("{directory} is open to all, with the sticky bit")),
        mode if mode & 0o002 != 0 && mode & 0o1000 == 0 => {
            let text = format!(
                "{directory} has mode {mode:04o}: without the sticky bit anybody may remove \
                 anybody's objects"
            );
            Finding::error(check, text, remedy)
        }
        mode => {
            let text = format!("{directory} has mode {mode:04o}: not everybody may create objects");
            Finding::advice(check, text, remedy)
        }
    }
}

/// Whether what the objects may take is there.
fn space(objects: &[Object]) -> Finding {
    let check = "space";
    let limits = limits();
    let (Some(total), Some(free)) = (limits.memory_total, limits.memory_free) else {
        return Finding::advice(check, "the free space is unknown", "see the mounts above");
    };
    let memory = objects.iter().filter(|object| object.kind != Kind::MessageQueue);
    let (all, allocated) = memory.fold((0u64, 0u64), |(all, allocated), object| {
        // A page that is begun is taken whole.
        let grown = object.size.max(object.allocated);
        (all.saturating_add(grown), allocated.saturating_add(object.allocated))
    });
    let text = format!(
        "objects have {} of memory and may grow to {}; {} of {} are free",
        human(allocated),
        human(all),
        human(free),
        human(total)
    );
    let missing = all.saturating_sub(allocated);
    if missing > free {
        let remedy = "a program that touches memory that is not there ends with SIGBUS: enlarge \
                      the mount, or create with pipc, which reserves";
        return Finding::error(check, text, remedy);
    }
    if free < total / 20 {
        return Finding::advice(
            check,
            text,
            "less than a twentieth is left: see pipc ls --sort size",
        );
    }
    Finding::good(check, text)
}

/// Whether systemd removes a user's objects when the user logs out.
fn remove_ipc() -> Finding {
    let check = "RemoveIPC";
    if !Path::new("/run/systemd/system").is_dir() {
        return Finding::good(check, "systemd does not run here, nothing is removed at logout");
    }
    let mut files: Vec<_> = ["/usr/lib/systemd/logind.conf.d", "/etc/systemd/logind.conf.d"]
        .iter()
        .flat_map(|directory| fs::read_dir(directory).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files.insert(0, "/etc/systemd/logind.conf".into());
    let mut said = files.iter().filter_map(|file| {
        let text = fs::read_to_string(file).ok()?;
        let mut values = text.lines().filter_map(|line| line.trim().strip_prefix("RemoveIPC="));
        values.next_back().map(|value| value.trim().to_ascii_lowercase())
    });
    match said.next_back().as_deref() {
        Some("no" | "false" | "0" | "off") => {
            Finding::good(check, "is off, objects stay when their user logs out")
        }
        said => {
            let how = if said.is_some() { "is on" } else { "is on by default" };
            let text = format!(
                "{how}: systemd removes the objects of an ordinary user who logs out for good"
            );
            let remedy = "RemoveIPC=no in /etc/systemd/logind.conf, or a system user for services";
            Finding::advice(check, text, remedy)
        }
    }
}

/// A file's name as it may be shown.
fn file_name(name: &OsStr) -> String {
    printable(&name.to_string_lossy()).into_owned()
}

/// The names in `/dev/shm` with their sizes, files alone.
fn files() -> Vec<(OsString, fs::Metadata)> {
    let entries = fs::read_dir(MEMORY).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| {
        let status = fs::symlink_metadata(entry.path()).ok()?;
        status.is_file().then(|| (entry.file_name(), status))
    });
    files.collect()
}

/// Files that an interrupted `sem_open` has left behind.
fn temporaries(usage: &Usage) -> Finding {
    let check = "temporary files";
    let left: Vec<String> = files()
        .into_iter()
        .filter(|(name, status)| {
            let name = name.as_bytes();
            let glibc = name.strip_prefix(b"sem.").is_some_and(|rest| {
                rest.len() == 6
                    && rest.iter().all(u8::is_ascii_alphanumeric)
                    && rest.iter().any(u8::is_ascii_uppercase)
                    && rest.iter().any(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            });
            let musl = name
                .strip_prefix(b"tmp-")
                .is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_digit));
            // One in use belongs to a creation that is going on.
            let young = status
                .modified()
                .is_ok_and(|time| time.elapsed().is_ok_and(|age| age.as_secs() < 5));
            (glibc || musl) && !young && !is_used(usage, status)
        })
        .map(|(name, _)| file_name(&name))
        .collect();
    if left.is_empty() {
        return Finding::good(check, "none");
    }
    let text = format!(
        "{} left by a program that was killed while it created a semaphore: {}",
        counted(left.len() as u64, "file is probably", "files are probably"),
        sample(&left)
    );
    Finding::advice(check, text, "remove them if no program uses a semaphore of that name")
}

fn is_used(usage: &Usage, status: &fs::Metadata) -> bool {
    usage.is_used(status.dev(), status.ino())
}

/// Semaphore files that crash a program that does not check them.
fn short_semaphores() -> Finding {
    let check = "semaphore files";
    let bad: Vec<String> = files()
        .into_iter()
        .filter(|(name, status)| {
            name.as_bytes().starts_with(b"sem.") && !matches!(status.len(), 16 | 32)
        })
        .map(|(name, status)| format!("{} ({})", file_name(&name), human(status.len())))
        .collect();
    if bad.is_empty() {
        return Finding::good(check, "all have the size of a semaphore");
    }
    let text = format!(
        "{} not the size of a semaphore: {}",
        counted(bad.len() as u64, "file has", "files have"),
        sample(&bad)
    );
    let remedy = "a C program that opens one may end with SIGBUS: remove them";
    Finding::error(check, text, remedy)
}

/// What stands in the directory and is no object.
fn strays() -> Finding {
    let check = "other entries";
    let entries = fs::read_dir(MEMORY).into_iter().flatten().flatten();
    let strays: Vec<String> = entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_file()))
        .map(|entry| file_name(&entry.file_name()))
        .collect();
    if strays.is_empty() {
        return Finding::good(check, format!("{MEMORY} holds objects alone"));
    }
    let text = format!("{MEMORY} also holds what is no object: {}", sample(&strays));
    Finding::advice(check, text, "directories, links and devices are never touched by pipc")
}

/// Memory that is held without having a name.
fn ghosts(usage: &Usage) -> Finding {
    let check = "ghosts";
    let ghosts = usage.ghosts();
    if ghosts.is_empty() {
        return Finding::good(check, "all memory that is in use has a name");
    }
    let bytes: u64 = ghosts.iter().filter_map(|ghost| ghost.size).sum();
    let count = counted(ghosts.len() as u64, "unlinked object is", "unlinked objects are");
    let text = format!("{count} still held, {} in all", human(bytes));
    Finding::advice(check, text, "pipc ls --ghosts --users says by whom; they go with their users")
}

/// Objects of users that no longer exist.
fn owners(objects: &[Object]) -> Finding {
    let check = "owners";
    let orphans: Vec<String> = objects
        .iter()
        .filter(|object| user_name(object.uid).is_none())
        .map(|object| format!("{} ({})", object.name, object.uid))
        .collect();
    if orphans.is_empty() {
        return Finding::good(check, "all objects belong to users that exist");
    }
    let text = format!(
        "{}: {}",
        counted(
            orphans.len() as u64,
            "object belongs to a user that does not exist",
            "objects belong to users that do not exist"
        ),
        sample(&orphans)
    );
    Finding::advice(check, text, "pipc rm, or pipc ls --owner UID to see all of a user")
}

/// Semaphores whose count of waiters says that one was killed.
fn waiters(objects: &[Object], usage: &Usage) -> Finding {
    let check = "waiters";
    let dead: Vec<String> = objects
        .iter()
        .filter(|object| match &object.details {
            Details::Semaphore(Some(state)) => {
                state.waiters > 0 && usage.of(object).is_empty() && usage.hidden() == 0
            }
            _ => false,
        })
        .map(|object| object.name.to_string())
        .collect();
    if dead.is_empty() {
        return Finding::good(check, "no semaphore counts a waiter that is gone");
    }
    let text = format!("semaphores that count waiters though nobody has them: {}", sample(&dead));
    Finding::advice(check, text, "a killed waiter stays counted; it costs a system call per post")
}

/// How much of the allowance for queues is used.
fn allowance(objects: &[Object]) -> Finding {
    let check = "queue allowance";
    let uid = rustix::process::geteuid().as_raw();
    let queues = objects.iter().filter(|object| object.uid == uid);
    let used: u64 = queues
        .filter_map(|object| {
            let state = object.queue()?;
            Some(state.max_messages?.saturating_mul(state.max_message_size?.saturating_add(96)))
        })
        .sum();
    let Some(limit) = limits().queue_bytes else {
        return Finding::good(check, format!("unlimited, {used} bytes are used"));
    };
    let text = format!("this user's queues take {used} of {limit} bytes");
    if used > limit / 10 * 9 {
        return Finding::advice(check, text, "raise it with ulimit -q, or see pipc limits --plan");
    }
    Finding::good(check, text)
}

/// The first few of many.
fn sample(all: &[String]) -> String {
    const SHOWN: usize = 5;
    let first: Vec<&str> = all.iter().take(SHOWN).map(String::as_str).collect();
    match all.len().saturating_sub(SHOWN) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

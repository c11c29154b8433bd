//! Provokes every line of docs/errno.md on semaphores.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::time::{Duration, Instant, SystemTime};

use posix_ipc::sem::{self, VALUE_MAX, Waited};
use posix_ipc::{Error, OpenMode, Result, Semaphore};
use testutil::names::unique;

/// What a line says, by its call and its occasion.
type Table = BTreeMap<(String, String), (String, String)>;

fn table() -> Table {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errno.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once("## Semaphores\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [call, errno, when, variant] = cells[..] else { panic!("four cells: {row}") };
        let plain = |cell: &str| cell.replace('`', "");
        ((plain(call), plain(when)), (plain(errno), plain(variant)))
    })
    .collect()
}

/// `Error::Os` of `Os { operation: .. }`, with the name of its number.
fn failed<T: Debug>(result: Result<T>) -> (String, String) {
    let error: Error = result.unwrap_err();
    let errno = error.errno().map_or("-".to_string(), |errno| {
        let text = format!("{errno:?}");
        let name = text.split(['(', ' ']).next().unwrap_or_default().to_string();
        errno_name(errno).map_or(name, str::to_string)
    });
    let text = format!("{error:?}");
    let variant = text.split(|char: char| !char.is_alphanumeric()).next().unwrap_or_default();
    (errno, format!("Error::{variant}"))
}

fn errno_name(errno: posix_ipc::Errno) -> Option<&'static str> {
    use posix_ipc::Errno;
    Some(match errno {
        Errno::ACCESS => "EACCES",
        Errno::EXIST => "EEXIST",
        Errno::INVAL => "EINVAL",
        Errno::LOOP => "ELOOP",
        Errno::NAMETOOLONG => "ENAMETOOLONG",
        Errno::NOENT => "ENOENT",
        Errno::OVERFLOW => "EOVERFLOW",
        _ => return None,
    })
}

fn value<T: Debug>(result: Result<T>) -> (String, String) {
    ("-".to_string(), format!("Ok({:?})", result.unwrap()))
}

/// Runs `f` in a thread that has, for files, no more rights than any user.
fn as_somebody_else<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if testutil::skip::is_root() {
                // SAFETY: concerns this thread only, and has no memory to do with.
                unsafe { libc::setfsuid(65_534) };
            }
            f()
        });
        thread.join().unwrap()
    })
}

#[test]
fn every_line_of_the_table_is_true() {
    let mut table = table();
    let mut check = |call: &str, when: &str, found: (String, String)| {
        let key = (call.to_string(), when.to_string());
        let line = table.remove(&key);
        assert_eq!(line.as_ref(), Some(&found), "{call}, {when}");
    };

    let bad_name =
        "the name is empty, has a slash or NUL inside, or is `.` or `..`".replace('`', "");
    for name in ["", "a/b", "a\0b", ".", ".."] {
        let found = failed(Semaphore::open(name));
        assert_eq!(found, ("EINVAL".to_string(), "Error::Name".to_string()), "{name:?}");
    }
    check("open", &bad_name, failed(Semaphore::open("")));
    let long = "x".repeat(252);
    check("open", "the name has over 251 bytes", failed(Semaphore::open(&*long)));

    let (name, free, link, foreign) =
        (unique("errno"), unique("free"), unique("link"), unique("foreign"));
    let sem = Semaphore::create(&*name, VALUE_MAX).unwrap();
    check("open", "there is none", failed(Semaphore::open(&*free)));
    std::os::unix::fs::symlink(name.sem_path(), link.sem_path()).unwrap();
    check("open", "a symbolic link stands under the name", failed(Semaphore::open(&*link)));
    fs::write(foreign.sem_path(), [0; 31]).unwrap();
    let foreign = failed(Semaphore::open(&*foreign));
    check("open", "what stands under the name is no semaphore, or another C library's", foreign);
    let other = rustix::process::geteuid().as_raw() + 1;
    let owner = failed(Semaphore::options().expect_owner(other).open(&*name));
    check("open", "it is another user's than expected", owner);
    let denied = as_somebody_else(|| failed(Semaphore::open(&*name)));
    if testutil::skip::is_root() {
        check("open", "reading and writing it is not permitted", denied);
    }

    check("create", "the name exists", failed(Semaphore::create(&*name, 0)));
    let too_many = failed(Semaphore::create(&*free, VALUE_MAX + 1));
    check("create", "the initial value is over 2,147,483,647", too_many);

    check("unlink", "there is none", failed(Semaphore::unlink(&*free)));
    let denied = as_somebody_else(|| failed(Semaphore::unlink(&*name)));
    if testutil::skip::is_root() {
        check("unlink", "it is not the caller's to remove", denied);
    }
    let replaced = Semaphore::create(&*free, 0).unwrap();
    let newer = Semaphore::options().mode(OpenMode::Replace).initial_value(0).open(&*free).unwrap();
    check(
        "unlink_name",
        "the name is gone, or another semaphore's",
        failed(replaced.unlink_name()),
    );

    check("post", "the value is at its maximum", failed(sem.post()));
    check("post_many", "the value would pass its maximum", failed(sem.post_many(1)));
    check("wait_many", "there can never be so many units", failed(newer.wait_many(u32::MAX)));
    let now = Instant::now();
    let late = "there was no unit until the deadline";
    check("wait_timeout", late, value(newer.wait_timeout(Duration::ZERO)));
    check("wait_deadline", late, value(newer.wait_deadline(now)));
    let past = SystemTime::UNIX_EPOCH;
    check("wait_deadline_realtime", late, value(newer.wait_deadline_realtime(past)));
    check("wait_interruptible", late, value(newer.wait_interruptible(Some(now))));
    assert_ne!(Waited::TimedOut, Waited::Interrupted);
    check("acquire_timeout", late, value(newer.acquire_timeout(Duration::ZERO)));
    check("wait_any", late, value(sem::wait_any(&[&newer], Some(now))));
    check("wait_any", "there are no semaphores, or over 128", failed(sem::wait_any(&[], None)));

    if testutil::skip::is_root() {
        assert!(table.is_empty(), "not provoked: {table:#?}");
    }
}

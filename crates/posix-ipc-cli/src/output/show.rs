//! How single values are written: sizes, times, ages, modes, users, and unknown ones.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

/// What stands for a value that this user may not see.
pub(crate) const UNKNOWN: &str = "?";

/// A text of a stranger's as it may be shown: what would move the cursor is written out.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    match text.contains(char::is_control) {
        true => text.escape_debug().to_string().into(),
        false => text.into(),
    }
}

/// A value, or `?`.
pub(crate) fn known(value: Option<impl ToString>) -> String {
    value.map_or_else(|| UNKNOWN.to_string(), |value| value.to_string())
}

/// A size in at most four figures and a unit of 1024: `0B`, `32B`, `8K`, `1.5M`.
pub(crate) fn human(bytes: u64) -> String {
    written(|text| write_human(text, bytes))
}

/// Writes what [`human`] makes.
pub(crate) fn write_human(text: &mut String, bytes: u64) {
    const UNITS: [&str; 6] = ["K", "M", "G", "T", "P", "E"];
    if bytes < 1024 {
        let _ = write!(text, "{bytes}B");
        return;
    }
    let mut scaled = bytes as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next().unwrap_or(&"");
    while scaled >= 1023.95
        && let Some(next) = units.next()
    {
        scaled /= 1024.0;
        unit = next;
    }
    let figures = format!("{scaled:.1}");
    text.push_str(figures.strip_suffix(".0").unwrap_or(&figures));
    text.push_str(unit);
}

/// A point in time as RFC 3339 in UTC, to the microsecond.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    match Timestamp::try_from(time) {
        Ok(time) => format!("{time:.6}"),
        Err(_) => UNKNOWN.to_string(),
    }
}

/// Writes how long ago, in one or two units: `5s`, `3m 20s`, `2d 4h`.
pub(crate) fn age(text: &mut String, time: SystemTime, now: SystemTime) {
    brief(text, now.duration_since(time).unwrap_or(Duration::ZERO));
}

/// Writes a duration in one or two units.
pub(crate) fn brief(text: &mut String, duration: Duration) {
    let seconds = duration.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    let mut two = |big: u64, unit: &str, small: u64, part: &str| {
        let _ = match small {
            0 => write!(text, "{big}{unit}"),
            _ => write!(text, "{big}{unit} {small}{part}"),
        };
    };
    match (days, hours, minutes) {
        (0, 0, 0) => two(rest, "s", 0, ""),
        (0, 0, _) => two(minutes, "m", rest, "s"),
        (0, _, _) => two(hours, "h", minutes, "m"),
        _ => two(days, "d", hours, "h"),
    }
}

/// A short duration in the unit that fits: `85 ns`, `10.9 us`, `1.2 ms`.
pub(crate) fn fine(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1e3 => format!("{n:.0} ns"),
        n if n < 1e6 => format!("{:.1} us", n / 1e3),
        n if n < 1e9 => format!("{:.1} ms", n / 1e6),
        n => format!("{:.2} s", n / 1e9),
    }
}

/// Writes permission bits as `ls` does, without the type.
pub(crate) fn permissions(text: &mut String, mode: u32) {
    for shift in [6, 3, 0] {
        text.push_str(match mode >> shift & 7 {
            0 => "---",
            1 => "--x",
            2 => "-w-",
            3 => "-wx",
            4 => "r--",
            5 => "r-x",
            6 => "rw-",
            _ => "rwx",
        });
    }
}

/// Permission bits in octal.
pub(crate) fn octal(mode: u32) -> String {
    format!("{mode:04o}")
}

thread_local! {
    static USERS: RefCell<HashMap<u32, Option<String>>> = RefCell::default();
    static GROUPS: RefCell<HashMap<u32, Option<String>>> = RefCell::default();
}

/// What `write` writes.
pub(crate) fn written(write: impl FnOnce(&mut String)) -> String {
    let mut text = String::new();
    write(&mut text);
    text
}

fn with_user<T>(uid: u32, then: impl FnOnce(Option<&String>) -> T) -> T {
    let look_up = || nix::unistd::User::from_uid(uid.into()).ok()?.map(|user| user.name);
    USERS.with_borrow_mut(|users| then(users.entry(uid).or_insert_with(look_up).as_ref()))
}

fn with_group<T>(gid: u32, then: impl FnOnce(Option<&String>) -> T) -> T {
    let look_up = || nix::unistd::Group::from_gid(gid.into()).ok()?.map(|group| group.name);
    GROUPS.with_borrow_mut(|groups| then(groups.entry(gid).or_insert_with(look_up).as_ref()))
}

/// The name of a user; `None` if there is none of that number any more.
pub(crate) fn user_name(uid: u32) -> Option<String> {
    with_user(uid, |name| name.cloned())
}

/// The name of a group.
pub(crate) fn group_name(gid: u32) -> Option<String> {
    with_group(gid, |name| name.cloned())
}

/// Writes the name of a user, or its number.
pub(crate) fn user(text: &mut String, uid: u32) {
    with_user(uid, |name| name_or_number(text, name, uid));
}

/// Writes the name of a group, or its number.
pub(crate) fn group(text: &mut String, gid: u32) {
    with_group(gid, |name| name_or_number(text, name, gid));
}

fn name_or_number(text: &mut String, name: Option<&String>, number: u32) {
    let _ = match name {
        Some(name) => write!(text, "{name}"),
        None => write!(text, "{number}"),
    };
}

/// `1 object`, `2 objects`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_few_figures() {
        let pairs = [
            (0, "0B"),
            (32, "32B"),
            (1023, "1023B"),
            (1024, "1K"),
            (8192, "8K"),
            (1_572_864, "1.5M"),
            ((1 << 20) - 1, "1M"),
            (u64::MAX, "16E"),
        ];
        for (bytes, text) in pairs {
            assert_eq!(human(bytes), text);
        }
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let pairs = [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (200, "3m 20s"),
            (3600, "1h"),
            (90_000, "1d 1h"),
            (172_800, "2d"),
        ];
        for (seconds, text) in pairs {
            assert_eq!(written(|out| brief(out, Duration::from_secs(seconds))), text);
        }
    }

    #[test]
    fn times_are_rfc_3339() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
        assert_eq!(rfc3339(time), "2023-11-14T22:13:20.250000Z");
    }

    #[test]
    fn permissions_are_written_as_usual() {
        assert_eq!(written(|out| permissions(out, 0o640)), "rw-r-----");
        assert_eq!(written(|out| permissions(out, 0)), "---------");
        assert_eq!(written(|out| permissions(out, 0o1753)), "rwxr-x-wx");
        assert_eq!(written(|out| permissions(out, 0o421)), "r---w---x");
        assert_eq!(octal(0o640), "0640");
    }
}

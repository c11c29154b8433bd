//! The types of argument values: names, kinds, durations, sizes, modes, users, patterns.

use std::ffi::OsString;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::{OsStringValueParser, TypedValueParser};
use globset::{Glob, GlobMatcher};
use jiff::{Span, SpanRelativeTo};
use posix_ipc::{Kind, Name};

/// Parses the name of an object, which need not be UTF-8.
pub(crate) fn name() -> impl TypedValueParser<Value = Name> {
    OsStringValueParser::new().try_map(|text: OsString| Name::new(text))
}

/// A kind of object, in the command's short words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub(crate) enum KindArg {
    /// Semaphores
    #[value(alias = "semaphore")]
    Sem,
    /// Shared memory
    #[value(aliases = ["shared-memory", "memory"])]
    Shm,
    /// Message queues
    #[value(aliases = ["queue", "message-queue"])]
    Mq,
    /// Rings
    Ring,
}

impl KindArg {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Sem => Kind::Semaphore,
            Self::Shm => Kind::SharedMemory,
            Self::Mq => Kind::MessageQueue,
            Self::Ring => Kind::Ring,
        }
    }
}

/// The short word for a kind.
pub(crate) fn short(kind: Kind) -> &'static str {
    match kind {
        Kind::Semaphore => "sem",
        Kind::SharedMemory => "shm",
        Kind::MessageQueue => "mq",
        Kind::Ring => "ring",
        _ => "?",
    }
}

/// Parses a duration: `250ms`, `2s`, `1h 30m`, `1d`, or seconds as a plain number.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let explain = "a duration is like 250ms, 2s, 1h 30m, 2d, or a number of seconds";
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|error| format!("{error}: {explain}"));
    }
    let span: Span = text.parse().map_err(|_| explain.to_string())?;
    let signed = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        // How long a month or a year is depends on which.
        .map_err(|_| format!("weeks are the longest unit: {explain}"))?;
    Duration::try_from(signed).map_err(|_| format!("it is negative: {explain}"))
}

/// Parses a size in bytes: `512`, `64K`, `1M`, `1GiB`; every unit is a power of 1024.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    parse_size::Config::new()
        .with_binary()
        .parse_size(text)
        .map_err(|error| format!("{error}: a size is like 512, 64K, 1M or 1GiB"))
}

/// Parses permission bits in octal: `640`, `0640`.
pub(crate) fn mode(text: &str) -> Result<u32, String> {
    let explain = "permissions are octal, like 640, and at most 777";
    match u32::from_str_radix(text.strip_prefix("0o").unwrap_or(text), 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err(explain.to_string()),
    }
}

/// Parses a user's name or number.
pub(crate) fn user(text: &str) -> Result<u32, String> {
    if let Ok(uid) = text.parse() {
        return Ok(uid);
    }
    match nix::unistd::User::from_name(text) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err("there is no such user".to_string()),
        Err(errno) => Err(format!("cannot look it up: {errno}")),
    }
}

/// Parses a group's name or number.
pub(crate) fn group(text: &str) -> Result<u32, String> {
    if let Ok(gid) = text.parse() {
        return Ok(gid);
    }
    match nix::unistd::Group::from_name(text) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err("there is no such group".to_string()),
        Err(errno) => Err(format!("cannot look it up: {errno}")),
    }
}

/// A pattern for names, as in the shell; the slash is optional.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    text: String,
    matcher: GlobMatcher,
}

impl Pattern {
    pub(crate) fn matches(&self, name: &Name) -> bool {
        // A plain name is itself, also if the pattern's rules would say otherwise.
        self.text.as_bytes() == name.as_bytes() || self.matcher.is_match(name.file_name())
    }

    /// Whether it has nothing but wildcards, so that it says nothing about a name.
    pub(crate) fn says_nothing(&self) -> bool {
        self.text.bytes().all(|byte| matches!(byte, b'*' | b'?'))
    }

    /// Whether it can match more than one name.
    pub(crate) fn has_wildcards(&self) -> bool {
        self.text.contains(['*', '?', '[', '{'])
    }
}

impl FromStr for Pattern {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim_start_matches('/').to_string();
        if text.is_empty() {
            return Err("a pattern is not empty".to_string());
        }
        let glob = Glob::new(&text).map_err(|error| error.to_string())?;
        Ok(Self { text, matcher: glob.compile_matcher() })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_or_are_seconds() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("2d"), Ok(Duration::from_secs(172_800)));
        assert_eq!(duration("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn durations_that_are_none_are_refused() {
        for text in ["-1", "-1s", "inf", "nan", "1e30", "soon", ""] {
            assert!(duration(text).is_err(), "{text:?}");
        }
        assert!(duration("1y").unwrap_err().starts_with("weeks are the longest unit"));
    }

    #[test]
    fn sizes_are_in_powers_of_1024() {
        assert_eq!(size("512"), Ok(512));
        assert_eq!(size("64K"), Ok(65_536));
        assert_eq!(size("1M"), Ok(1 << 20));
        assert_eq!(size("1GiB"), Ok(1 << 30));
        for text in ["-1", "", "1X", "many"] {
            assert!(size(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn permissions_are_octal() {
        assert_eq!(mode("640"), Ok(0o640));
        assert_eq!(mode("0640"), Ok(0o640));
        for text in ["8", "1777", "", "u+r", "-1"] {
            assert!(mode(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn patterns_match_names_with_or_without_slash() {
        let jobs = Name::from_static("/jobs-1");
        for text in ["jobs-*", "/jobs-?", "jobs-[12]", "{jobs,tasks}-1", "/jobs-1"] {
            let pattern: Pattern = text.parse().unwrap();
            assert!(pattern.matches(&jobs), "{text}");
        }
        let odd: Pattern = "a[b]".parse().unwrap();
        assert!(odd.matches(&Name::from_static("/a[b]")), "a name that looks like a pattern");
        assert!("*".parse::<Pattern>().unwrap().says_nothing());
        assert!(!"a*".parse::<Pattern>().unwrap().says_nothing());
        assert!("".parse::<Pattern>().is_err() && "[".parse::<Pattern>().is_err());
    }

    #[test]
    fn users_are_numbers_or_names() {
        assert_eq!(user("1234"), Ok(1234));
        assert_eq!(user("root"), Ok(0));
        assert!(user("no-such-user-here").is_err());
        assert_eq!(group("0"), Ok(0));
    }
}

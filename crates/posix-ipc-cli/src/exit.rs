//! Why a command ended, and the exit status that says so.

use std::io;
use std::process::ExitCode;

use posix_ipc::{Errno, Error, NameError};
use serde_json::json;
use signal_hook::consts::SIGPIPE;

use crate::output::Out;

/// What a command returns.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// The exit statuses; they are promised, scripts rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Exists = 4,
    Permission = 5,
    TimedOut = 75,
}

/// Why a command did not do what it should.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An operation on an object failed.
    Ipc(Error),
    /// An operation on an object failed, and an option of the command helps.
    Helped { error: Error, hint: &'static str },
    /// Reading or writing something else failed.
    Io { doing: String, source: io::Error },
    /// In our own words.
    Said { status: Status, text: String },
    /// What there is to say has been said.
    Silent(Status),
    /// The status of a command that was run.
    Child(u8),
}

impl Failure {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing: doing.into(), source }
    }

    pub(crate) fn said(status: Status, text: impl Into<String>) -> Self {
        Self::Said { status, text: text.into() }
    }

    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::said(Status::Usage, text)
    }

    pub(crate) fn timed_out(text: impl Into<String>) -> Self {
        Self::said(Status::TimedOut, text)
    }

    /// Whether whoever reads our output has gone.
    fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Ipc(error) | Self::Helped { error, .. } => of_error(error) as u8,
            Self::Io { source, .. } => of_kind(source.kind()) as u8,
            Self::Said { status, .. } | Self::Silent(status) => *status as u8,
            Self::Child(code) => *code,
        }
    }

    /// The words for it, with all causes; `None` if it was said already.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Ipc(error) => Some(with_causes(error)),
            Self::Helped { error, hint } => Some(format!("{}; {hint}", with_causes(error))),
            Self::Io { doing, source } => Some(format!("cannot {doing}: {source}")),
            Self::Said { text, .. } => Some(text.clone()),
            Self::Silent(_) | Self::Child(_) => None,
        }
    }

    fn errno(&self) -> Option<i32> {
        match self {
            Self::Ipc(error) | Self::Helped { error, .. } => error.errno().map(Errno::raw_os_error),
            Self::Io { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }
}

fn of_error(error: &Error) -> Status {
    match error {
        Error::Name(_) | Error::OutOfRange { .. } | Error::Argument { .. } => Status::Usage,
        other => of_kind(other.kind()),
    }
}

fn of_kind(kind: io::ErrorKind) -> Status {
    match kind {
        io::ErrorKind::NotFound => Status::NotFound,
        io::ErrorKind::AlreadyExists => Status::Exists,
        io::ErrorKind::PermissionDenied => Status::Permission,
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Status::TimedOut,
        _ => Status::Failed,
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ipc(error)
    }
}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Self {
        Self::Ipc(error.into())
    }
}

/// Says what went wrong and makes the exit status of it.
pub(crate) fn finish(result: Outcome, out: &mut Out) -> ExitCode {
    let result = result.and_then(|()| out.flush());
    let Err(failure) = result else { return ExitCode::SUCCESS };
    if failure.is_broken_pipe() {
        // Ends as every other program does whose reader has gone: by the signal, saying nothing.
        let _ = signal_hook::low_level::emulate_default_handler(SIGPIPE);
    }
    let _ = out.flush();
    if let Some(text) = failure.text() {
        let error = json!({
            "message": text, "status": failure.status(), "errno": failure.errno(),
        });
        out.error(&text, &error);
    }
    ExitCode::from(failure.status())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(errno: Errno) -> u8 {
        Failure::Io { doing: "test".into(), source: errno.into() }.status()
    }

    #[test]
    fn statuses_follow_the_systems_answer() {
        assert_eq!(status(Errno::NOENT), 3);
        assert_eq!(status(Errno::EXIST), 4);
        assert_eq!(status(Errno::ACCESS), 5);
        assert_eq!(status(Errno::PERM), 5);
        assert_eq!(status(Errno::TIMEDOUT), 75);
        assert_eq!(status(Errno::AGAIN), 75);
        assert_eq!(status(Errno::IO), 1);
    }

    #[test]
    fn a_bad_name_is_wrong_usage() {
        let error = posix_ipc::Name::new("/a/b").unwrap_err();
        assert_eq!(Failure::from(error).status(), 2);
    }
}

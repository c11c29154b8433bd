//! Reads the state of a message queue from its file in the queue file system.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::pread;

use super::object::{Notification, QueueState};

/// Longer than the kernel's line, which is 80 bytes.
const LINE: usize = 128;

/// What can be seen of queue `name` in `directory`.
///
/// Opening the file in the mounted file system gives the queue of that namespace, which
/// `mq_open` would not if this process is in another one.
pub(super) fn state(directory: BorrowedFd<'_>, name: &[u8]) -> QueueState {
    let mut state = QueueState::default();
    let Some((fd, readable)) = open(directory, name) else { return state };
    let mut line = [0; LINE];
    if readable && let Ok(length) = pread(&fd, &mut line, 0) {
        parse(line.get(..length).unwrap_or_default(), &mut state);
    }
    geometry(&fd, &mut state);
    state
}

fn open(directory: BorrowedFd<'_>, name: &[u8]) -> Option<(OwnedFd, bool)> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match openat(directory, name, flags | OFlags::RDONLY, Mode::empty()) {
        Ok(fd) => Some((fd, true)),
        // Whoever may only send may still ask for the geometry.
        Err(_) => openat(directory, name, flags | OFlags::WRONLY, Mode::empty())
            .ok()
            .map(|fd| (fd, false)),
    }
}

fn geometry(fd: &OwnedFd, state: &mut QueueState) {
    let Ok(attributes) = posix_ipc_sys::mq::getattr(fd) else { return };
    let number = |value: usize| u64::try_from(value).ok();
    state.messages = number(attributes.curmsgs);
    state.max_messages = number(attributes.maxmsg);
    state.max_message_size = number(attributes.msgsize);
}

/// Reads `QSIZE:129 NOTIFY:0 SIGNO:10 NOTIFY_PID:8260`.
fn parse(line: &[u8], state: &mut QueueState) {
    let Ok(line) = std::str::from_utf8(line) else { return };
    let field = |wanted: &str| {
        line.split_ascii_whitespace()
            .filter_map(|field| field.split_once(':'))
            .find(|(key, _)| *key == wanted)
            .and_then(|(_, value)| value.parse::<u64>().ok())
    };
    state.bytes = field("QSIZE");
    let (Some(pid), Some(notify)) = (field("NOTIFY_PID"), field("NOTIFY")) else { return };
    /// `SIGEV_SIGNAL`, whose value is 0: a process id alone tells that somebody is registered.
    const BY_SIGNAL: u64 = 0;
    state.notification = Some(match u32::try_from(pid) {
        Ok(0) | Err(_) => None,
        Ok(pid) => {
            let signal = field("SIGNO").and_then(|signal| u32::try_from(signal).ok());
            Some(Notification { pid, signal: signal.filter(|_| notify == BY_SIGNAL) })
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> QueueState {
        let mut state = QueueState::default();
        parse(line.as_bytes(), &mut state);
        state
    }

    #[test]
    fn size_and_notification_are_read() {
        let state = parsed("QSIZE:129        NOTIFY:0     SIGNO:10    NOTIFY_PID:8260  \n");
        assert_eq!(state.bytes, Some(129));
        assert_eq!(state.notification, Some(Some(Notification { pid: 8260, signal: Some(10) })));
    }

    #[test]
    fn nobody_registered_is_known_to_be_nobody() {
        let state = parsed("QSIZE:0          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n");
        assert_eq!(state.notification, Some(None));
    }

    #[test]
    fn a_line_that_says_nothing_leaves_everything_unknown() {
        assert_eq!(parsed(""), QueueState::default());
        assert_eq!(parsed("QSIZE:x NOTIFY_PID:1"), QueueState::default());
    }
}

//! What clients receive their replies from: its name, and its removal once the client has died.

use posix_ipc::Name;
#[cfg(not(any(target_vendor = "apple", target_os = "openbsd")))]
use posix_ipc::NameError;

/// The name of what a client receives its replies from.
#[cfg(not(any(target_vendor = "apple", target_os = "openbsd")))]
pub(crate) fn reply_name(name: &Name, client: u64) -> Result<Name, NameError> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.extend_from_slice(format!("-{client:016x}").as_bytes());
    Name::try_from(bytes.as_slice())
}

/// Removes the queues and rings of replies that clients of the server `name` have left when they
/// were killed; tells how many.
///
/// [`Server`](crate::Server) does so by itself when it is created, when it notices that a client takes
/// no replies, and now and then. This is for what is left when the server has gone too.
///
/// A queue is left when no process has it open for receiving, a ring when no process has it open
/// at all. What belongs to another user is left alone if there are processes that this one may not
/// look at.
///
/// # Platforms
///
/// Linux; elsewhere nothing is found.
pub fn collect_replies(name: &Name) -> usize {
    collect(name, None)
}

/// The same, of one client or of all.
pub(crate) fn collect(name: &Name, client: Option<u64>) -> usize {
    #[cfg(target_os = "linux")]
    {
        linux::collect(name, client)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (name, client);
        0
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::os::unix::fs::MetadataExt;

    use posix_ipc::inspect::{self, Access, Object, Usage};
    use posix_ipc::{Kind, Name};

    /// The client whose replies go to an object of this name, if any's do.
    fn client_of(server: &Name, name: &Name) -> Option<u64> {
        let text = name.as_bytes().strip_prefix(server.as_bytes())?.strip_prefix(b"-")?;
        let lower = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 16 || !text.iter().all(lower) {
            return None;
        }
        u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
    }

    pub(super) fn collect(server: &Name, client: Option<u64>) -> usize {
        let wanted = |kind: Kind, name: &Name| {
            matches!(kind, Kind::MessageQueue | Kind::Ring | Kind::SharedMemory)
                && client_of(server, name).is_some_and(|id| client.is_none_or(|one| one == id))
        };
        let objects = inspect::list_where(wanted).objects;
        let ours = |object: &&Object| object.kind == Kind::MessageQueue || object.ring().is_some();
        let objects: Vec<_> = objects.iter().filter(ours).collect();
        if objects.is_empty() {
            return 0;
        }
        let user = std::fs::metadata("/proc/self").ok().map(|own| own.uid());
        // After the listing: whoever has made one of them meanwhile has it open.
        let usage = Usage::scan();
        let left = |object: &&&Object| {
            let receives = |access: Access| match object.kind {
                Kind::MessageQueue => matches!(access, Access::Read | Access::ReadWrite),
                _ => true,
            };
            (usage.hidden() == 0 || user == Some(object.uid))
                && !usage.of(object).iter().any(|user| receives(user.access))
        };
        objects.iter().filter(left).filter(|object| object.unlink().is_ok()).count()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn only_names_of_replies_are_taken_for_such() {
            let server = Name::new("/calls").ok();
            let client = |name: &str| client_of(server.as_ref()?, &Name::new(name).ok()?);
            assert_eq!(client("/calls-00000000000000ff"), Some(255));
            for other in [
                "/calls",
                "/calls-ff",
                "/calls-00000000000000fF",
                "/calls-+0000000000000ff",
                "/calls-00000000000000ff0",
                "/calls2-00000000000000ff",
            ] {
                assert_eq!(client(other), None, "{other}");
            }
        }
    }
}

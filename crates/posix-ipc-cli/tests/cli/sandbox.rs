//! Runs a shell script in a mount and IPC namespace of its own, where nothing else is.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::support::{PIPC, Run};

/// Mounts fresh, empty directories and puts the binary where every user can run it. Queues are
/// small by default: those of all tests together count against one limit of the user.
///
/// `SEM VALUE FILE` makes a semaphore's file, `AS_NOBODY COMMAND` runs as an ordinary user.
const PROLOGUE: &str = r#"
set -u
umask 022
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t mqueue none /dev/mqueue
echo 4 > /proc/sys/fs/mqueue/msg_default
echo 256 > /proc/sys/fs/mqueue/msgsize_default
mount -t tmpfs tmpfs /mnt
touch /mnt/pipc && mount --bind "$BINARY" /mnt/pipc
PATH="/mnt:$PATH"
SEM() { printf "\\$(printf %o "$1")"'\0\0\0\0\0\0\0\200\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0' > "$2"; }
AS_NOBODY() { setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all "$@"; }
"#;

/// Why tests here are skipped where they are.
pub(crate) const WHY: &str = "mount and IPC namespaces can't be made here (root is needed)";

/// Whether the sandbox works here: it needs root.
pub(crate) fn works() -> bool {
    static WORKS: OnceLock<bool> = OnceLock::new();
    *WORKS.get_or_init(|| testutil::skip::is_root() && sandbox("exit 0").status == 0)
}

/// Runs a script with `pipc` in its path.
pub(crate) fn sandbox(script: &str) -> Run {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--ipc", "--propagation", "private", "bash", "-c"]);
    command.arg(format!("{PROLOGUE}\n{script}"));
    command.env("BINARY", PIPC).stdin(Stdio::null());
    command.output().map_or_else(
        |error| Run { status: -1, stdout: Vec::new(), stderr: error.to_string() },
        Run::from,
    )
}

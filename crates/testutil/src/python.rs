//! Finds a Python that has the modules `posix_ipc` and `nob.ipc`.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// What to do when [`command`] finds none, for the reason of a skip.
pub const HOW_TO: &str = "no Python with posix_ipc and nob.ipc: run .ci/setup-python.sh, \
                          or set POSIX_IPC_PYTHON to an interpreter that has them";

/// A command that starts Python with both modules; `None` where there is none.
///
/// Looks at `POSIX_IPC_PYTHON`, then at `.venv` in the workspace, then at `python3`.
pub fn command() -> Option<Command> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let python = FOUND.get_or_init(|| candidates().into_iter().find(has_modules));
    python.as_ref().map(Command::new)
}

/// A command that runs `script` with `arguments`, unbuffered.
pub fn script(script: &str, arguments: &[&str]) -> Option<Command> {
    let mut command = command()?;
    command.args(["-u", "-c", script]).args(arguments);
    Some(command)
}

fn candidates() -> Vec<PathBuf> {
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut candidates: Vec<PathBuf> =
        std::env::var_os("POSIX_IPC_PYTHON").map(PathBuf::from).into_iter().collect();
    candidates.push(PathBuf::from(workspace).join(".venv/bin/python"));
    candidates.push(PathBuf::from("python3"));
    candidates
}

fn has_modules(python: &PathBuf) -> bool {
    Command::new(python)
        .args(["-c", "import posix_ipc, nob.ipc"])
        .output()
        .is_ok_and(|output| output.status.success())
}

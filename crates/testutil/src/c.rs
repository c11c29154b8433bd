//! Compiles small C programs for interop tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A compiled program, removed when dropped.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    _directory: TempDir,
}

impl Program {
    /// A command that runs it.
    pub fn command(&self) -> Command {
        Command::new(&self.path)
    }
}

/// Compiles `source` with `gcc`; `None` where no program can be made with those flags.
///
/// `flags` may be `-m32`.
///
/// # Panics
///
/// If the compiler is there but the source does not compile.
pub fn compile(source: &Path, flags: &[&str]) -> Option<Program> {
    if !works(flags) {
        return None;
    }
    let directory = tempfile::tempdir().ok()?;
    let path = directory.path().join("program");
    let output = gcc(source, &path, flags).ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(Program { path, _directory: directory })
}

/// Whether `gcc` makes programs with these flags here.
pub fn works(flags: &[&str]) -> bool {
    let Ok(directory) = tempfile::tempdir() else { return false };
    let source = directory.path().join("probe.c");
    let probe = "#include <semaphore.h>\nint main(void) { return 0; }\n";
    std::fs::write(&source, probe).is_ok()
        && gcc(&source, &directory.path().join("probe"), flags)
            .is_ok_and(|output| output.status.success())
}

fn gcc(source: &Path, program: &Path, flags: &[&str]) -> std::io::Result<Output> {
    Command::new("gcc")
        .args(["-O2", "-Wall", "-pthread"])
        .args(flags)
        .arg("-o")
        .args([program, source])
        .arg("-lrt")
        .output()
}

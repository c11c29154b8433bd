//! Runs the binary and looks at what it said.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub(crate) const PIPC: &str = env!("CARGO_BIN_EXE_pipc");

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    /// Standard output as text.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("the output is text")
    }

    /// Standard output as JSON with the schema's version.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let value: Value = serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in {self:?}"));
        assert_eq!(value["schema"], 1);
        value
    }

    /// Asserts the exit status.
    #[track_caller]
    pub(crate) fn status(self, expected: i32) -> Self {
        assert_eq!(self.status, expected, "stdout: {:?} stderr: {}", self.show(), self.stderr);
        self
    }

    fn show(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The command with arguments and without input.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(PIPC);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs `pipc` with arguments and without input.
pub(crate) fn pipc(arguments: &[&str]) -> Run {
    command(arguments).output().expect("pipc runs").into()
}

/// Runs `pipc` with arguments and an input.
pub(crate) fn pipc_with_input(arguments: &[&str], input: &[u8]) -> Run {
    assert_cmd::Command::new(PIPC)
        .args(arguments)
        .write_stdin(input)
        .output()
        .expect("pipc runs")
        .into()
}

/// The file of a semaphore as glibc makes it on a 64-bit machine.
pub(crate) fn semaphore_file(value: u32, waiters: u32) -> Vec<u8> {
    let data = u64::from(value) | u64::from(waiters) << 32;
    let mut file = data.to_ne_bytes().to_vec();
    file.extend(128u32.to_ne_bytes());
    file.resize(32, 0);
    file
}

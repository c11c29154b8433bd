//! Runs the current test binary again in a role, as a process of its own.
//!
//! A test binary lists its roles once, `testutil::roles!(holder, poster);`, each a
//! `fn(&[String])`. A test starts one with [`run`] and talks to it in lines: the role
//! [`say`]s and [`hear`]s, the test calls [`Child::expect_line`] and [`Child::send_line`].

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child as Process, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal};

const ROLE: &str = "POSIX_IPC_TEST_ROLE";
const ARGUMENTS: &str = "POSIX_IPC_TEST_ROLE_ARGUMENTS";
const SEPARATOR: char = '\u{1f}';
/// What marks a line of a role among the harness's own.
const MARK: char = '@';
const PATIENCE: Duration = Duration::from_secs(120);

/// Declares the roles that this test binary can be run in.
#[macro_export]
macro_rules! roles {
    ($($(#[$attribute:meta])* $role:ident),* $(,)?) => {
        #[test]
        fn testutil_role_entry() {
            $crate::child::dispatch(&[
                $($(#[$attribute])* (stringify!($role), $role as $crate::child::Role)),*
            ]);
        }
    };
}

/// What a role does with its arguments.
pub type Role = fn(&[String]);

/// A role of this test binary, running in a process of its own; killed when dropped.
#[derive(Debug)]
pub struct Child {
    process: Process,
    pending: Vec<u8>,
    /// Whether only marked lines are the child's own.
    marked: bool,
}

/// Starts this test binary in `role` with `arguments`.
///
/// # Panics
///
/// If the process cannot be started.
pub fn run(role: &str, arguments: &[&str]) -> Child {
    let binary = std::env::current_exe().expect("the test binary has a path");
    let mut command = Command::new(binary);
    command.args(["testutil_role_entry", "--nocapture", "--test-threads=1"]);
    command.env(ROLE, role);
    command.env(ARGUMENTS, arguments.join(&SEPARATOR.to_string()));
    let mut child = start(command);
    child.marked = true;
    child
}

/// Starts any command whose output is read in lines, all of them its own.
///
/// # Panics
///
/// If the process cannot be started.
pub fn start(mut command: Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    // A shell starts what runs in its background with this signal ignored, which children inherit.
    let heed_interrupts = || {
        // SAFETY: the default disposition has no handler that could be wrong.
        unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
        Ok(())
    };
    // SAFETY: the closure calls `signal` alone, which may be called between fork and exec.
    unsafe { command.pre_exec(heed_interrupts) };
    let process =
        command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    Child { process, pending: Vec::new(), marked: false }
}

/// Runs the role that the environment names and exits; does nothing without one.
///
/// # Panics
///
/// If the role is unknown.
pub fn dispatch(roles: &[(&str, Role)]) {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    // A role never outlives the test that started it.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let arguments = std::env::var(ARGUMENTS).unwrap_or_default();
    let arguments: Vec<String> = arguments.split(SEPARATOR).map(str::to_string).collect();
    let Some((_, body)) = roles.iter().find(|(name, _)| *name == role) else {
        panic!("no role named {role}");
    };
    body(&arguments);
    std::process::exit(0);
}

/// In a role: tells the test a line.
pub fn say(line: &str) {
    let mut out = io::stdout().lock();
    // The harness may have left its own line unfinished.
    let _ = write!(out, "\n{MARK}{line}\n");
    let _ = out.flush();
}

/// In a role: waits for a line of the test; `None` when it has gone.
pub fn hear() -> Option<String> {
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim_end().to_string()),
    }
}

impl Child {
    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a line to the child's standard input.
    #[track_caller]
    pub fn send_line(&mut self, line: &str) {
        let stdin = self.process.stdin.as_mut().expect("stdin is a pipe");
        writeln!(stdin, "{line}").expect("the child reads its input");
    }

    /// Closes the child's standard input.
    pub fn close_input(&mut self) {
        self.process.stdin = None;
    }

    /// Waits for the next line that the role says (of any other program: the next line).
    #[track_caller]
    pub fn read_line(&mut self) -> String {
        self.try_read_line().expect("the child ended without a further line")
    }

    /// Waits for the next line; `None` if the child's output ended.
    #[track_caller]
    pub fn try_read_line(&mut self) -> Option<String> {
        let marked = self.marked;
        loop {
            while let Some(end) = self.pending.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).trim_end().to_string();
                match line.strip_prefix(MARK) {
                    Some(said) if marked => return Some(said.to_string()),
                    None if marked => {}
                    _ => return Some(line),
                }
            }
            if !self.fill() {
                return None;
            }
        }
    }

    fn fill(&mut self) -> bool {
        let stdout = self.process.stdout.as_mut().expect("stdout is a pipe");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout =
                Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            let ready = {
                let mut fds = [PollFd::new(stdout, PollFlags::IN)];
                poll(&mut fds, Some(&timeout))
            };
            match ready {
                Ok(0) => panic!("the child said nothing for {PATIENCE:?}"),
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => panic!("poll: {error}"),
            }
        }
        let mut chunk = [0; 4096];
        match stdout.read(&mut chunk) {
            Ok(0) => false,
            Ok(n) => {
                self.pending.extend_from_slice(&chunk[..n]);
                true
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) => panic!("cannot read the child's output: {error}"),
        }
    }

    /// Waits for the next line and compares it.
    #[track_caller]
    pub fn expect_line(&mut self, expected: &str) {
        assert_eq!(self.read_line(), expected);
    }

    /// Waits for the end and asserts success.
    #[track_caller]
    pub fn expect_success(mut self) {
        let status = self.wait();
        assert!(status.success(), "the child ended with {status}");
    }

    /// Closes its input and waits for the end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        self.close_input();
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Drain what it still says, so that it cannot block on a full pipe.
            while Instant::now() < deadline && self.fill() {}
            if let Some(status) = self.process.try_wait().expect("the child is ours to wait for") {
                return status;
            }
            assert!(Instant::now() < deadline, "the child did not end in {PATIENCE:?}");
            std::thread::yield_now();
        }
    }

    /// Sends a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.process.id() as i32).expect("a process id is not zero");
        rustix::process::kill_process(pid, signal).expect("the child is ours to signal");
    }

    /// Kills it with `SIGKILL` and waits until it is gone.
    #[track_caller]
    pub fn kill(&mut self) {
        self.process.kill().expect("the child is ours to kill");
        self.process.wait().expect("the child is ours to wait for");
    }

    /// Waits until the kernel says that it sleeps: blocked in a system call.
    #[track_caller]
    pub fn wait_until_asleep(&self) {
        wait_until_asleep(self.process.id());
    }
}

/// Waits until the kernel says that every thread of process `id` sleeps.
///
/// # Panics
///
/// If that does not happen within two minutes.
#[track_caller]
pub fn wait_until_asleep(id: u32) {
    let deadline = Instant::now() + PATIENCE;
    let asleep = |stat: &str| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'));
    loop {
        let tasks = std::fs::read_dir(format!("/proc/{id}/task")).expect("the process lives");
        let all = tasks.flatten().all(|task| {
            std::fs::read_to_string(task.path().join("stat")).is_ok_and(|stat| asleep(&stat))
        });
        if all {
            return;
        }
        assert!(Instant::now() < deadline, "process {id} does not go to sleep");
        std::thread::yield_now();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

//! Runs the benchmark's own binary again in a role, as a process pinned to a processor.
//!
//! A benchmark's `main` calls [`dispatch`] first; [`run`] starts a role, which says `ready` with
//! [`ready`] when it may be measured.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use rustix::thread::{CpuSet, sched_setaffinity};

const ROLE: &str = "POSIX_IPC_BENCH_ROLE";
const CPU: &str = "POSIX_IPC_BENCH_CPU";

/// What a role does with its arguments.
pub type Role = fn(&[String]);

/// The other process; ended when dropped.
#[derive(Debug)]
pub struct Peer(Child);

/// How many processors the machine has, whatever this thread is pinned to: a child inherits that,
/// and is pinned to another one.
pub fn processors() -> usize {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let is_one = |line: &&str| {
        line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    stat.lines().filter(is_one).count().max(1)
}

/// Pins the calling thread to a processor, the last one if there are not so many.
pub fn pin(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu.min(processors().saturating_sub(1)));
    // Where it is not allowed the figures are worse, not wrong.
    let _ = sched_setaffinity(None, &set);
}

/// Lets the calling thread run on every processor again.
pub fn unpin() {
    let mut set = CpuSet::new();
    for cpu in 0..CpuSet::MAX_CPU {
        set.set(cpu);
    }
    let _ = sched_setaffinity(None, &set);
}

/// In the child: runs the role that the environment names, and exits.
///
/// # Panics
///
/// If there is no such role.
pub fn dispatch(roles: &[(&str, Role)]) {
    let Ok(wanted) = std::env::var(ROLE) else { return };
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    if let Some(cpu) = std::env::var(CPU).ok().and_then(|cpu| cpu.parse().ok()) {
        pin(cpu);
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let role = roles.iter().find(|(name, _)| *name == wanted);
    role.unwrap_or_else(|| panic!("no role named {wanted}")).1(&arguments);
    std::process::exit(0);
}

/// Starts `role` on `cpu`, and waits until it says that it is ready.
///
/// # Panics
///
/// If it can't be started, or ends before it is ready.
pub fn run(role: &str, cpu: usize, arguments: &[&str]) -> Peer {
    let mut child = Command::new(std::env::current_exe().expect("the benchmark has a path"))
        .args(arguments)
        .env(ROLE, role)
        .env(CPU, cpu.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the benchmark can be run again");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("stdout is a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("the child's output can be read");
    assert_eq!(line.trim_end(), "ready", "the role {role} did not start");
    Peer(child)
}

/// In the child: tells that it may be measured.
pub fn ready() {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "ready");
    let _ = stdout.flush();
}

impl Peer {
    /// The process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits for its end, which must be a success: roles check what they receive.
    ///
    /// # Panics
    ///
    /// If it failed.
    pub fn finish(mut self) {
        drop(self.0.stdin.take());
        let status = self.0.wait().expect("the child is ours to wait for");
        assert!(status.success(), "the other process ended with {status}");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_still_sees_all_processors() {
        let before = processors();
        pin(0);
        assert_eq!(processors(), before);
        unpin();
        assert!(before >= std::thread::available_parallelism().unwrap().get());
    }
}

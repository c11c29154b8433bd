//! Kills at chosen instructions: what a role does is stepped through one instruction at a time, and killed
//! after so many, from before the first to after the last.
//!
//! A test binary that has such tests has a role named `stepped`, with two arguments: what to do, and the name
//! of the object to do it with. It ends in [`run_between_marks`].
//!
//! As many kills for each as `POSIX_IPC_STEPS` says, 64 by default; an eighth of that for long ways.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::child::{self, Child, hear, say};
use crate::names::unique;
use crate::watchdog::watchdog;

/// In the role: does `act` as usual, and then between two marks; it is given 0 and 1.
pub fn run_between_marks(act: &mut dyn FnMut(usize)) {
    act(0);
    say(&rustix::thread::gettid().as_raw_nonzero().to_string());
    hear();
    mark();
    act(1);
    mark();
    hear();
}

fn mark() {
    // SAFETY: it stops this thread, which its tracer goes on with.
    unsafe { libc::raise(libc::SIGSTOP) };
}

/// A traced thread of a child.
struct Traced {
    child: Child,
    thread: libc::pid_t,
}

impl Traced {
    /// At its first mark; `None` where nothing may be traced.
    fn start(what: &str, object: &str) -> Option<Self> {
        let mut child = child::run("stepped", &[what, object]);
        let thread = child.read_line().parse().unwrap();
        let mut traced = Self { child, thread };
        if traced.request(libc::PTRACE_SEIZE) != 0 {
            return None;
        }
        traced.child.send_line("go");
        assert_eq!(traced.wait(), libc::SIGSTOP);
        Some(traced)
    }

    fn request(&mut self, request: libc::c_uint) -> libc::c_long {
        let none = std::ptr::null_mut::<libc::c_void>();
        // SAFETY: these requests read and write no memory of ours.
        unsafe { libc::ptrace(request as _, self.thread, none, none) }
    }

    /// The signal that it stopped at; 0 when it is over.
    fn wait(&mut self) -> libc::c_int {
        let mut status = 0;
        // SAFETY: the status is ours to be written.
        let id = unsafe { libc::waitpid(self.thread, &raw mut status, libc::__WALL) };
        assert_eq!(id, self.thread);
        if libc::WIFSTOPPED(status) { libc::WSTOPSIG(status) } else { 0 }
    }

    /// Goes on by at most so many instructions; gives how many there were to its second mark.
    fn step(&mut self, most: u64) -> u64 {
        for steps in 0..most {
            assert_eq!(self.request(libc::PTRACE_SINGLESTEP), 0);
            match self.wait() {
                libc::SIGTRAP => {}
                libc::SIGSTOP => return steps,
                signal => panic!("it stopped at signal {signal}"),
            }
        }
        most
    }

    fn kill(mut self) {
        let id = self.child.id() as libc::pid_t;
        // SAFETY: it is our child, which was not waited for yet.
        unsafe { libc::kill(id, libc::SIGKILL) };
        // A thread besides the first is its tracer's to wait for.
        while self.thread != id && self.wait() != 0 {}
        self.child.kill();
    }
}

/// From so many instructions on, a way is stepped through less often.
const LONG_WAY: u64 = 20_000;

/// Starts the role to do `what` and kills it after every so many instructions; `false`, after a skip, where
/// nothing may be traced.
///
/// `judge` is given the name of an object that it makes, and what starts and kills the role, which is `false`
/// where nothing may be traced. It checks what was left, and says whether what was stepped through has happened.
///
/// # Panics
///
/// If it has happened before its first instruction, or not after its last.
pub fn kill_everywhere(
    what: &str,
    judge: impl Fn(&str, &dyn Fn(&str) -> bool) -> Option<bool>,
) -> bool {
    let _watchdog = watchdog(300);
    let Some((all, points)) = measure(what, &judge) else { return false };
    let happened = (0..points).filter(|point| kill_at(*point, points, all, what, &judge)).count();
    println!("{what}: {points} kills within {all} instructions, {happened} of them after the fact");
    true
}

/// As [`kill_everywhere`], for a `judge` that mostly sleeps: several at a time.
///
/// # Panics
///
/// As [`kill_everywhere`].
pub fn kill_everywhere_at_once(
    what: &str,
    judge: impl Fn(&str, &dyn Fn(&str) -> bool) -> Option<bool> + Sync,
) -> bool {
    const AT_ONCE: u64 = 8;
    let _watchdog = watchdog(300);
    let Some((all, points)) = measure(what, &judge) else { return false };
    let next = AtomicU64::new(0);
    let happened = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(points) {
            // Each is the tracer of its own.
            scope.spawn(|| {
                loop {
                    let point = next.fetch_add(1, Ordering::Relaxed);
                    if point >= points {
                        return;
                    }
                    let one = u64::from(kill_at(point, points, all, what, &judge));
                    happened.fetch_add(one, Ordering::Relaxed);
                }
            });
        }
    });
    let happened = happened.into_inner();
    println!("{what}: {points} kills within {all} instructions, {happened} of them after the fact");
    true
}

type Judge<'a> = dyn Fn(&str, &dyn Fn(&str) -> bool) -> Option<bool> + 'a;

/// Goes all the way once: how many instructions there are, and how many kills there are to be.
fn measure(what: &str, judge: &Judge<'_>) -> Option<(u64, u64)> {
    let points: u64 = std::env::var("POSIX_IPC_STEPS").map_or(64, |points| points.parse().unwrap());
    let Some((happened, all)) = kill_after(u64::MAX, what, judge) else {
        crate::skip::skip("no process may be traced here");
        return None;
    };
    assert!(happened, "killed after its end");
    let points = if all < LONG_WAY { points } else { points.div_ceil(8) };
    Some((all, points))
}

/// Whether what was stepped through had happened at a point on the way.
fn kill_at(point: u64, points: u64, all: u64, what: &str, judge: &Judge<'_>) -> bool {
    let killed = kill_after(all * point / points, what, judge);
    let (happened, _) = killed.expect("it could be traced before");
    assert!(point > 0 || !happened, "killed before its start");
    happened
}

/// Whether it had happened, and after how many instructions it was killed.
fn kill_after(steps: u64, what: &str, judge: &Judge<'_>) -> Option<(bool, u64)> {
    let object = unique("stepped");
    let taken = Cell::new(0);
    let happened = judge(&object, &|object| {
        let Some(mut traced) = Traced::start(what, object) else { return false };
        taken.set(traced.step(steps));
        traced.kill();
        true
    })?;
    Some((happened, taken.get()))
}

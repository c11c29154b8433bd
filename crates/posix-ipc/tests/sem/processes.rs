//! Two processes at one semaphore.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use posix_ipc::sem::{Permit, Waited};
use posix_ipc::{Cleanup, OpenMode, Semaphore};
use rustix::process::Signal;
use testutil::child::{Child, hear, run, say};
use testutil::names::unique;
use testutil::watchdog::watchdog;

pub(crate) fn waits_and_says(arguments: &[String]) {
    let sem = Semaphore::open(arguments[0].as_str()).unwrap();
    say("ready");
    sem.wait().unwrap();
    say("taken");
}

pub(crate) fn posts_when_told(arguments: &[String]) {
    let sem = Semaphore::open(arguments[0].as_str()).unwrap();
    say("ready");
    while hear().is_some() {
        sem.post().unwrap();
        say("posted");
    }
}

/// How often the handler has run.
static SIGNALS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_: libc::c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

fn handle_signals(flags: libc::c_int) {
    // SAFETY: all zeroes are a valid `sigaction`, completed below.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = count as extern "C" fn(libc::c_int) as usize;
    action.sa_flags = flags;
    // SAFETY: the handler does nothing but an atomic addition.
    let result = unsafe { libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

pub(crate) fn waits_through_signals(arguments: &[String]) {
    handle_signals(0);
    let sem = Semaphore::open(arguments[0].as_str()).unwrap();
    say(&rustix::thread::gettid().as_raw_nonzero().to_string());
    sem.wait().unwrap();
    say(&format!("taken after {} signals", SIGNALS.load(Ordering::Relaxed)));
    let start = Instant::now();
    let taken = sem.wait_timeout(Duration::from_millis(300)).unwrap();
    assert!(!taken && start.elapsed() >= Duration::from_millis(300));
    say("timed out in time");
}

pub(crate) fn waits_until_interrupted(arguments: &[String]) {
    let restart = arguments[1] == "restart";
    handle_signals(if restart { libc::SA_RESTART } else { 0 });
    let sem = Semaphore::open(arguments[0].as_str()).unwrap();
    say(&rustix::thread::gettid().as_raw_nonzero().to_string());
    let waited = sem.wait_interruptible(None).unwrap();
    assert_eq!((waited, SIGNALS.load(Ordering::Relaxed)), (Waited::Interrupted, 1));
    say("interrupted");
    let deadline = Instant::now() + Duration::from_secs(60);
    assert_eq!(sem.wait_interruptible(Some(deadline)).unwrap(), Waited::Taken);
    say("taken");
}

/// Signals the one thread that waits; of a whole process any thread may be interrupted.
fn signal(child: &Child, thread: i32) {
    // SAFETY: no memory is involved; the child is ours and alive.
    let result =
        unsafe { libc::syscall(libc::SYS_tgkill, child.id() as i32, thread, libc::SIGUSR1) };
    assert_eq!(result, 0);
}

#[test]
fn a_child_blocked_in_wait_wakes_when_the_parent_posts() {
    let _watchdog = watchdog(60);
    let name = unique("wake");
    let sem = Semaphore::create(&*name, 0).unwrap();
    let mut child = run("waits_and_says", &[&name]);
    child.expect_line("ready");
    child.wait_until_asleep();
    sem.post().unwrap();
    child.expect_line("taken");
    child.expect_success();
    assert_eq!(sem.value(), Ok(0));
}

#[test]
fn a_parent_blocked_in_each_kind_of_wait_wakes_when_the_child_posts() {
    let _watchdog = watchdog(60);
    let name = unique("woken");
    let sem = Semaphore::create(&*name, 0).unwrap();
    let mut child = run("posts_when_told", &[&name]);
    child.expect_line("ready");
    let long = Duration::from_secs(60);
    let waits: [&dyn Fn(); 6] = [
        &|| sem.wait().unwrap(),
        &|| assert!(sem.wait_timeout(long).unwrap()),
        &|| assert!(sem.wait_deadline(Instant::now() + long).unwrap()),
        &|| assert!(sem.wait_deadline_realtime(std::time::SystemTime::now() + long).unwrap()),
        &|| sem.acquire().map(Permit::forget).unwrap(),
        &|| assert_eq!(posix_ipc::sem::wait_any(&[&sem], None), Ok(Some(0))),
    ];
    for wait in waits {
        child.send_line("post");
        wait();
        child.expect_line("posted");
    }
    child.expect_success();
}

/// posix_ipc ends the wait with an error and discards what the handler has raised.
#[test]
fn signals_neither_end_nor_lengthen_a_wait() {
    let _watchdog = watchdog(60);
    let name = unique("signals");
    let sem = Semaphore::create(&*name, 0).unwrap();
    let mut child = run("waits_through_signals", &[&name]);
    let thread = child.read_line().parse().unwrap();
    for _ in 0..5 {
        child.wait_until_asleep();
        signal(&child, thread);
    }
    child.wait_until_asleep();
    sem.post().unwrap();
    // Two that come close together are one.
    let line = child.read_line();
    assert!(line.starts_with("taken after ") && !line.contains(" 0 "), "{line}");
    for _ in 0..3 {
        signal(&child, thread);
    }
    child.expect_line("timed out in time");
    child.expect_success();
    assert!(matches!(sem.waiters(), Some(0) | None));
}

#[test]
fn a_signal_ends_an_interruptible_wait_and_takes_nothing() {
    let _watchdog = watchdog(60);
    for restart in ["restart", "plain"] {
        let name = unique("interrupt");
        let sem = Semaphore::create(&*name, 0).unwrap();
        let mut child = run("waits_until_interrupted", &[&name, restart]);
        let thread = child.read_line().parse().unwrap();
        child.wait_until_asleep();
        signal(&child, thread);
        child.expect_line("interrupted");
        sem.post().unwrap();
        child.expect_line("taken");
        child.expect_success();
        assert_eq!(sem.value(), Ok(0));
    }
}

#[test]
fn kill_9_of_a_sleeping_waiter_leaves_the_semaphore_usable() {
    let _watchdog = watchdog(60);
    let name = unique("kill");
    let sem = Semaphore::create(&*name, 0).unwrap();
    let mut victim = run("waits_and_says", &[&name]);
    victim.expect_line("ready");
    victim.wait_until_asleep();
    let mut survivor = run("waits_and_says", &[&name]);
    survivor.expect_line("ready");
    survivor.wait_until_asleep();
    // Woken, but as a rule stopped before it can take its unit, and then killed.
    victim.signal(Signal::STOP);
    sem.post().unwrap();
    victim.kill();
    // Either the victim was faster than the signals and took the unit along, or it is still there.
    // glibc's waiters would sleep on beside it; ours looks by itself.
    if cfg!(posix_ipc_use_libc) || sem.value() == Ok(0) {
        sem.post().unwrap();
    }
    survivor.expect_line("taken");
    let again = Semaphore::open(&*name).unwrap();
    again.post().unwrap();
    again.wait().unwrap();
}

#[test]
fn the_last_of_several_processes_removes_the_name() {
    let _watchdog = watchdog(60);
    let name = unique("last");
    let options = Semaphore::options().mode(OpenMode::OpenOrCreate).cleanup(Cleanup::LastUser);
    let ours = options.open(&*name).unwrap();
    let mut child = run("keeps_the_lock", &[&name]);
    child.expect_line("ready");
    drop(ours);
    assert!(Semaphore::open(&*name).is_ok(), "the child still uses it");
    child.kill();
    // Killed, it could not remove it; whoever comes next does, when it leaves as the last.
    drop(options.open(&*name).unwrap());
    assert!(Semaphore::open(&*name).is_err());
}

//! A full `/dev/shm`, and creators that are killed at every one of their system calls.

use std::process::Command;

use posix_ipc::{Cleanup, Errno, Name, OpenMode, SharedMemory};
use rustix::thread::UnshareFlags;
use testutil::{child, names, watchdog};

/// Gives this process a `/dev/shm` of its own, of one mebibyte; `false` where that is forbidden.
fn small_shm() -> bool {
    // SAFETY: the mount namespace is not about descriptors or memory; a role runs on this thread alone.
    if unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }.is_err() {
        return false;
    }
    let mount = |arguments: &[&str]| {
        Command::new("mount").args(arguments).status().is_ok_and(|status| status.success())
    };
    mount(&["--make-rprivate", "/"])
        && mount(&["-t", "tmpfs", "-o", "size=1m", "tmpfs", "/dev/shm"])
}

fn blocks_used() -> u64 {
    let fs = rustix::fs::statvfs("/dev/shm").unwrap();
    fs.f_blocks - fs.f_bfree
}

/// Asserts that there is not so much memory, and that nothing is left of the attempt.
#[track_caller]
fn assert_full<T: std::fmt::Debug>(result: posix_ipc::Result<T>, used: u64) {
    let error = result.unwrap_err();
    assert_eq!(error.errno(), Some(Errno::NOSPC), "{error}");
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    assert!(error.hint().is_some_and(|hint| hint.contains("/dev/shm")), "{error}");
    assert_eq!(blocks_used(), used, "memory was lost");
}

const MIB: u64 = 1 << 20;

pub(crate) fn in_small_shm(_: &[String]) {
    if !small_shm() {
        child::say("skip");
        return;
    }
    let create = || SharedMemory::options().mode(OpenMode::CreateNew);
    let name = Name::from_static("/large");

    assert_full(SharedMemory::create(&name, 2 * MIB), 0);
    assert_full(create().size(2 * MIB).populate(true).open(&name), 0);
    assert_full(create().size(2 * MIB).populate(true).open_mapped(&name), 0);
    assert_full(create().size(2 * MIB).open_with(&name, |_| Ok(())), 0);
    assert!(SharedMemory::open(&name).is_err(), "a failed creation made a name");

    // All of it fits, and every byte can be touched.
    let memory = SharedMemory::create(&name, MIB).unwrap();
    let mapping = memory.map().unwrap();
    mapping.fill(0, MIB as usize, 1).unwrap();
    assert_full(SharedMemory::create("/another", 1), MIB / 4096);

    // An object cannot grow beyond what is free, and stays as it was.
    memory.resize(MIB / 2).unwrap();
    let used = blocks_used();
    for size in [MIB + 1, 64 * MIB, i64::MAX as u64] {
        let error = memory.resize(size).unwrap_err();
        assert!(matches!(error.errno(), Some(Errno::NOSPC | Errno::FBIG)), "{error}");
        assert_eq!((memory.len().unwrap(), blocks_used()), (MIB / 2, used));
    }
    assert_eq!(mapping.compare(0, &[1; (MIB / 2) as usize]).unwrap(), std::cmp::Ordering::Equal);
    drop((mapping, memory));

    // Sparse memory is promised nothing; populating it asks.
    let sparse = create().size(2 * MIB).sparse(true).open(&name).unwrap();
    let mapping = sparse.map().unwrap();
    assert_eq!(mapping.populate().unwrap_err().errno(), Some(Errno::NOSPC));
    drop((mapping, sparse));

    // Memory without a name does not live there.
    assert_eq!(SharedMemory::anonymous(2 * MIB).unwrap().len().unwrap(), 2 * MIB);
    assert_eq!(blocks_used(), 0);
    child::say("done");
}

#[test]
fn a_full_dev_shm_is_an_error_at_once_and_no_sigbus() {
    let _watchdog = watchdog::watchdog(60);
    let mut peer = child::run("in_small_shm", &[]);
    match peer.read_line().as_str() {
        "done" => peer.expect_success(),
        _ => testutil::skip::skip("a mount of its own over /dev/shm is not allowed here"),
    }
}

/// Creates an object with content, when it is told to.
pub(crate) fn creator(arguments: &[String]) {
    let cleanup = if arguments[1] == "last" { Cleanup::LastUser } else { Cleanup::Keep };
    let options = SharedMemory::options().mode(OpenMode::OpenOrCreate).cleanup(cleanup);
    let options = options.size(10_000).permissions_exact(0o640);
    child::say("ready");
    child::hear();
    let memory = options.open_with(&arguments[0], |mapping| mapping.write_at(9_992, b"complete"));
    let memory = memory.unwrap();
    memory.keep();
    drop(memory);
    // SAFETY: ends the process at once; what a sanitizer does at exit would be thousands of steps.
    unsafe { libc::_exit(0) };
}

/// A creator that is stopped at each of its system calls.
#[cfg(target_os = "linux")]
struct Traced(libc::pid_t);

#[cfg(target_os = "linux")]
impl Traced {
    /// Traces the thread that the role runs on, the youngest; `None` where that is not allowed.
    fn seize(process: u32) -> Option<Self> {
        let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
        let process = process as libc::pid_t;
        // Younger threads have higher numbers, until the numbers begin anew.
        let pid = threads
            .filter_map(|thread| thread.ok()?.file_name().to_str()?.parse::<libc::pid_t>().ok())
            .max_by_key(|thread| (*thread < process, *thread))?;
        let options = libc::PTRACE_O_EXITKILL as *mut libc::c_void;
        // SAFETY: traces a thread of our own child; no memory is passed.
        let seized = unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, 0, options) };
        // SAFETY: as above.
        let stopped =
            seized == 0 && unsafe { libc::ptrace(libc::PTRACE_INTERRUPT, pid, 0, 0) } == 0;
        let traced = stopped.then_some(Self(pid))?;
        traced.wait().then_some(traced)
    }

    /// Waits for the next stop; `false` if it has ended.
    fn wait(&self) -> bool {
        let mut status = 0;
        // SAFETY: waits for our own child, and writes to a local.
        let waited = unsafe { libc::waitpid(self.0, &raw mut status, libc::__WALL) };
        waited == self.0 && libc::WIFSTOPPED(status)
    }

    /// Runs to the next entry to or return from a system call; `false` if it ends before.
    fn step(&self) -> bool {
        // SAFETY: goes on with our own child, which is stopped; no memory is passed.
        let gone_on = unsafe { libc::ptrace(libc::PTRACE_SYSCALL, self.0, 0, 0) };
        gone_on == 0 && self.wait()
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_creator_killed_at_any_step_leaves_all_or_nothing() {
    let _watchdog = watchdog::watchdog(300);
    let (mut nothing, mut all) = (0, 0);
    for cleanup in ["keep", "last"] {
        for steps in 1.. {
            let name = names::unique("killed-creator");
            let mut creator = child::run("creator", &[&name, cleanup]);
            creator.expect_line("ready");
            creator.wait_until_asleep();
            let Some(traced) = Traced::seize(creator.id()) else {
                testutil::skip::skip("tracing a child is not allowed here");
                return;
            };
            creator.send_line("go");
            let ended = !(0..steps).all(|_| traced.step());
            creator.signal(rustix::process::Signal::KILL);
            // The process is gone only when its tracer has seen the end of the thread.
            while traced.wait() {}
            drop(creator);
            match SharedMemory::options().size(10_000).open(name.as_str()) {
                Ok(memory) => {
                    let bytes = memory.map().unwrap().to_vec(9_992, 8).unwrap();
                    assert_eq!(bytes, b"complete", "after {steps} steps");
                    all += 1;
                }
                Err(error) => {
                    let kind = error.kind();
                    assert_eq!(kind, std::io::ErrorKind::NotFound, "after {steps} steps: {error}");
                    nothing += 1;
                }
            }
            // Whatever is left, the next user can use and remove it.
            let options = SharedMemory::options().mode(OpenMode::OpenOrCreate).size(10_000);
            drop(options.cleanup(Cleanup::LastUser).open(name.as_str()).unwrap());
            assert_eq!(testutil::leaks::objects(&name[1..]), [""; 0], "after {steps} steps");
            assert!(testutil::leaks::objects("tmp.posix-ipc").is_empty(), "after {steps} steps");
            if ended {
                break;
            }
        }
    }
    assert!(nothing > 10 && all > 10, "killed {nothing} times before and {all} times after");
}

//! Defects that were seen in Python's `posix_ipc` and `nob.ipc`, and must not happen here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use posix_ipc::{Cleanup, Disposition, Errno, Error, OpenMode, Semaphore};
use testutil::child::{hear, run, say};
use testutil::churn::Churn;
use testutil::names::unique;
use testutil::watchdog::watchdog;

/// A mutex in the manner of the wiki: open or create, and whoever leaves last removes it.
fn lock(name: &str) -> Semaphore {
    let options = Semaphore::options().mode(OpenMode::OpenOrCreate).initial_value(1);
    options.cleanup(Cleanup::LastUser).open(name).unwrap()
}

pub(crate) fn keeps_the_lock(arguments: &[String]) {
    let _lock = lock(&arguments[0]);
    say("ready");
    hear();
}

/// Comes, holds the lock for a moment, and goes, again and again; a file that can be created only
/// once shows that nobody else holds it.
pub(crate) fn uses_the_lock(arguments: &[String]) {
    let (name, mark) = (&arguments[0], &arguments[1]);
    for _ in 0..1_000 {
        let lock = lock(name);
        let _permit = lock.acquire().unwrap();
        let alone = std::fs::File::create_new(mark);
        assert!(alone.is_ok(), "another process holds the lock too");
        std::fs::remove_file(mark).unwrap();
    }
}

/// N5: in nob.ipc the creator's end removes the name, and the next comer makes a second mutex.
#[test]
fn two_processes_never_hold_one_lock_while_others_come_and_go() {
    let _watchdog = watchdog(300);
    let (name, mark) = (unique("split"), unique("mark"));
    let users: Vec<_> = (0..3).map(|_| run("uses_the_lock", &[&name, &mark.shm_path()])).collect();
    users.into_iter().for_each(testutil::child::Child::expect_success);
    assert!(Semaphore::open(&*name).is_err(), "the last one has removed it");
}

/// N7: nob.ipc's destructor removes whatever has the name.
#[test]
fn a_stale_handle_never_removes_a_newer_semaphore() {
    let name = unique("stale");
    for cleanup in [Cleanup::Creator, Cleanup::LastUser] {
        let options = Semaphore::options().mode(OpenMode::CreateNew).cleanup(cleanup);
        let old = options.open(&*name).unwrap();
        Semaphore::unlink(&*name).unwrap();
        let new = Semaphore::create(&*name, 3).unwrap();
        assert_eq!(old.unlink_name().unwrap_err().errno(), Some(Errno::NOENT));
        old.close().unwrap();
        assert_eq!(Semaphore::open(&*name).unwrap().identity(), new.identity());
    }
}

/// Forks with the handle in place, and the child drops it.
pub(crate) fn forks_and_exits(arguments: &[String]) {
    let name = arguments[0].as_str();
    for cleanup in [Cleanup::Creator, Cleanup::LastUser] {
        let options = Semaphore::options().mode(OpenMode::CreateNew).cleanup(cleanup);
        let sem = options.open(name).unwrap();
        // SAFETY: the child only drops the handle, which allocates nothing, and exits.
        let child = unsafe { libc::fork() };
        if child == 0 {
            drop(sem);
            // SAFETY: ends the process at once.
            unsafe { libc::_exit(0) };
        }
        assert!(child > 0);
        let mut status = 0;
        // SAFETY: waits for the child that was just forked.
        let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!((waited, status), (child, 0));
        assert!(Semaphore::open(name).is_ok(), "the child has removed it");
        drop(sem);
        assert!(Semaphore::open(name).is_err(), "the parent has not");
    }
}

/// N8: a forked child's normal end removes the parent's object.
#[test]
fn a_forked_child_never_removes_the_name() {
    let _watchdog = watchdog(60);
    let name = unique("fork");
    run("forks_and_exits", &[&name]).expect_success();
}

/// N9: a constructor that fails removes what it may not have.
#[test]
fn a_failed_constructor_removes_nothing() {
    let name = unique("failed");
    let sem = Semaphore::create(&*name, 3).unwrap();
    let other = rustix::process::geteuid().as_raw() + 1;
    for cleanup in [Cleanup::Creator, Cleanup::LastUser, Cleanup::Keep] {
        let options = Semaphore::options().cleanup(cleanup);
        assert!(options.clone().mode(OpenMode::CreateNew).open(&*name).is_err());
        assert!(options.clone().expect_owner(other).open(&*name).is_err());
        let open_or_create = options.mode(OpenMode::OpenOrCreate).expect_owner(other);
        assert!(open_or_create.open(&*name).is_err());
        assert_eq!(Semaphore::open(&*name).unwrap().identity(), sem.identity());
    }
    assert_eq!(sem.value(), Ok(3));
}

pub(crate) fn churns(arguments: &[String]) {
    let name = arguments[0].as_str();
    say("ready");
    let told = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            hear();
            told.store(true, Ordering::Relaxed);
        });
        let mut churn = Churn::new();
        while !told.load(Ordering::Relaxed) {
            // Each of these may lose a race with the other process, and nothing else.
            let created = Semaphore::create(name, 77);
            if let Err(error) = &created {
                assert_eq!(error.errno(), Some(Errno::EXIST), "{error}");
            }
            churn.there();
            drop(created);
            let _ = Semaphore::unlink(name);
            churn.away();
        }
    });
}

/// N10: LINK_OR_CREATE says that the name does not exist, 321 times in 30,000.
#[test]
fn open_or_create_under_churn_never_says_that_the_name_exists_or_does_not() {
    let _watchdog = watchdog(300);
    let name = unique("churn");
    let mut peer = run("churns", &[&name]);
    peer.expect_line("ready");
    let mut seen = [0; 2];
    // Goes on until both ways were taken.
    while seen[0] + seen[1] < 30_000 || seen[0] == 0 || seen[1] == 0 {
        let sem = Semaphore::open_or_create(&*name, 5).unwrap();
        match sem.disposition() {
            Disposition::Created => assert_eq!((sem.value(), seen[0] += 1), (Ok(5), ())),
            Disposition::Opened => assert_eq!((sem.value(), seen[1] += 1), (Ok(77), ())),
        }
    }
    peer.expect_success();
}

/// N11: UNLINK_AND_CREATE silently opens another's object when it loses the race.
#[test]
fn replace_under_churn_always_ends_with_a_semaphore_of_its_own() {
    let _watchdog = watchdog(300);
    let name = unique("replace");
    let mut peer = run("churns", &[&name]);
    peer.expect_line("ready");
    let options = Semaphore::options().mode(OpenMode::Replace).initial_value(5);
    for _ in 0..5_000 {
        let sem = options.open(&*name).unwrap();
        assert_eq!((sem.disposition(), sem.value()), (Disposition::Created, Ok(5)));
    }
    peer.expect_success();
}

/// N15: infinite and not-a-number timeouts say that the semaphore does not exist. A `Duration`
/// has neither, and the longest one waits.
#[test]
fn timeouts_that_no_clock_can_express_wait_for_ever() {
    let _watchdog = watchdog(60);
    let name = unique("infinite");
    let sem = Semaphore::create(&*name, 0).unwrap();
    assert!(Duration::try_from_secs_f64(f64::INFINITY).is_err());
    assert!(Duration::try_from_secs_f64(f64::NAN).is_err());
    thread::scope(|scope| {
        scope.spawn(|| sem.wait_timeout(Duration::from_secs_f64(1e19)).unwrap());
        scope.spawn(|| sem.wait_timeout(Duration::MAX).unwrap());
        sem.post_many(2).unwrap();
    });
}

pub(crate) fn killed_holder(arguments: &[String]) {
    let sem = Semaphore::open(arguments[0].as_str()).unwrap();
    let _permit = sem.acquire().unwrap();
    say("holds");
    hear();
}

/// N19: a semaphore cannot know that its holder died; it can still be opened, asked and posted.
#[test]
fn kill_9_of_a_holder_leaves_a_semaphore_that_others_can_open_and_put_right() {
    let _watchdog = watchdog(60);
    let name = unique("holder");
    let sem = Semaphore::create(&*name, 1).unwrap();
    let mut holder = run("killed_holder", &[&name]);
    holder.expect_line("holds");
    holder.kill();
    let other = Semaphore::open(&*name).unwrap();
    assert_eq!(other.wait_timeout(Duration::from_millis(20)), Ok(false));
    other.post().unwrap();
    assert!(sem.try_wait());
}

/// N22, P6: closing while another thread waits is a crash in Python; here it cannot be written,
/// and a thread that waits keeps what it waits on.
#[test]
fn a_handle_lives_as_long_as_a_thread_waits_on_it() {
    let _watchdog = watchdog(60);
    let name = unique("close");
    let sem = std::sync::Arc::new(Semaphore::create(&*name, 0).unwrap());
    let waiter = thread::spawn({
        let sem = sem.clone();
        move || sem.wait().unwrap()
    });
    let other = Semaphore::open(&*name).unwrap();
    while other.waiters() == Some(0) {
        thread::yield_now();
    }
    drop(sem);
    other.post().unwrap();
    waiter.join().unwrap();
    assert!(Semaphore::open(&*name).is_err(), "the thread held the last handle of the creator");
}

/// P4: names with NUL crash or are cut.
#[test]
fn names_with_nul_are_refused() {
    for bad in ["/zz\0b", "\0", "a\0"] {
        assert!(matches!(Semaphore::create(bad, 1), Err(Error::Name(_))));
    }
    assert!(Semaphore::open("/zz").is_err());
}

/// P8: handles that go leave no descriptor and no mapping.
#[test]
fn a_thousand_handles_that_went_leave_nothing() {
    let name = unique("thousand");
    let _sem = Semaphore::create(&*name, 0).unwrap();
    // The creator's own mapping has no name: the file got its name afterwards.
    let before = testutil::leaks::mappings(&name.sem_path());
    for _ in 0..1_000 {
        drop(Semaphore::open(&*name).unwrap());
    }
    assert_eq!(testutil::leaks::mappings(&name.sem_path()), before);
}

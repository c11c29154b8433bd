//! Semaphores: one call per test, with the errors that it gives when misused. Run on both back
//! ends.
#![cfg(all(feature = "sem", target_os = "linux"))]

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::thread;
use std::time::Duration;

use posix_ipc_sys::sem::{
    self, Abi, AsSem, Clock, Deadline, Memory, Mode, OpenFlags, OwnedSem, Timespec, VALUE_MAX,
};
use rustix::io::Errno;
use rustix::time::clock_gettime;
use testutil::names::{UniqueName, unique};
use testutil::watchdog::watchdog;

const NEW: OpenFlags = OpenFlags::CREATE.union(OpenFlags::EXCL);
const OWN: Mode = Mode::RUSR.union(Mode::WUSR);

fn create(name: &UniqueName, value: u32) -> OwnedSem {
    sem::open(name.as_str(), NEW, OWN, value).unwrap()
}

fn open(name: &UniqueName) -> rustix::io::Result<OwnedSem> {
    sem::open(name.as_str(), OpenFlags::empty(), OWN, 0)
}

fn after(clock: Clock, timeout: Duration) -> Deadline {
    let mut time = clock_gettime(clock.id());
    let nanos = time.tv_nsec + i64::from(timeout.subsec_nanos());
    time.tv_sec += timeout.as_secs() as i64 + nanos / 1_000_000_000;
    time.tv_nsec = nanos % 1_000_000_000;
    Deadline { clock, time }
}

#[test]
fn a_new_semaphore_has_the_value_asked_for_and_two_handles_share_it() {
    let name = unique("share");
    let first = create(&name, 3);
    let second = open(&name).unwrap();
    sem::post(&first).unwrap();
    assert_eq!(sem::getvalue(&second), Ok(4));
    sem::trywait(&second).unwrap();
    assert_eq!(sem::getvalue(&first), Ok(3));
    assert_eq!(first.identity(), second.identity());
    assert!(first.identity().is_some());
    assert_eq!(first.uid(), Some(rustix::process::geteuid().as_raw()));
}

#[test]
fn creating_over_an_existing_one_fails_and_changes_nothing() {
    let name = unique("excl");
    let first = create(&name, 3);
    assert_eq!(sem::open(name.as_str(), NEW, OWN, 9).map(drop), Err(Errno::EXIST));
    let second = sem::open(name.as_str(), OpenFlags::CREATE, OWN, 9).unwrap();
    assert_eq!(sem::getvalue(&second), Ok(3));
    assert_eq!(first.identity(), second.identity());
}

#[test]
fn opening_what_is_not_there_fails() {
    let name = unique("missing");
    assert_eq!(open(&name).map(drop), Err(Errno::NOENT));
    assert_eq!(sem::unlink(name.as_str()), Err(Errno::NOENT));
    assert_eq!(sem::stat(Abi::Native, name.as_str()).map(drop), Err(Errno::NOENT));
    assert_eq!(sem::peek(Abi::Native, name.as_str()), Err(Errno::NOENT));
}

#[test]
fn bad_names_and_values_are_refused() {
    for bad in ["", "/", "/a/b", "/a/"] {
        assert_eq!(sem::open(bad, OpenFlags::CREATE, OWN, 0).map(drop), Err(Errno::INVAL), "{bad}");
        assert_eq!(sem::unlink(bad), Err(Errno::INVAL), "{bad}");
    }
    assert_eq!(sem::open("a\0b", OpenFlags::CREATE, OWN, 0).map(drop), Err(Errno::INVAL));
    let long = format!("/{}", "x".repeat(252));
    assert_eq!(sem::open(&*long, NEW, OWN, 0).map(drop), Err(Errno::NAMETOOLONG));
    assert_eq!(sem::unlink(&*long), Err(Errno::NAMETOOLONG));
    let name = unique("value");
    assert_eq!(sem::open(name.as_str(), NEW, OWN, VALUE_MAX + 1).map(drop), Err(Errno::INVAL));
    assert_eq!(open(&name).map(drop), Err(Errno::NOENT));
}

#[test]
fn unlinking_leaves_holders_working_on_the_old_one() {
    let name = unique("unlink");
    let old = create(&name, 1);
    sem::unlink(name.as_str()).unwrap();
    let new = create(&name, 5);
    assert_ne!(old.identity(), new.identity());
    sem::wait(&old).unwrap();
    assert_eq!((sem::getvalue(&old), sem::getvalue(&new)), (Ok(0), Ok(5)));
    let stat = sem::stat(Abi::Native, name.as_str()).unwrap();
    assert_eq!(new.identity(), Some((stat.st_dev, stat.st_ino)));
}

#[test]
fn the_mode_is_cut_by_the_umask_unless_it_is_exact() {
    // The umask is the process's: leave it, and see what it takes from a mode of our own.
    let umask = rustix::process::umask(Mode::empty());
    rustix::process::umask(umask);
    let (cut, exact) = (unique("cut"), unique("exact"));
    let mode = Mode::from(0o666);
    let _cut = sem::open(cut.as_str(), NEW, mode, 0).unwrap();
    let _exact = sem::open(exact.as_str(), NEW | OpenFlags::EXACT_MODE, mode, 0).unwrap();
    let bits = |path: String| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(bits(cut.sem_path()), 0o666 & !umask.bits());
    assert_eq!(bits(exact.sem_path()), 0o666);
}

#[test]
fn what_is_no_semaphore_is_refused_and_left_as_it_is() {
    let contents: [(&str, Vec<u8>); 6] = [
        ("empty", vec![]),
        ("short", vec![0; 31]),
        ("of musl", vec![0; 32]),
        ("of the other word size", {
            let mut bytes = vec![0; 16];
            bytes[0] = 2;
            bytes[4] = 128;
            bytes
        }),
        ("too long", vec![128; 33]),
        ("a page", vec![1; 4096]),
    ];
    for (what, bytes) in contents {
        let name = unique("foreign");
        fs::write(name.sem_path(), &bytes).unwrap();
        assert_eq!(open(&name).map(drop), Err(Errno::INVAL), "{what}");
        let created = sem::open(name.as_str(), OpenFlags::CREATE, OWN, 1);
        assert_eq!(created.map(drop), Err(Errno::INVAL), "{what}");
        assert_eq!(fs::read(name.sem_path()).unwrap(), bytes, "{what}");
    }
}

#[test]
fn links_fifos_and_directories_are_refused() {
    let (target, link, fifo, directory) =
        (unique("target"), unique("link"), unique("fifo"), unique("dir"));
    let _target = create(&target, 1);
    symlink(target.sem_path(), link.sem_path()).unwrap();
    assert_eq!(open(&link).map(drop), Err(Errno::LOOP));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        fifo.sem_path(),
        rustix::fs::FileType::Fifo,
        Mode::from(0o600),
        0,
    )
    .unwrap();
    let _watchdog = watchdog(60);
    assert_eq!(open(&fifo).map(drop), Err(Errno::INVAL));
    assert_eq!(sem::peek(Abi::Native, fifo.as_str()), Ok(None));
    fs::create_dir(directory.sem_path()).unwrap();
    assert_eq!(open(&directory).map(drop), Err(Errno::INVAL));
    fs::remove_dir(directory.sem_path()).unwrap();
}

#[test]
fn the_maximum_is_never_passed_and_the_value_stays() {
    let name = unique("max");
    let sem = create(&name, VALUE_MAX);
    assert_eq!(sem::post(&sem), Err(Errno::OVERFLOW));
    assert_eq!(sem::post_many(&sem, 5), Err(Errno::OVERFLOW));
    assert_eq!(sem::getvalue(&sem), Ok(VALUE_MAX));
    sem::wait(&sem).unwrap();
    sem::wait(&sem).unwrap();
    // nob.ipc posts two of five, and fails then.
    assert_eq!(sem::post_many(&sem, 5), Err(Errno::OVERFLOW));
    assert_eq!(sem::getvalue(&sem), Ok(VALUE_MAX - 2));
    sem::post_many(&sem, 2).unwrap();
    assert_eq!(sem::post_many(&sem, VALUE_MAX), Err(Errno::OVERFLOW));
    assert_eq!(sem::post_many(&sem, u32::MAX), Err(Errno::OVERFLOW));
    assert_eq!(sem::getvalue(&sem), Ok(VALUE_MAX));
}

#[test]
fn several_units_are_taken_all_or_none() {
    let sem = sem::anonymous(2).unwrap();
    assert_eq!(sem::trywait_many(&sem, 3), Err(Errno::AGAIN));
    assert_eq!(sem::getvalue(&sem), Ok(2));
    let soon = after(Clock::Monotonic, Duration::from_millis(30));
    assert_eq!(sem::wait_many(&sem, 3, Some(soon)), Err(Errno::TIMEDOUT));
    assert_eq!(sem::getvalue(&sem), Ok(2));
    sem::post(&sem).unwrap();
    sem::wait_many(&sem, 3, None).unwrap();
    assert_eq!(sem::getvalue(&sem), Ok(0));
    assert_eq!(sem::wait_many(&sem, VALUE_MAX + 1, None), Err(Errno::INVAL));
}

#[test]
fn a_deadline_on_either_clock_is_kept_and_not_passed_early() {
    let sem = sem::anonymous(0).unwrap();
    for clock in [Clock::Monotonic, Clock::Realtime] {
        let deadline = after(clock, Duration::from_millis(60));
        assert_eq!(sem::clockwait(&sem, clock, &deadline.time), Err(Errno::TIMEDOUT));
        let now = clock_gettime(clock.id());
        assert!(
            (now.tv_sec, now.tv_nsec) >= (deadline.time.tv_sec, deadline.time.tv_nsec),
            "{clock:?}"
        );
        assert!(matches!(sem::waiters(&sem), Some(0) | None));
    }
}

#[test]
fn deadlines_out_of_range_are_told_apart() {
    let sem = sem::anonymous(1).unwrap();
    for clock in [Clock::Monotonic, Clock::Realtime] {
        for nanos in [-1, 1_000_000_000, i64::MAX] {
            let bad = Timespec { tv_sec: 0, tv_nsec: nanos };
            assert_eq!(sem::clockwait(&sem, clock, &bad), Err(Errno::INVAL), "{nanos}");
        }
        assert_eq!(sem::getvalue(&sem), Ok(1));
    }
    sem::wait(&sem).unwrap();
    for seconds in [i64::MIN, -1, 0] {
        let passed = Timespec { tv_sec: seconds, tv_nsec: 5 };
        assert_eq!(sem::timedwait(&sem, &passed), Err(Errno::TIMEDOUT), "{seconds}");
        assert_eq!(sem::clockwait(&sem, Clock::Monotonic, &passed), Err(Errno::TIMEDOUT));
    }
    let _watchdog = watchdog(60);
    let never = Timespec { tv_sec: i64::MAX, tv_nsec: 999_999_999 };
    thread::scope(|scope| {
        scope.spawn(|| sem::post_many(&sem, 2).unwrap());
        sem::timedwait(&sem, &never).unwrap();
        sem::clockwait(&sem, Clock::Monotonic, &never).unwrap();
    });
}

#[test]
fn a_post_wakes_a_sleeping_waiter() {
    let _watchdog = watchdog(60);
    let name = unique("wake");
    let sem = create(&name, 0);
    for _ in 0..100 {
        thread::scope(|scope| {
            scope.spawn(|| sem::wait(&sem).unwrap());
            scope.spawn(|| sem::wait_many(&sem, 2, None).unwrap());
            sem::post_many(&sem, 3).unwrap();
        });
    }
    assert_eq!(sem::getvalue(&sem), Ok(0));
    assert!(matches!(sem::waiters(&sem), Some(0) | None));
}

#[test]
fn unnamed_semaphores_work_in_borrowed_memory() {
    let _watchdog = watchdog(60);
    for shared in [false, true] {
        let memory = Memory::new();
        // SAFETY: the memory is ours, and outlives the semaphore.
        let sem = unsafe { sem::init((&memory).into(), shared, 1) }.unwrap();
        // SAFETY: as above, and it has just been made a semaphore.
        let same = unsafe { sem::from_raw((&memory).into()) };
        sem::wait(same).unwrap();
        assert_eq!(sem::trywait(sem), Err(Errno::AGAIN));
        thread::scope(|scope| {
            scope.spawn(|| sem::wait(same).unwrap());
            sem::post(sem).unwrap();
        });
        assert_eq!(sem::getvalue(sem), Ok(0));
        // SAFETY: nobody uses it any more.
        unsafe { sem::destroy(sem) };
    }
    let memory = Memory::new();
    // SAFETY: the memory is ours.
    let refused = unsafe { sem::init((&memory).into(), false, VALUE_MAX + 1) };
    assert_eq!(refused.map(drop), Err(Errno::INVAL));
    assert_eq!(sem::anonymous(VALUE_MAX + 1).map(drop), Err(Errno::INVAL));
}

#[test]
fn waiting_for_any_takes_one_unit_of_the_first_that_has_one() {
    let sems = [0, 2, 1].map(|value| sem::anonymous(value).unwrap());
    let all: Vec<_> = sems.iter().map(AsSem::as_sem).collect();
    let values = || sems.each_ref().map(|sem| sem::getvalue(sem).unwrap());
    for (index, left) in [(1, [0, 1, 1]), (1, [0, 0, 1]), (2, [0, 0, 0])] {
        assert_eq!(sem::wait_any(&all, None), Ok(index));
        assert_eq!(values(), left);
    }
    let soon = after(Clock::Monotonic, Duration::from_millis(30));
    assert_eq!(sem::wait_any(&all, Some(soon)), Err(Errno::TIMEDOUT));
    let soon = after(Clock::Realtime, Duration::from_millis(30));
    assert_eq!(sem::wait_any(&all, Some(soon)), Err(Errno::TIMEDOUT));
    for sem in &sems {
        assert!(matches!(sem::waiters(sem), Some(0) | None));
    }
    assert_eq!(sem::wait_any(&[], None), Err(Errno::INVAL));
    let many = vec![sems[0].as_sem(); sem::WAIT_ANY_MAX + 1];
    assert_eq!(sem::wait_any(&many, None), Err(Errno::INVAL));
    sem::post(&sems[0]).unwrap();
    assert_eq!(sem::wait_any(&many[1..], None), Ok(0));
}

#[test]
fn units_of_several_semaphores_are_neither_lost_nor_taken_twice() {
    let _watchdog = watchdog(120);
    const EACH: u32 = 3_000;
    let sems = [0, 0, 0].map(|value| sem::anonymous(value).unwrap());
    thread::scope(|scope| {
        let takers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let all: Vec<_> = sems.iter().map(AsSem::as_sem).collect();
                    let mut taken = [0; 3];
                    for _ in 0..EACH {
                        taken[sem::wait_any(&all, None).unwrap()] += 1;
                    }
                    taken
                })
            })
            .collect();
        for sem in &sems {
            scope.spawn(move || (0..EACH).for_each(|_| sem::post(sem).unwrap()));
        }
        let mut total = [0; 3];
        for taker in takers {
            let taken = taker.join().unwrap();
            total.iter_mut().zip(taken).for_each(|(total, taken)| *total += taken);
        }
        assert_eq!(total, [EACH; 3]);
    });
    for sem in &sems {
        assert_eq!(sem::getvalue(sem), Ok(0));
        assert!(matches!(sem::waiters(sem), Some(0) | None));
    }
}

#[test]
fn semaphores_of_each_abi_are_told_apart() {
    let _watchdog = watchdog(60);
    for abi in [Abi::Glibc64, Abi::Glibc32] {
        let name = unique("abi");
        let sem = sem::open_with(abi, name.as_str(), NEW, OWN, 3).unwrap();
        for other in [Abi::Glibc64, Abi::Glibc32] {
            let opened = sem::open_with(other, name.as_str(), OpenFlags::empty(), OWN, 0);
            assert_eq!(opened.is_ok(), other == abi, "{abi:?} as {other:?}");
        }
        let peek = sem::peek(Abi::Native, name.as_str()).unwrap().unwrap();
        assert_eq!((peek.abi, peek.value, peek.waiters), (abi, 3, Some(0)));
        thread::scope(|scope| {
            scope.spawn(|| sem::wait_many(&sem, 4, None).unwrap());
            scope.spawn(|| sem::post_many(&sem, 2).unwrap());
            sem::post(&sem).unwrap();
        });
        assert_eq!(sem::getvalue(&sem), Ok(2));
        assert_eq!(sem::post_many(&sem, VALUE_MAX - 1), Err(Errno::OVERFLOW));
        assert_eq!(sem::waiters(&sem), Some(0));
        let all = [sem.as_sem(); 2];
        assert_eq!(sem::wait_any(&all, None), Ok(0));
        sem::unlink_with(abi, name.as_str()).unwrap();
    }
}

#[test]
fn two_waiters_for_several_units_do_not_keep_a_unit_from_others() {
    let _watchdog = watchdog(120);
    for abi in [Abi::Glibc64, Abi::Glibc32] {
        let name = unique("greedy");
        let sem = sem::open_with(abi, name.as_str(), NEW, OWN, 0).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| sem::wait_many(&sem, 5, None).unwrap());
            scope.spawn(|| sem::wait_many(&sem, 5, None).unwrap());
            // Each of these has to find its unit, whoever is woken first.
            for _ in 0..200 {
                let small = scope.spawn(|| sem::wait(&sem).unwrap());
                sem::post(&sem).unwrap();
                small.join().unwrap();
            }
            sem::post_many(&sem, 10).unwrap();
        });
        assert_eq!((sem::getvalue(&sem), sem::waiters(&sem)), (Ok(0), Some(0)));
    }
}

#[test]
fn the_file_can_be_opened_to_be_locked() {
    let name = unique("lock");
    let sem = create(&name, 0);
    let file = sem::open_file(Abi::Native, name.as_str()).unwrap();
    let stat = rustix::fs::fstat(&file).unwrap();
    assert_eq!(sem.identity(), Some((stat.st_dev, stat.st_ino)));
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
}

#[test]
fn nothing_is_left_behind_by_creating() {
    let name = unique("left");
    let before = testutil::leaks::descriptors();
    for _ in 0..20 {
        drop(create(&name, 0));
        sem::unlink(name.as_str()).unwrap();
    }
    assert_eq!(testutil::leaks::mappings(&name.sem_path()), 0);
    assert!(testutil::leaks::descriptors() <= before + 8, "other tests open a few meanwhile");
    assert!(testutil::leaks::objects(&name[1..]).is_empty());
}

#[test]
fn a_file_that_we_may_only_read_is_not_opened_but_can_be_looked_at() {
    let name = unique("read-only");
    drop(create(&name, 1));
    fs::set_permissions(name.sem_path(), fs::Permissions::from_mode(0o444)).unwrap();
    as_somebody_else(|| {
        assert_eq!(open(&name).map(drop), Err(Errno::ACCESS));
        let created = sem::open(name.as_str(), OpenFlags::CREATE, OWN, 1);
        assert_eq!(created.map(drop), Err(Errno::ACCESS));
        let peek = sem::peek(Abi::Native, name.as_str()).unwrap();
        assert_eq!(peek.map(|peek| peek.value), Some(1));
    });
}

/// Runs `f` in a thread that has, for files, no more rights than any user.
fn as_somebody_else(f: impl FnOnce() + Send) {
    thread::scope(|scope| {
        scope.spawn(|| {
            if testutil::skip::is_root() {
                // SAFETY: concerns this thread only, and has no memory to do with.
                unsafe { libc::setfsuid(65_534) };
            }
            f();
        });
    });
}

#[test]
fn waiters_are_seen_from_outside() {
    let _watchdog = watchdog(60);
    let name = unique("seen");
    let sem = sem::open_with(Abi::Glibc64, name.as_str(), NEW, OWN, 0).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| sem::wait(&sem).unwrap());
        while sem::waiters(&sem) == Some(0) {
            thread::yield_now();
        }
        let peek = sem::peek(Abi::Native, name.as_str()).unwrap().unwrap();
        assert_eq!((peek.value, peek.waiters), (0, Some(1)));
        sem::post(&sem).unwrap();
    });
    let file = fs::File::open(name.sem_path()).unwrap();
    assert_eq!(file.metadata().unwrap().size(), 32);
    let mut image = [0; 32];
    file.read_exact_at(&mut image, 0).unwrap();
    assert_eq!(image[..12], [0, 0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0]);
}

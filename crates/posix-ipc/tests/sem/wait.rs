//! Taking units by one handle and several threads.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use posix_ipc::sem::{self, Spin, VALUE_MAX, Waited};
use posix_ipc::{Errno, Error, OpenMode, Semaphore};
use testutil::names::unique;
use testutil::watchdog::watchdog;

const SHORT: Duration = Duration::from_millis(20);

#[test]
fn waits_that_find_a_unit_take_it_whatever_the_deadline() {
    let name = unique("ready");
    let sem = Semaphore::create(&*name, 6).unwrap();
    sem.wait().unwrap();
    assert!(sem.try_wait());
    assert_eq!(sem.wait_timeout(Duration::ZERO), Ok(true));
    assert_eq!(sem.wait_deadline(Instant::now()), Ok(true));
    assert_eq!(sem.wait_deadline_realtime(SystemTime::UNIX_EPOCH), Ok(true));
    assert_eq!(sem.wait_interruptible(Some(Instant::now())), Ok(Waited::Taken));
    assert!(!sem.try_wait());
}

#[test]
fn waits_without_a_unit_last_until_their_deadline_and_no_shorter() {
    let name = unique("late");
    for spin in [Spin::Adaptive, Spin::Never, Spin::Iterations(100)] {
        let options = Semaphore::options().mode(OpenMode::Replace).initial_value(0).spin(spin);
        let sem = options.open(&*name).unwrap();
        let start = Instant::now();
        assert_eq!(sem.wait_timeout(SHORT), Ok(false));
        assert_eq!(sem.wait_deadline(Instant::now() + SHORT), Ok(false));
        assert_eq!(sem.wait_deadline_realtime(SystemTime::now() + SHORT), Ok(false));
        assert_eq!(sem.wait_interruptible(Some(Instant::now() + SHORT)), Ok(Waited::TimedOut));
        assert_eq!(sem.wait_many_deadline(3, Instant::now() + SHORT), Ok(false));
        assert!(sem.acquire_many_deadline(3, Instant::now()).unwrap().is_none());
        assert_eq!(sem.wait_many_timeout(3, SHORT), Ok(false));
        assert!(start.elapsed() >= 6 * SHORT - Duration::from_millis(1));
        for past in [SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH - SHORT] {
            assert_eq!(sem.wait_deadline_realtime(past), Ok(false));
        }
        assert_eq!(sem.wait_timeout(Duration::ZERO), Ok(false));
        assert!(matches!(sem.waiters(), Some(0) | None));
    }
}

#[test]
fn the_longest_timeouts_wait_and_do_not_overflow() {
    let _watchdog = watchdog(60);
    let name = unique("longest");
    let sem = Semaphore::create(&*name, 0).unwrap();
    let longest = [Duration::MAX, Duration::from_secs(u64::MAX), Duration::from_secs(1 << 62)];
    thread::scope(|scope| {
        for timeout in longest {
            let sem = &sem;
            scope.spawn(move || assert_eq!(sem.wait_timeout(timeout), Ok(true)));
        }
        scope.spawn(|| sem.wait_interruptible(None).unwrap());
        sem.post_many(4).unwrap();
    });
    assert_eq!(sem.value(), Ok(0));
}

#[test]
fn a_full_semaphore_says_so_and_stays_as_it_is() {
    let name = unique("full");
    let sem = Semaphore::create(&*name, VALUE_MAX - 2).unwrap();
    // nob.ipc posts two of these five, and fails then.
    let error = sem.post_many(5).unwrap_err();
    assert_eq!((error.errno(), sem.value()), (Some(Errno::OVERFLOW), Ok(VALUE_MAX - 2)));
    assert!(error.hint().is_some());
    sem.post_many(2).unwrap();
    assert_eq!(sem.post().unwrap_err().errno(), Some(Errno::OVERFLOW));
    assert_eq!(sem.value(), Ok(VALUE_MAX));
    sem.post_many(0).unwrap();
}

#[test]
fn more_units_than_there_can_be_are_refused_and_none_are_always_there() {
    let name = unique("units");
    let sem = Semaphore::create(&*name, 0).unwrap();
    assert!(matches!(sem.wait_many(VALUE_MAX + 1), Err(Error::OutOfRange { .. })));
    assert!(matches!(sem.wait_many_timeout(u32::MAX, SHORT), Err(Error::OutOfRange { .. })));
    assert!(!sem.try_wait_many(1));
    assert!(sem.try_wait_many(0));
    sem.wait_many(0).unwrap();
}

#[test]
fn a_wait_ends_when_another_thread_posts_however_it_spins() {
    let _watchdog = watchdog(120);
    for spin in [Spin::Adaptive, Spin::Never, Spin::Iterations(10)] {
        let (there, back) = (unique("there"), unique("back"));
        let open = |name: &str| {
            Semaphore::options().mode(OpenMode::CreateNew).initial_value(0).spin(spin).open(name)
        };
        let (there, back) = (open(&there).unwrap(), open(&back).unwrap());
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    there.wait().unwrap();
                    back.post().unwrap();
                }
            });
            for _ in 0..2_000 {
                there.post().unwrap();
                back.wait().unwrap();
            }
        });
        assert_eq!((there.value(), back.value()), (Ok(0), Ok(0)));
    }
}

#[test]
fn waiting_for_any_tells_which_and_takes_exactly_one() {
    let _watchdog = watchdog(60);
    let names = [unique("any-a"), unique("any-b"), unique("any-c")];
    let sems = names.each_ref().map(|name| Semaphore::create(&**name, 0).unwrap());
    let all = sems.each_ref();
    assert_eq!(sem::wait_any_timeout(&all, SHORT), Ok(None));
    assert_eq!(sem::wait_any(&all, Some(Instant::now())), Ok(None));
    assert_eq!(sem::try_wait_any(&all), None);
    for round in 0..300 {
        let index = round % 3;
        thread::scope(|scope| {
            scope.spawn(|| sems[index].post().unwrap());
            assert_eq!(sem::wait_any(&all, None), Ok(Some(index)));
        });
    }
    sems[1].post().unwrap();
    sems[2].post().unwrap();
    assert_eq!(sem::wait_any(&all, None), Ok(Some(1)));
    assert_eq!(sem::try_wait_any(&all), Some(2));
    assert!(sems.iter().all(|sem| sem.value() == Ok(0)));
    assert!(sems.iter().all(|sem| matches!(sem.waiters(), Some(0) | None)));
    assert!(matches!(sem::wait_any(&[], None), Err(Error::Argument { .. })));
    assert!(matches!(sem::wait_any(&[all[0]; 129], None), Err(Error::Argument { .. })));
    sems[0].post().unwrap();
    assert_eq!(sem::wait_any(&[all[0]; 128], None), Ok(Some(0)));
}

#[test]
fn a_handle_can_be_shared_and_sent() {
    fn shared<T: Send + Sync>() {}
    shared::<Semaphore>();
    shared::<posix_ipc::sem::Permit<'_>>();
    shared::<posix_ipc::sem::OwnedPermit>();
}

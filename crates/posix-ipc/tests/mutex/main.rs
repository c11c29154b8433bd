//! A lock that survives its holder.
#![cfg(target_os = "linux")]

mod stepped;

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use posix_ipc::mutex::Lock;
use posix_ipc::{Errno, Error, OpenMode, RobustMutex, SharedMemory};
use testutil::child::{hear, run, say};
use testutil::names::unique;
use testutil::watchdog::watchdog;

use stepped::stepped;

testutil::roles!(changes_for_ever, counts, goes_step_by_step, stepped, waits_for_it);

fn died(lock: &Lock<'_>) -> bool {
    lock.is_owner_dead()
}

/// Goes through a lock's life, and says after each step where it is.
fn goes_step_by_step(arguments: &[String]) {
    let step = |name: &str| {
        say(name);
        hear();
    };
    let mutex = RobustMutex::open(arguments[0].as_str()).unwrap();
    step("opened");
    let lock = mutex.lock().unwrap();
    step("locked");
    let guard = lock.into_guard();
    guard.make_consistent();
    step("consistent");
    drop(guard);
    step("unlocked");
    std::mem::forget(mutex.lock().unwrap());
    step("leaked");
}

#[test]
fn kill_9_at_every_step_leaves_a_lock_that_the_next_one_gets_and_is_told_the_truth() {
    let _watchdog = watchdog(120);
    // Whether the next owner is told that one died, without and with an earlier death.
    let steps = [
        ("opened", false, true),
        ("locked", true, true),
        ("consistent", true, true),
        ("unlocked", false, false),
        ("leaked", true, true),
    ];
    for earlier in [false, true] {
        for (index, (name_of_step, told, told_after_earlier)) in steps.into_iter().enumerate() {
            let name = unique("steps");
            let mutex = RobustMutex::create(&*name).unwrap();
            if earlier {
                let mut first = run("goes_step_by_step", &[&name]);
                first.expect_line("opened");
                first.send_line("on");
                first.expect_line("locked");
                first.kill();
            }
            let mut child = run("goes_step_by_step", &[&name]);
            for (step, ..) in &steps[..=index] {
                child.expect_line(step);
                if *step != name_of_step {
                    child.send_line("on");
                }
            }
            child.kill();
            let lock = mutex.lock().unwrap();
            let expected = if earlier { told_after_earlier } else { told };
            assert_eq!(died(&lock), expected, "{name_of_step}, after an earlier death: {earlier}");
            let guard = lock.into_guard();
            assert_eq!(guard.is_consistent(), !expected);
            guard.make_consistent();
            drop(guard);
            assert!(!died(&mutex.lock().unwrap()), "it was made consistent");
        }
    }
}

fn waits_for_it(arguments: &[String]) {
    let mutex = RobustMutex::open(arguments[0].as_str()).unwrap();
    say("ready");
    let lock = mutex.lock().unwrap();
    say(if died(&lock) { "owner died" } else { "acquired" });
    lock.into_guard().make_consistent();
}

#[test]
fn a_sleeping_waiter_gets_the_lock_of_a_dead_owner_and_of_a_living_one() {
    let _watchdog = watchdog(60);
    let name = unique("waiter");
    let mutex = RobustMutex::create(&*name).unwrap();
    let mut owner = run("goes_step_by_step", &[&name]);
    owner.expect_line("opened");
    owner.send_line("on");
    owner.expect_line("locked");
    let mut waiter = run("waits_for_it", &[&name]);
    waiter.expect_line("ready");
    assert!(mutex.try_lock().unwrap().is_none());
    assert!(mutex.lock_timeout(Duration::from_millis(60)).unwrap().is_none(), "it lives");
    owner.kill();
    waiter.expect_line("owner died");
    waiter.expect_success();

    let guard = mutex.lock().unwrap().into_guard();
    let mut waiter = run("waits_for_it", &[&name]);
    waiter.expect_line("ready");
    drop(guard);
    waiter.expect_line("acquired");
    waiter.expect_success();
}

#[test]
fn kill_9_of_a_waiter_changes_nothing_for_others() {
    let _watchdog = watchdog(60);
    let name = unique("dead-waiter");
    let mutex = RobustMutex::create(&*name).unwrap();
    let guard = mutex.lock().unwrap().into_guard();
    let mut victim = run("waits_for_it", &[&name]);
    victim.expect_line("ready");
    let mut survivor = run("waits_for_it", &[&name]);
    survivor.expect_line("ready");
    victim.kill();
    drop(guard);
    survivor.expect_line("acquired");
    survivor.expect_success();
    assert!(!died(&mutex.lock().unwrap()));
}

/// Two numbers that are equal whenever nobody changes them.
fn changes_for_ever(arguments: &[String]) {
    let mutex = RobustMutex::open(arguments[0].as_str()).unwrap();
    let mapping = SharedMemory::open(arguments[1].as_str()).unwrap().map().unwrap();
    let (a, b) = (mapping.atomic_u32(0).unwrap(), mapping.atomic_u32(64).unwrap());
    say("ready");
    loop {
        let lock = mutex.lock().unwrap();
        put_in_order(&lock, a, b);
        a.fetch_add(1, Ordering::Relaxed);
        b.fetch_add(1, Ordering::Relaxed);
        drop(lock);
    }
}

/// What is found is in order, unless it was said that the last owner died.
fn put_in_order(lock: &Lock<'_>, a: &AtomicU32, b: &AtomicU32) {
    let values = (a.load(Ordering::Relaxed), b.load(Ordering::Relaxed));
    match lock {
        Lock::Acquired(_) => assert_eq!(values.0, values.1, "nobody said that an owner died"),
        Lock::OwnerDied(guard) => {
            assert!(values.0.wrapping_sub(values.1) <= 1, "{values:?}");
            b.store(values.0, Ordering::Relaxed);
            guard.make_consistent();
        }
    }
}

#[test]
fn kill_9_at_any_moment_is_never_missed_and_never_made_up() {
    let _watchdog = watchdog(300);
    let (name, memory) = (unique("moment"), unique("numbers"));
    let mutex = RobustMutex::create(&*name).unwrap();
    let mapping = SharedMemory::create(&*memory, 128).unwrap().map().unwrap();
    let (a, b) = (mapping.atomic_u32(0).unwrap(), mapping.atomic_u32(64).unwrap());
    let mut survivor = run("changes_for_ever", &[&name, &memory]);
    survivor.expect_line("ready");
    for round in 0..40 {
        let mut victim = run("changes_for_ever", &[&name, &memory]);
        victim.expect_line("ready");
        let start = Instant::now();
        while start.elapsed() < Duration::from_micros(137 * round) {
            std::hint::spin_loop();
        }
        victim.kill();
        let lock = mutex.lock().unwrap();
        put_in_order(&lock, a, b);
    }
    survivor.kill();
    let lock = mutex.lock().unwrap();
    put_in_order(&lock, a, b);
    assert!(a.load(Ordering::Relaxed) > 0);
}

fn counts(arguments: &[String]) {
    let mutex = RobustMutex::open(arguments[0].as_str()).unwrap();
    let mapping = SharedMemory::open(arguments[1].as_str()).unwrap().map().unwrap();
    let counter = mapping.atomic_u32(0).unwrap();
    count(&mutex, counter);
}

const EACH: u32 = 20_000;

/// Adds in two steps, which only the lock makes one.
fn count(mutex: &RobustMutex, counter: &AtomicU32) {
    for _ in 0..EACH {
        let lock = mutex.lock().unwrap();
        assert!(!died(&lock));
        counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

#[test]
fn processes_and_threads_exclude_each_other() {
    let _watchdog = watchdog(300);
    let (name, memory) = (unique("exclude"), unique("counter"));
    let mutex = RobustMutex::create(&*name).unwrap();
    let mapping = SharedMemory::create(&*memory, 64).unwrap().map().unwrap();
    let counter = mapping.atomic_u32(0).unwrap();
    let children: Vec<_> = (0..2).map(|_| run("counts", &[&name, &memory])).collect();
    let second = RobustMutex::open(&*name).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| count(&mutex, counter));
        scope.spawn(|| count(&mutex, counter));
        scope.spawn(|| count(&second, counter));
    });
    children.into_iter().for_each(testutil::child::Child::expect_success);
    assert_eq!(counter.load(Ordering::Relaxed), 5 * EACH);
    assert!(!mutex.is_locked());
}

#[test]
fn a_leaked_guard_counts_as_a_dead_owner_once_its_handle_is_gone() {
    let _watchdog = watchdog(60);
    let name = unique("leak");
    let mutex = RobustMutex::create(&*name).unwrap();
    let other = RobustMutex::open(&*name).unwrap();
    std::mem::forget(other.lock().unwrap());
    assert!(mutex.try_lock().unwrap().is_none());
    drop(other);
    // Not at once: a process that another test is starting has a copy of the lease until its `exec`.
    let lock = mutex.lock().unwrap();
    assert!(died(&lock), "its lease is gone");
    drop(lock);
    assert!(died(&mutex.lock().unwrap()), "until somebody says that all is well");
}

#[test]
fn what_is_no_lock_is_refused_and_names_are_checked() {
    let name = unique("foreign");
    let _memory = SharedMemory::create(&*name, 128).unwrap();
    assert!(matches!(RobustMutex::open(&*name), Err(Error::Foreign { .. })));
    let _larger = SharedMemory::options().mode(OpenMode::Replace).size(4096).open(&*name).unwrap();
    assert!(matches!(RobustMutex::open(&*name), Err(Error::Mismatch { .. })));
    assert!(matches!(RobustMutex::create("a/b"), Err(Error::Name(_))));
    let missing = RobustMutex::open("/pit-no-such-lock").unwrap_err();
    assert_eq!(missing.errno(), Some(Errno::NOENT));
}

/// A process that may write to the object can lock and unlock at will, and nothing worse.
#[test]
fn any_word_in_the_object_is_survived() {
    let _watchdog = watchdog(60);
    let name = unique("hostile");
    let mutex = RobustMutex::create(&*name).unwrap();
    let mapping = SharedMemory::open(&*name).unwrap().map().unwrap();
    let word = mapping.atomic_u32(64).unwrap();
    for hostile in [1, 0x3fff_ffff, 0x4000_0000, 0x8000_0000, 0xc000_0001, u32::MAX] {
        word.store(hostile, Ordering::Relaxed);
        let guard = mutex.lock().unwrap().into_guard();
        word.store(!hostile, Ordering::Relaxed);
        drop(guard);
        word.store(hostile, Ordering::Relaxed);
        assert!(mutex.lock_timeout(Duration::from_millis(1)).unwrap().is_some());
    }
}

#[test]
fn a_handle_tells_its_name_and_object_and_close_removes_what_it_created() {
    let name = unique("mutex-close");
    let mutex = RobustMutex::create(&*name).unwrap();
    let other = RobustMutex::open(&*name).unwrap();
    assert_eq!((mutex.name().to_string(), mutex.name()), (name.to_string(), other.name()));
    assert_eq!(mutex.identity(), other.identity());
    other.close().unwrap();
    assert!(RobustMutex::open(&*name).is_ok(), "it was not the creator's");
    mutex.close().unwrap();
    assert_eq!(RobustMutex::open(&*name).unwrap_err().errno(), Some(Errno::NOENT));
}

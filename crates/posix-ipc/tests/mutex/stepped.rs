//! Kills at chosen instructions: the next owner gets the lock, and is told the truth.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use posix_ipc::mutex::Lock;
use posix_ipc::{RobustMutex, SharedMemory};
use testutil::child::run;
use testutil::stepped::{kill_everywhere, run_between_marks};

use super::{died, put_in_order};

/// Two numbers that are equal whenever nobody has the lock.
struct Numbers(posix_ipc::shm::Mapping);

impl Numbers {
    fn create(name: &str) -> Self {
        Self(SharedMemory::create(format!("{name}-numbers"), 128).unwrap().map().unwrap())
    }

    fn open(name: &str) -> Self {
        Self(SharedMemory::open(format!("{name}-numbers")).unwrap().map().unwrap())
    }

    fn get(&self) -> [u32; 2] {
        [0, 64].map(|offset| self.0.atomic_u32(offset).unwrap().load(Ordering::Relaxed))
    }

    fn put_in_order(&self, lock: &Lock<'_>) {
        put_in_order(lock, self.0.atomic_u32(0).unwrap(), self.0.atomic_u32(64).unwrap());
    }

    fn change(&self) {
        for offset in [0, 64] {
            self.0.atomic_u32(offset).unwrap().fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Says at its end that it is over.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does what it is told to, between two marks.
pub(crate) fn stepped(arguments: &[String]) {
    let [what, name] = arguments else { panic!("two arguments") };
    let numbers = Numbers::open(name);
    let open = || RobustMutex::open(name.as_str()).unwrap();
    let change = |mutex: &RobustMutex| {
        let lock = mutex.lock().unwrap();
        numbers.put_in_order(&lock);
        numbers.change();
    };
    let mutex = open();
    match &**what {
        "die" => {
            std::mem::forget(mutex.lock().unwrap());
            testutil::child::say("locked");
            testutil::child::hear();
        }
        "open, change and close" => run_between_marks(&mut |_| change(&open())),
        "inherit" => run_between_marks(&mut |time| match time {
            0 => {
                let mut owner = run("stepped", &["die", name]);
                owner.expect_line("locked");
                owner.kill();
            }
            _ => {
                let lock = mutex.lock().unwrap();
                assert!(died(&lock), "nobody else wants it");
                numbers.put_in_order(&lock);
                numbers.change();
            }
        }),
        _ => run_between_marks(&mut |_| change(&mutex)),
    }
}

/// Kills who changes the numbers while another thread waits for the lock whenever it is taken, which only
/// who inherits it does alone.
fn kill_an_owner(what: &str) {
    kill_everywhere(what, |name, kill| {
        let numbers = Numbers::create(name);
        let mutex = RobustMutex::create(name).unwrap();
        let over = AtomicBool::new(false);
        let wait = || {
            let mutex = RobustMutex::open(name).unwrap();
            while !over.load(Ordering::Relaxed) {
                if mutex.is_locked() {
                    numbers.put_in_order(&mutex.lock().unwrap());
                }
                thread::yield_now();
            }
        };
        let killed = thread::scope(|scope| {
            // Also if it panics, since the scope waits for the thread.
            let _end = End(&over);
            if what != "inherit" {
                scope.spawn(wait);
            }
            kill(name)
        });
        if !killed {
            return None;
        }
        let before = numbers.get();
        let lock = mutex.lock().unwrap();
        numbers.put_in_order(&lock);
        drop(lock);
        assert!(!died(&mutex.lock().unwrap()), "it was put in order");
        let changes = before.into_iter().max();
        // All but the way of an heir, whose first time is another's death, have changed them before.
        Some(changes == Some(if what == "inherit" { 1 } else { 2 }))
    });
}

#[test]
fn an_owner_killed_at_any_instruction_of_locking_changing_and_unlocking_is_inherited_from() {
    kill_an_owner("change");
}

#[test]
fn who_is_killed_at_any_instruction_of_its_arrival_or_leave_leaves_its_seat_to_the_next() {
    kill_an_owner("open, change and close");
}

#[test]
fn an_heir_killed_at_any_instruction_of_taking_over_leaves_the_truth_to_the_next() {
    kill_an_owner("inherit");
}

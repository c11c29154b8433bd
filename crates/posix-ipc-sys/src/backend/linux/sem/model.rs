//! The semaphore algorithms under the model checker loom: the code that is shipped, over loom's
//! atomics and a futex made of its lock and condition variable.
//!
//! `RUSTFLAGS='--cfg posix_ipc_loom' cargo test --release -p posix-ipc-sys --lib model`. A waiter that nobody
//! wakes is a deadlock, which loom reports with the interleaving that led there.

use std::collections::VecDeque;

use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use rustix::io::{Errno, Result};

use super::protocol::{Protocol, VALUE_MAX};
use super::wait::{self, Sleep, Slept};
use super::{glibc32, glibc64};
use crate::primitive::{AtomicU32, AtomicU64};

/// A futex: sleepers in the order they came.
#[derive(Debug, Default)]
struct Kernel {
    queue: Mutex<Queue>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    next: usize,
    sleepers: VecDeque<usize>,
    expired: bool,
}

/// What a sleep in the model ends by, besides a wake-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    Never,
    /// A deadline that passes when [`Kernel::expire`] is called.
    Deadline,
    /// The end of a slice, which comes at that moment.
    Slice,
    /// A signal, which comes at that moment.
    Signal,
}

impl Kernel {
    /// Lets time pass.
    fn expire(&self) {
        self.queue.lock().unwrap().expired = true;
        self.bell.notify_all();
    }
}

impl Sleep for Kernel {
    type Until = Until;

    fn sleep<P: Protocol>(&self, sem: &P, expected: u32, until: Until) -> Slept {
        let mut queue = self.queue.lock().unwrap();
        if sem.futex_value() != expected {
            return Slept::LookAgain;
        }
        let id = queue.next;
        queue.next += 1;
        queue.sleepers.push_back(id);
        loop {
            if !queue.sleepers.contains(&id) {
                return Slept::Woken;
            }
            if queue.expired && until != Until::Never {
                queue.sleepers.retain(|&sleeper| sleeper != id);
                return match until {
                    Until::Deadline => Slept::TimedOut,
                    Until::Signal => Slept::Failed(Errno::INTR),
                    Until::Slice | Until::Never => {
                        drop(queue);
                        thread::yield_now();
                        Slept::LookAgain
                    }
                };
            }
            queue = self.bell.wait(queue).unwrap();
        }
    }

    fn wake<P: Protocol>(&self, _sem: &P, count: u32) {
        let mut queue = self.queue.lock().unwrap();
        for _ in 0..count {
            queue.sleepers.pop_front();
        }
        drop(queue);
        self.bell.notify_all();
    }

    fn back_off(&self, _round: u32, _until: Until) -> bool {
        thread::yield_now();
        true
    }
}

/// A layout that a model can be made of.
trait Model: Protocol + Send + Sync + Sized + 'static {
    /// How many preemptions are explored with four threads: with two words there are many more
    /// interleavings.
    const FEW: usize;
    fn new(value: u32) -> Self;
}

impl Model for glibc64::Words {
    const FEW: usize = 2;
    fn new(value: u32) -> Self {
        let data = AtomicU64::new(value.into());
        Self { data, private: AtomicU32::new(128), pad: AtomicU32::new(0) }
    }
}

impl Model for glibc32::Words {
    const FEW: usize = 1;
    fn new(value: u32) -> Self {
        Self {
            value: AtomicU32::new(value << 1),
            private: AtomicU32::new(128),
            pad: AtomicU32::new(0),
            waiters: AtomicU32::new(0),
        }
    }
}

/// A semaphore in the model.
#[derive(Debug)]
struct Sem<P> {
    words: P,
    kernel: Kernel,
}

impl<P: Model> Sem<P> {
    fn new(value: u32) -> Arc<Self> {
        Arc::new(Self { words: P::new(value), kernel: Kernel::default() })
    }

    fn wait(&self, units: u32, until: Until) -> Result<()> {
        wait::wait(&self.words, units, &self.kernel, until)
    }

    fn post(&self, units: u32) -> Result<()> {
        wait::post(&self.words, units, &self.kernel)
    }

    fn state(&self) -> (u32, u32) {
        (self.words.value(), self.words.waiters())
    }
}

fn spawn<P: Model, T: 'static>(
    sem: &Arc<Sem<P>>,
    f: impl FnOnce(&Sem<P>) -> T + 'static,
) -> thread::JoinHandle<T> {
    let sem = Arc::clone(sem);
    thread::spawn(move || f(&sem))
}

/// Explores with at most `preemptions` switches that nobody asked for.
fn explore(preemptions: usize, f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(f);
}

/// A test for each layout.
macro_rules! models {
    ($($(#[$attribute:meta])* fn $name:ident<P: Model>() $body:block)*) => {
        $($(#[$attribute])* fn $name<P: Model>() $body)*
        mod glibc64_layout { use super::*; $(#[test] fn $name() { super::$name::<glibc64::Words>(); })* }
        mod glibc32_layout { use super::*; $(#[test] fn $name() { super::$name::<glibc32::Words>(); })* }
    };
}

models! {
    fn a_post_is_never_missed_by_a_waiter<P: Model>() {
        explore(4, || {
            let sem = Sem::<P>::new(0);
            let waiter = spawn(&sem, |sem| sem.wait(1, Until::Never));
            sem.post(1).unwrap();
            waiter.join().unwrap().unwrap();
            assert_eq!(sem.state(), (0, 0));
        });
    }

    fn two_posts_serve_two_waiters<P: Model>() {
        explore(P::FEW + 1, || {
            let sem = Sem::<P>::new(0);
            let waiters = [(); 2].map(|()| spawn(&sem, |sem| sem.wait(1, Until::Never)));
            sem.post(1).unwrap();
            sem.post(1).unwrap();
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap().unwrap());
            assert_eq!(sem.state(), (0, 0));
        });
    }

    fn one_post_of_two_units_serves_two_waiters<P: Model>() {
        explore(3, || {
            let sem = Sem::<P>::new(0);
            let waiters = [(); 2].map(|()| spawn(&sem, |sem| sem.wait(1, Until::Never)));
            sem.post(2).unwrap();
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap().unwrap());
            assert_eq!(sem.state(), (0, 0));
        });
    }

    fn posters_and_a_taker_of_both_units_lose_nothing<P: Model>() {
        explore(3, || {
            let sem = Sem::<P>::new(0);
            let waiter = spawn(&sem, |sem| sem.wait(2, Until::Never));
            let poster = spawn(&sem, |sem| sem.post(1));
            sem.post(1).unwrap();
            poster.join().unwrap().unwrap();
            waiter.join().unwrap().unwrap();
            assert_eq!(sem.state(), (0, 0));
        });
    }

    /// The wake-up of a waiter that gives up goes to the next one.
    fn a_timeout_or_a_signal_takes_no_wake_up_from_others<P: Model>() {
        for until in [Until::Deadline, Until::Signal] {
            explore(P::FEW, move || {
                let sem = Sem::<P>::new(0);
                let impatient = spawn(&sem, move |sem| sem.wait(1, until));
                let patient = spawn(&sem, |sem| sem.wait(1, Until::Never));
                let timer = spawn(&sem, |sem| sem.kernel.expire());
                sem.post(1).unwrap();
                if impatient.join().unwrap().is_ok() {
                    sem.post(1).unwrap();
                }
                patient.join().unwrap().unwrap();
                timer.join().unwrap();
                assert_eq!(sem.state(), (0, 0));
            });
        }
    }

    fn a_unit_too_few_for_one_waiter_is_found_by_another<P: Model>() {
        explore(2, || {
            let sem = Sem::<P>::new(0);
            let greedy = spawn(&sem, |sem| sem.wait(2, Until::Never));
            let modest = spawn(&sem, |sem| sem.wait(1, Until::Never));
            sem.post(1).unwrap();
            // One unit serves the modest one, whoever was woken for it.
            modest.join().unwrap().unwrap();
            sem.post(2).unwrap();
            greedy.join().unwrap().unwrap();
            assert_eq!(sem.state(), (0, 0));
        });
    }

    /// A waiter is woken, and killed before it takes the unit.
    fn a_slice_finds_the_unit_that_a_dead_waiter_was_woken_for<P: Model>() {
        explore(P::FEW, || {
            let sem = Sem::<P>::new(0);
            let victim = spawn(&sem, |sem| {
                sem.words.register();
                if let Err(word) = sem.words.take_registered(1) {
                    sem.kernel.sleep(&sem.words, word, Until::Slice);
                    return false;
                }
                true
            });
            let waiter = spawn(&sem, |sem| sem.wait(1, Until::Slice));
            sem.post(1).unwrap();
            sem.kernel.expire();
            if victim.join().unwrap() {
                sem.post(1).unwrap();
            }
            waiter.join().unwrap().unwrap();
            assert_eq!(sem.words.value(), 0);
        });
    }

    /// A poster is killed between its unit and its wake.
    fn a_slice_finds_the_unit_that_a_dead_poster_woke_nobody_for<P: Model>() {
        explore(4, || {
            let sem = Sem::<P>::new(0);
            let waiter = spawn(&sem, |sem| sem.wait(1, Until::Slice));
            sem.words.add(1).unwrap();
            sem.kernel.expire();
            waiter.join().unwrap().unwrap();
            assert_eq!(sem.state(), (0, 0));
        });
    }

    fn the_maximum_is_reached_and_not_passed<P: Model>() {
        explore(4, || {
            let sem = Sem::<P>::new(VALUE_MAX - 1);
            let poster = spawn(&sem, |sem| sem.post(1));
            let results = [sem.post(1), poster.join().unwrap()];
            assert!(results.contains(&Ok(())) && results.contains(&Err(Errno::OVERFLOW)));
            assert_eq!(sem.state(), (VALUE_MAX, 0));
        });
    }

    fn several_units_are_posted_as_a_whole_or_not_at_all<P: Model>() {
        explore(4, || {
            let sem = Sem::<P>::new(VALUE_MAX - 2);
            let poster = spawn(&sem, |sem| sem.post(2));
            let own = sem.post(1);
            match (own, poster.join().unwrap()) {
                (Ok(()), Err(Errno::OVERFLOW)) => assert_eq!(sem.words.value(), VALUE_MAX - 1),
                (Err(Errno::OVERFLOW), Ok(())) => assert_eq!(sem.words.value(), VALUE_MAX),
                other => panic!("{other:?}"),
            }
        });
    }

    /// As a lock: what one holder writes, the next one sees, and never two hold it.
    fn it_excludes_and_publishes<P: Model>() {
        explore(2, || {
            let sem = Sem::<P>::new(1);
            let cell = Arc::new(loom::cell::UnsafeCell::new(0));
            let add = |sem: &Sem<P>, cell: &loom::cell::UnsafeCell<u32>| {
                sem.wait(1, Until::Never).unwrap();
                cell.with_mut(|cell| {
                    // SAFETY: loom itself checks that nobody else has access meanwhile.
                    unsafe { *cell += 1 };
                });
                sem.post(1).unwrap();
            };
            let others = [(); 2].map(|()| {
                let cell = Arc::clone(&cell);
                spawn(&sem, move |sem| add(sem, &cell))
            });
            add(&sem, &cell);
            others.into_iter().for_each(|other| other.join().unwrap());
            cell.with(|cell| {
                // SAFETY: as above.
                assert_eq!(unsafe { *cell }, 3);
            });
            assert_eq!(sem.state(), (1, 0));
        });
    }
}

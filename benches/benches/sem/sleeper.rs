//! A hundred units to a process that sleeps and takes them all, one by one.
//!
//! The clock runs from the first post to the moment when the sleeper has the last unit: the sleeper
//! reads it, and leaves the time in shared memory, so that no second wake, of this process, is in
//! the figure. What the posting itself takes is a contest of its own. One wake of a futex with
//! nothing around it is the limit.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use posix_ipc::shm::Mapping;
use posix_ipc::{Name, Semaphore, SharedMemory};
use posix_ipc_benches::contest::Contest;
use posix_ipc_benches::figures::{Figure, Figures};
use posix_ipc_benches::pair;
use rustix::thread::futex;
use rustix::time::{ClockId, clock_gettime};

use crate::peers::{CSem, Units};

const UNITS: u32 = 100;

/// What both processes share besides the semaphore.
struct Board(Mapping);

impl Board {
    fn create(name: &Name) -> Self {
        let memory = SharedMemory::create(name, 4096).expect("a new object");
        Self(memory.map().expect("a mapping"))
    }

    fn open(name: &str) -> Self {
        Self(SharedMemory::open(name).and_then(|memory| memory.map()).expect("the bench made it"))
    }

    /// When the sleeper had all; zero until then.
    fn taken(&self) -> &AtomicU64 {
        self.0.atomic_u64(0).expect("within the page")
    }

    /// A futex for the bare wake: zero while somebody sleeps on it.
    fn bell(&self) -> &AtomicU32 {
        self.0.atomic_u32(64).expect("within the page")
    }
}

/// Nanoseconds of the monotonic clock, which all processes share.
fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

pub(crate) fn take(arguments: &[String]) {
    let mut semaphore = Semaphore::open(&arguments[0]).expect("the bench made it");
    semaphore.set_spin(posix_ipc::sem::Spin::Never);
    take_for_ever(arguments, || semaphore.wait().expect("wait"));
}

pub(crate) fn take_c(arguments: &[String]) {
    let semaphore = CSem::open(&arguments[0]);
    take_for_ever(arguments, || semaphore.wait());
}

fn take_for_ever(arguments: &[String], wait: impl Fn()) {
    let board = Board::open(&arguments[1]);
    pair::ready();
    loop {
        (0..UNITS).for_each(|_| wait());
        board.taken().store(now(), Ordering::Release);
    }
}

pub(crate) fn sleep_bare(arguments: &[String]) {
    let board = Board::open(&arguments[1]);
    pair::ready();
    loop {
        while board.bell().load(Ordering::Acquire) == 0 {
            let _ = futex::wait(board.bell(), futex::Flags::empty(), 0, None);
        }
        board.bell().store(0, Ordering::Release);
        board.taken().store(now(), Ordering::Release);
    }
}

/// Lets it go to sleep: it has registered, and what is left of its way into the kernel takes a
/// microsecond.
fn until_asleep(is_about_to: impl Fn() -> bool) {
    while !is_about_to() {
        spin_loop();
    }
    let start = Instant::now();
    while start.elapsed().as_micros() < 30 {
        spin_loop();
    }
}

/// What is timed: until the last unit was taken, or the posting alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    Taken,
    Posted,
}

fn race(
    operations: u64,
    role: &str,
    until: Until,
    mut post: impl FnMut(&Semaphore, &CSem, &Board),
) -> Figures {
    let semaphore = Semaphore::create(Name::unique("pit-bench-hundred"), 0).expect("a new one");
    let c = CSem::open(&semaphore.name().to_string());
    let name = Name::unique("pit-bench-board");
    let board = Board::create(&name);
    let peer = pair::run(role, 1, &[&semaphore.name().to_string(), &name.to_string()]);
    pair::pin(0);
    let mut samples = Vec::new();
    for _ in 0..operations {
        let is_bare = role == "sleep_bare";
        until_asleep(|| is_bare || semaphore.waiters() != Some(0));
        board.taken().store(0, Ordering::Relaxed);
        let start = now();
        post(&semaphore, &c, &board);
        let posted = now();
        let taken = loop {
            match board.taken().load(Ordering::Acquire) {
                0 => spin_loop(),
                taken => break taken,
            }
        };
        samples.push(if until == Until::Taken { taken } else { posted }.saturating_sub(start));
    }
    pair::unpin();
    assert_eq!(semaphore.value().ok(), Some(0), "every unit was taken");
    drop(peer);
    Figures::of_samples(&mut samples)
}

fn contest(name: &str, until: Until) {
    Contest::new(name, 500)
        .contender("posix-ipc post_many", move |operations| {
            race(operations, "take", until, |ours, _, _| ours.post_many(UNITS).expect("post"))
        })
        .contender("posix-ipc 100 x post", move |operations| {
            race(operations, "take", until, |ours, _, _| {
                (0..UNITS).for_each(|_| ours.post().expect("post"));
            })
        })
        .contender("libc 100 x sem_post", move |operations| {
            race(operations, "take_c", until, |_, c, _| (0..UNITS).for_each(|_| c.post()))
        })
        .contender("bare futex wake", move |operations| {
            race(operations, "sleep_bare", until, |_, _, board| {
                board.bell().store(1, Ordering::Release);
                let _ = futex::wake(board.bell(), futex::Flags::empty(), 1);
            })
        })
        .target("posix-ipc post_many", "libc 100 x sem_post", Figure::P50, 0.5)
        .target("posix-ipc post_many", "bare futex wake", Figure::P50, 1.25)
        .run();
}

pub(crate) fn contests() {
    contest("sem/post-100-to-a-sleeper", Until::Taken);
    contest("sem/post-100-to-a-sleeper, posting alone", Until::Posted);
}

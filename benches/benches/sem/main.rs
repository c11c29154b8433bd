//! Semaphores beside the C library's own and the crates that wrap it, with a bare pair of locked
//! instructions as the limit.

mod peers;
mod sleeper;

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use criterion::Criterion;
use posix_ipc::sem::Spin;
use posix_ipc::{Name, Semaphore};
use posix_ipc_benches::contest::{Contest, is_test};
use posix_ipc_benches::figures::{Figure, Figures};
use posix_ipc_benches::pair;
use posix_ipc_sys::sem as sys;

use peers::{CSem, NamedSem, NamedSemaphore, Units};

/// Two semaphores, that one process posts and the other waits for, and back.
struct Duo {
    there: Semaphore,
    back: Semaphore,
}

impl Duo {
    fn create() -> Self {
        let create = |prefix| Semaphore::create(Name::unique(prefix), 0).expect("a new semaphore");
        Self { there: create("pit-bench-there"), back: create("pit-bench-back") }
    }

    fn names(&self) -> [String; 2] {
        [self.there.name().to_string(), self.back.name().to_string()]
    }
}

/// In the other process: answers each unit with one, through this library.
fn answer(arguments: &[String]) {
    let (spin, there, back) = open_duo(arguments);
    let mut there = there;
    there.set_spin(spin);
    pair::ready();
    loop {
        there.wait().expect("wait");
        back.post().expect("post");
    }
}

fn open_duo(arguments: &[String]) -> (Spin, Semaphore, Semaphore) {
    let open = |name: &str| Semaphore::open(name).expect("the bench has made it");
    let spin = if arguments[0] == "never" { Spin::Never } else { Spin::default() };
    (spin, open(&arguments[1]), open(&arguments[2]))
}

/// The same through a peer.
fn answer_through<S: Units>(arguments: &[String]) {
    let (there, back) = (S::open(&arguments[1]), S::open(&arguments[2]));
    pair::ready();
    loop {
        there.wait();
        back.post();
    }
}

/// Round trips between this process on processor 0 and another on `cpu`.
fn hand_over(operations: u64, cpu: usize, spin: &str) -> Figures {
    let mut duo = Duo::create();
    let [there, back] = duo.names();
    let peer = pair::run("answer", cpu, &[spin, &there, &back]);
    if spin == "never" {
        duo.back.set_spin(Spin::Never);
    }
    pair::pin(0);
    let round_trip = || {
        duo.there.post().expect("post");
        duo.back.wait().expect("wait");
    };
    (0..operations / 4).for_each(|_| round_trip());
    let figures = Figures::of_each(operations, round_trip);
    pair::unpin();
    assert_eq!(duo.there.value().ok(), Some(0), "every unit was taken");
    drop(peer);
    figures
}

fn hand_over_through<S: Units>(operations: u64, cpu: usize, role: &str) -> Figures {
    let duo = Duo::create();
    let [there, back] = duo.names();
    let peer = pair::run(role, cpu, &["", &there, &back]);
    let (there, back) = (S::open(&there), S::open(&back));
    pair::pin(0);
    let round_trip = || {
        there.post();
        back.wait();
    };
    (0..operations / 4).for_each(|_| round_trip());
    let figures = Figures::of_each(operations, round_trip);
    pair::unpin();
    assert_eq!(duo.there.value().ok(), Some(0), "every unit was taken");
    drop(peer);
    figures
}

/// A cache line there and back: what any hand-over costs at least.
fn answer_line(arguments: &[String]) {
    let line = sys::open(&arguments[1], sys::OpenFlags::empty(), sys::Mode::empty(), 0)
        .expect("the bench has made it");
    pair::ready();
    // The line goes to and fro as a value that is odd here and even there.
    loop {
        while sys::getvalue(&line).is_ok_and(|value| value % 2 == 0) {
            std::hint::spin_loop();
        }
        sys::post(&line).expect("post");
    }
}

fn line(operations: u64) -> Figures {
    let duo = Duo::create();
    let [there, back] = duo.names();
    let peer = pair::run("answer_line", 1, &["", &there, &back]);
    let line = sys::open(&*there, sys::OpenFlags::empty(), sys::Mode::empty(), 0).expect("open");
    pair::pin(0);
    let figures = Figures::of_each(operations, || {
        sys::post(&line).expect("post");
        while sys::getvalue(&line).is_ok_and(|value| value % 2 == 1) {
            std::hint::spin_loop();
        }
    });
    pair::unpin();
    drop(peer);
    figures
}

fn uncontended() {
    let duo = Duo::create();
    let name = duo.there.name().to_string();
    let c = CSem::open(&name);
    let raw = sys::open(&*name, sys::OpenFlags::empty(), sys::Mode::empty(), 0).expect("open");
    let (named_sem, named_semaphore) = (NamedSem::open(&name), NamedSemaphore::open(&name));
    let bare = AtomicU64::new(0);
    Contest::new("sem/uncontended", 5_000_000)
        .rounds(9)
        .contender("posix-ipc", |operations| {
            let semaphore = black_box(&duo.there);
            Figures::of_loop(operations, || {
                semaphore.post().expect("post");
                semaphore.wait().expect("wait");
            })
        })
        .contender("posix-ipc-sys", |operations| {
            let semaphore = black_box(&raw);
            Figures::of_loop(operations, || {
                sys::post(semaphore).expect("post");
                sys::wait(semaphore).expect("wait");
            })
        })
        .contender("libc", |operations| {
            let semaphore = black_box(&c);
            Figures::of_loop(operations, || {
                semaphore.post();
                semaphore.wait();
            })
        })
        .contender("named-sem", |operations| {
            let semaphore = black_box(&named_sem);
            Figures::of_loop(operations, || {
                semaphore.post();
                semaphore.wait();
            })
        })
        .contender("named-semaphore", |operations| {
            let semaphore = black_box(&named_semaphore);
            Figures::of_loop(operations, || {
                semaphore.post();
                semaphore.wait();
            })
        })
        .contender("bare locked pair", |operations| {
            let bare = black_box(&bare);
            Figures::of_loop(operations, || {
                bare.fetch_add(1, Ordering::Release);
                bare.fetch_sub(1, Ordering::Acquire);
            })
        })
        .target("posix-ipc", "libc", Figure::Mean, 0.90)
        .target("posix-ipc", "bare locked pair", Figure::Mean, 1.25)
        .run();
    assert_eq!(duo.there.value().ok(), Some(0));
}

fn hand_overs() {
    if pair::processors() > 1 {
        Contest::new("sem/handover-two-cores", 4_000)
            .contender("posix-ipc", |operations| hand_over(operations, 1, "default"))
            .contender("posix-ipc, Spin::Never", |operations| hand_over(operations, 1, "never"))
            .contender("libc", |operations| hand_over_through::<CSem>(operations, 1, "answer_c"))
            .contender("named-sem", |operations| {
                hand_over_through::<NamedSem>(operations, 1, "answer_named_sem")
            })
            .contender("named-semaphore", |operations| {
                hand_over_through::<NamedSemaphore>(operations, 1, "answer_named_semaphore")
            })
            .contender("cache line", line)
            .target("posix-ipc", "libc", Figure::P50, 0.01)
            .target("posix-ipc, Spin::Never", "libc", Figure::P50, 1.02)
            .run();
    }
    Contest::new("sem/handover-one-core", 20_000)
        .contender("posix-ipc", |operations| hand_over(operations, 0, "default"))
        .contender("libc", |operations| hand_over_through::<CSem>(operations, 0, "answer_c"))
        .contender("named-sem", |operations| {
            hand_over_through::<NamedSem>(operations, 0, "answer_named_sem")
        })
        .contender("named-semaphore", |operations| {
            hand_over_through::<NamedSemaphore>(operations, 0, "answer_named_semaphore")
        })
        .target("posix-ipc", "libc", Figure::P50, 1.00)
        .target("posix-ipc", "libc", Figure::Mean, 1.05)
        .target("posix-ipc", "libc", Figure::P99, 1.5)
        .run();
}

fn hundreds() {
    let duo = Duo::create();
    let c = CSem::open(&duo.there.name().to_string());
    Contest::new("sem/post-100", 20_000)
        .contender("posix-ipc post_many", |operations| {
            let semaphore = black_box(&duo.there);
            let figures = Figures::of_loop(operations, || semaphore.post_many(100).expect("post"));
            assert!(semaphore.try_wait_many(100 * operations as u32), "all were posted");
            figures
        })
        .contender("libc 100 x sem_post", |operations| {
            let semaphore = black_box(&c);
            let figures = Figures::of_loop(operations, || (0..100).for_each(|_| semaphore.post()));
            assert!(duo.there.try_wait_many(100 * operations as u32), "all were posted");
            figures
        })
        .target("posix-ipc post_many", "libc 100 x sem_post", Figure::Mean, 0.04)
        .run();
    assert!(!c.try_wait());
    if pair::processors() > 1 {
        sleeper::contests();
    }
}

/// The jobs of one thread once more, timed by criterion.
fn single_thread(criterion: &mut Criterion) {
    let duo = Duo::create();
    let c = CSem::open(&duo.there.name().to_string());
    let mut group = criterion.benchmark_group("sem-pair");
    group.bench_function("posix-ipc", |bencher| {
        bencher.iter(|| {
            duo.there.post().expect("post");
            duo.there.wait().expect("wait");
        });
    });
    group.bench_function("libc", |bencher| {
        bencher.iter(|| {
            c.post();
            c.wait();
        });
    });
    group.finish();
}

fn main() {
    pair::dispatch(&[
        ("answer", answer),
        ("answer_c", answer_through::<CSem>),
        ("answer_named_sem", answer_through::<NamedSem>),
        ("answer_named_semaphore", answer_through::<NamedSemaphore>),
        ("answer_line", answer_line),
        ("take", sleeper::take),
        ("take_c", sleeper::take_c),
        ("sleep_bare", sleeper::sleep_bare),
    ]);
    uncontended();
    hand_overs();
    hundreds();
    let mut criterion = Criterion::default().configure_from_args();
    if !is_test() {
        criterion = criterion.sample_size(20);
    }
    single_thread(&mut criterion);
    criterion.final_summary();
}

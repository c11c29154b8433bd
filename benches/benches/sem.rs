//! Semaphores beside the C library's own, with a bare pair of locked instructions as the limit.

use std::ffi::CString;
use std::hint::black_box;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use criterion::Criterion;
use posix_ipc::sem::Spin;
use posix_ipc::{Name, Semaphore};
use posix_ipc_benches::contest::{Contest, is_test};
use posix_ipc_benches::figures::{Figure, Figures};
use posix_ipc_benches::pair;
use posix_ipc_sys::sem as sys;

/// A semaphore of the C library.
struct CSem(NonNull<libc::sem_t>);

impl CSem {
    fn open(name: &str) -> Self {
        let name = CString::new(name).expect("a name without NUL");
        // SAFETY: the name is a C string.
        let sem = unsafe { libc::sem_open(name.as_ptr(), 0) };
        assert_ne!(sem, libc::SEM_FAILED, "sem_open");
        Self(NonNull::new(sem).expect("not null"))
    }

    #[inline]
    fn post(&self) {
        // SAFETY: the semaphore is open until this is dropped.
        let result = unsafe { libc::sem_post(self.0.as_ptr()) };
        assert_eq!(result, 0);
    }

    #[inline]
    fn wait(&self) {
        // SAFETY: as above.
        let result = unsafe { libc::sem_wait(self.0.as_ptr()) };
        assert_eq!(result, 0);
    }

    fn try_wait(&self) -> bool {
        // SAFETY: as above.
        let result = unsafe { libc::sem_trywait(self.0.as_ptr()) };
        result == 0
    }
}

impl Drop for CSem {
    fn drop(&mut self) {
        // SAFETY: as above; nobody uses it afterwards.
        unsafe { libc::sem_close(self.0.as_ptr()) };
    }
}

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

/// In the other process: takes a hundred units, then answers with one.
fn take_hundred(arguments: &[String]) {
    let (spin, there, back) = open_duo(arguments);
    let mut there = there;
    there.set_spin(spin);
    pair::ready();
    loop {
        (0..100).for_each(|_| there.wait().expect("wait"));
        back.post().expect("post");
    }
}

fn open_duo(arguments: &[String]) -> (Spin, Semaphore, Semaphore) {
    let open = |name: &str| Semaphore::open(name).expect("the bench has made it");
    let spin = if arguments[0] == "never" { Spin::Never } else { Spin::default() };
    (spin, open(&arguments[1]), open(&arguments[2]))
}

fn answer_c(arguments: &[String]) {
    let (there, back) = (CSem::open(&arguments[1]), CSem::open(&arguments[2]));
    pair::ready();
    loop {
        there.wait();
        back.post();
    }
}

fn take_hundred_c(arguments: &[String]) {
    let (there, back) = (CSem::open(&arguments[1]), CSem::open(&arguments[2]));
    pair::ready();
    loop {
        (0..100).for_each(|_| there.wait());
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

fn hand_over_c(operations: u64, cpu: usize) -> Figures {
    let duo = Duo::create();
    let [there, back] = duo.names();
    let peer = pair::run("answer_c", cpu, &["", &there, &back]);
    let (there, back) = (CSem::open(&there), CSem::open(&back));
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

/// Waits until the other process sleeps on the semaphore.
fn until_asleep(semaphore: &Semaphore) {
    while semaphore.waiters() == Some(0) {
        std::hint::spin_loop();
    }
    let start = std::time::Instant::now();
    // It has registered; what is left of its way into the kernel takes a microsecond.
    while start.elapsed().as_micros() < 30 {
        std::hint::spin_loop();
    }
}

fn hundred_to_a_sleeper(
    operations: u64,
    role: &str,
    mut round_trip: impl FnMut(&Duo, &CSem, &CSem),
) -> Figures {
    let duo = Duo::create();
    let [there, back] = duo.names();
    let peer = pair::run(role, 1, &["never", &there, &back]);
    let (there, back) = (CSem::open(&there), CSem::open(&back));
    pair::pin(0);
    let mut samples = Vec::new();
    for _ in 0..operations {
        until_asleep(&duo.there);
        let start = std::time::Instant::now();
        round_trip(&duo, &there, &back);
        samples.push(start.elapsed().as_nanos() as u64);
    }
    pair::unpin();
    assert_eq!(duo.there.value().ok(), Some(0), "every unit was taken");
    drop(peer);
    Figures::of_samples(&mut samples)
}

fn uncontended() {
    let duo = Duo::create();
    let name = duo.there.name().to_string();
    let c = CSem::open(&name);
    let raw = sys::open(&*name, sys::OpenFlags::empty(), sys::Mode::empty(), 0).expect("open");
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
            .contender("libc", |operations| hand_over_c(operations, 1))
            .contender("cache line", line)
            .target("posix-ipc", "libc", Figure::P50, 0.01)
            .target("posix-ipc, Spin::Never", "libc", Figure::P50, 1.02)
            .run();
    }
    Contest::new("sem/handover-one-core", 20_000)
        .contender("posix-ipc", |operations| hand_over(operations, 0, "default"))
        .contender("libc", |operations| hand_over_c(operations, 0))
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
        Contest::new("sem/post-100-to-a-sleeper", 500)
            .contender("posix-ipc post_many", |operations| {
                hundred_to_a_sleeper(operations, "take_hundred", |duo, _, _| {
                    duo.there.post_many(100).expect("post");
                    duo.back.wait().expect("wait");
                })
            })
            .contender("libc 100 x sem_post", |operations| {
                hundred_to_a_sleeper(operations, "take_hundred_c", |_, there, back| {
                    (0..100).for_each(|_| there.post());
                    back.wait();
                })
            })
            .target("posix-ipc post_many", "libc 100 x sem_post", Figure::P50, 0.5)
            .run();
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
        ("answer_c", answer_c),
        ("answer_line", answer_line),
        ("take_hundred", take_hundred),
        ("take_hundred_c", take_hundred_c),
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

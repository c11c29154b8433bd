//! Shared memory beside `memcpy` on private memory, and creation beside `ftruncate` and touching.

use std::cmp::Ordering;
use std::hint::black_box;
use std::process::Command;
use std::ptr;
use std::time::{Duration, Instant};

use criterion::Criterion;
use posix_ipc::shm::Mapping;
use posix_ipc::{Name, OpenMode, SharedMemory};
use posix_ipc_benches::contest::Contest;
use posix_ipc_benches::figures::{Figure, Figures};

const PAGE: usize = 4096;
/// Sizes in bytes, with the least share of memcpy's bandwidth.
const SIZES: [(&str, usize, f64); 9] = [
    ("64 B", 64, 0.95),
    ("256 B", 256, 0.9),
    ("1 KiB", 1 << 10, 0.9),
    ("4 KiB", 4 << 10, 0.95),
    ("16 KiB", 16 << 10, 0.95),
    ("64 KiB", 64 << 10, 0.95),
    ("1 MiB", 1 << 20, 0.95),
    ("8 MiB", 8 << 20, 0.95),
    ("64 MiB", 64 << 20, 0.95),
];
/// Set in the child whose `/dev/shm` allows huge pages.
const HUGE: &str = "POSIX_IPC_BENCH_HUGE";

fn main() {
    if std::env::var_os(HUGE).is_some() {
        return huge_contest();
    }
    for (label, size, share) in SIZES {
        copies(label, size, share);
    }
    aliasing();
    creation();
    huge_creation();
    let mut criterion = Criterion::default().configure_from_args();
    one_thread(&mut criterion);
    criterion.final_summary();
}

/// Private memory whose first byte stands `skew` bytes after the start of a page.
struct Private {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Private {
    fn new(len: usize, skew: usize) -> Self {
        let bytes = vec![1; len + 2 * PAGE];
        let start = bytes.as_ptr().align_offset(PAGE) + skew;
        Self { bytes, start, len }
    }

    fn get(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.len]
    }

    fn get_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.len]
    }
}

fn shared(size: usize) -> Mapping {
    let name = Name::unique("bench-shm");
    let memory = SharedMemory::create(name, size as u64).expect("there is memory");
    memory.map_options().populate(true).map().expect("it can be mapped")
}

/// How many copies of that size make a round: about 96 MiB, but not too many short ones.
fn operations(size: usize) -> u64 {
    ((96 << 20) / size).clamp(2, 200_000) as u64
}

/// Times batches of calls, so that the median leaves out those that were interrupted.
fn batches(size: usize, n: u64, mut operation: impl FnMut()) -> Figures {
    let batch = (64 * 1024 / size as u64).clamp(1, n.max(1));
    let mut samples = Vec::with_capacity((n / batch) as usize + 1);
    for _ in 0..n.max(1).div_ceil(batch) {
        let figures = Figures::of_loop(batch, &mut operation);
        samples.push((figures.mean * 1000.0) as u64);
    }
    let Figures { p50, mean, p99 } = Figures::of_samples(&mut samples);
    Figures { p50: p50 / 1000.0, mean: mean / 1000.0, p99: p99 / 1000.0 }
}

fn memcpy(to: &mut [u8], from: &[u8]) {
    assert_eq!(to.len(), from.len());
    let (source, target) = (black_box(from.as_ptr()), black_box(to.as_mut_ptr()));
    // SAFETY: both slices have that length, and one is borrowed mutably.
    unsafe { ptr::copy_nonoverlapping(source, target, from.len()) };
}

/// Both directions at one size, where neither side is near the other in its page.
fn copies(label: &str, size: usize, share: f64) {
    let mapping = shared(size);
    let (from, mut to) = (Private::new(size, 0), Private::new(size, 2048));
    let mut out = Private::new(size, 2048);
    let source = Private::new(size, 2048);
    mapping.write_at(0, source.get()).expect("it fits");
    Contest::new(&format!("shm/copy {label}"), operations(size))
        .rounds(9)
        .contender("memcpy", |n| batches(size, n, || memcpy(to.get_mut(), from.get())))
        .contender("read_at", |n| {
            batches(size, n, || mapping.read_at(0, black_box(out.get_mut())).expect("it fits"))
        })
        .contender("write_at", |n| {
            batches(size, n, || mapping.write_at(0, black_box(source.get())).expect("it fits"))
        })
        .target("read_at", "memcpy", Figure::P50, 1.0 / share)
        .target("write_at", "memcpy", Figure::P50, 1.0 / share)
        .run();
    assert_eq!(mapping.compare(0, source.get()).expect("it fits"), Ordering::Equal);
}

/// Where both sides agree in their low 12 bits but for a little: a shared page, and what
/// `malloc` returned.
fn aliasing() {
    for (label, size) in [("64 KiB", 64 << 10), ("256 KiB", 256 << 10), ("1 MiB", 1 << 20)] {
        let mapping = shared(size);
        let from = Private::new(size, 0);
        let (mut near, mut far) = (Private::new(size, 16), Private::new(size, 2048));
        let (mut near_out, mut far_out) = (Private::new(size, 16), Private::new(size, 2048));
        Contest::new(&format!("shm/copy {label} aliased"), operations(size))
            .contender("memcpy", |n| batches(size, n, || memcpy(far.get_mut(), from.get())))
            .contender("memcpy, aliased", |n| {
                batches(size, n, || memcpy(near.get_mut(), from.get()))
            })
            .contender("read_at", |n| {
                batches(size, n, || {
                    mapping.read_at(0, black_box(far_out.get_mut())).expect("it fits");
                })
            })
            .contender("read_at, aliased", |n| {
                batches(size, n, || {
                    mapping.read_at(0, black_box(near_out.get_mut())).expect("it fits");
                })
            })
            .target("read_at, aliased", "memcpy", Figure::P50, 1.0 / 0.95)
            .target("read_at, aliased", "memcpy, aliased", Figure::P50, 1.0)
            .run();
    }
}

const LARGE: u64 = 64 << 20;

/// The mean time to make 64 MiB, until each page has been touched.
fn timed(n: u64, mut make: impl FnMut() -> Mapping) -> Figures {
    let mut total = Duration::ZERO;
    for _ in 0..n {
        let start = Instant::now();
        let mapping = make();
        for offset in (0..mapping.len()).step_by(PAGE) {
            mapping.write_at(offset, &[1]).expect("it is mapped");
        }
        total += start.elapsed();
        // Giving the memory back is not what is measured.
        drop(mapping);
    }
    Figures::of_total(total, n)
}

fn by_truncate() -> Mapping {
    let options = SharedMemory::options().mode(OpenMode::CreateNew).size(LARGE).sparse(true);
    options.open_mapped(Name::unique("bench-create")).expect("there is memory")
}

fn by_reserve() -> Mapping {
    let options = SharedMemory::options().mode(OpenMode::CreateNew).size(LARGE);
    options.open_mapped(Name::unique("bench-create")).expect("there is memory")
}

fn by_populate(huge: bool) -> Mapping {
    let options = SharedMemory::options().mode(OpenMode::CreateNew).size(LARGE);
    let options = options.populate(true).huge_pages(huge);
    options.open_mapped(Name::unique("bench-create")).expect("there is memory")
}

/// Creating 64 MiB until every page can be used.
fn creation() {
    Contest::new("shm/create 64 MiB", 2)
        .contender("ftruncate, touch", |n| timed(n, by_truncate))
        .contender("reserved, touch", |n| timed(n, by_reserve))
        .contender("populated", |n| timed(n, || by_populate(false)))
        .target("populated", "ftruncate, touch", Figure::Mean, 0.9)
        .run();
}

/// The same with huge pages, in a child whose `/dev/shm` is a mount of its own that allows them.
fn huge_creation() {
    let script = "mount -t tmpfs -o huge=advise tmpfs /dev/shm && exec \"$0\" \"$@\"";
    let status = Command::new("unshare")
        .args(["--mount", "sh", "-c", script])
        .arg(std::env::current_exe().expect("the benchmark has a path"))
        .args(std::env::args_os().skip(1))
        .env(HUGE, "1")
        .status();
    if !status.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED shm/create 64 MiB huge: no private mount of /dev/shm can be made here");
    }
}

fn huge_contest() {
    let mapping = by_populate(true);
    let huge = mapping.huge_bytes().unwrap_or(0);
    if huge < LARGE as usize / 2 {
        eprintln!("SKIPPED shm/create 64 MiB huge: the machine grants {huge} bytes in huge pages");
        return;
    }
    drop(mapping);
    Contest::new("shm/create 64 MiB huge", 2)
        .contender("ftruncate, touch", |n| timed(n, by_truncate))
        .contender("populated", |n| timed(n, || by_populate(false)))
        .contender("populated, huge pages", |n| timed(n, || by_populate(true)))
        .target("populated, huge pages", "ftruncate, touch", Figure::Mean, 0.12)
        .run();
}

fn one_thread(criterion: &mut Criterion) {
    let mapping = shared(4096);
    let mut group = criterion.benchmark_group("shm/one thread");
    group.bench_function("write_at 8 B", |bencher| {
        bencher.iter(|| mapping.write_at(black_box(16), &[7; 8]));
    });
    group.bench_function("fill 4 KiB", |bencher| {
        bencher.iter(|| mapping.fill(0, black_box(4096), 3));
    });
    group.bench_function("copy_within 2 KiB", |bencher| {
        bencher.iter(|| mapping.copy_within(0, black_box(1000), 2048));
    });
    group.bench_function("create and unlink 4 KiB", |bencher| {
        bencher.iter(|| SharedMemory::create(Name::unique("bench-small"), 4096));
    });
    group.finish();
}

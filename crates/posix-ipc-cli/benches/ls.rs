//! `pipc ls` over 10,000 objects, against reading the two directories and asking for the state of
//! each entry, which is the least that a listing can do.
//!
//! As root, in a mount and IPC namespace of its own, where nothing else is.

use std::fs;
use std::hint::black_box;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use criterion::Criterion;
use posix_ipc::inspect;

const PIPC: &str = env!("CARGO_BIN_EXE_pipc");
const PRIVATE: &str = "PIPC_BENCH_PRIVATE";
const OBJECTS: usize = 10_000;
/// One in so many is a semaphore, whose value is read from its file.
const SEMAPHORES: usize = 4;
const ROUNDS: usize = 21;

fn main() {
    if rustix::process::geteuid().is_root() && std::env::var_os(PRIVATE).is_none() {
        let mounts = "mount -t tmpfs -o mode=1777 tmpfs /dev/shm && \
                      mount -t mqueue none /dev/mqueue && exec \"$0\" \"$@\"";
        let itself = std::env::current_exe().expect("the benchmark has a path");
        let error = Command::new("unshare")
            .args(["--mount", "--ipc", "--propagation", "private", "sh", "-c", mounts])
            .arg(itself)
            .args(std::env::args_os().skip(1))
            .env(PRIVATE, "1")
            .exec();
        panic!("cannot run unshare: {error}");
    }
    let objects = Objects::create();
    assert_eq!(listed(), OBJECTS, "every object is listed");
    if !std::env::args().any(|argument| argument == "--test") {
        println!("pipc ls / readdir and stat: {:.2} (median of {ROUNDS} turns)", ratio());
    }
    let mut criterion = Criterion::default()
        .configure_from_args()
        .sample_size(20)
        .measurement_time(Duration::from_secs(3));
    let mut group = criterion.benchmark_group("list 10,000 objects");
    group.bench_function("readdir and stat", |bencher| bencher.iter(read_and_stat));
    group.bench_function("inspect::list", |bencher| bencher.iter(|| black_box(inspect::list())));
    group.bench_function("pipc ls", |bencher| bencher.iter(ls));
    group.finish();
    drop(objects);
    criterion.final_summary();
}

/// The objects, removed when dropped.
struct Objects(Vec<String>);

impl Objects {
    fn create() -> Self {
        let mut semaphore = 1u64.to_ne_bytes().to_vec();
        semaphore.extend(128u32.to_ne_bytes());
        semaphore.resize(32, 0);
        let id = std::process::id();
        let paths: Vec<String> = (0..OBJECTS)
            .map(|number| {
                let (prefix, content) = match number % SEMAPHORES {
                    0 => ("sem.", semaphore.as_slice()),
                    _ => ("", &[0; 100][..]),
                };
                let path = format!("/dev/shm/{prefix}pit-{id}-bench-{number}");
                fs::write(&path, content).expect("the object can be made");
                path
            })
            .collect();
        Self(paths)
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

fn read_and_stat() -> u64 {
    let directories = ["/dev/shm", "/dev/mqueue"];
    let entries = directories.iter().flat_map(|path| fs::read_dir(path).into_iter().flatten());
    entries
        .flatten()
        .filter_map(|entry| fs::symlink_metadata(entry.path()).ok())
        .fold(0, |sum, state| sum + state.len())
}

fn ls() {
    let status = Command::new(PIPC).arg("ls").stdout(Stdio::null()).status();
    assert!(status.expect("pipc runs").success());
}

fn listed() -> usize {
    let output = Command::new(PIPC).args(["ls", "pit-*-bench-*", "--no-headings"]).output();
    output.expect("pipc runs").stdout.iter().filter(|&&byte| byte == b'\n').count()
}

/// How much longer the command takes, both run by turns; starting a process counts for it.
fn ratio() -> f64 {
    let time = |work: &dyn Fn()| {
        let started = Instant::now();
        work();
        started.elapsed().as_secs_f64()
    };
    let mut ratios: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let least = time(&|| {
                black_box(read_and_stat());
            });
            time(&ls) / least
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(ROUNDS / 2).copied().unwrap_or(f64::NAN)
}

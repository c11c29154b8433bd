//! Runs a command while all processors are taken away again and again, as a busy host does to a virtual
//! machine.
//!
//! ```sh
//! cargo run --release -p soak --bin steal -- 50 50 cargo test --workspace
//! ```
//!
//! The two numbers are milliseconds: how long a processor is taken and how long it is left alone, on
//! average; each time is between nothing and twice as much. It asks for real-time scheduling, and thus
//! for root or `CAP_SYS_NICE`. Its status is that of the command, 2 if it could not do its work.

use std::io;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};

const USAGE: &str = "usage: steal BUSY_MS IDLE_MS COMMAND [ARGUMENT]...";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut milliseconds = || arguments.next()?.parse().ok().map(Duration::from_millis);
    let (Some(busy), Some(idle)) = (milliseconds(), milliseconds()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let Some(program) = arguments.next() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(busy, idle, Command::new(program).args(arguments)) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("steal: {error}");
            ExitCode::from(2)
        }
    }
}

/// The status of `command`, run while processors are taken away.
fn run(busy: Duration, idle: Duration, command: &mut Command) -> io::Result<u8> {
    let processors = std::thread::available_parallelism()?.get();
    let is_over = AtomicBool::new(false);
    let (ready, all_ready) = mpsc::channel();
    std::thread::scope(|scope| {
        for processor in 0..processors {
            let (is_over, ready) = (&is_over, ready.clone());
            scope.spawn(move || {
                let is_here = move_to(processor);
                let works = is_here.is_ok();
                if ready.send(is_here).is_ok() && works {
                    steal(processor, busy, idle, is_over);
                }
            });
        }
        let started = all_ready.iter().take(processors).collect::<io::Result<()>>();
        let status = started.and_then(|()| command.status());
        is_over.store(true, Ordering::Relaxed);
        Ok(status?.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
    })
}

/// Runs this thread on `processor` alone, before all others there.
fn move_to(processor: usize) -> io::Result<()> {
    let mut only = CpuSet::new();
    only.set(processor);
    sched_setaffinity(None, &only)?;
    let priority = libc::sched_param { sched_priority: 50 };
    // SAFETY: sets the calling thread's scheduling by a parameter that outlives the call.
    match unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const priority) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Takes the processor of this thread away until it is over.
fn steal(processor: usize, busy: Duration, idle: Duration, is_over: &AtomicBool) {
    // Multiples of the golden ratio are spread evenly, and no two processors go in step.
    let lengths = (1u32..).map(|n| f64::from(n) * 0.618_034 + processor as f64 * 0.37);
    for length in lengths {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let start = Instant::now();
        while start.elapsed() < busy.mul_f64(2.0 * length.fract()) {
            std::hint::spin_loop();
        }
        std::thread::sleep(idle.mul_f64(2.0 * (length * 1.7).fract()));
    }
}

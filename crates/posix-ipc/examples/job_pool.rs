//! Jobs of any number of processes, of which only a few run at a time.
//!
//! ```sh
//! cargo run --example job_pool                                  # shows it with processes of its own
//! cargo run --example job_pool -- 2 gzip -k one.tar             # in as many terminals as you like:
//! cargo run --example job_pool -- 2 gzip -k two.tar             # never more than 2 at once
//! ```
//!
//! The limit belongs to the pool, so that all have to agree on it: whoever comes first makes the
//! semaphore with so many units, and whoever leaves last removes it. Who is killed while it runs a
//! job takes its unit along: POSIX semaphores have no owner.

use std::error::Error;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use posix_ipc::{Cleanup, OpenMode, Semaphore};

const NAME: &str = "/example-pool";

fn pool(limit: u32) -> Result<Semaphore, posix_ipc::Error> {
    Semaphore::options()
        .mode(OpenMode::OpenOrCreate)
        .initial_value(limit)
        .cleanup(Cleanup::LastUser)
        .open(NAME)
}

/// Runs one command when there is room.
fn run(limit: u32, program: &str, arguments: &[&str]) -> Result<ExitCode, Box<dyn Error>> {
    let pool = pool(limit)?;
    let permit = match pool.try_acquire() {
        Some(permit) => permit,
        None => {
            eprintln!("{program}: waiting for one of {limit} places");
            pool.acquire()?
        }
    };
    let status = Command::new(program).args(arguments).status()?;
    permit.release()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Five processes of this program at two places.
fn demonstrate() -> Result<ExitCode, Box<dyn Error>> {
    const JOBS: u32 = 5;
    let pool = pool(2)?; // stays until all have come and gone
    let start = Instant::now();
    let binary = std::env::current_exe()?;
    let processes: Result<Vec<_>, _> = (1..=JOBS)
        .map(|job| Command::new(&binary).args(["job", &job.to_string()]).spawn())
        .collect();
    for mut process in processes? {
        if !process.wait()?.success() {
            return Err("a job failed".into());
        }
    }
    println!(
        "{JOBS} jobs in {:.1} s, {} places free",
        start.elapsed().as_secs_f32(),
        pool.value()?
    );
    Ok(ExitCode::SUCCESS)
}

/// What a process of the demonstration does.
fn job(number: &str) -> Result<ExitCode, Box<dyn Error>> {
    let pool = pool(2)?;
    let _permit = pool.acquire()?; // given back at the end of the function, come what may
    println!("job {number} starts");
    thread::sleep(Duration::from_millis(200));
    println!("job {number} ends");
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        [] => demonstrate(),
        ["job", number] => job(number),
        [limit, program, arguments @ ..] => {
            limit.parse().map_err(Into::into).and_then(|limit| run(limit, program, arguments))
        }
        _ => Err("job_pool LIMIT PROGRAM [ARGUMENT...]".into()),
    };
    result.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

//! All kinds at once, over processes that are killed at random.
//!
//! ```sh
//! cargo run --release -p soak -- --minutes 10
//! cargo run --release -p soak -- --minutes 1 --seed 7 --only ring
//! ```
//!
//! A round lasts a few seconds. Its processes send and receive, wait and post, create and remove, and keep
//! a ledger of what they are about to do and have done in memory that outlives them; this process kills
//! one after another with `SIGKILL`, or stops and continues it, and starts the next. Then all are told to
//! end, and the ledger is compared with what is in the objects: nothing may be lost but what a process
//! held when it was killed, nothing doubled, invented or damaged, and no name, descriptor
//! or mapping may be left. The seed decides who is killed when, and what the processes do;
//! the scheduler decides the rest.

mod arguments;
mod kinds;
mod ledger;
mod random;
mod round;
mod words;
mod worker;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use arguments::Mode;
use kinds::Totals;
use random::Random;

fn main() -> ExitCode {
    match arguments::parse(std::env::args().skip(1)) {
        Ok(Mode::Worker(task)) => worker::run(&task),
        Ok(Mode::Soak { minutes, seed, only }) => soak(minutes, seed, only.as_deref()),
        Err(message) => {
            eprintln!("{message}\n{}", arguments::USAGE);
            ExitCode::from(2)
        }
    }
}

fn soak(minutes: f64, seed: u64, only: Option<&str>) -> ExitCode {
    println!("soak: {minutes} minutes, seed {seed}");
    let end = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    let mut random = Random::new(seed);
    let mut totals = Totals::default();
    while Instant::now() < end {
        if let Err(violation) = round::run(&mut random, only, &mut totals) {
            println!("{totals}");
            println!("VIOLATION in round {}, seed {seed}: {violation}", totals.rounds);
            return ExitCode::FAILURE;
        }
    }
    println!("{totals}");
    println!("nothing lost, doubled, damaged or left");
    ExitCode::SUCCESS
}

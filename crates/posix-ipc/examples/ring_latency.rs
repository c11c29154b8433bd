//! How long a message takes to another process and back, over two rings, as a histogram.
//!
//! In one terminal:
//!
//! ```text
//! cargo run --release -p posix-ipc --example ring_latency -- pong
//! ```
//!
//! and in another:
//!
//! ```text
//! cargo run --release -p posix-ipc --example ring_latency -- ping [LENGTH [COUNT]]
//! ```
//!
//! The first that comes creates the rings, the last that goes removes them. Kill either one with
//! `kill -9` and start it again.

use std::error::Error;
use std::time::{Duration, Instant};

use posix_ipc::ring::ReceiveError;
use posix_ipc::ring::spsc::{Receiver, Sender};
use posix_ipc::{Cleanup, Name, OpenMode};

const THERE: Name = Name::from_static("/ring-latency-there");
const BACK: Name = Name::from_static("/ring-latency-back");

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default| match arguments.get(at) {
        Some(text) => text.parse::<usize>(),
        None => Ok(default),
    };
    match arguments.first().map(String::as_str) {
        Some("pong") => pong(),
        Some("ping") => ping(number(1, 64)?.max(8), number(2, 1_000_000)?.max(1)),
        _ => Err("ring_latency pong | ring_latency ping [LENGTH [COUNT]]".into()),
    }
}

fn sender(name: &Name) -> Result<Sender, posix_ipc::Error> {
    let options = Sender::options().mode(OpenMode::OpenOrCreate).cleanup(Cleanup::LastUser);
    options.outlive_peer(true).open(name)
}

fn receiver(name: &Name) -> Result<Receiver, posix_ipc::Error> {
    let options = Receiver::options().mode(OpenMode::OpenOrCreate).cleanup(Cleanup::LastUser);
    options.open(name)
}

/// Sends every message back, until the other side leaves.
fn pong() -> Result<(), Box<dyn Error>> {
    let (mut back, mut there) = (sender(&BACK)?, receiver(&THERE)?);
    println!("waiting for ping");
    loop {
        match there.peek() {
            Ok(record) => {
                // From the one ring straight into the other.
                let mut grant = back.reserve(record.len())?;
                std::io::copy(&mut record.reader(), &mut grant)?;
                grant.commit();
                record.release();
            }
            Err(ReceiveError::PeerGone) => break,
            Err(error) => return Err(error.into()),
        }
    }
    println!("ping has left");
    Ok(())
}

fn ping(len: usize, count: usize) -> Result<(), Box<dyn Error>> {
    let (mut there, mut back) = (sender(&THERE)?, receiver(&BACK)?);
    if !there.wait_for_peer(Duration::from_secs(60)) {
        return Err("nobody came: start pong".into());
    }
    let mut message = vec![0; len];
    let mut answer = vec![0; len];
    let mut times = Vec::with_capacity(count);
    for i in 0..count + count / 10 {
        message[..8].copy_from_slice(&(i as u64).to_ne_bytes());
        let start = Instant::now();
        there.send(&message)?;
        back.receive(&mut answer)?;
        let time = start.elapsed();
        assert_eq!(answer, message, "the answer is what was sent");
        // The first tenth warms up.
        if i >= count / 10 {
            times.push(time);
        }
    }
    times.sort_unstable();
    print(&times, len);
    Ok(())
}

/// Prints percentiles, and a histogram whose rows are factors of two.
fn print(times: &[Duration], len: usize) {
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("{} round trips of {len} bytes", times.len());
    for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)]
    {
        println!("  {name:<6} {:>12?}", at(share));
    }
    let mean = times.iter().sum::<Duration>() / times.len() as u32;
    println!("  {:<6} {mean:>12?}", "mean");
    let mut limit = Duration::from_nanos(64);
    let mut rest = times;
    while !rest.is_empty() {
        let here = rest.partition_point(|time| *time < limit);
        let share = here as f64 / times.len() as f64;
        if here > 0 {
            let bar = "#".repeat((share * 60.0).ceil() as usize);
            println!("  < {limit:>9?} {here:>9} {:>7.3} % {bar}", share * 100.0);
        }
        rest = &rest[here..];
        limit *= 2;
    }
}

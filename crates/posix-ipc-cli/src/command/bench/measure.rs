//! The measurements; every answer is checked.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use posix_ipc::{Kind, Name, Semaphore, SharedMemory};

use super::Report;
use super::link::{COUNT, ECHO, Pair, TELL};
use crate::args::Measured;
use crate::command::temporary;
use crate::exit::{Failure, Outcome, Status};

/// Round trips before the clock counts.
const WARM_UP: u32 = 200;
/// How many messages are sent between two looks at the clock.
const BATCH: u64 = 64;
const LONGEST: u64 = 60_000_000_000;

fn wrong(text: &str) -> Failure {
    Failure::said(Status::Failed, format!("the measurement is wrong: {text}"))
}

fn empty() -> Outcome<Histogram<u64>> {
    Histogram::new_with_bounds(1, LONGEST, 3).map_err(|_| wrong("no histogram"))
}

pub(super) fn run(what: Measured, size: usize, duration: Duration) -> Outcome<Report> {
    if what == Measured::Shm {
        return copies(size, duration);
    }
    let mut pair = Pair::start(what, size)?;
    let latency = round_trips(&mut pair, size, duration)?;
    let throughput = match what {
        Measured::Sem => pairs(duration)?,
        _ => one_way(&mut pair, size, duration)?,
    };
    Ok(Report { what, latency, throughput, bytes: false })
}

fn round_trips(pair: &mut Pair, size: usize, duration: Duration) -> Outcome<Histogram<u64>> {
    let mut latency = empty()?;
    let mut message = vec![ECHO; size];
    let mut answer = Vec::with_capacity(size);
    for _ in 0..WARM_UP {
        pair.link.send(&message)?;
        pair.link.receive(&mut answer)?;
    }
    let end = Instant::now() + duration;
    for number in 0u64.. {
        if let Some(place) = message.get_mut(8..16) {
            place.copy_from_slice(&number.to_ne_bytes());
        }
        let started = Instant::now();
        pair.link.send(&message)?;
        pair.link.receive(&mut answer)?;
        let now = Instant::now();
        // A semaphore carries nothing to compare.
        if answer.len() == size && answer != message && answer.iter().any(|&byte| byte != ECHO) {
            return Err(wrong("an answer is not what was sent"));
        }
        let nanoseconds = u64::try_from((now - started).as_nanos()).unwrap_or(LONGEST);
        latency.saturating_record(nanoseconds);
        if now >= end {
            break;
        }
    }
    Ok(latency)
}

/// Messages a second while this process sends and the other counts.
fn one_way(pair: &mut Pair, size: usize, duration: Duration) -> Outcome<f64> {
    let mut message = vec![COUNT; size];
    let mut answer = Vec::with_capacity(size);
    let started = Instant::now();
    let mut sent = 0u64;
    loop {
        for _ in 0..BATCH {
            if let Some(place) = message.get_mut(8..16) {
                place.copy_from_slice(&sent.to_ne_bytes());
            }
            pair.link.send(&message)?;
            sent += 1;
        }
        if started.elapsed() >= duration {
            break;
        }
    }
    message.fill(TELL);
    pair.link.send(&message)?;
    pair.link.receive(&mut answer)?;
    let taken = started.elapsed();
    let counted = answer.get(8..16).and_then(|bytes| bytes.try_into().ok());
    if counted.map(u64::from_ne_bytes) != Some(sent) {
        return Err(wrong("not all messages arrived"));
    }
    Ok(sent as f64 / taken.as_secs_f64())
}

/// Posts and waits a second that nobody else takes part in.
fn pairs(duration: Duration) -> Outcome<f64> {
    let name = Name::unique("pipc-bench-alone");
    temporary::remove_on_signal([(Kind::Semaphore, name.clone())])?;
    let semaphore = Semaphore::create(name, 0)?;
    let started = Instant::now();
    let mut done = 0u64;
    loop {
        for _ in 0..BATCH {
            semaphore.post()?;
            if !semaphore.try_wait() {
                return Err(wrong("a unit was lost"));
            }
            done += 1;
        }
        if started.elapsed() >= duration {
            break;
        }
    }
    Ok(done as f64 / started.elapsed().as_secs_f64())
}

/// Copies of `size` bytes into shared memory and out of it, and the bandwidth of large ones.
fn copies(size: usize, duration: Duration) -> Outcome<Report> {
    const LARGE: usize = 1 << 20;
    let length = size.max(LARGE);
    let name = Name::unique("pipc-bench-memory");
    temporary::remove_on_signal([(Kind::SharedMemory, name.clone())])?;
    let memory = SharedMemory::create(name, length as u64)?;
    let mapping = memory.map()?;
    let mut latency = empty()?;
    let source: Vec<u8> = (0..=250).cycle().take(length).collect();
    let mut target = vec![0; length];
    let (small, large) = (source.get(..size), target.get_mut(..size));
    let (Some(small), Some(large)) = (small, large) else { return Err(wrong("no memory")) };
    let end = Instant::now() + duration;
    loop {
        let started = Instant::now();
        mapping.write_at(0, small)?;
        mapping.read_at(0, large)?;
        let now = Instant::now();
        let nanoseconds = u64::try_from((now - started).as_nanos()).unwrap_or(LONGEST);
        latency.saturating_record(nanoseconds);
        if now >= end {
            break;
        }
    }
    if small != &*large {
        return Err(wrong("what was read is not what was written"));
    }
    let started = Instant::now();
    let mut copied = 0u64;
    loop {
        mapping.write_at(0, &source)?;
        mapping.read_at(0, &mut target)?;
        copied += 2 * length as u64;
        if started.elapsed() >= duration {
            break;
        }
    }
    let throughput = copied as f64 / started.elapsed().as_secs_f64();
    if source != target {
        return Err(wrong("what was read is not what was written"));
    }
    Ok(Report { what: Measured::Shm, latency, throughput, bytes: true })
}

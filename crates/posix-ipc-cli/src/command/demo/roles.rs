//! What the other processes of the demo do; they find everything by name.

use posix_ipc::mq::Access;
use posix_ipc::ring::spsc;
use posix_ipc::{MessageQueue, Semaphore, SharedMemory};
use rustix::process::{Signal, set_parent_process_death_signal};

use super::{ANSWER, ANSWER_AT, COUNTER_AT, PATIENCE};
use crate::exit::{Failure, Outcome, Status};
use crate::output::Out;

pub(super) fn play(role: &str, arguments: &[String], out: &mut Out) -> Outcome {
    // No process of the demo outlives it.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    match (role, arguments) {
        ("receive", [queue, count]) => receive(queue, number(count)?, out),
        ("greet", [memory, length]) => greet(memory, number(length)?, out),
        ("count", [memory, semaphore, rounds]) => count(memory, semaphore, number(rounds)?),
        ("ring", [ring, count]) => ring_receive(ring, number(count)?, out),
        _ => Err(Failure::usage("there is no such role")),
    }
}

fn number(text: &str) -> Outcome<u32> {
    text.parse().map_err(|_| Failure::usage(format!("{text:?} is no number")))
}

fn receive(queue: &str, count: u32, out: &mut Out) -> Outcome {
    let queue = MessageQueue::options().access(Access::Receive).open(queue)?;
    let mut message = Vec::new();
    for _ in 0..count {
        message.clear();
        let Some((_, priority)) = queue.receive_timeout(&mut message, PATIENCE)? else {
            return Err(Failure::timed_out("no message came"));
        };
        out.line(&format!("{} {}", priority.get(), String::from_utf8_lossy(&message)))?;
        out.flush()?;
    }
    Ok(())
}

fn greet(memory: &str, length: u32, out: &mut Out) -> Outcome {
    let mapping = SharedMemory::open(memory)?.map()?;
    let greeting = mapping.to_vec(0, usize::try_from(length).unwrap_or(0))?;
    mapping.write_at(ANSWER_AT, ANSWER)?;
    out.line(&String::from_utf8_lossy(&greeting))
}

/// Reads, adds and writes in three steps, which only the semaphore makes one.
fn count(memory: &str, semaphore: &str, rounds: u32) -> Outcome {
    let mapping = SharedMemory::open(memory)?.map()?;
    let semaphore = Semaphore::open(semaphore)?;
    for _ in 0..rounds {
        let Some(_permit) = semaphore.acquire_timeout(PATIENCE)? else {
            return Err(Failure::timed_out("the door stayed shut"));
        };
        let mut bytes = [0; 8];
        mapping.read_at(COUNTER_AT, &mut bytes)?;
        let counter = u64::from_ne_bytes(bytes) + 1;
        mapping.write_at(COUNTER_AT, &counter.to_ne_bytes())?;
    }
    Ok(())
}

/// Adds up the numbers it receives, which have to count up.
fn ring_receive(ring: &str, count: u32, out: &mut Out) -> Outcome {
    let mut receiver = spsc::Receiver::open(ring)?;
    out.line("ready")?;
    out.flush()?;
    let mut sum = 0u64;
    for expected in 0..count {
        let mut bytes = [0; 4];
        let received = receiver.receive_timeout(&mut bytes, PATIENCE);
        if !matches!(received, Ok(Some(4))) || u32::from_ne_bytes(bytes) != expected {
            let text = format!("message {expected} did not come: {received:?}");
            return Err(Failure::said(Status::Failed, text));
        }
        sum += u64::from(expected);
    }
    out.line(&sum.to_string())
}

//! `pipc demo`: real processes that meet by name alone, step by step, with every result checked.

mod roles;
mod stage;

use std::time::{Duration, Instant};

use posix_ipc::inspect::{self, Usage};
use posix_ipc::ring::spsc;
use posix_ipc::{Kind, MessageQueue, Name, OpenMode, Semaphore, SharedMemory};
use serde_json::json;

use crate::args::DemoArgs;
use crate::exit::{Failure, Outcome, Status};
use crate::output::Out;
use stage::{Actor, Names, Stage};

/// How long anybody waits for anybody; only a failure takes so long.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
const GREETING: &[u8] = b"hello from the process that made it";
/// Where in the memory the answer stands, and where the counter.
pub(super) const ANSWER_AT: usize = 128;
pub(super) const COUNTER_AT: usize = 256;
pub(super) const ANSWER: &[u8] = b"hello back from the other one";
const RING_MESSAGES: u32 = 100_000;

pub(crate) fn run(args: &DemoArgs, out: &mut Out) -> Outcome {
    if let [role, arguments @ ..] = args.role.as_slice() {
        return roles::play(role, arguments, out);
    }
    let names = Names::new()?;
    let mut stage = Stage::new(out, args.workers, args.rounds);
    stage.note("Processes that know nothing of each other but names.")?;
    // Each step's objects go when it returns; the names are looked for afterwards.
    queue(&mut stage, &names.queue)?;
    memory(&mut stage, &names)?;
    ring(&mut stage, &names.ring)?;
    nothing_left(&mut stage, &names)?;
    let (checks, failed) = stage.finish()?;
    if out.is_json() {
        return if failed == 0 { Ok(()) } else { Err(Failure::Silent(Status::Failed)) };
    }
    match failed {
        0 => out.line(&format!("\nAll {checks} checks passed.")),
        _ => {
            let text = format!("{failed} of {checks} checks failed");
            Err(Failure::said(Status::Failed, text))
        }
    }
}

/// Messages with priorities, and a receiver that is woken.
fn queue(stage: &mut Stage<'_>, name: &Name) -> Outcome {
    stage.step(&format!("Message queue {name}"))?;
    let queue = MessageQueue::options()
        .mode(OpenMode::CreateNew)
        .capacity(4)
        .message_size(64)
        .open(name)?;
    stage.did("created it for 4 messages of 64 bytes")?;
    let messages: [(&str, u32); 3] = [("first", 0), ("second", 0), ("urgent", 9)];
    for (text, priority) in messages {
        queue.send_timeout(text.as_bytes(), priority, PATIENCE).map_err(failed("send"))?;
        stage.did(&format!("sent {text:?} with priority {priority}"))?;
    }
    let mut receiver = Actor::start(&["receive", &name.to_string(), "4"])?;
    let mut received = Vec::new();
    for _ in 0..3 {
        let line = receiver.line();
        let (priority, text) = line.split_once(' ').unwrap_or(("?", &line));
        stage.other_did(&receiver, &format!("received {text:?} with priority {priority}"))?;
        received.push(text.to_string());
    }
    stage.check("the urgent one came first, the others in their order", {
        received == ["urgent", "first", "second"]
    })?;
    receiver.wait_until_asleep();
    stage.other_did(&receiver, "waits for another")?;
    queue.send_timeout(b"wake up", 1, PATIENCE).map_err(failed("send"))?;
    stage.did("sent \"wake up\" with priority 1")?;
    let line = receiver.line();
    stage.other_did(&receiver, &format!("received {:?}", line.trim_start_matches("1 ")))?;
    stage.check("the waiting process was woken", line == "1 wake up")?;
    stage.check("it ended well, and the queue is empty", {
        receiver.succeeded() && queue.is_empty()?
    })
}

/// Memory that processes share, and a semaphore that guards it.
fn memory(stage: &mut Stage<'_>, names: &Names) -> Outcome {
    stage.step(&format!("Shared memory {}", names.memory))?;
    let memory = SharedMemory::create(&names.memory, 4096)?;
    let mapping = memory.map()?;
    mapping.write_at(0, GREETING)?;
    stage.did(&format!("created 4096 bytes and wrote {:?}", String::from_utf8_lossy(GREETING)))?;
    let mut reader =
        Actor::start(&["greet", &names.memory.to_string(), &GREETING.len().to_string()])?;
    let seen = reader.line();
    stage.other_did(&reader, &format!("read {seen:?} and wrote an answer"))?;
    let ended = reader.succeeded();
    let answer = mapping.to_vec(ANSWER_AT, ANSWER.len())?;
    stage.did(&format!("read {:?}", String::from_utf8_lossy(&answer)))?;
    stage.check("each saw what the other wrote", {
        ended && seen.as_bytes() == GREETING && answer == ANSWER
    })?;

    stage.step(&format!("Semaphore {}", names.semaphore))?;
    let semaphore = Semaphore::create(&names.semaphore, 0)?;
    stage.did("created it with no unit free: nobody may enter yet")?;
    let (workers, rounds) = (stage.workers(), stage.rounds());
    let expected = u64::from(workers) * u64::from(rounds);
    let arguments = [names.memory.to_string(), names.semaphore.to_string(), rounds.to_string()];
    let mut crew = Vec::new();
    for _ in 0..workers {
        let mut words = vec!["count"];
        words.extend(arguments.iter().map(String::as_str));
        crew.push(Actor::start(&words)?);
    }
    let waiting = stage::wait_until(|| semaphore.waiters().is_none_or(|count| count == workers));
    stage.did(&format!("started {workers} processes; all of them wait at the door"))?;
    show_objects(stage, names)?;
    stage.check(&format!("the semaphore counts {workers} waiters"), waiting)?;
    let started = Instant::now();
    semaphore.post()?;
    stage.did("opened the door for one at a time")?;
    let mut all_ended = true;
    for one in &mut crew {
        all_ended &= one.succeeded();
        stage.other_did(one, &format!("added one to the counter, {rounds} times"))?;
    }
    let taken = started.elapsed();
    let counter = mapping.to_vec(COUNTER_AT, 8)?.try_into().map(u64::from_ne_bytes).unwrap_or(0);
    stage.did(&format!("reads {counter} after {} ms", taken.as_millis()))?;
    stage.check(&format!("no addition was lost: {workers} x {rounds} = {expected}"), {
        all_ended && counter == expected
    })?;
    stage.check("the door is open again for one", semaphore.value()? == 1)
}

/// Shows the demo's objects as `pipc ls --users` would.
fn show_objects(stage: &mut Stage<'_>, names: &Names) -> Outcome {
    let ours = names.all();
    let listing = inspect::list_where(|_, name| ours.contains(&name));
    let usage = Usage::scan();
    for object in &listing.objects {
        let mut users: Vec<u32> = usage.of(object).iter().map(|user| user.process.pid).collect();
        users.dedup();
        let users: Vec<String> = users.iter().map(ToString::to_string).collect();
        stage.aside(&format!("{} {} is used by {}", object.kind, object.name, users.join(", ")))?;
    }
    Ok(())
}

/// The fast way: a ring in shared memory.
fn ring(stage: &mut Stage<'_>, name: &Name) -> Outcome {
    stage.step(&format!("Ring {name}"))?;
    let mut sender = spsc::Sender::create(name, 1 << 16)?;
    stage.did("created a ring of 64 KiB")?;
    let count = RING_MESSAGES.to_string();
    let mut receiver = Actor::start(&["ring", &name.to_string(), &count])?;
    let ready = receiver.line() == "ready";
    let started = Instant::now();
    for number in 0..RING_MESSAGES {
        let sent = sender.send_timeout(&number.to_ne_bytes(), PATIENCE);
        sent.map_err(|error| Failure::said(Status::Failed, format!("cannot send: {error}")))?;
    }
    let sum = receiver.line();
    let taken = started.elapsed();
    stage.did(&format!("sent {RING_MESSAGES} messages"))?;
    let each = taken.as_nanos() / u128::from(RING_MESSAGES);
    stage.other_did(&receiver, &format!("received them all, {each} ns each"))?;
    let expected = u64::from(RING_MESSAGES) * u64::from(RING_MESSAGES - 1) / 2;
    stage.check("none was lost, doubled or out of order", {
        ready && sum == expected.to_string() && receiver.succeeded()
    })
}

fn nothing_left(stage: &mut Stage<'_>, names: &Names) -> Outcome {
    stage.step("Afterwards")?;
    let ours = names.all();
    let left = inspect::list_where(|_, name| ours.contains(&name)).objects;
    for object in &left {
        stage.aside(&format!("{} {} is still there", object.kind, object.name))?;
    }
    stage.did("looked for what was left")?;
    let looked = inspect::stat(Kind::SharedMemory, &names.ring).is_err();
    stage.check("every name is gone", left.is_empty() && looked)
}

fn failed<E: std::fmt::Display>(doing: &'static str) -> impl FnOnce(E) -> Failure {
    move |error| Failure::said(Status::Failed, format!("cannot {doing}: {error}"))
}

/// What a step was and what came of it, as JSON.
pub(super) fn step_document(
    title: &str,
    events: &[String],
    checks: &[(String, bool)],
) -> serde_json::Value {
    let checks: Vec<_> =
        checks.iter().map(|(text, passed)| json!({ "text": text, "passed": passed })).collect();
    json!({ "title": title, "events": events, "checks": checks })
}

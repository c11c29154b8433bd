//! One round: starts all processes, kills and replaces some, ends the rest, and audits.

use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use testutil::leaks;

use crate::kinds::{self, Kind, Totals};
use crate::random::Random;
use crate::words::Words;

/// How long processes are killed in a round.
const LENGTH: Duration = Duration::from_secs(4);
/// How long they have to end by themselves.
const GRACE: Duration = Duration::from_secs(60);
const KILL: i32 = 9;

/// One process of the soak.
struct Process {
    kind: usize,
    role: &'static str,
    index: usize,
    child: Child,
}

pub(crate) fn run(
    random: &mut Random,
    only: Option<&str>,
    totals: &mut Totals,
) -> Result<(), String> {
    let prefix = format!("/pit-soak-{}-{}", std::process::id(), totals.rounds);
    let start = Instant::now();
    let before = held();
    {
        let stop = Words::create(&format!("{prefix}-stop"), 1)?;
        let mut kinds = kinds::make(&prefix, only)?;
        let mut processes = Vec::new();
        let result = start_all(&kinds, &prefix, random, &mut processes)
            .and_then(|()| kill_some(&mut kinds, &prefix, random, &mut processes, totals));
        stop.at(0).store(1, Ordering::SeqCst);
        let ended = end_all(processes);
        result.and(ended)?;
        for kind in &mut kinds {
            kind.audit(totals).map_err(|error| format!("{}: {error}", kind.name()))?;
        }
    }
    let left = leaks::objects(&prefix[1..]);
    if !left.is_empty() {
        return Err(format!("left behind: {left:?}"));
    }
    if held() != before {
        return Err(format!("descriptors and mappings: {before:?} before, {:?} after", held()));
    }
    totals.rounds += 1;
    totals.time += start.elapsed();
    Ok(())
}

fn held() -> (usize, usize) {
    (leaks::descriptors(), leaks::mappings("/dev/shm"))
}

fn start_all(
    kinds: &[Box<dyn Kind>],
    prefix: &str,
    random: &mut Random,
    processes: &mut Vec<Process>,
) -> Result<(), String> {
    for (kind, made) in kinds.iter().enumerate() {
        for (role, count) in made.roles() {
            for index in 0..count {
                let child = start(role, index, prefix, random)?;
                processes.push(Process { kind, role, index, child });
            }
        }
    }
    Ok(())
}

fn start(role: &str, index: usize, prefix: &str, random: &mut Random) -> Result<Child, String> {
    let binary = std::env::current_exe().map_err(|error| error.to_string())?;
    let seed = random.next().to_string();
    Command::new(binary)
        .args(["--worker", role, &index.to_string(), prefix, &seed])
        .spawn()
        .map_err(|error| format!("cannot start {role}: {error}"))
}

fn kill_some(
    kinds: &mut [Box<dyn Kind>],
    prefix: &str,
    random: &mut Random,
    processes: &mut [Process],
    totals: &mut Totals,
) -> Result<(), String> {
    let end = Instant::now() + LENGTH;
    while Instant::now() < end {
        thread::sleep(Duration::from_micros(random.below(20_000)));
        let victim = random.below(processes.len() as u64) as usize;
        let process = &mut processes[victim];
        if random.below(4) == 0 {
            freeze(process, random)?;
            totals.freezes += 1;
            continue;
        }
        process.child.kill().map_err(|error| error.to_string())?;
        let status = process.child.wait().map_err(|error| error.to_string())?;
        // It may have sent all that it had to send.
        if status.signal() != Some(KILL) && !status.success() {
            return Err(described(process, status));
        }
        kinds[process.kind].killed(process.role, process.index)?;
        totals.kills += 1;
        process.child = start(process.role, process.index, prefix, random)?;
    }
    Ok(())
}

/// Stops a process in the middle of whatever it does, and lets it go on.
fn freeze(process: &Process, random: &mut Random) -> Result<(), String> {
    let Some(id) = i32::try_from(process.child.id()).ok().and_then(Pid::from_raw) else {
        return Ok(());
    };
    // Also one that has ended by itself is not reaped yet, so that the id is still its own.
    kill_process(id, Signal::STOP).map_err(|error| error.to_string())?;
    thread::sleep(Duration::from_micros(random.below(5_000)));
    kill_process(id, Signal::CONT).map_err(|error| error.to_string())
}

fn end_all(processes: Vec<Process>) -> Result<(), String> {
    let deadline = Instant::now() + GRACE;
    let mut result = Ok(());
    let mut rest = VecDeque::from(processes);
    while let Some(mut process) = rest.pop_front() {
        match process.child.try_wait() {
            Ok(Some(status)) if status.success() => {}
            Ok(Some(status)) => result = Err(described(&process, status)),
            Ok(None) if Instant::now() > deadline => {
                result = Err(format!("{} {} does not end", process.role, process.index));
                let _ = process.child.kill();
                let _ = process.child.wait();
            }
            Ok(None) => {
                rest.push_back(process);
                thread::sleep(Duration::from_micros(500));
            }
            Err(error) => result = Err(error.to_string()),
        }
    }
    result
}

fn described(process: &Process, status: ExitStatus) -> String {
    format!("{} {} ended with {status}", process.role, process.index)
}

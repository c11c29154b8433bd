//! What the demo plays on: tells the audience, starts the other processes, counts the checks.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use posix_ipc::{Kind, Name};
use serde_json::{Value, json};

use super::{PATIENCE, step_document};
use crate::command::temporary;
use crate::exit::{Failure, Outcome};
use crate::output::Out;

/// The names of the demo's objects, which nobody else uses.
pub(super) struct Names {
    pub(super) queue: Name,
    pub(super) memory: Name,
    pub(super) semaphore: Name,
    pub(super) ring: Name,
}

impl Names {
    /// Chooses them, and has them removed if a signal ends the demo.
    pub(super) fn new() -> Outcome<Self> {
        let names = Self {
            queue: Name::unique("pipc-demo-queue"),
            memory: Name::unique("pipc-demo-memory"),
            semaphore: Name::unique("pipc-demo-semaphore"),
            ring: Name::unique("pipc-demo-ring"),
        };
        temporary::remove_on_signal([
            (Kind::MessageQueue, names.queue.clone()),
            (Kind::SharedMemory, names.memory.clone()),
            (Kind::Semaphore, names.semaphore.clone()),
            (Kind::Ring, names.ring.clone()),
        ])?;
        Ok(names)
    }

    pub(super) fn all(&self) -> [&Name; 4] {
        [&self.queue, &self.memory, &self.semaphore, &self.ring]
    }
}

/// Where the steps are told.
pub(super) struct Stage<'a> {
    out: &'a mut Out,
    size: (u32, u32),
    steps: Vec<Step>,
}

#[derive(Default)]
struct Step {
    title: String,
    events: Vec<String>,
    checks: Vec<(String, bool)>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(out: &'a mut Out, workers: u32, rounds: u32) -> Self {
        Self { out, size: (workers, rounds), steps: Vec::new() }
    }

    pub(super) fn workers(&self) -> u32 {
        self.size.0
    }

    pub(super) fn rounds(&self) -> u32 {
        self.size.1
    }

    pub(super) fn note(&mut self, text: &str) -> Outcome {
        self.say(text)
    }

    pub(super) fn step(&mut self, title: &str) -> Outcome {
        self.steps.push(Step { title: title.to_string(), ..Step::default() });
        let heading = format!("{}. {title}", self.steps.len());
        let heading = self.out.styled(Style::new().bold(), &heading);
        self.say(&format!("\n{heading}"))
    }

    /// This process did something.
    pub(super) fn did(&mut self, text: &str) -> Outcome {
        self.event(std::process::id(), "this process", text)
    }

    /// Another process did something.
    pub(super) fn other_did(&mut self, actor: &Actor, text: &str) -> Outcome {
        let who = format!("process {}", actor.id());
        self.event(actor.id(), &who, text)
    }

    /// Something is to be seen.
    pub(super) fn aside(&mut self, text: &str) -> Outcome {
        self.event(0, "", text)
    }

    fn event(&mut self, id: u32, who: &str, text: &str) -> Outcome {
        let event = if who.is_empty() { text.to_string() } else { format!("{who} {text}") };
        if let Some(step) = self.steps.last_mut() {
            step.events.push(event);
        }
        const COLOURS: [AnsiColor; 4] =
            [AnsiColor::Cyan, AnsiColor::Magenta, AnsiColor::Blue, AnsiColor::Yellow];
        let own = id == std::process::id() || id == 0;
        let index = usize::try_from(id).unwrap_or(0) % COLOURS.len();
        let colour = COLOURS.get(index).copied().unwrap_or(AnsiColor::Cyan);
        let who = format!("{who:<15}");
        let who = match own {
            true => who,
            false => self.out.styled(colour.on_default(), &who),
        };
        self.say(&format!("   {who} {text}"))
    }

    /// Something has to be so.
    pub(super) fn check(&mut self, text: &str, passed: bool) -> Outcome {
        if let Some(step) = self.steps.last_mut() {
            step.checks.push((text.to_string(), passed));
        }
        let (mark, colour) = match passed {
            true => ("ok", AnsiColor::Green),
            false => ("WRONG", AnsiColor::Red),
        };
        let mark = self.out.styled(colour.on_default().bold(), &format!("{mark:<15}"));
        self.say(&format!("   {mark} {text}"))
    }

    fn say(&mut self, text: &str) -> Outcome {
        if self.out.is_json() || self.out.is_quiet() {
            return Ok(());
        }
        self.out.line(text)?;
        self.out.flush()
    }

    /// How many checks there were, and how many failed.
    pub(super) fn finish(self) -> Outcome<(usize, usize)> {
        let checks = self.steps.iter().flat_map(|step| &step.checks);
        let (all, failed) = checks
            .fold((0, 0), |(all, failed), (_, passed)| (all + 1, failed + usize::from(!passed)));
        if self.out.is_json() {
            let steps: Vec<Value> = self
                .steps
                .iter()
                .map(|step| step_document(&step.title, &step.events, &step.checks))
                .collect();
            self.out.document(json!({
                "passed": failed == 0, "checks": all, "failed": failed, "steps": steps,
            }))?;
        }
        Ok((all, failed))
    }
}

/// Another process of the demo; killed if the demo ends before it.
pub(super) struct Actor {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Actor {
    pub(super) fn start(role: &[&str]) -> Outcome<Self> {
        let program = std::env::current_exe().map_err(Failure::io("find this program"))?;
        let mut child = Command::new(program)
            .args(["demo", "--role"])
            .args(role)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Failure::io("start a process"))?;
        let output = child.stdout.take().ok_or(Failure::usage("the process has no output"))?;
        Ok(Self { child, output: BufReader::new(output) })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it says next; empty if it ended.
    pub(super) fn line(&mut self) -> String {
        let mut line = String::new();
        let _ = self.output.read_line(&mut line);
        line.trim_end_matches('\n').to_string()
    }

    /// Waits until the kernel says that it sleeps, or has ended.
    pub(super) fn wait_until_asleep(&self) {
        let path = format!("/proc/{}/stat", self.id());
        wait_until(|| {
            let stat = std::fs::read_to_string(&path).unwrap_or_default();
            let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
            !matches!(state, Some('R' | 'D'))
        });
    }

    /// Waits for its end; whether it had nothing to complain of.
    pub(super) fn succeeded(&mut self) -> bool {
        self.child.wait().is_ok_and(|status| status.success())
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is so; whether it came to be.
pub(super) fn wait_until(mut condition: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if started.elapsed() > PATIENCE {
            return false;
        }
        thread::yield_now();
    }
}

//! `pipc limits`.

use posix_ipc::mq::Budget;
use posix_ipc::{Limits, limits};
use serde_json::{Value, json};

use crate::args::{LimitsArgs, Plan};
use crate::exit::{Failure, Outcome, Status};
use crate::output::{Align, Out, Table, UNKNOWN, counted, human};

pub(crate) fn run(args: &LimitsArgs, out: &mut Out) -> Outcome {
    let limits = limits();
    let verdict = args.plan.map(|plan| Verdict::of(plan, &limits, is_privileged()));
    if out.is_json() {
        let plan = verdict.as_ref().map(Verdict::document);
        out.document(json!({ "limits": document(&limits), "plan": plan }))?;
    } else if let Some(verdict) = &verdict {
        out.line(&verdict.text())?;
    } else {
        out.table(&table(&limits))?;
    }
    match verdict {
        Some(verdict) if !verdict.obstacles.is_empty() => Err(Failure::Silent(Status::Failed)),
        _ => Ok(()),
    }
}

/// Whether the limits of `fs.mqueue` do not hold for this process.
fn is_privileged() -> bool {
    const CAP_SYS_RESOURCE: u32 = 24;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> CAP_SYS_RESOURCE & 1 == 1
}

/// Whether planned queues are possible.
struct Verdict {
    plan: Plan,
    /// Bytes of the allowance that they take.
    needed: u64,
    obstacles: Vec<String>,
}

impl Verdict {
    fn of(plan: Plan, limits: &Limits, privileged: bool) -> Self {
        let size = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        let budget = Budget::of(size(plan.capacity), size(plan.message_size));
        let needed = budget.bytes().saturating_mul(plan.count);
        let mut obstacles = Vec::new();
        let mut check = |what: &str, wanted: u64, limit: Option<u64>, name: &str| {
            if let Some(limit) = limit.filter(|&limit| wanted > limit) {
                obstacles.push(format!("{what} {wanted} is over {name} = {limit}"));
            }
        };
        // The kernel's own limits hold for everybody, those that can be set for the others.
        let (capacity, size) = match privileged {
            true => (Some(65_536), Some(16_777_216)),
            false => (limits.queue_capacity, limits.queue_message_size),
        };
        let (max, msgsize) = match privileged {
            true => ("the kernel's limit", "the kernel's limit"),
            false => ("fs.mqueue.msg_max", "fs.mqueue.msgsize_max"),
        };
        check("capacity", plan.capacity, capacity, max);
        check("message size", plan.message_size, size, msgsize);
        let queues = limits.queues.filter(|_| !privileged);
        check("the number of queues", plan.count, queues, "fs.mqueue.queues_max");
        check("the sum of bytes", needed, limits.queue_bytes, "RLIMIT_MSGQUEUE (ulimit -q)");
        Self { plan, needed, obstacles }
    }

    fn text(&self) -> String {
        let Plan { capacity, message_size, count } = self.plan;
        let queues = counted(count, "queue", "queues");
        let what = format!(
            "{queues} of {capacity} messages of {message_size} bytes, taking {} bytes of \
             RLIMIT_MSGQUEUE",
            self.needed
        );
        if self.obstacles.is_empty() {
            return format!("possible: {what}");
        }
        let mut text = format!("not possible: {what}");
        for obstacle in &self.obstacles {
            text.push_str(&format!("\n  {obstacle}"));
        }
        text
    }

    fn document(&self) -> Value {
        json!({
            "capacity": self.plan.capacity, "message_size": self.plan.message_size,
            "count": self.plan.count, "bytes": self.needed, "possible": self.obstacles.is_empty(),
            "obstacles": self.obstacles,
        })
    }
}

fn document(limits: &Limits) -> Value {
    json!({
        "semaphore_value": limits.semaphore_value, "semaphore_name": limits.semaphore_name,
        "name": limits.name, "memory_total": limits.memory_total,
        "memory_free": limits.memory_free, "queue_capacity": limits.queue_capacity,
        "queue_message_size": limits.queue_message_size,
        "queue_capacity_default": limits.queue_capacity_default,
        "queue_message_size_default": limits.queue_message_size_default,
        "queues": limits.queues, "queue_bytes": limits.queue_bytes,
        "queue_priority": limits.queue_priority,
    })
}

fn table(limits: &Limits) -> Table {
    let headings = [("LIMIT", Align::Left), ("VALUE", Align::Right), ("CHANGED BY", Align::Left)];
    let mut table = Table::new(headings);
    let mut row = |what: &str, value: String, by: &str| {
        table.row([what.to_string(), value, by.to_string()]);
    };
    let number = |value: Option<u64>| value.map_or(UNKNOWN.to_string(), |value| value.to_string());
    let bytes = |value: Option<u64>| value.map_or(UNKNOWN.to_string(), human);
    row("value of a semaphore", limits.semaphore_value.to_string(), "");
    row("bytes of a semaphore's name", limits.semaphore_name.to_string(), "");
    row("bytes of another name", limits.name.to_string(), "");
    row("memory in /dev/shm", bytes(limits.memory_total), "mount -o remount,size=... /dev/shm");
    row("of it free", bytes(limits.memory_free), "");
    row("messages of a queue", number(limits.queue_capacity), "sysctl fs.mqueue.msg_max");
    row("bytes of a message", number(limits.queue_message_size), "sysctl fs.mqueue.msgsize_max");
    row(
        "messages by default",
        number(limits.queue_capacity_default),
        "sysctl fs.mqueue.msg_default",
    );
    row(
        "bytes by default",
        number(limits.queue_message_size_default),
        "sysctl fs.mqueue.msgsize_default",
    );
    row("queues", number(limits.queues), "sysctl fs.mqueue.queues_max");
    let allowance = limits.queue_bytes.map_or("unlimited".to_string(), |bytes| bytes.to_string());
    row("bytes of a user's queues", allowance, "ulimit -q");
    row("highest priority", limits.queue_priority.to_string(), "");
    table
}

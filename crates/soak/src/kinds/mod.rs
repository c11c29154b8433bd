//! What is soaked: each kind's objects, roles, and what has to hold in the end.

mod mpmc;
mod mq;
mod mutex;
mod sem;
mod shm;
mod spsc;
mod typed;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::worker::Worker;

/// What a process does until the round is over.
pub(crate) type Role = fn(&mut Worker);

/// One kind in one round, as the process sees it that kills.
pub(crate) trait Kind {
    fn name(&self) -> &'static str;

    /// The roles, and how many processes have each.
    fn roles(&self) -> Vec<(&'static str, usize)>;

    /// A process was killed, and is not yet replaced.
    fn killed(&mut self, role: &str, index: usize) -> Result<(), String>;

    /// All processes have ended: compares what is there with what has to be.
    fn audit(&mut self, totals: &mut Totals) -> Result<(), String>;
}

type Make = fn(prefix: &str) -> Result<Box<dyn Kind>, String>;

/// Every kind.
const KINDS: &[(&str, Make)] = &[
    ("sem", sem::make),
    ("mutex", mutex::make),
    ("shm", shm::make),
    ("mq", mq::make),
    ("ring-spsc", spsc::make),
    ("ring-mpmc", mpmc::make),
    ("typed", typed::make),
];

/// Every role.
const ROLES: &[(&str, Role)] = &[
    ("sem-holder", sem::hold),
    ("mutex-owner", mutex::own),
    ("mq-sender", mq::send),
    ("mq-receiver", mq::receive),
    ("shm-churn", shm::churn),
    ("shm-writer", shm::write),
    ("shm-reader", shm::read),
    ("spsc-sender", spsc::send),
    ("spsc-receiver", spsc::receive),
    ("mpmc-sender", mpmc::send),
    ("mpmc-receiver", mpmc::receive),
    ("typed-sender", typed::send),
    ("typed-receiver", typed::receive),
];

pub(crate) fn role(name: &str) -> Option<Role> {
    ROLES.iter().find(|(known, _)| *known == name).map(|(_, role)| *role)
}

/// Makes the objects of all kinds, or of those whose name contains `only`.
pub(crate) fn make(prefix: &str, only: Option<&str>) -> Result<Vec<Box<dyn Kind>>, String> {
    let asked = |name: &str| only.is_none_or(|only| name.contains(only));
    let made: Result<Vec<_>, _> =
        KINDS.iter().filter(|(name, _)| asked(name)).map(|(_, make)| make(prefix)).collect();
    match made {
        Ok(kinds) if kinds.is_empty() => Err(format!("no kind is named like {only:?}")),
        made => made,
    }
}

/// What all rounds came to.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) rounds: u64,
    pub(crate) kills: u64,
    pub(crate) freezes: u64,
    pub(crate) time: Duration,
    counts: BTreeMap<(&'static str, &'static str), u64>,
}

impl Totals {
    pub(crate) fn add(&mut self, kind: &'static str, what: &'static str, count: u64) {
        *self.counts.entry((kind, what)).or_default() += count;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, kills, freezes, time, counts } = self;
        let seconds = time.as_secs_f64();
        write!(
            f,
            "{rounds} rounds in {seconds:.0} s, {kills} killed, {freezes} stopped for a while"
        )?;
        for ((kind, what), count) in counts {
            write!(f, "\n  {kind:<10} {what:<52} {count:>12}")?;
        }
        Ok(())
    }
}

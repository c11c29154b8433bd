//! Contenders measured by turns, compared by ratio.
//!
//! The machines that benchmarks run on are noisy, and the noise changes by the minute. So every
//! round runs all contenders, each round starting with another one, and a ratio is the median of
//! the rounds' own ratios: what slows a round down slows both sides of it.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::figures::{Figure, Figures, median};
use crate::machine;

type Run<'a> = Box<dyn FnMut(u64) -> Figures + 'a>;

/// A race of contenders at one job.
pub struct Contest<'a> {
    name: String,
    rounds: usize,
    operations: u64,
    contenders: Vec<(String, Run<'a>)>,
    targets: Vec<Target>,
}

struct Target {
    ours: String,
    peer: String,
    figure: Figure,
    most: f64,
}

/// Whether the benchmarks run once for their results only: `cargo bench -- --test`.
pub fn is_test() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

/// Whether the command line asks for this contest: without a filter it does.
fn is_asked_for(name: &str) -> bool {
    let mut filters = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    filters
        .next()
        .is_none_or(|first| name.contains(&first) || filters.any(|other| name.contains(&other)))
}

/// Whether `--only=ONE,ANOTHER` names this contender, if it is given.
fn is_wanted(contender: &str) -> bool {
    let mut only = std::env::args().filter_map(|argument| {
        argument.strip_prefix("--only=").map(|names| names.split(',').any(|name| name == contender))
    });
    only.next().unwrap_or(true)
}

impl<'a> Contest<'a> {
    /// A contest named `group/job`, of `operations` a round and contender.
    pub fn new(name: &str, operations: u64) -> Self {
        Self {
            name: name.to_string(),
            rounds: 7,
            operations,
            contenders: Vec::new(),
            targets: Vec::new(),
        }
    }

    /// Sets how many rounds there are; 7 by default.
    #[must_use]
    pub fn rounds(mut self, rounds: usize) -> Self {
        self.rounds = rounds;
        self
    }

    /// Adds a contender: it does the job as often as it is told, checks what came out, and
    /// says what it took.
    #[must_use]
    pub fn contender(mut self, name: &str, run: impl FnMut(u64) -> Figures + 'a) -> Self {
        if is_wanted(name) {
            self.contenders.push((name.to_string(), Box::new(run)));
        }
        self
    }

    /// Says that `ours` should take at most `most` times what `peer` takes.
    #[must_use]
    pub fn target(mut self, ours: &str, peer: &str, figure: Figure, most: f64) -> Self {
        let (ours, peer) = (ours.to_string(), peer.to_string());
        self.targets.push(Target { ours, peer, figure, most });
        self
    }

    /// Runs all rounds, prints the table, and leaves the figures for the report.
    pub fn run(mut self) {
        if !is_asked_for(&self.name) {
            return;
        }
        let (rounds, operations) =
            if is_test() { (1, self.operations.min(100)) } else { (self.rounds, self.operations) };
        let count = self.contenders.len();
        if count == 0 {
            return;
        }
        let mut figures: Vec<Vec<Figures>> = vec![Vec::new(); count];
        for round in 0..rounds {
            for turn in 0..count {
                let index = (round + turn) % count;
                figures[index].push((self.contenders[index].1)(operations));
            }
        }
        if is_test() {
            println!("Testing {}: {count} contenders, success", self.name);
            return;
        }
        self.print(&figures);
        self.save(&figures);
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.contenders.iter().map(|(name, _)| name)
    }

    fn print(&self, figures: &[Vec<Figures>]) {
        println!("\n{} (ns, medians of {} rounds)", self.name, figures[0].len());
        println!("  {:<28} {:>12} {:>12} {:>12}", "", "p50", "mean", "p99");
        for (name, rounds) in self.names().zip(figures) {
            let [p50, mean, p99] =
                [Figure::P50, Figure::Mean, Figure::P99].map(|figure| middle(rounds, figure));
            println!("  {name:<28} {p50:>12.1} {mean:>12.1} {p99:>12.1}");
        }
        for target in &self.targets {
            let Some(ratio) = self.ratio(figures, target) else { continue };
            let verdict = if ratio <= target.most { "reached" } else { "MISSED" };
            println!(
                "  {} / {} ({:?}): {ratio:.3}, target {:.3}: {verdict}",
                target.ours, target.peer, target.figure, target.most
            );
        }
    }

    /// The median of the rounds' ratios.
    fn ratio(&self, figures: &[Vec<Figures>], target: &Target) -> Option<f64> {
        let rounds = |wanted: &str| {
            self.names().position(|name| name == wanted).map(|index| &figures[index])
        };
        let (ours, peer) = (rounds(&target.ours)?, rounds(&target.peer)?);
        let mut ratios: Vec<f64> = ours
            .iter()
            .zip(peer)
            .map(|(ours, peer)| ours.get(target.figure) / peer.get(target.figure))
            .collect();
        Some(median(&mut ratios))
    }

    /// Writes `target/contests/NAME.json`, from which `report` makes `docs/benchmarks.md`.
    fn save(&self, figures: &[Vec<Figures>]) {
        let rows: Vec<_> = self
            .names()
            .zip(figures)
            .map(|(name, rounds)| {
                json!({
                    "name": name,
                    "p50": middle(rounds, Figure::P50),
                    "mean": middle(rounds, Figure::Mean),
                    "p99": middle(rounds, Figure::P99),
                    "rounds": rounds.iter().map(|figures| figures.p50).collect::<Vec<_>>(),
                })
            })
            .collect();
        let targets: Vec<_> = self
            .targets
            .iter()
            .map(|target| {
                json!({
                    "ours": target.ours,
                    "peer": target.peer,
                    "figure": format!("{:?}", target.figure),
                    "most": target.most,
                    "ratio": self.ratio(figures, target),
                })
            })
            .collect();
        let contest = json!({
            "name": self.name,
            "rounds": figures[0].len(),
            "operations": self.operations,
            "commit": machine::commit(),
            "seconds": machine::seconds(),
            "command": machine::command(),
            "contenders": rows,
            "targets": targets,
        });
        let directory = directory();
        let path = directory.join(format!("{}.json", self.name.replace(['/', ' '], "-")));
        let written =
            fs::create_dir_all(&directory).and_then(|()| fs::write(&path, contest.to_string()));
        if let Err(error) = written {
            eprintln!("cannot keep the figures in {}: {error}", path.display());
        }
    }
}

/// Where contests leave their figures.
pub fn directory() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")),
            PathBuf::from,
        )
        .join("contests")
}

fn middle(rounds: &[Figures], figure: Figure) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(|figures| figures.get(figure)).collect();
    median(&mut values)
}

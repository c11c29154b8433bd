//! `pipc bench`: latency and throughput of each kind on this machine, between two processes.

mod link;
mod measure;
mod plot;

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::args::{BenchArgs, Measured};
use crate::exit::{Failure, Outcome};
use crate::output::{Align, Out, Table, fine, human};

const ALL: [Measured; 5] =
    [Measured::Sem, Measured::Mq, Measured::Ring, Measured::Pipe, Measured::Shm];
/// A message carries a tag and a number.
const SMALLEST: usize = 16;
const LARGEST: usize = 1 << 20;

/// What one kind did.
pub(super) struct Report {
    what: Measured,
    /// Nanoseconds of each round trip.
    latency: Histogram<u64>,
    /// How much passed in a second, one way.
    throughput: f64,
    /// Whether throughput is bytes; else it is messages or pairs.
    bytes: bool,
}

impl Report {
    fn name(&self) -> &'static str {
        match self.what {
            Measured::Sem => "sem",
            Measured::Mq => "mq",
            Measured::Ring => "ring",
            Measured::Pipe => "pipe",
            Measured::Shm => "shm",
        }
    }

    /// What a round trip is of this kind.
    fn meaning(&self) -> &'static str {
        match self.what {
            Measured::Sem => "post, and wait for the other's post; throughput: pairs alone",
            Measured::Mq => "a message to the other process and back over message queues",
            Measured::Ring => "a message to the other process and back over rings",
            Measured::Pipe => "a message to the other process and back over pipes",
            Measured::Shm => "a copy into shared memory and out of it",
        }
    }

    fn throughput(&self) -> String {
        match self.bytes {
            true => format!("{}/s", human(self.throughput as u64)),
            false => format!("{:.0}/s", self.throughput),
        }
    }

    fn document(&self) -> Value {
        let at = |quantile| self.latency.value_at_quantile(quantile);
        let buckets: Vec<Value> = buckets(&self.latency)
            .into_iter()
            .map(|(from, to, count)| json!({ "from": from, "to": to, "count": count }))
            .collect();
        json!({
            "kind": self.name(), "round_trips": self.latency.len(),
            "latency_ns": {
                "min": self.latency.min(), "p50": at(0.5), "p90": at(0.9), "p99": at(0.99),
                "max": self.latency.max(), "mean": self.latency.mean(), "histogram": buckets,
            },
            "throughput_per_second": self.throughput,
            "throughput_unit": if self.bytes { "bytes" } else { "operations" },
        })
    }
}

pub(crate) fn run(args: &BenchArgs, out: &mut Out) -> Outcome {
    if let Some(description) = &args.echo {
        return link::echo(description);
    }
    let size = usize::try_from(args.size).unwrap_or(usize::MAX);
    if !(SMALLEST..=LARGEST).contains(&size) {
        let text = format!("messages of {SMALLEST} bytes to {} can be measured", human(1 << 20));
        return Err(Failure::usage(text));
    }
    if args.duration < Duration::from_millis(1) {
        return Err(Failure::usage("a measurement takes at least a millisecond"));
    }
    if let Some(path) = &args.plot {
        plot::check(path)?;
    }
    let what = if args.what.is_empty() { ALL.as_slice() } else { args.what.as_slice() };
    let mut reports = Vec::new();
    for &what in what {
        reports.push(measure::run(what, size, args.duration)?);
    }
    if let Some(path) = &args.plot {
        plot::draw(&reports, path)?;
    }
    if out.is_json() {
        let reports: Vec<Value> = reports.iter().map(Report::document).collect();
        return out.document(json!({
            "size": size, "duration_seconds": args.duration.as_secs_f64(), "results": reports,
        }));
    }
    show(&reports, size, out)
}

fn show(reports: &[Report], size: usize, out: &mut Out) -> Outcome {
    let headings = ["KIND", "P50", "P90", "P99", "MAX", "THROUGHPUT"];
    let align = |text: &'static str| match text {
        "KIND" => (text, Align::Left),
        _ => (text, Align::Right),
    };
    let mut table = Table::new(headings.map(align));
    for report in reports {
        let at = |quantile| fine(report.latency.value_at_quantile(quantile) as f64);
        table.row([
            report.name().to_string(),
            at(0.5),
            at(0.9),
            at(0.99),
            fine(report.latency.max() as f64),
            report.throughput(),
        ]);
    }
    out.line(&format!("Round trips of {size} bytes between two processes:\n"))?;
    out.table(&table)?;
    for report in reports {
        let title = format!("{}: {}", report.name(), report.meaning());
        let title = out.styled(anstyle::Style::new().bold(), &title);
        out.line(&format!("\n{title}"))?;
        histogram(report, out)?;
    }
    Ok(())
}

/// Buckets that double in width, without the empty ones at the ends: from, to, how many.
fn buckets(latency: &Histogram<u64>) -> Vec<(u64, u64, u64)> {
    let mut buckets = Vec::new();
    let mut from = 0;
    let mut to = 32u64;
    while from <= latency.max() {
        buckets.push((from, to, latency.count_between(from, to.saturating_sub(1))));
        from = to;
        to = to.saturating_mul(2);
    }
    let first = buckets.iter().position(|(_, _, count)| *count > 0).unwrap_or(0);
    buckets.split_off(first)
}

fn histogram(report: &Report, out: &mut Out) -> Outcome {
    const WIDTH: u64 = 50;
    let buckets = buckets(&report.latency);
    let highest = buckets.iter().map(|(_, _, count)| *count).max().unwrap_or(1).max(1);
    let enough = report.latency.len().saturating_sub(report.latency.len() / 1000);
    let mut shown = 0;
    for (from, to, count) in buckets {
        if shown >= enough {
            let rest = report.latency.len().saturating_sub(shown);
            let share = 100.0 * rest as f64 / report.latency.len().max(1) as f64;
            return match rest {
                0 => Ok(()),
                _ => out.line(&format!("  {:>9} and more  {share:6.2} %", fine(from as f64))),
            };
        }
        shown += count;
        let bar = "█".repeat(usize::try_from(count * WIDTH / highest).unwrap_or(0));
        let bar = if count > 0 && bar.is_empty() { "▏".to_string() } else { bar };
        let bar = out.styled(anstyle::AnsiColor::Cyan.on_default(), &bar);
        let range = format!("{:>9} - {:>9}", fine(from as f64), fine(to as f64));
        let share = 100.0 * count as f64 / report.latency.len().max(1) as f64;
        out.line(&format!("  {range} {share:5.1} % {bar}"))?;
    }
    Ok(())
}

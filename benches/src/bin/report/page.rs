//! Writes the page: what was measured on what, targets, and a table for each contest.

use std::fmt::Write;

use jiff::Timestamp;
use posix_ipc_benches::machine;

use crate::contests::{Contender, Contest, groups};
use crate::criterion::Timing;

/// Opens what is written by hand.
pub(crate) const START: &str = "<!-- findings: written by hand, kept by `report` -->";
/// Closes what is written by hand.
pub(crate) const END: &str = "<!-- end of findings -->";

const EMPTY: &str = "\n## Findings\n\n";

/// What stands between the marks of an earlier page.
pub(crate) fn findings(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once(START)?;
    Some(rest.split_once(END)?.0)
}

/// The whole page.
pub(crate) fn render(contests: &[Contest], timings: &[Timing], findings: Option<&str>) -> String {
    let mut page = String::new();
    head(&mut page, contests);
    let _ = write!(page, "{START}{}{END}\n\n", findings.unwrap_or(EMPTY));
    targets(&mut page, contests);
    for group in groups(contests) {
        let _ = writeln!(page, "## {group}\n\n![{group}](plots/{group}.svg)\n");
        for contest in contests.iter().filter(|contest| contest.group() == group) {
            table(&mut page, contest);
        }
    }
    criterion(&mut page, timings);
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn head(page: &mut String, contests: &[Contest]) {
    page.push_str(
        "# Benchmarks\n\n\
         Made by `report` from what `cargo bench` left; only the findings are written by hand. A ratio is \
         the median\nof the rounds' own ratios, ours over the peer's: under 1 ours took less. Ratios hold \
         on other machines better than\ntimes do, which here are of a machine that did other things \
         besides.\n\n| | |\n|---|---|\n",
    );
    let mut row = |what: &str, value: &str| {
        let _ = writeln!(page, "| {what} | {value} |");
    };
    row("date", &dates(contests));
    row("machine", &machine::processor());
    if let Some(memory) = machine::memory() {
        row("memory", &format!("{memory:.1} GiB"));
    }
    row("kernel", &machine::kernel());
    row("C library", &machine::c_library().unwrap_or_else(|| "unknown".into()));
    row("compiler", &machine::compiler().unwrap_or_else(|| "unknown".into()));
    row("commit", &list(contests, |contest| contest.commit.as_deref()));
    row(
        "command",
        "`nice -n -20 cargo bench`, then `cargo run --release -p posix-ipc-benches --bin report`",
    );
    page.push('\n');
}

/// From the first to the last day on which a contest was run.
fn dates(contests: &[Contest]) -> String {
    let mut days: Vec<String> = contests
        .iter()
        .filter_map(|contest| Timestamp::from_second(i64::try_from(contest.seconds?).ok()?).ok())
        .map(|timestamp| timestamp.to_string().chars().take(10).collect())
        .collect();
    days.sort();
    days.dedup();
    match days.as_slice() {
        [] => Timestamp::now().to_string().chars().take(10).collect(),
        [day] => day.clone(),
        [first, .., last] => format!("{first} to {last}"),
    }
}

fn list<'a>(contests: &'a [Contest], of: impl Fn(&'a Contest) -> Option<&'a str>) -> String {
    let mut all: Vec<&str> = contests.iter().filter_map(of).collect();
    all.sort_unstable();
    all.dedup();
    if all.is_empty() { "unknown".to_string() } else { all.join(", ") }
}

fn targets(page: &mut String, contests: &[Contest]) {
    let all: Vec<_> = contests
        .iter()
        .flat_map(|contest| contest.targets.iter().map(move |target| (contest, target)))
        .collect();
    if all.is_empty() {
        return;
    }
    let reached = all.iter().filter(|(_, target)| target.is_reached() == Some(true)).count();
    let _ = writeln!(page, "## Targets\n\n{reached} of {} are reached.\n", all.len());
    page.push_str(
        "| contest | ours / peer | of | ratio | at most | |\n|---|---|---|---:|---:|---|\n",
    );
    for (contest, target) in all {
        let verdict = match target.is_reached() {
            Some(true) => "reached",
            Some(false) => "**missed**",
            None => "not measured",
        };
        let _ = writeln!(
            page,
            "| {} | {} / {} | {} | {} | {} | {verdict} |",
            contest.name,
            target.ours,
            target.peer,
            target.figure.to_lowercase(),
            target.ratio.map_or("–".to_string(), ratio),
            ratio(target.most),
        );
    }
    page.push('\n');
}

fn table(page: &mut String, contest: &Contest) {
    let ours = contest.ours().map_or("ours", |ours| ours.name.as_str());
    let _ = writeln!(
        page,
        "### {}\n\n{} rounds of {} operations{}{}.\n\n\
         | ns an operation | p50 | mean | p99 | {ours} / it |\n|---|---:|---:|---:|---:|",
        contest.name,
        contest.rounds,
        contest.operations,
        contest.command.as_ref().map_or(String::new(), |command| format!(", `{command}`")),
        contest.commit.as_ref().map_or(String::new(), |commit| format!(", commit {commit}")),
    );
    for contender in &contest.contenders {
        let Contender { name, p50, mean, p99, .. } = contender;
        let ratio = match contest.ratio(contender) {
            Some(_) if name == ours => "1".to_string(),
            Some(value) => ratio(value),
            None => "–".to_string(),
        };
        let [p50, mean, p99] = [p50, mean, p99].map(|value| nanoseconds(*value));
        let _ = writeln!(page, "| {name} | {p50} | {mean} | {p99} | {ratio} |");
    }
    page.push('\n');
}

fn criterion(page: &mut String, timings: &[Timing]) {
    if timings.is_empty() {
        return;
    }
    page.push_str(
        "## In one thread\n\nTimed by criterion; the interval is of 95 % confidence.\n\n",
    );
    let mut group = "";
    for timing in timings {
        if timing.group != group {
            group = &timing.group;
            let _ = writeln!(
                page,
                "\n### {group}\n\n| ns an iteration | median | interval | over the least |\n|---|---:|---:|---:|"
            );
        }
        let least = timings
            .iter()
            .filter(|other| other.group == group)
            .map(|other| other.median)
            .fold(f64::INFINITY, f64::min);
        let _ = writeln!(
            page,
            "| {} | {} | {} – {} | {} |",
            timing.name,
            nanoseconds(timing.median),
            nanoseconds(timing.low),
            nanoseconds(timing.high),
            ratio(timing.median / least),
        );
    }
}

/// Three significant digits, with the thousands set apart.
pub(crate) fn nanoseconds(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn ratio(value: f64) -> String {
    match value {
        value if value < 0.1 => format!("{value:.4}"),
        value if value < 10.0 => format!("{value:.2}"),
        value => nanoseconds(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_read_easily() {
        assert_eq!(nanoseconds(5.664), "5.66");
        assert_eq!(nanoseconds(18.04), "18.0");
        assert_eq!(nanoseconds(1234567.8), "1,234,568");
        assert_eq!(nanoseconds(120.0), "120");
        assert_eq!(ratio(0.00741), "0.0074");
        assert_eq!(ratio(1.2), "1.20");
    }

    #[test]
    fn findings_stand_between_the_marks() {
        let page = format!("a{START}\nkept\n{END}b");
        assert_eq!(findings(&page), Some("\nkept\n"));
        assert_eq!(findings("a page without marks"), None);
    }

    #[test]
    fn criterion_groups_have_a_table_each_with_the_least_as_one() {
        let timing = |group: &str, name: &str, median| Timing {
            group: group.into(),
            name: name.into(),
            median,
            low: median,
            high: median,
        };
        let timings = [timing("sem", "a", 5.0), timing("sem", "b", 10.0), timing("shm", "a", 3.0)];
        let page = render(&[], &timings, None);
        assert!(page.contains("| b | 10.0 | 10.0 – 10.0 | 2.00 |"), "{page}");
        assert!(page.contains("### shm"), "{page}");
        assert!(findings(&page).is_some_and(|findings| findings.contains("## Findings")));
    }
}

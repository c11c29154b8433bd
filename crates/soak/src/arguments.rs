//! The command line.

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const USAGE: &str = "usage: soak [--minutes N] [--seed N] [--only KIND]";

/// What this process is to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Mode {
    /// Start, kill and count.
    Soak { minutes: f64, seed: u64, only: Option<String> },
    /// Be one of the processes.
    Worker(Task),
}

/// What a process of the soak does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Task {
    pub(crate) role: String,
    /// Which of those of the same role.
    pub(crate) index: usize,
    /// How the names of the round's objects begin.
    pub(crate) prefix: String,
    pub(crate) seed: u64,
}

pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Mode, String> {
    let arguments: Vec<String> = arguments.collect();
    if let [first, role, index, prefix, seed] = arguments.as_slice() {
        if first == "--worker" {
            let task = Task {
                role: role.clone(),
                index: number(index)?,
                prefix: prefix.clone(),
                seed: number(seed)?,
            };
            return Ok(Mode::Worker(task));
        }
    }
    let (mut minutes, mut seed, mut only) = (1.0, None, None);
    let mut rest = arguments.into_iter();
    while let Some(option) = rest.next() {
        let value = rest.next().ok_or_else(|| format!("{option} needs a value"))?;
        match option.as_str() {
            "--minutes" => minutes = number(&value)?,
            "--seed" => seed = Some(number(&value)?),
            "--only" => only = Some(value),
            _ => return Err(format!("unknown option {option}")),
        }
    }
    if !(minutes > 0.0 && minutes < 100_000.0) {
        return Err(format!("{minutes} minutes are no time"));
    }
    Ok(Mode::Soak { minutes, seed: seed.unwrap_or_else(some_seed), only })
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is not such a number"))
}

fn some_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Mode, String> {
        parse(line.split_whitespace().map(str::to_string))
    }

    #[test]
    fn options_are_read_and_nonsense_is_refused() {
        let all = Mode::Soak { minutes: 0.5, seed: 7, only: Some("mq".into()) };
        assert_eq!(of("--minutes 0.5 --seed 7 --only mq"), Ok(all));
        for bad in ["--minutes", "--minutes -1", "--minutes NaN", "--seed x", "--fast 1"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}

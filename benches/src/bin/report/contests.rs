//! Reads the figures that contests left.

use std::error::Error;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use posix_ipc_benches::figures::median;
use serde::Deserialize;

/// One contest, as `Contest::run` writes it.
#[derive(Debug, Deserialize)]
pub(crate) struct Contest {
    pub(crate) name: String,
    pub(crate) rounds: usize,
    pub(crate) operations: u64,
    #[serde(default)]
    pub(crate) commit: Option<String>,
    #[serde(default)]
    pub(crate) seconds: Option<u64>,
    #[serde(default)]
    pub(crate) command: Option<String>,
    pub(crate) contenders: Vec<Contender>,
    pub(crate) targets: Vec<Target>,
}

/// What a contender took, in nanoseconds an operation.
#[derive(Debug, Deserialize)]
pub(crate) struct Contender {
    pub(crate) name: String,
    pub p50: f64,
    pub(crate) mean: f64,
    pub p99: f64,
    /// The p50 of each round, in the order of the rounds.
    #[serde(default)]
    pub(crate) rounds: Vec<f64>,
}

/// What was asked for, and what came out.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) ours: String,
    pub(crate) peer: String,
    pub(crate) figure: String,
    pub(crate) most: f64,
    pub(crate) ratio: Option<f64>,
}

impl Contest {
    /// What stands before the slash of the name.
    pub(crate) fn group(&self) -> &str {
        self.name.split('/').next().unwrap_or(&self.name)
    }

    /// The contender that is this workspace's: whom the first target is set for, or who comes first.
    pub(crate) fn ours(&self) -> Option<&Contender> {
        let named = self.targets.first().map(|target| target.ours.as_str());
        self.contenders
            .iter()
            .find(|contender| Some(contender.name.as_str()) == named)
            .or(self.contenders.first())
    }

    /// Ours over `peer`: the median of the rounds' ratios of p50.
    pub(crate) fn ratio(&self, peer: &Contender) -> Option<f64> {
        let ours = self.ours()?;
        let mut ratios: Vec<f64> =
            ours.rounds.iter().zip(&peer.rounds).map(|(ours, peer)| ours / peer).collect();
        (!ratios.is_empty()).then(|| median(&mut ratios))
    }
}

impl Target {
    /// Whether the ratio is as small as it was to be.
    pub(crate) fn is_reached(&self) -> Option<bool> {
        self.ratio.map(|ratio| ratio <= self.most)
    }
}

/// All contests of a directory, by name; none if there is no such directory.
pub(crate) fn read(directory: &Path) -> Result<Vec<Contest>, Box<dyn Error>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut contests = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let contest: Contest = serde_json::from_str(&fs::read_to_string(&path)?)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            contests.push(contest);
        }
    }
    contests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(contests)
}

/// The groups, each once, in the order of the contests.
pub(crate) fn groups(contests: &[Contest]) -> Vec<&str> {
    let mut groups: Vec<&str> = contests.iter().map(Contest::group).collect();
    groups.dedup();
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contender(name: &str, rounds: &[f64]) -> Contender {
        let p50 = rounds[0];
        Contender { name: name.into(), p50, mean: p50, p99: p50, rounds: rounds.to_vec() }
    }

    fn contest(targets: Vec<Target>) -> Contest {
        Contest {
            name: "ring/stream/64".into(),
            rounds: 3,
            operations: 1,
            commit: None,
            seconds: None,
            command: None,
            contenders: vec![
                contender("limit", &[1.0, 1.0, 1.0]),
                contender("ring", &[2.0, 4.0, 100.0]),
                contender("pipe", &[20.0, 8.0, 200.0]),
            ],
            targets,
        }
    }

    #[test]
    fn ratios_are_paired_by_round() {
        let target = Target {
            ours: "ring".into(),
            peer: "pipe".into(),
            figure: "P50".into(),
            most: 1.0,
            ratio: None,
        };
        let contest = contest(vec![target]);
        assert_eq!(contest.group(), "ring");
        // 0.1, 0.5 and 0.5: not the ratio of the medians.
        assert_eq!(contest.ratio(&contest.contenders[2]), Some(0.5));
        assert_eq!(contest.targets[0].is_reached(), None, "one without a ratio was not measured");
    }

    #[test]
    fn without_a_target_the_first_contender_is_ours() {
        assert_eq!(contest(Vec::new()).ours().unwrap().name, "limit");
    }

    #[test]
    fn a_damaged_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("sem-x.json"), "{").unwrap();
        assert!(read(directory.path()).unwrap_err().to_string().contains("sem-x.json"));
    }
}

//! Reads criterion's own output: `benchmark.json` and `estimates.json` of each benchmark.

use std::error::Error;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One timing of criterion's, in nanoseconds an iteration.
#[derive(Debug, PartialEq)]
pub(crate) struct Timing {
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) median: f64,
    /// Bounds of the confidence interval of the median.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

#[derive(Deserialize)]
struct Benchmark {
    group_id: String,
    function_id: Option<String>,
    value_str: Option<String>,
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

/// All timings under a directory, by group and name; none if there is no such directory.
pub(crate) fn read(directory: &Path) -> Result<Vec<Timing>, Box<dyn Error>> {
    let mut timings = Vec::new();
    collect(directory, &mut timings)?;
    timings.sort_by(|a: &Timing, b| (&a.group, &a.name).cmp(&(&b.group, &b.name)));
    Ok(timings)
}

/// The newest figures of a benchmark lie in its folder `new`; `base` and `change` are of earlier runs.
fn collect(directory: &Path, timings: &mut Vec<Timing>) -> Result<(), Box<dyn Error>> {
    for path in folders(directory)? {
        if path.file_name().is_some_and(|name| name == "new") {
            timings.extend(timing(&path)?);
        } else {
            collect(&path, timings)?;
        }
    }
    Ok(())
}

fn folders(directory: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    match fs::read_dir(directory) {
        Ok(entries) => {
            let paths: Result<Vec<PathBuf>, _> =
                entries.map(|entry| entry.map(|entry| entry.path())).collect();
            Ok(paths?.into_iter().filter(|path| path.is_dir()).collect())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn timing(folder: &Path) -> Result<Option<Timing>, Box<dyn Error>> {
    let (benchmark, estimates) = (folder.join("benchmark.json"), folder.join("estimates.json"));
    if !benchmark.exists() || !estimates.exists() {
        return Ok(None);
    }
    let benchmark: Benchmark = serde_json::from_str(&fs::read_to_string(benchmark)?)?;
    let estimates: Estimates = serde_json::from_str(&fs::read_to_string(estimates)?)?;
    let name: Vec<String> = benchmark.function_id.into_iter().chain(benchmark.value_str).collect();
    let Interval { lower_bound: low, upper_bound: high } = estimates.median.confidence_interval;
    let median = estimates.median.point_estimate;
    Ok(Some(Timing { group: benchmark.group_id, name: name.join("/"), median, low, high }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_figures_count() {
        let directory = tempfile::tempdir().unwrap();
        for (age, median) in [("base", 9), ("new", 5)] {
            let folder = directory.path().join("sem/pair").join(age);
            fs::create_dir_all(&folder).unwrap();
            let benchmark = r#"{"group_id":"sem","function_id":"pair","value_str":"64","throughput":null,"full_id":"sem/pair/64","directory_name":"sem/pair/64","title":"sem/pair/64"}"#;
            fs::write(folder.join("benchmark.json"), benchmark).unwrap();
            let estimates = format!(
                r#"{{"median":{{"confidence_interval":{{"confidence_level":0.95,"lower_bound":4.0,"upper_bound":6.0}},"point_estimate":{median},"standard_error":0.1}}}}"#
            );
            fs::write(folder.join("estimates.json"), estimates).unwrap();
        }
        let expected = Timing {
            group: "sem".into(),
            name: "pair/64".into(),
            median: 5.0,
            low: 4.0,
            high: 6.0,
        };
        assert_eq!(read(directory.path()).unwrap(), [expected]);
    }

    #[test]
    fn a_missing_directory_holds_no_timings() {
        assert_eq!(read(Path::new("/nonexistent-criterion")).unwrap(), []);
    }
}

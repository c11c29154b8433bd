//! Turns what `cargo bench` left into `docs/benchmarks.md` and `docs/plots/*.svg`.
//!
//! ```sh
//! cargo bench && cargo run --release -p posix-ipc-benches --bin report
//! ```
//!
//! The page is made anew each time, but for its findings, which are written by hand between two
//! marks. Options: `--contests DIR`, `--criterion DIR` (what to read), `--docs DIR` (where to write).

mod contests;
mod criterion;
mod page;
mod plots;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use posix_ipc_benches::contest;

/// Where to read and write.
struct Places {
    contests: PathBuf,
    criterion: PathBuf,
    docs: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    make(&places(std::env::args().skip(1))?)
}

fn places(mut arguments: impl Iterator<Item = String>) -> Result<Places, String> {
    let contests = contest::directory();
    let mut places = Places {
        criterion: contests.with_file_name("criterion"),
        contests,
        docs: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")),
    };
    while let Some(option) = arguments.next() {
        let place = match option.as_str() {
            "--contests" => &mut places.contests,
            "--criterion" => &mut places.criterion,
            "--docs" => &mut places.docs,
            _ => return Err(format!("unknown option {option}: --contests, --criterion, --docs")),
        };
        *place = arguments.next().ok_or_else(|| format!("{option} needs a directory"))?.into();
    }
    Ok(places)
}

fn make(places: &Places) -> Result<(), Box<dyn Error>> {
    let contests = contests::read(&places.contests)?;
    let timings = criterion::read(&places.criterion)?;
    if contests.is_empty() && timings.is_empty() {
        return Err("nothing was measured yet: run `cargo bench` first".into());
    }
    let plots = places.docs.join("plots");
    fs::create_dir_all(&plots)?;
    for group in contests::groups(&contests) {
        let of_group: Vec<_> = contests.iter().filter(|contest| contest.group() == group).collect();
        plots::draw(&plots.join(format!("{group}.svg")), &of_group)?;
    }
    let path = places.docs.join("benchmarks.md");
    let before = fs::read_to_string(&path).unwrap_or_default();
    fs::write(&path, page::render(&contests, &timings, page::findings(&before)))?;
    println!("{}: {} contests, {} timings", path.display(), contests.len(), timings.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEST: &str = r#"{"name":"sem/handover","rounds":3,"operations":100,
        "commit":"abc","seconds":1795476000,"command":"cargo bench --bench sem",
        "contenders":[
            {"name":"posix-ipc","p50":80.0,"mean":90.0,"p99":120.0,"rounds":[80.0,80.0,160.0]},
            {"name":"glibc","p50":10800.0,"mean":11000.0,"p99":20000.0,"rounds":[8000.0,10800.0,16000.0]}],
        "targets":[{"ours":"posix-ipc","peer":"glibc","figure":"P50","most":0.02,"ratio":0.01}]}"#;

    #[test]
    fn a_second_report_keeps_the_findings_and_renews_the_figures() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("contests")).unwrap();
        fs::write(at("contests/sem-handover.json"), CONTEST).unwrap();
        let places =
            Places { contests: at("contests"), criterion: at("criterion"), docs: at("docs") };
        make(&places).unwrap();
        let first = fs::read_to_string(at("docs/benchmarks.md")).unwrap();
        assert!(first.contains("posix-ipc / glibc"), "{first}");
        assert!(at("docs/plots/sem.svg").exists());

        let edited = first.replace(page::END, &format!("Spinning pays.\n\n{}", page::END));
        fs::write(at("docs/benchmarks.md"), edited).unwrap();
        fs::write(at("contests/sem-handover.json"), CONTEST.replace("0.01}", "0.03}")).unwrap();
        make(&places).unwrap();
        let second = fs::read_to_string(at("docs/benchmarks.md")).unwrap();
        assert!(second.contains("Spinning pays."), "{second}");
        assert!(second.contains("missed"), "{second}");
        assert_eq!(second.matches(page::END).count(), 1);
    }

    #[test]
    fn without_figures_nothing_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let places = Places { contests: at("a"), criterion: at("b"), docs: at("docs") };
        assert!(make(&places).unwrap_err().to_string().contains("cargo bench"));
        assert!(!at("docs").exists());
    }

    #[test]
    fn an_unknown_option_is_refused() {
        assert!(places(["--out".to_string()].into_iter()).is_err());
        assert!(places(["--docs".to_string()].into_iter()).is_err());
    }
}

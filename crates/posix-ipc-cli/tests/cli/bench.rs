//! `bench`: that it measures and checks, not what.

use std::process::Stdio;

use serde_json::json;
use testutil::child;

use crate::support::{command, pipc};

#[test]
fn every_kind_is_measured_in_json() {
    let run = pipc(&["bench", "--duration", "20ms", "--json"]).status(0).json();
    let results = run["results"].as_array().unwrap();
    let kinds: Vec<&str> = results.iter().map(|result| result["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["sem", "mq", "ring", "pipe", "shm"]);
    for result in results {
        let latency = &result["latency_ns"];
        assert!(latency["p50"].as_u64() <= latency["p99"].as_u64(), "{result}");
        assert!(result["throughput_per_second"].as_f64().unwrap() > 0.0, "{result}");
        let buckets = latency["histogram"].as_array().unwrap();
        let counted: u64 = buckets.iter().map(|bucket| bucket["count"].as_u64().unwrap()).sum();
        assert_eq!(json!(counted), result["round_trips"]);
    }
}

#[test]
fn a_histogram_is_shown_and_a_plot_is_drawn() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plot.svg");
    let plot = path.to_str().unwrap();
    let run = pipc(&["bench", "mq", "pipe", "--duration", "20ms", "--plot", plot]).status(0);
    for text in ["KIND", "mq: a message", "pipe: a message", " % █"] {
        assert!(run.text().contains(text), "{text:?} is not in {}", run.text());
    }
    let svg = std::fs::read_to_string(path).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("<polyline") && svg.contains("pipe"));
}

#[test]
fn sizes_that_cannot_be_measured_are_wrong_usage() {
    pipc(&["bench", "--size", "1"]).status(2);
    pipc(&["bench", "--size", "1G"]).status(2);
    pipc(&["bench", "--duration", "0"]).status(2);
    let run = pipc(&["bench", "mq", "--size", "1M", "--duration", "1ms"]);
    assert!(run.status == 0 || run.stderr.contains("msgsize_max"), "{run:?}");
}

#[test]
fn a_plot_that_cannot_be_written_is_told_before_anything_is_measured() {
    let _watchdog = testutil::watchdog::watchdog(60);
    let run = pipc(&["bench", "mq", "--duration", "1h", "--plot", "/no/such/plot.svg"]).status(3);
    assert_eq!(
        run.stderr,
        "pipc: cannot write /no/such/plot.svg: No such file or directory (os error 2)\n"
    );
}

#[test]
fn ctrl_c_leaves_nothing() {
    let mut bench = command(&["bench", "mq", "sem", "ring", "--duration", "1h"]);
    bench.stdin(Stdio::null());
    let mut bench = child::start(bench);
    let pid = bench.id();
    let ours = || {
        let usage = posix_ipc::inspect::Usage::scan();
        let objects =
            posix_ipc::inspect::list_where(|_, name| name.as_bytes().starts_with(b"pipc-bench-"));
        let used = |object: &posix_ipc::inspect::Object| {
            usage.of(object).iter().any(|user| user.process.pid == pid)
        };
        objects.objects.into_iter().filter(used).collect::<Vec<_>>()
    };
    let mut objects = ours();
    while objects.len() < 2 {
        objects = ours();
    }
    bench.signal(rustix::process::Signal::INT);
    bench.wait();
    for object in objects {
        assert!(posix_ipc::inspect::stat(object.kind, &object.name).is_err(), "{}", object.name);
    }
}

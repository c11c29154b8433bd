//! `ring`, and what others say of rings.

use serde_json::json;
use testutil::names::{self, UniqueName};
use testutil::{child, require};

use crate::sandbox::{self, sandbox};
use crate::support::{command, pipc, pipc_with_input};

fn ring(label: &str, arguments: &[&str]) -> UniqueName {
    let name = names::unique(label);
    let mut all = vec!["create", "ring", &*name, "-q"];
    all.extend(arguments);
    pipc(&all).status(0);
    name
}

#[test]
fn messages_come_in_order_also_after_the_sender_has_gone() {
    let name = ring("cli-ring", &["--capacity", "8K"]);
    pipc(&["ring", "send", &name, "one", "two"]).status(0);
    pipc_with_input(&["ring", "send", &name[1..], "--lines"], b"three\nfour\n").status(0);
    let run = pipc(&["ring", "receive", &name, "--all"]).status(0);
    assert_eq!(run.text(), "one\ntwo\nthree\nfour\n");
    pipc(&["ring", "receive", &name, "--timeout", "10ms"]).status(75);
}

#[test]
fn a_waiting_receiver_is_woken() {
    let name = ring("cli-ring-wake", &[]);
    let mut receiver = child::start(command(&["ring", "receive", &name, "-n", "2"]));
    pipc(&["ring", "send", &name, "hello"]).status(0);
    receiver.expect_line("hello");
    pipc(&["ring", "send", &name, "again"]).status(0);
    receiver.expect_line("again");
    receiver.expect_success();
}

#[test]
fn messages_are_bytes_and_have_lanes() {
    let name = ring("cli-ring-slots", &["--slots", "8", "--slot-size", "16"]);
    pipc_with_input(&["ring", "send", &name], b"a\0\xff").status(0);
    let run = pipc(&["ring", "receive", &name]).status(0);
    assert_eq!(run.stdout, b"a\0\xff");
    pipc(&["ring", "send", &name, "x", "--lane", "1"]).status(2);
    pipc(&["ring", "send", &name, "seventeen bytes !!"]).status(1);
    pipc(&["ring", "send", &name, "x", "--json"]).status(0);
    let run = pipc(&["ring", "receive", &name, "--json"]).status(0).json();
    assert_eq!((&run["text"], &run["priority"]), (&json!("x"), &json!(0)));
}

#[test]
fn a_full_ring_times_out() {
    let name = ring("cli-ring-full", &["--slots", "2"]);
    pipc(&["ring", "send", &name, "1", "2"]).status(0);
    let run = pipc(&["ring", "send", &name, "3", "--timeout", "10ms"]).status(75);
    assert!(run.stderr.contains("is full"), "{}", run.stderr);
}

#[test]
fn rings_are_told_from_plain_memory() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "pipc create ring /one --capacity 8K -q; pipc create ring /many --slots 4 -q
        pipc create shm /plain --size 12K -q; pipc ring send /one 12345678; pipc ring send /many x
        pipc ls -o kind,name,state --no-headings; pipc rm --kind shm '*' --yes -q
        pipc ls ring -o name --no-headings; pipc shm truncate /one 4K; echo $?";
    let run = sandbox(script).status(0);
    let expected = "\
        shm   /plain  -\n\
        ring  /many   1/4 of 240B\n\
        ring  /one    16B/8K\n\
        /many\n/one\n3\n";
    assert_eq!(run.text(), expected);
}

#[test]
fn create_matches_the_geometry_if_asked() {
    let name = ring("cli-ring-match", &["--capacity", "8K"]);
    let create = |arguments: &[&str]| {
        let mut all = vec!["create", "ring", &*name];
        all.extend(arguments);
        pipc(&all)
    };
    create(&["--capacity", "8K", "--exist", "match"]).status(0);
    create(&["--capacity", "16K", "--exist", "match"]).status(1);
    create(&["--slots", "4", "--exist", "match"]).status(1);
    create(&["--slots", "4", "--exist", "ok"]).status(0);
    create(&[]).status(4);
    let run = create(&["--slots", "4", "--exist", "replace", "--json"]).status(0).json();
    assert_eq!(run["object"]["shape"], json!("mpmc"));
}

#[test]
fn what_is_missing_or_no_ring_is_told() {
    let name = names::unique("cli-ring-none");
    pipc(&["ring", "send", &name, "x"]).status(3);
    pipc(&["create", "shm", &name, "--size", "8K", "-q"]).status(0);
    pipc(&["ring", "receive", &name, "--all"]).status(3);
}

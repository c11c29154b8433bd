//! `sem`.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use posix_ipc::Semaphore;
use rustix::process::Signal;
use serde_json::json;
use testutil::names::{self, UniqueName};
use testutil::{child, require};

use crate::sandbox::{self, sandbox};
use crate::support::{command, pipc};
use crate::watch::Terminal;

fn semaphore(label: &str, value: &str) -> UniqueName {
    let name = names::unique(label);
    pipc(&["create", "sem", &name, "--value", value, "-q"]).status(0);
    name
}

fn value(name: &str) -> String {
    pipc(&["sem", "get", name]).status(0).text().trim().to_string()
}

#[test]
fn units_are_taken_and_given() {
    let name = semaphore("cli-sem", "2");
    pipc(&["sem", "wait", &name]).status(0);
    pipc(&["sem", "try", &name[1..]]).status(0);
    assert_eq!(value(&name), "0");
    pipc(&["sem", "try", &name]).status(75);
    pipc(&["sem", "wait", &name, "--timeout", "10ms"]).status(75);
    pipc(&["sem", "post", &name, "-n", "3"]).status(0);
    let run = pipc(&["sem", "get", &name, "--json"]).status(0).json();
    assert_eq!((&run["value"], &run["waiters"]), (&json!(3), &json!(0)));
}

#[test]
fn all_units_are_taken_or_none() {
    let name = semaphore("cli-sem-many", "2");
    pipc(&["sem", "wait", &name, "-n", "3", "--timeout", "10ms"]).status(75);
    assert_eq!(value(&name), "2");
    pipc(&["sem", "wait", &name, "-n", "2", "--timeout", "10ms"]).status(0);
    assert_eq!(value(&name), "0");
}

#[test]
fn a_post_beyond_the_largest_value_changes_nothing() {
    let name = semaphore("cli-sem-max", "2147483646");
    pipc(&["sem", "post", &name, "-n", "2"]).status(1);
    assert_eq!(value(&name), "2147483646");
    let other = names::unique("cli-sem-over");
    pipc(&["create", "sem", &other, "--value", "2147483648"]).status(2);
}

/// By the command, since the C library's own semaphores do not tell.
fn until_one_waits(name: &str) {
    let stat = || pipc(&["stat", "--kind", "sem", name, "--json"]).status(0).json();
    while stat()["objects"][0]["waiters"] != json!(1) {
        std::thread::yield_now();
    }
}

#[test]
fn a_waiter_is_seen_and_woken() {
    let name = semaphore("cli-sem-wake", "0");
    let waiter = child::start(command(&["sem", "wait", &name]));
    until_one_waits(&name);
    let run = pipc(&["stat", "--kind", "sem", &name, "--json"]).status(0).json();
    assert_eq!(run["objects"][0]["waiters"], json!(1));
    let users = run["objects"][0]["users"].as_array().unwrap();
    let pid = json!(waiter.id());
    assert!(users.iter().any(|user| user["pid"] == pid && user["via"] == json!("mapping")));
    pipc(&["sem", "post", &name]).status(0);
    waiter.expect_success();
}

#[test]
fn run_gives_the_unit_back_and_returns_the_status() {
    let name = semaphore("cli-sem-run", "1");
    let run = |command: &[&str]| {
        let mut arguments = vec!["sem", "run", &*name, "--"];
        arguments.extend(command);
        pipc(&arguments)
    };
    assert_eq!(run(&["echo", "hello"]).status(0).text(), "hello\n");
    run(&["sh", "-c", "exit 7"]).status(7);
    run(&["sh", "-c", "kill -TERM $$"]).status(128 + 15);
    run(&["/no/such/command"]).status(127);
    run(&["/dev/null"]).status(126);
    let inside = run(&[crate::support::PIPC, "sem", "get", &name]);
    assert_eq!(inside.status(0).text(), "0\n");
    assert_eq!(value(&name), "1");
}

#[test]
fn run_creates_the_semaphore_if_asked() {
    let name = names::unique("cli-sem-run-create");
    pipc(&["sem", "run", &name, "--", "true"]).status(3);
    pipc(&["sem", "run", &name, "--create", "3", "--", "true"]).status(0);
    assert_eq!(value(&name), "3");
    pipc(&["sem", "run", &name, "--create", "--", "true"]).status(0);
}

#[test]
fn run_times_out_without_running() {
    let name = semaphore("cli-sem-run-timeout", "0");
    let run = pipc(&["sem", "run", &name, "--timeout", "10ms", "--", "echo", "ran"]).status(75);
    assert_eq!(run.text(), "");
}

#[test]
fn run_passes_signals_on_and_gives_the_unit_back() {
    let name = semaphore("cli-sem-run-signal", "1");
    let script = "trap 'echo caught; exit 3' TERM; echo ready; while :; do read x; done";
    let mut holder = command(&["sem", "run", &name, "--", "bash", "-c", script]);
    holder.stdin(Stdio::piped());
    let mut holder = child::start(holder);
    holder.expect_line("ready");
    assert_eq!(value(&name), "0");
    holder.signal(Signal::TERM);
    holder.expect_line("caught");
    assert_eq!(holder.wait().code(), Some(3));
    assert_eq!(value(&name), "1");
}

#[test]
fn a_signal_while_run_waits_ends_it_without_a_unit() {
    let name = semaphore("cli-sem-run-waiting", "0");
    let mut waiter = child::start(command(&["sem", "run", &name, "--", "true"]));
    let semaphore = Semaphore::open(&*name).unwrap();
    until_one_waits(&name);
    waiter.signal(Signal::INT);
    assert_eq!(waiter.wait().signal(), Some(2));
    assert_eq!(semaphore.value().unwrap(), 0);
}

#[test]
fn only_so_many_run_at_once() {
    let name = semaphore("cli-sem-run-limit", "2");
    let directory = tempfile::tempdir().unwrap();
    let script = format!(
        "cd {}; touch in-$$; ls in-* 2> /dev/null | wc -l; read x < /dev/null; rm in-$$",
        directory.path().display()
    );
    let children: Vec<_> = (0..8)
        .map(|_| {
            let mut one = command(&["sem", "run", &name, "--", "bash", "-c", &script]);
            one.stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for one in children {
        let output = one.wait_with_output().unwrap();
        let inside: u32 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
        assert!(output.status.success() && inside <= 2, "{inside} at once");
    }
    assert_eq!(value(&name), "2");
}

#[test]
fn create_matches_the_value_only_if_asked() {
    let name = semaphore("cli-sem-match", "3");
    let create = |value, exist| pipc(&["create", "sem", &name, "--value", value, "--exist", exist]);
    create("3", "match").status(0);
    create("1", "match").status(1);
    create("1", "ok").status(0);
    create("1", "fail").status(4);
    assert_eq!(value(&name), "3");
    create("1", "replace").status(0);
    assert_eq!(value(&name), "1");
}

#[test]
fn what_is_missing_forbidden_or_foreign_is_told_apart() {
    let name = names::unique("cli-sem-none");
    pipc(&["sem", "get", &name]).status(3);
    std::fs::write(name.sem_path(), b"").unwrap();
    for word in ["get", "try", "post", "wait"] {
        let run = pipc(&["sem", word, &name]).status(1);
        assert!(!run.stderr.is_empty());
    }
    require!(sandbox::works(), "{}", sandbox::WHY);
    sandbox("pipc create sem /s -q; AS_NOBODY pipc sem wait /s").status(5);
}

#[test]
fn a_signal_while_wait_holds_some_units_gives_them_back() {
    let name = semaphore("cli-sem-wait-signal", "2");
    let waiter = command(&["sem", "wait", &name, "-n", "3"]);
    let mut waiter = child::start(waiter);
    until_one_waits(&name);
    assert_eq!(value(&name), "0");
    waiter.signal(Signal::INT);
    assert_eq!(waiter.wait().signal(), Some(2));
    assert_eq!(value(&name), "2");
}

#[test]
fn run_passes_an_interrupt_on_once_whether_it_was_sent_or_typed() {
    require!(Terminal::works(), "tmux is not installed");
    let traces = Command::new("strace").arg("true").output();
    let traces = traces.is_ok_and(|output| output.status.success());
    require!(traces, "strace cannot trace here: apt-get install strace");
    let name = semaphore("cli-sem-run-typed", "3");
    // Sent to pipc alone, although there is a terminal; what ends it comes after any second one.
    let body = "n=0; trap 'n=$((n+1)); echo got $n; kill -TERM $PPID' INT
        trap 'echo total $n; exit 9' TERM; echo ready; FIRST; while :; do sleep 0.05; done";
    let run_by = |label, before, first, input| {
        let script = format!(
            "{before} $PIPC sem run '{}' -- bash -c \"{}\" {input}; echo status $?; read x",
            &*name,
            body.replace("FIRST", first).replace('$', "\\$")
        );
        Terminal::start(label, &script)
    };
    let run = |label, first, input| run_by(label, "", first, input);
    let sent = run("sent", "kill -INT $PPID", "");
    assert!(sent.expect("status 9").contains("total 1"));
    // Typed before pipc has come to anything since it started the command.
    let slow = "strace -o /dev/null -e inject=rt_sigprocmask:delay_enter=200000";
    let early = run_by("typed-early", slow, ":", "");
    let typed = [run("typed", ":", ""), run("typed-elsewhere", ":", "< /dev/null"), early];
    for typed in typed {
        typed.expect("ready");
        typed.key("C-c");
        let screen = typed.expect("status 9");
        assert!(screen.contains("total 1"), "{screen}");
    }
    assert_eq!(value(&name), "3");
}

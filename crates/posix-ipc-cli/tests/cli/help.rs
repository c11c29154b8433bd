//! Help, wrong usage, completions and manual pages.

use crate::support::{command, pipc};

#[test]
fn without_arguments_help_is_shown_and_the_usage_is_wrong() {
    let run = pipc(&[]).status(2);
    assert!(run.stderr.contains("Usage: pipc"), "{}", run.stderr);
}

#[test]
fn help_of_every_command_has_examples() {
    let commands: &[&[&str]] = &[
        &["ls"],
        &["stat"],
        &["create", "sem"],
        &["create", "shm"],
        &["create", "mq"],
        &["create", "ring"],
        &["rm"],
        &["gc"],
        &["sem", "wait"],
        &["sem", "try"],
        &["sem", "post"],
        &["sem", "get"],
        &["sem", "run"],
        &["shm", "dump"],
        &["shm", "load"],
        &["shm", "fill"],
        &["shm", "truncate"],
        &["mq", "send"],
        &["mq", "receive"],
        &["mq", "recv"],
        &["mq", "wait"],
        &["mq", "drain"],
        &["mq", "save"],
        &["mq", "load"],
        &["mq", "resize"],
        &["ring", "send"],
        &["ring", "receive"],
        &["typed", "inspect"],
        &["watch"],
        &["limits"],
        &["doctor"],
        &["bench"],
        &["demo"],
        &["completions"],
        &["man"],
    ];
    for words in commands {
        let mut arguments = words.to_vec();
        arguments.push("--help");
        let run = pipc(&arguments).status(0);
        assert!(run.text().contains("Examples:\n  pipc "), "{words:?}: {}", run.text());
    }
}

#[test]
fn wrong_usage_has_status_2_and_changes_nothing() {
    let cases: &[&[&str]] = &[
        &["nonsense"],
        &["ls", "--sort", "nonsense"],
        &["ls", "nonsense", "*"],
        &["stat"],
        &["stat", "/a/b"],
        &["stat", ""],
        &["stat", "/.."],
        &["rm", "/a/b"],
        &["create", "shm", "/x"],
        &["create", "shm", "/x", "--size", "-1"],
        &["create", "sem", "/x", "--mode", "1777"],
        &["mq", "send", "/x", "y", "-p", "32768"],
        &["sem", "wait", "/x", "--timeout", "-1"],
        &["sem", "wait", "/x", "--timeout", "inf"],
        &["limits", "--plan", "many"],
    ];
    for arguments in cases {
        let run = pipc(arguments).status(2);
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn completions_are_printed_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = pipc(&["completions", shell]).status(0);
        assert!(run.text().contains("pipc") && run.text().contains("receive"), "{shell}");
    }
}

#[test]
fn completions_work_in_bash() {
    let script = r#"source <("$0" completions bash); COMP_WORDS=(pipc s); COMP_CWORD=1
        _pipc pipc s pipc; echo "${COMPREPLY[*]}""#;
    let output = std::process::Command::new("bash")
        .args(["-c", script, crate::support::PIPC])
        .output()
        .expect("bash runs");
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    for word in ["stat", "sem", "shm"] {
        assert!(words.contains(word), "{words} {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn manual_pages_are_printed_and_written() {
    let run = pipc(&["man"]).status(0);
    assert!(run.text().starts_with(".ie") && run.text().contains(".TH PIPC 1"), "{}", run.text());
    assert!(pipc(&["man", "mq", "send"]).status(0).text().contains(".TH PIPC-MQ-SEND 1"));
    pipc(&["man", "nonsense"]).status(2);

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let run = pipc(&["man", "--all", path, "--json"]).status(0);
    let pages = run.json()["pages"].as_array().unwrap().len();
    assert!(pages > 30, "{pages}");
    assert!(directory.path().join("pipc-mq-receive.1").is_file());
}

#[test]
fn a_reader_that_has_gone_ends_the_command_by_the_signal_without_a_word() {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Stdio;
    let mut child = command(&["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(13), "{output:?}");
    assert!(output.stderr.is_empty());
}

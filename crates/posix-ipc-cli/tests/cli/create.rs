//! `create`, apart from what each kind has of its own.

use serde_json::json;
use testutil::{names, require};

use crate::sandbox::{self, sandbox};
use crate::support::pipc;

#[test]
fn json_tells_what_was_done_and_how_it_is() {
    let name = names::unique("cli-create");
    let run = pipc(&["create", "shm", &name, "--size", "4K", "--json"]).status(0).json();
    assert_eq!(run["disposition"], json!("created"));
    assert_eq!(run["object"]["size"], json!(4096));
    let arguments = ["create", "shm", &name, "--size", "4K", "--exist", "match", "--json"];
    assert_eq!(pipc(&arguments).status(0).json()["disposition"], json!("opened"));
}

#[test]
fn the_umask_counts_unless_the_mode_is_exact() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "umask 027; for kind in 'shm /m --size 1' 'mq /q'; do
            pipc create $kind --mode 666 -q; pipc create $kind --mode 666 --exact --exist replace -q
            pipc ls -o kind,mode --no-headings; pipc rm --kind ${kind%% *} '*' --yes -q
        done
        pipc create shm /m --size 1 --mode 666 -q; pipc ls -o mode --no-headings";
    let run = sandbox(script).status(0);
    assert_eq!(run.text(), "shm  rw-rw-rw-\nmq  rw-rw-rw-\nrw-r-----\n");
}

#[test]
fn an_object_can_be_made_for_another_user_and_group() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "pipc create shm /m --size 1 --owner nobody --group 65534 -q
        pipc create mq /q --owner 65534 -q; pipc ls -o name,owner --no-headings
        pipc create shm /m --size 1 --exist match --owner root; echo $?";
    assert_eq!(sandbox(script).status(0).text(), "/m  nobody\n/q  nobody\n5\n");
}

#[test]
fn an_ordinary_user_cannot_give_away_and_leaves_nothing_behind() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "AS_NOBODY pipc create shm /m --size 1 --owner root; echo $?; ls /dev/shm";
    assert_eq!(sandbox(script).status(0).text(), "5\n");
}

#[test]
fn replace_makes_a_new_object() {
    let name = names::unique("cli-replace");
    let create = |exist| {
        let arguments = ["create", "shm", &*name, "--size", "1", "--exist", exist, "--json"];
        let run = pipc(&arguments).status(0).json();
        (run["disposition"].clone(), run["object"]["inode"].clone())
    };
    let first = create("ok");
    assert_eq!(create("ok"), (json!("opened"), first.1.clone()));
    let new = create("replace");
    assert_eq!(new.0, json!("created"));
    assert_ne!(new.1, first.1);
}

#[test]
fn more_memory_than_there_is_is_an_error_and_leaves_nothing() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "mount -o remount,size=64k /dev/shm; pipc create shm /m --size 1M; echo $?
        ls /dev/shm";
    let run = sandbox(script).status(0);
    assert_eq!(run.text(), "1\n");
    assert!(run.stderr.contains("/dev/shm is full"), "{}", run.stderr);
}

#[test]
fn a_limit_that_is_hit_is_named() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let run = sandbox("AS_NOBODY pipc create mq /q --maxmsg 11").status(1);
    assert!(run.stderr.contains("msg_max"), "{}", run.stderr);
}

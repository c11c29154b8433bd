//! `ls` and `stat`.

use std::fs;

use serde_json::{Value, json};
use testutil::{names, require};

use crate::sandbox::{self, sandbox};
use crate::support::{pipc, semaphore_file};

/// One object of each kind that can be made with a shell alone.
const OBJECTS: &str = "
    SEM 3 /dev/shm/sem.jobs
    head -c 5000 /dev/zero > /dev/shm/frame; chmod 640 /dev/shm/frame
    > /dev/mqueue/events
";

#[test]
fn the_table_has_a_line_for_each_object() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let run = sandbox(&format!("{OBJECTS} pipc ls -o kind,name,mode,owner,size,state"));
    insta::assert_snapshot!(run.status(0).text());
}

#[test]
fn the_json_has_true_numbers_and_nulls() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let run = sandbox(&format!("{OBJECTS} pipc ls --json")).status(0);
    let list = run.json();
    let objects = list["objects"].as_array().unwrap();
    assert_eq!(objects.len(), 3);
    let [sem, shm, mq] = [&objects[0], &objects[1], &objects[2]];
    assert_eq!(
        (&sem["kind"], &sem["value"], &sem["waiters"]),
        (&json!("sem"), &json!(3), &json!(0))
    );
    assert_eq!((&shm["size"], &shm["permissions"]), (&json!(5000), &json!("0640")));
    assert_eq!((&mq["messages"], &mq["notify"]), (&json!(0), &json!(false)));
    assert!(sem["changed"].as_str().unwrap().ends_with('Z'), "RFC 3339: {sem}");
}

#[test]
fn an_empty_list_is_an_empty_list() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let run = sandbox("pipc ls --json").status(0);
    assert_eq!(run.json()["objects"], json!([]));
    let run = sandbox("pipc ls --no-headings").status(0);
    assert_eq!(run.text(), "");
}

#[test]
fn kinds_and_patterns_choose() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let names = |arguments: &str| {
        let script =
            format!("{OBJECTS} > /dev/shm/jobs; pipc ls {arguments} -o kind,name --no-headings");
        sandbox(&script).status(0).text().to_string()
    };
    assert_eq!(names("sem"), "sem  /jobs\n");
    assert_eq!(names("'jo*'"), "sem  /jobs\nshm  /jobs\n");
    assert_eq!(names("/jobs"), "sem  /jobs\nshm  /jobs\n");
    assert_eq!(names("shm 'f?ame'"), "shm  /frame\n");
    assert_eq!(names("mq 'nothing*'"), "");
}

#[test]
fn columns_can_be_chosen_and_sorted_by() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "
        head -c 10 /dev/zero > /dev/shm/b; head -c 200 /dev/zero > /dev/shm/a
        pipc ls -o name,size --bytes --no-headings --sort size
        pipc ls -o name --no-headings --sort size --reverse
        pipc ls -o name,size --json --sort size";
    let run = sandbox(script).status(0);
    let mut lines = run.text().lines();
    assert_eq!(lines.by_ref().take(4).collect::<Vec<_>>(), ["/b   10", "/a  200", "/a", "/b"]);
    let list: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    let expected = json!([{"name": "/b", "size": 10}, {"name": "/a", "size": 200}]);
    assert_eq!(list["objects"], expected);
}

#[test]
fn users_are_shown_with_process_and_command() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "
        > /dev/shm/held
        sleep 60 3< /dev/shm/held & sleeper=$!
        until [ -e /proc/$sleeper/fd/3 ] && grep -q sleep /proc/$sleeper/comm; do :; done
        pipc ls --users --json | head -c -0
        echo $sleeper
        kill $sleeper";
    let run = sandbox(script).status(0);
    let (list, pid) = run.text().split_once('\n').unwrap();
    let list: Value = serde_json::from_str(list).unwrap();
    let user = &list["objects"][0]["users"][0];
    assert_eq!(user["pid"], json!(pid.trim().parse::<u32>().unwrap()));
    assert_eq!((&user["command"], &user["access"]), (&json!("sleep"), &json!("r")));
}

#[test]
fn ghosts_are_shown_on_request() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "
        head -c 4096 /dev/zero > /dev/shm/gone
        exec 3< /dev/shm/gone; rm /dev/shm/gone
        pipc ls --no-headings -o kind,name,size,state
        pipc ls --ghosts --no-headings -o kind,name,size,state";
    assert_eq!(sandbox(script).status(0).text(), "shm  /gone  4K  unlinked\n");
}

#[test]
fn stale_is_what_nobody_has_open() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "
        > /dev/shm/held; > /dev/shm/idle; exec 3< /dev/shm/held
        pipc ls --stale -o name --no-headings
        pipc ls --stale --older 1h -o name --no-headings
        touch -d '2 hours ago' /dev/shm/idle; pipc ls --older 1s -o name --no-headings";
    assert_eq!(sandbox(script).status(0).text(), "/idle\n", "the change of times is a change");
}

#[test]
fn an_ordinary_user_sees_what_is_unreadable_with_unknown_values() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "
        SEM 1 /dev/shm/sem.secret; chmod 600 /dev/shm/sem.secret
        SEM 2 /dev/shm/sem.open; chmod 644 /dev/shm/sem.open
        > /dev/mqueue/closed; chmod 600 /dev/mqueue/closed
        > /dev/mqueue/drop; chmod 622 /dev/mqueue/drop
        AS_NOBODY pipc ls -o kind,name,state --no-headings
        AS_NOBODY pipc ls sem secret --json";
    let run = sandbox(script).status(0);
    let (table, list) = run.text().rsplit_once("\n{").unwrap();
    let expected = "\
        sem  /open    2 free\n\
        sem  /secret  ?\n\
        mq   /closed  ?/? of ?\n\
        mq   /drop    0/4 of 256B";
    assert_eq!(table, expected);
    let list: Value = serde_json::from_str(&format!("{{{list}")).unwrap();
    assert_eq!(list["objects"][0]["value"], Value::Null);
}

#[test]
fn stat_shows_all_kinds_of_a_name() {
    let name = names::unique("cli-stat");
    fs::write(name.sem_path(), semaphore_file(5, 1)).unwrap();
    fs::write(name.shm_path(), b"12345").unwrap();
    let run = pipc(&["stat", &name]).status(0);
    for text in ["semaphore", "shared memory", "value  5", "waiters  1", "5B (5 bytes)"] {
        assert!(run.text().contains(text), "{text:?} is not in {}", run.text());
    }
    let run = pipc(&["stat", "--kind", "shm", &name[1..], "--json"]).status(0);
    assert_eq!(run.json()["objects"].as_array().unwrap().len(), 1);
}

#[test]
fn stat_shows_who_is_to_be_told_of_a_message_and_how() {
    let name = names::unique("cli-stat-notify");
    let queue = posix_ipc::MessageQueue::options().mode(posix_ipc::OpenMode::CreateNew);
    let _queue = queue.capacity(1).message_size(8).open(&*name).unwrap();
    let script = "import posix_ipc, signal, sys\n\
                  queue = posix_ipc.MessageQueue(sys.argv[1])\n\
                  for how in (signal.SIGUSR2, (lambda _: None, None)):\n    \
                  queue.request_notification(None)\n    \
                  queue.request_notification(how)\n    \
                  print('registered'); sys.stdin.readline()";
    let python = testutil::python::script(script, &[&name]);
    require!(python.is_some(), "Python with posix_ipc is not installed");
    let mut child = testutil::child::start(python.unwrap());
    let notify =
        || pipc(&["stat", &name, "--json"]).status(0).json()["objects"][0]["notify"].clone();
    let signal = rustix::process::Signal::USR2.as_raw();
    child.expect_line("registered");
    assert_eq!(notify(), json!({ "pid": child.id(), "signal": signal }));
    let text = format!("process {} by signal {signal}\n", child.id());
    let run = pipc(&["stat", &name]).status(0);
    assert!(run.text().contains(&text), "{}", run.text());
    child.send_line("next");
    child.expect_line("registered");
    assert_eq!(notify(), json!({ "pid": child.id(), "signal": null }), "a thread is told");
    child.send_line("end");
    child.expect_success();
    assert_eq!(notify(), json!(false));
}

#[test]
fn stat_of_nothing_is_not_found() {
    let name = names::unique("cli-stat-none");
    let run = pipc(&["stat", &name]).status(3);
    assert!(run.stderr.contains("there is no object"), "{}", run.stderr);
    let run = pipc(&["stat", &name, "--json"]).status(3);
    assert_eq!(run.json()["missing"], json!([&*name]));
    let error: Value = serde_json::from_str(&run.stderr).unwrap();
    assert_eq!(error["error"]["status"], json!(3));
}

#[test]
fn wrong_usage_is_told_in_json_to_who_asks_for_json() {
    let wrong = |arguments: &[&str]| -> Value {
        let run = pipc(arguments).status(2);
        assert!(run.stdout.is_empty());
        let told: Value = serde_json::from_str(&run.stderr).unwrap();
        assert_eq!(told["schema"], json!(1));
        assert_eq!(told["error"]["status"], json!(2));
        told["error"]["message"].clone()
    };
    assert_eq!(
        wrong(&["--json", "stat", "a/b"]),
        "invalid value 'a/b' for '<NAME>...': \"a/b\" is not a name: byte 1 is a slash, which may stand at \
         the start alone"
    );
    assert!(wrong(&["sem", "--json", "nonsense"]).as_str().unwrap().contains("'nonsense'"));
    assert!(wrong(&["--json"]).as_str().unwrap().starts_with("'pipc' requires a subcommand"));
    let run = pipc(&["stat", "a/b"]).status(2);
    assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
}

#[test]
fn there_are_no_colours_unless_there_is_a_terminal() {
    for value in [None, Some("1")] {
        let mut command = crate::support::command(&["ls"]);
        if let Some(value) = value {
            command.env("NO_COLOR", value);
        }
        let output = command.output().unwrap();
        assert!(!output.stdout.contains(&0x1b));
    }
}

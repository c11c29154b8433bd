//! What people and programs see: every table and every shape of JSON, as snapshots.

use testutil::require;

use crate::sandbox::{self, sandbox};
use crate::support::{Run, pipc};

const OBJECTS: &str = "
    SEM 3 /dev/shm/sem.jobs
    head -c 5000 /dev/zero > /dev/shm/frame; chmod 640 /dev/shm/frame
    pipc create mq /events --maxmsg 4 --msgsize 64 -q
    pipc mq send /events hello -p 5 -q
    pipc create ring /work -q
";

/// Compares all that a script says, without what differs from run to run.
fn seen(name: &str, run: &Run) {
    let text = format!(
        "status {}\n{}\n--- standard error\n{}",
        run.status,
        String::from_utf8_lossy(&run.stdout),
        run.stderr
    );
    let filters = [
        // So does how much memory is free, and whether systemd runs.
        (r"(of it free) +[0-9.]+[KMGT]", "$1 <size>"),
        (r"(ok    |advice)  RemoveIPC: .*(\n        .*)?", "<RemoveIPC>"),
        (r"[0-9.]+[KMGT] of ([0-9.]+[KMGT]) are free", "<size> of $1 are free"),
        // Whether any process may not be looked at depends on the machine.
        (r"pipc: warning: \d+ process(es)? could not be looked at.*\n", ""),
        (r"none seen; \d+ process(es)? may not be looked at", "none"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
        (r"\(\d+s ago\)", "(<age> ago)"),
        (r" \d+s(\s)", " <age>$1"),
        (r#""(device|inode|pid|hidden_processes|rate)":[0-9.]+"#, "\"$1\":<number>"),
        (r"device \d+, inode \d+", "device <number>, inode <number>"),
        (r"(sleep)\(\d+\)", "$1(<pid>)"),
        (r"\d+ sleep ", "<pid> sleep "),
        (r#""rate":null"#, "\"rate\":<number>"),
    ];
    insta::with_settings!({ filters => filters, omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, text);
    });
}

fn screen(name: &str, script: &str) {
    require!(sandbox::works(), "{}", sandbox::WHY);
    seen(name, &sandbox(&format!("{OBJECTS}\n{script}")));
}

/// Somebody who holds the memory, and whose id is not shown.
const HELD: &str = "
    sleep 60 3< /dev/shm/frame & sleeper=$!; trap 'kill $sleeper' EXIT
    until [ -e /proc/$sleeper/fd/3 ] && grep -q sleep /proc/$sleeper/comm; do :; done";

#[test]
fn ls_shows_each_kind() {
    screen("ls", "pipc ls; pipc ls --json");
}

#[test]
fn ls_shows_users_and_ghosts() {
    screen("ls-users", &format!("{HELD}; pipc ls shm --users; pipc ls shm --users --json"));
    let ghost = "rm /dev/shm/frame; pipc ls shm --ghosts --users; pipc ls shm --ghosts --json";
    screen("ls-ghosts", &format!("{HELD}; {ghost}"));
}

#[test]
fn stat_shows_each_kind() {
    screen("stat", "pipc stat jobs frame events work");
    screen("stat-json", "pipc stat jobs frame events work --json");
}

#[test]
fn removals_are_reported() {
    screen(
        "rm",
        "chmod 600 /dev/shm/frame; pipc rm jobs none --dry-run; pipc rm jobs none --json; pipc gc --older 0 --dry-run
         pipc gc --older 0 --dry-run --json; pipc rm --kind shm '*'",
    );
}

#[test]
fn messages_are_printed_in_each_format() {
    screen(
        "messages",
        "pipc mq send events --hex 00ff -q
         pipc mq receive events --format json; pipc mq receive events --format json
         pipc mq receive events --timeout 0; pipc mq send events x; pipc mq drain events --json
         pipc ring send work hello --json; pipc ring receive work --format json",
    );
}

#[test]
fn typed_messages_are_inspected() {
    screen(
        "typed",
        "pipc typed inspect events --keep; pipc typed inspect events --json; pipc mq drain events",
    );
}

#[test]
fn a_stream_of_looks_has_a_line_for_each() {
    screen("watch", "pipc watch --json --count 1 --interval 20ms");
}

#[test]
fn plans_are_judged() {
    screen(
        "plan",
        "ulimit -q 819200; AS_NOBODY pipc limits --plan 10,8K,4
         AS_NOBODY pipc limits --plan 10,8K,400",
    );
}

#[test]
fn limits_are_listed_with_what_changes_them() {
    screen(
        "limits",
        "cd /proc/sys/fs/mqueue; echo 10 > msg_max; echo 8192 > msgsize_max; echo 256 > queues_max
         mount -o remount,size=64M /dev/shm; ulimit -q 819200; pipc limits",
    );
}

#[test]
fn doctors_findings_are_listed_with_a_remedy() {
    let healthy =
        "mount -o remount,size=64M /dev/shm; chmod 1777 /dev/mqueue; ulimit -q 819200; pipc doctor";
    screen("doctor", healthy);
    screen(
        "doctor-ill",
        "mount -o remount,size=64M /dev/shm; ulimit -q 819200; chmod 0777 /dev/shm; > /dev/shm/sem.short
         mkdir /dev/shm/dir; truncate -s 1G /dev/shm/big; chown 54321 /dev/shm/frame
         SEM 1 /dev/shm/sem.aB3dE6; touch -d '1 hour ago' /dev/shm/sem.aB3dE6
         > /dev/shm/ghost; exec 3< /dev/shm/ghost; rm /dev/shm/ghost; umount /dev/mqueue; umount /dev/mqueue 2> /dev/null
         pipc doctor; echo status $?; pipc doctor --quiet | wc -l",
    );
}

#[test]
fn errors_say_what_to_do() {
    screen(
        "errors",
        "pipc stat none; pipc stat none --json; pipc create sem jobs; pipc create sem a/b
         pipc shm dump frame --offset 9999; pipc mq send events \"$(head -c 65 /dev/zero | tr '\\0' x)\"
         pipc sem wait jobs -n 9 --timeout 0; pipc mq send none x; pipc ls nonsense x
         chmod 600 /dev/shm/frame; AS_NOBODY pipc shm dump frame; AS_NOBODY pipc rm frame
         umount /dev/mqueue; umount /dev/mqueue 2> /dev/null; pipc ls mq; pipc rm 'f*'; true",
    );
}

#[test]
fn help_is_as_it_was() {
    let commands = "ls, stat, create, create sem, create shm, create mq, create ring, rm, gc, sem, \
        sem wait, sem try, sem post, sem get, sem run, shm, shm dump, shm load, shm fill, \
        shm truncate, mq, mq send, mq receive, mq wait, mq drain, mq save, mq load, mq resize, \
        ring, ring send, ring receive, typed, typed inspect, watch, limits, doctor, bench, demo, \
        completions, man";
    let mut text = String::from_utf8(pipc(&["--help"]).status(0).stdout).unwrap();
    for command in commands.split(", ") {
        let words: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        text.push_str(&format!("\n===== pipc {command}\n\n{}", pipc(&words).status(0).text()));
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("help", text);
    });
}

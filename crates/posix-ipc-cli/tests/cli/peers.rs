//! The defects of util-linux's `lsipc`, `ipcmk` and `ipcrm`, which must not be ours (the numbers
//! are those of the list they were collected in).

use serde_json::{Value, json};
use testutil::require;

use crate::sandbox::{self, sandbox};

const THREE: &str = "SEM 1 /dev/shm/sem.a; > /dev/shm/b; > /dev/mqueue/c;";

#[test]
fn u1_a_wrong_argument_deletes_nothing() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    for arguments in ["-a pmsg", "--all pmsg", "--kind nonsense '*'", "--kind mq", "-y", "--yes"] {
        let run =
            sandbox(&format!("{THREE} pipc rm {arguments}; echo $?; ls /dev/shm /dev/mqueue"));
        let text = run.status(0).text().to_string();
        assert!(text.starts_with("2\n"), "{arguments}: {text}");
        for name in ["sem.a", "b", "c"] {
            assert!(text.lines().any(|line| line == name), "{arguments}: {text}");
        }
    }
}

#[test]
fn u2_what_is_no_object_is_left_alone_and_stops_nothing() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "mkdir /dev/shm/dir; ln -s /etc/passwd /dev/shm/link; mkfifo /dev/shm/fifo
        > /dev/shm/real; pipc rm --kind shm '*' --yes; ls /dev/shm";
    let run = sandbox(script).status(0);
    assert_eq!(run.text(), "removed shared memory /real\ndir\nfifo\nlink\n");
}

#[test]
fn u3_a_stray_file_crashes_nothing() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "touch /dev/shm/sem.bogus; pipc ls sem && pipc stat bogus >/dev/null
        pipc doctor >/dev/null; test $? = 1 && pipc rm bogus -q && ls /dev/shm";
    let run = sandbox(script).status(0);
    assert_eq!(run.text().lines().count(), 2, "{}", run.text());
    assert!(run.text().contains('?'));
}

#[test]
fn u5_every_column_can_be_asked_for() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let all = "kind,name,mode,owner,group,size,allocated,value,waiters,messages,max-messages,\
               message-size,bytes,notify,state,changed,modified,accessed,age,identity,users";
    let run = sandbox(&format!("{THREE} pipc ls -o {all}")).status(0);
    assert_eq!(run.text().lines().count(), 4);
    for kind in ["sem", "shm", "mq"] {
        sandbox(&format!("{THREE} pipc ls {kind} -o name,value,messages,size")).status(0);
    }
}

#[test]
fn u6_json_has_numbers_bytes_times_and_a_true_empty_list() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let run = sandbox("head -c 1M /dev/zero > /dev/shm/b; pipc ls --json; pipc ls mq --json");
    let (full, empty) = run.text().trim().split_once('\n').unwrap();
    let full: Value = serde_json::from_str(full).unwrap();
    let object = &full["objects"][0];
    assert_eq!(object["size"], json!(1_048_576));
    assert!(object["modified"].as_str().unwrap().contains('T'));
    let empty: Value = serde_json::from_str(empty).unwrap();
    assert_eq!(empty["objects"], json!([]));
}

#[test]
fn u7_names_are_the_same_for_all_kinds_and_a_missing_one_is_an_error() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    for name in ["a", "/a", "b", "/b", "c", "/c"] {
        sandbox(&format!("{THREE} pipc stat {name}")).status(0);
    }
    let run = sandbox("pipc stat --kind sem x").status(3);
    assert!(run.stderr.contains("semaphore /x"), "{}", run.stderr);
}

#[test]
fn u8_what_cannot_be_opened_is_listed() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "SEM 1 /dev/shm/sem.a; chmod 644 /dev/shm/sem.a; > /dev/mqueue/q
        chmod 222 /dev/mqueue/q; SEM 1 /dev/shm/sem.z; chmod 000 /dev/shm/sem.z
        AS_NOBODY pipc ls -o name --no-headings";
    assert_eq!(sandbox(script).status(0).text(), "/a\n/z\n/q\n");
}

#[test]
fn u9_kinds_share_one_table_with_the_right_cells() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let run = sandbox(&format!("{THREE} pipc ls -o kind,name,value,messages")).status(0);
    let expected = "\
        KIND  NAME  VALUE  MESSAGES\n\
        sem   /a        1         -\n\
        shm   /b        -         -\n\
        mq    /c        -         0\n";
    assert_eq!(run.text(), expected);
}

#[test]
fn u10_the_queues_are_those_of_the_mount_also_in_another_namespace() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "> /dev/mqueue/q; unshare --ipc pipc ls mq -o name,messages --no-headings";
    assert_eq!(sandbox(script).status(0).text(), "/q  0\n");
    let script = "umount /dev/mqueue; umount /dev/mqueue 2>/dev/null; pipc ls mq --json";
    let run = sandbox(script).status(0);
    assert_eq!(run.json()["objects"], json!([]));
    assert!(run.json()["problems"][0].as_str().unwrap().contains("mount -t mqueue"));
}

#[test]
fn u11_waiters_geometry_notification_and_ghosts_are_shown() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "head -c 4096 /dev/zero > /dev/shm/gone; exec 3< /dev/shm/gone; rm /dev/shm/gone
        > /dev/mqueue/q; pipc ls --ghosts --users --json; true";
    let list = sandbox(script).status(0).json();
    let [queue, ghost] = [&list["objects"][0], &list["objects"][1]];
    assert_eq!((&queue["max_messages"], &queue["message_size"]), (&json!(4), &json!(256)));
    assert_eq!((&ghost["linked"], &ghost["size"]), (&json!(false), &json!(4096)));
    let users = ghost["users"].as_array().unwrap();
    assert!(users.iter().any(|user| user["command"] == json!("bash")), "{users:?}");
}

#[test]
fn u4_creating_what_exists_changes_nothing_unless_asked() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "head -c 1M /dev/zero > /dev/shm/data; > /dev/mqueue/q
        pipc create shm data --size 10; echo $?
        pipc create shm data --size 10 --exist match; echo $?
        pipc create shm data --size 10 --exist ok; echo $?
        pipc create mq q --maxmsg 1; echo $?; pipc create mq q --maxmsg 1 --exist match; echo $?
        stat -c %s /dev/shm/data; pipc create shm data --size 10 --exist replace
        stat -c %s /dev/shm/data";
    let run = sandbox(script).status(0);
    let expected = "4\n1\nopened shared memory /data\n0\n4\n1\n1048576\n\
                    created shared memory /data\n10\n";
    assert_eq!(run.text(), expected);
    assert!(run.stderr.contains("is 1048576, not 10 as expected"), "{}", run.stderr);
}

#[test]
fn u12_geometry_can_be_set_and_nobody_else_is_let_in() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "pipc create mq q --maxmsg 3 --msgsize 100 -q; pipc create shm m --size 1K -q
        pipc ls -o name,mode,max-messages,message-size --no-headings --bytes";
    let run = sandbox(script).status(0);
    assert_eq!(run.text(), "/m  rw-------  -    -\n/q  rw-------  3  100\n");
}

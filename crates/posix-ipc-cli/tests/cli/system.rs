//! `limits` and `doctor`.

use serde_json::{Value, json};
use testutil::require;

use crate::sandbox::{self, sandbox};
use crate::support::pipc;

fn finding<'a>(report: &'a Value, check: &str) -> Vec<&'a Value> {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().filter(|finding| finding["check"] == check).collect()
}

#[test]
fn limits_are_numbers() {
    let limits = pipc(&["limits", "--json"]).status(0).json();
    assert_eq!(limits["limits"]["semaphore_value"], json!(2_147_483_647));
    assert!(limits["limits"]["memory_total"].is_u64());
    assert!(pipc(&["limits"]).status(0).text().contains("fs.mqueue.msg_max"));
}

#[test]
fn a_plan_is_judged_by_the_users_limits() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "ulimit -q 819200; AS_NOBODY pipc limits --plan 10,8K,9 --json";
    let plan = &sandbox(script).status(0).json()["plan"];
    // Each message of a queue costs 96 bytes beside its own.
    assert_eq!((&plan["possible"], &plan["bytes"]), (&json!(true), &json!(745_920)));
    for (numbers, limit) in [
        ("10,8K,10", "RLIMIT_MSGQUEUE"),
        ("11,1K", "msg_max"),
        ("1,8193", "msgsize_max"),
        ("1,1,257", "queues_max"),
    ] {
        let run = sandbox(&format!("ulimit -q 819200; AS_NOBODY pipc limits --plan {numbers}"));
        let run = run.status(1);
        assert!(run.text().starts_with("not possible") && run.text().contains(limit), "{run:?}");
    }
}

#[test]
fn a_healthy_system_has_no_findings() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let run = sandbox("chmod 1777 /dev/mqueue; pipc doctor --json").status(0);
    let report = run.json();
    assert_eq!(report["healthy"], json!(true));
    for check in ["/dev/shm", "/dev/mqueue", "semaphore files", "temporary files", "owners"] {
        assert_eq!(finding(&report, check)[0]["level"], json!("good"), "{check}");
    }
}

#[test]
fn each_thing_that_is_wrong_is_found() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let level = |script: &str, check: &str| {
        let run = sandbox(&format!("{script}\npipc doctor --json"));
        let report = run.json();
        let levels: Vec<String> = finding(&report, check)
            .iter()
            .map(|finding| finding["level"].as_str().unwrap().to_string())
            .collect();
        (levels.join(" "), run.status)
    };
    let wrong = |script, check| assert_eq!(level(script, check), ("error".into(), 1), "{check}");
    let advice = |script, check| assert_eq!(level(script, check).0, "advice", "{check}");
    wrong("umount /dev/mqueue; umount /dev/mqueue 2>/dev/null", "/dev/mqueue");
    wrong("> /dev/shm/sem.short", "semaphore files");
    wrong("mount -o remount,size=64k /dev/shm; truncate -s 1M /dev/shm/big", "space");
    assert_eq!(level("chmod 0777 /dev/shm", "permissions").0, "error good");
    advice(
        "SEM 1 /dev/shm/sem.aB3dE6; touch -d '1 hour ago' /dev/shm/sem.aB3dE6",
        "temporary files",
    );
    advice("> /dev/shm/o; chown 54321 /dev/shm/o", "owners");
    advice("> /dev/shm/g; exec 3< /dev/shm/g; rm /dev/shm/g", "ghosts");
    advice("mkdir /dev/shm/dir", "other entries");
}

#[test]
fn what_a_file_begins_of_a_page_is_not_missing_memory() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    // Rounded up, many small ones hide that a large one has nothing.
    let script = "mount -o remount,size=1M /dev/shm; pipc doctor --json > /dev/null
        for i in $(seq 100); do echo > /dev/shm/$i; done; truncate -s 700K /dev/shm/big; pipc doctor --json";
    let report = sandbox(script).status(1).json();
    let space = finding(&report, "space")[0];
    assert_eq!(space["level"], json!("error"), "{space}");
    let text = space["text"].as_str().unwrap();
    assert!(text.contains("400K of memory and may grow to 1.1M"), "{text}");
}

#[test]
fn names_given_by_strangers_do_not_reach_the_terminal_as_they_are() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = r"
        > $'/dev/shm/sem.\e[2Jx'; mkdir $'/dev/shm/\e[2Jdir'; > /dev/shm/held
        cp $(command -v sleep) $'/mnt/\e[2Jz'; $'/mnt/\e[2Jz' 60 3< /dev/shm/held &
        trap 'kill $!' EXIT; until [ -e /proc/$!/fd/3 ] && grep -q Jz /proc/$!/comm; do :; done
        pipc doctor; pipc ls --users; pipc stat held";
    let run = sandbox(script).status(0);
    assert!(run.text().contains("Jz") && run.text().contains("Jdir"), "{}", run.text());
    assert!(!run.text().contains('\u{1b}'), "{:?}", run.text());
}

//! `rm` and `gc`.

use serde_json::json;
use testutil::require;

use crate::sandbox::{self, sandbox};

/// What is left, after a script.
fn left(script: &str) -> (String, i32, String) {
    let run =
        sandbox(&format!("{script}\nstatus=$?; (ls /dev/shm; ls /dev/mqueue) >&2; exit $status"));
    let text = run.text().to_string();
    let (said, left): (Vec<&str>, Vec<&str>) =
        run.stderr.lines().partition(|line| line.starts_with("pipc:"));
    let left: Vec<&str> = left.into_iter().filter(|line| !line.is_empty()).collect();
    (left.join(" "), run.status, format!("{text}{}", said.join("\n")))
}

const THREE: &str = "SEM 1 /dev/shm/sem.a; > /dev/shm/b; > /dev/mqueue/c;";

#[test]
fn names_are_removed_with_or_without_slash() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    assert_eq!(
        left(&format!("{THREE} pipc rm /a c")),
        ("b".into(), 0, "removed semaphore /a\nremoved message queue /c\n".into())
    );
}

#[test]
fn an_error_does_not_stop_the_rest_and_all_are_reported() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let (left, status, said) = left(&format!("{THREE} pipc rm /x /a /y -q"));
    assert_eq!((left.as_str(), status), ("b c", 3));
    assert!(said.contains("/x") && said.contains("/y"), "{said}");
}

#[test]
fn a_missing_name_is_no_error_with_force() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let (left, status, said) = left(&format!("{THREE} pipc rm -f /x"));
    assert_eq!((left.as_str(), status, said.as_str()), ("b sem.a c", 0, ""));
}

#[test]
fn names_that_are_no_text_are_removed() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "name=$(printf 'a\\377'); > \"/dev/shm/$name\"; pipc ls --json
        pipc rm \"$name\" -q; ls /dev/shm";
    let run = sandbox(script).status(0);
    let object = &run.json()["objects"][0];
    assert_eq!((&object["name"], &object["name_hex"]), (&json!("/a\u{fffd}"), &json!("61ff")));
    assert_eq!(run.text().lines().count(), 1, "{}", run.text());
}

#[test]
fn an_ambiguous_name_removes_nothing() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let (left, status, said) =
        left("SEM 1 /dev/shm/sem.a; > /dev/shm/a; > /dev/shm/z; pipc rm /z /a");
    assert_eq!((left.as_str(), status), ("a sem.a z", 2));
    assert!(said.contains("--kind"), "{said}");
}

#[test]
fn a_pattern_touches_only_its_kind() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "SEM 1 /dev/shm/sem.t1; SEM 1 /dev/shm/sem.x; > /dev/shm/t1; > /dev/mqueue/t1
        pipc rm --kind sem 't*'";
    assert_eq!(left(script), ("sem.x t1 t1".into(), 0, "removed semaphore /t1\n".into()));
}

#[test]
fn all_of_a_kind_is_refused_without_yes() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let two = "> /dev/shm/t1; > /dev/shm/t2;";
    for pattern in ["*", "?*", "t*", "/t?"] {
        let (left, status, said) = left(&format!("{two} pipc rm --kind shm '{pattern}'"));
        assert_eq!((left.as_str(), status), ("t1 t2", 2), "{pattern}");
        assert!(said.contains("--yes"), "{said}");
    }
    assert_eq!(left(&format!("{two} pipc rm --kind shm '*' --yes -q")).0, "");
    assert_eq!(left(&format!("{two} pipc rm --kind shm '*' --dry-run -q")).0, "t1 t2");
}

#[test]
fn filters_and_questions_choose_what_goes() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "> /dev/shm/a1; > /dev/shm/a2; > /dev/shm/b; exec 3< /dev/shm/a1
        pipc rm --kind shm 'a*' --unused -q";
    assert_eq!(left(script).0, "a1 b");
    let script = "> /dev/shm/a1; chown 65534 /dev/shm/a1; > /dev/shm/a2
        pipc rm --kind shm 'a*' --owner nobody -q";
    assert_eq!(left(script).0, "a2");
    let script = "> /dev/shm/a1; > /dev/shm/a2; printf 'n\\ny\\n' | pipc rm --kind shm 'a*' -i -q 2> /dev/null";
    assert_eq!(left(script).0, "a1");
    let script = "> /dev/shm/a1; pipc rm a1 --older 1h -q";
    assert_eq!(left(script).0, "a1");
}

#[test]
fn an_ordinary_user_is_told_that_the_object_is_not_theirs() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let (left, status, said) = left("> /dev/shm/a; AS_NOBODY pipc rm /a");
    assert_eq!((left.as_str(), status), ("a", 5), "{said}");
}

#[test]
fn removal_is_told_in_json() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let run = sandbox(&format!("{THREE} pipc rm /a /x --json")).status(3);
    assert_eq!(run.json()["removed"], json!([{"kind": "sem", "name": "/a"}]));
    assert_eq!(run.json()["failures"][0]["status"], json!(3));
    assert_eq!(run.stderr, "");
}

#[test]
fn gc_takes_this_users_idle_objects_of_the_age() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "umask 077; > /dev/shm/idle; > /dev/shm/held; exec 3< /dev/shm/held
        > /dev/shm/other; chown 65534 /dev/shm/other; > /dev/mqueue/empty
        pipc gc -q; pipc gc --older 0 --dry-run -q; ls /dev/shm | wc -l; pipc gc --older 0 -q";
    let (left, status, said) = left(script);
    assert_eq!((left.as_str(), status, said.as_str()), ("held other", 0, "3\n"));
}

#[test]
fn looking_at_a_queue_does_not_make_it_younger() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "umask 077; > /dev/mqueue/old; touch -d '2 hours ago' /dev/mqueue/old
        pipc ls -q > /dev/null; pipc gc --older 1h -q; ls /dev/mqueue | wc -l";
    let (_, status, said) = left(script);
    assert_eq!((status, said.as_str()), (0, "0\n"));
}

#[test]
fn gc_of_an_ordinary_user_leaves_what_others_may_have_open() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "AS_NOBODY bash -c 'umask 0; > /dev/shm/shared; umask 077; > /dev/shm/own'
        AS_NOBODY pipc gc --older 0";
    let (left, status, said) = left(script);
    assert_eq!((left.as_str(), status), ("shared", 0));
    assert!(said.contains("left alone"), "{said}");
}

#[test]
fn a_pattern_that_happens_to_mean_every_ring_or_all_memory_is_refused() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "
        pipc create ring r1 -q; pipc create ring r2 -q; > /dev/shm/m1; > /dev/shm/m2
        pipc rm --kind ring 'r*'; echo $?
        pipc rm --kind shm 'm*'; echo $?
        pipc rm --kind ring 'r*' --yes -q; echo $?
        pipc ls -o name --no-headings";
    assert_eq!(sandbox(script).status(0).text(), "2\n2\n0\n/m1\n/m2\n");
}

#[test]
fn unused_says_what_could_not_be_looked_at_by_name_and_by_pattern() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let setup = "AS_NOBODY bash -c '> /dev/shm/a'";
    for rm in ["rm a", "rm --kind shm '*' --yes"] {
        let (left, status, said) = left(&format!("{setup}; AS_NOBODY pipc {rm} --unused"));
        assert_eq!((left.as_str(), status), ("", 0), "{rm}");
        assert!(said.contains("could not be looked at"), "{rm}: {said}");
    }
}

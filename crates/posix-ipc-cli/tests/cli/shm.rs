//! `shm`.

use std::fs;
use std::process::Stdio;

use testutil::{names, require};

use crate::sandbox::{self, sandbox};
use crate::support::{command, pipc, pipc_with_input};
use crate::watch::Terminal;

#[test]
fn what_is_loaded_is_dumped() {
    let name = names::unique("cli-shm");
    let bytes: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    pipc_with_input(&["shm", "load", &name, "--create"], &bytes).status(0);
    assert_eq!(fs::read(name.shm_path()).unwrap(), bytes);
    assert!(pipc(&["shm", "dump", &name]).status(0).stdout == bytes);
    let part = pipc(&["shm", "dump", &name[1..], "--offset", "1K", "--len", "4"]).status(0);
    assert_eq!(part.stdout, [0, 1, 2, 3]);
    pipc_with_input(&["shm", "load", &name, "--create"], b"x").status(4);
}

#[test]
fn loading_at_an_offset_changes_nothing_else() {
    let name = names::unique("cli-shm-offset");
    fs::write(name.shm_path(), b"0123456789").unwrap();
    pipc_with_input(&["shm", "load", &name, "--offset", "3"], b"abc").status(0);
    assert_eq!(fs::read(name.shm_path()).unwrap(), b"012abc6789");
}

#[test]
fn input_that_does_not_fit_is_an_error_and_never_makes_it_longer() {
    let name = names::unique("cli-shm-long");
    fs::write(name.shm_path(), b"0123456789").unwrap();
    let run = pipc_with_input(&["shm", "load", &name, "--offset", "8"], b"abc").status(1);
    assert!(run.stderr.contains("longer"), "{}", run.stderr);
    assert_eq!(fs::read(name.shm_path()).unwrap(), b"01234567ab");

    // Of a file, the length is known beforehand.
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, b"ABC").unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let status = command(&["shm", "load", &name, "--offset", "8"])
        .stdin(file)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
    assert_eq!(fs::read(name.shm_path()).unwrap(), b"01234567ab");
}

#[test]
fn ranges_that_are_not_there_are_errors() {
    let name = names::unique("cli-shm-range");
    fs::write(name.shm_path(), b"0123").unwrap();
    pipc(&["shm", "dump", &name, "--offset", "4"]).status(0);
    for arguments in [["--offset", "5"], ["--len", "5"]] {
        let run = pipc(&["shm", "dump", &name, arguments[0], arguments[1]]).status(1);
        assert!(run.stderr.contains("has 4"), "{}", run.stderr);
        pipc(&["shm", "fill", &name, arguments[0], arguments[1]]).status(1);
    }
    assert_eq!(fs::read(name.shm_path()).unwrap(), b"0123");
}

#[test]
fn a_dump_can_be_hexadecimal() {
    let name = names::unique("cli-shm-hex");
    fs::write(name.shm_path(), b"hello, shared memory\0").unwrap();
    insta::assert_snapshot!(pipc(&["shm", "dump", &name, "--hex"]).status(0).text());
}

#[test]
fn fill_sets_bytes() {
    let name = names::unique("cli-shm-fill");
    fs::write(name.shm_path(), b"0123456789").unwrap();
    pipc(&["shm", "fill", &name, "--byte", "0x2a", "--offset", "2", "--len", "3"]).status(0);
    assert_eq!(fs::read(name.shm_path()).unwrap(), b"01***56789");
    pipc(&["shm", "fill", &name]).status(0);
    assert_eq!(fs::read(name.shm_path()).unwrap(), [0; 10]);
}

#[test]
fn truncate_grows_and_shrinks_but_not_under_a_mapping() {
    let name = names::unique("cli-shm-truncate");
    fs::write(name.shm_path(), b"0123").unwrap();
    pipc(&["shm", "truncate", &name, "8K"]).status(0);
    assert_eq!(fs::metadata(name.shm_path()).unwrap().len(), 8192);

    let mapping = posix_ipc::SharedMemory::open(&*name).unwrap().map().unwrap();
    let run = pipc(&["shm", "truncate", &name, "4K"]).status(1);
    assert!(run.stderr.contains(&std::process::id().to_string()), "{}", run.stderr);
    pipc(&["shm", "truncate", &name, "16K"]).status(0);
    drop(mapping);
    let run = pipc(&["shm", "truncate", &name, "4", "--json"]).status(0);
    assert_eq!(run.json()["old_size"], 16384);
    assert_eq!(fs::read(name.shm_path()).unwrap(), b"0123");
}

#[test]
fn a_full_file_system_is_an_error_and_no_crash() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "mount -o remount,size=64k /dev/shm; truncate -s 1M /dev/shm/m
        head -c 1M /dev/zero | pipc shm load /m; echo $?; pipc shm fill /m; echo $?
        pipc shm dump /m | wc -c";
    assert_eq!(sandbox(script).status(0).text(), "1\n1\n1048576\n");
}

#[test]
fn what_is_missing_or_forbidden_has_its_own_status() {
    let name = names::unique("cli-shm-none");
    pipc(&["shm", "dump", &name]).status(3);
    pipc(&["shm", "truncate", &name, "1"]).status(3);
    require!(sandbox::works(), "{}", sandbox::WHY);
    let script = "(umask 077; > /dev/shm/m); AS_NOBODY pipc shm dump /m";
    sandbox(script).status(5);
}

/// Longer than what is worth a progress bar; holes, which take no memory.
fn large(label: &str) -> names::UniqueName {
    let name = names::unique(label);
    let file = std::fs::File::create(name.shm_path()).unwrap();
    file.set_len(65 << 20).unwrap();
    name
}

#[test]
fn a_long_transfer_shows_its_progress_on_a_terminal_and_is_whole() {
    require!(Terminal::works(), "tmux is not installed");
    let name = large("cli-shm-bar");
    std::fs::OpenOptions::new()
        .append(true)
        .open(name.shm_path())
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"the end"))
        .unwrap();
    let script = format!(
        "sum=$(cksum < {}); $PIPC shm dump {} | (head -c 1048576; read x < /dev/tty; cat) | cksum \
         | grep -qx \"$sum\" && echo all of it; read x",
        name.shm_path(),
        &*name
    );
    let terminal = Terminal::start("bar", &script);
    terminal.expect("/65.00 MiB");
    terminal.key("Enter");
    terminal.expect("all of it");
}

#[test]
fn there_is_no_progress_bar_without_a_terminal() {
    let name = large("cli-shm-no-bar");
    let run = pipc(&["shm", "dump", &name]).status(0);
    assert_eq!((run.stdout.len(), &*run.stderr), (65 << 20, ""));
}

#[test]
fn a_created_copy_is_as_long_as_its_input_with_the_offset() {
    let name = names::unique("cli-shm-copy");
    pipc_with_input(&["shm", "load", &name, "--create", "--offset", "3"], b"abc").status(0);
    assert_eq!(pipc(&["shm", "dump", &name]).status(0).stdout, b"\0\0\0abc");
}

#[test]
fn long_transfers_have_a_progress_bar_on_a_terminal_and_none_elsewhere() {
    require!(sandbox::works(), "{}", sandbox::WHY);
    require!(std::path::Path::new("/usr/bin/script").exists(), "script is not installed");
    // Of what `script` copies from its terminal, all is kept.
    let on_terminal = |work: &str| {
        let run = sandbox(&format!(
            "truncate -s 96M /dev/shm/long; head -c 96M /dev/zero > /mnt/input
             TERM=xterm script -qec '{work}' /dev/null < /dev/null"
        ));
        String::from_utf8_lossy(&run.status(0).stdout).into_owned()
    };
    for work in
        ["pipc shm fill long", "pipc shm load long < /mnt/input", "pipc shm dump long > /dev/null"]
    {
        let seen = on_terminal(work);
        assert!(seen.contains("/96.00 MiB"), "{work}: {seen:?}");
    }
    assert!(!on_terminal("pipc shm fill long --len 1M").contains("MiB/"), "a short one has none");
    let run = sandbox("truncate -s 96M /dev/shm/long; pipc shm fill long").status(0);
    assert_eq!(run.stderr, "");
}

//! Four processes at one semaphore, half of them C programs on the C library's own functions:
//! units are counted, none is lost and none invented, over millions of operations.

use std::path::Path;
use std::time::Duration;

use posix_ipc::sem::Abi;
use posix_ipc::{OpenMode, Semaphore};
use testutil::child::{self, Child, run, say};
use testutil::names::unique;
use testutil::watchdog::watchdog;
use testutil::{c, require};

const UNITS: u32 = 500_000;
const SOURCE: &str = "../posix-ipc-sys/tests/c/sem_peer.c";

fn open(arguments: &[String]) -> Semaphore {
    let abi = if arguments[1] == "32" { Abi::Glibc32 } else { Abi::Glibc64 };
    Semaphore::options().abi(abi).open(arguments[0].as_str()).unwrap()
}

pub(crate) fn posts_and_waits(arguments: &[String]) {
    let sem = open(arguments);
    say("ready");
    std::thread::scope(|scope| {
        // Posts twice what is taken here, in lots of different size.
        scope.spawn(|| {
            for round in 0..UNITS / 10 {
                let lot = round % 7 + 1;
                sem.post_many(lot).unwrap();
                sem.post_many(10 - lot).unwrap();
                (0..10).for_each(|_| sem.post().unwrap());
            }
        });
        for _ in 0..UNITS / 10 {
            (0..5).for_each(|_| sem.wait().unwrap());
            sem.wait_many(5).unwrap();
        }
    });
    say("done");
}

pub(crate) fn waits_or_times_out(arguments: &[String]) {
    let sem = open(arguments);
    say("ready");
    let (mut taken, mut timeouts) = (0, 0);
    while taken < UNITS {
        match sem.wait_timeout(Duration::from_micros(20 + u64::from(taken % 50))).unwrap() {
            true => taken += 1,
            false => timeouts += 1,
        }
    }
    say(&format!("done after {timeouts} timeouts"));
}

fn units_are_neither_lost_nor_invented(bits: &str) {
    let _watchdog = watchdog(600);
    let flags: &[&str] = if bits == "32" { &["-m32"] } else { &[] };
    let program = c::compile(Path::new(SOURCE), flags);
    require!(program.is_some(), "no gcc for {bits} bits: apt-get install gcc-multilib");
    let program = program.unwrap();
    let name = unique("stress");
    let abi = if bits == "32" { Abi::Glibc32 } else { Abi::Glibc64 };
    let options = Semaphore::options().mode(OpenMode::CreateNew).initial_value(0).abi(abi);
    let sem = options.open(&*name).unwrap();
    let c = |command: &str| -> Child {
        let mut process = program.command();
        process.args([name.as_str(), command, &UNITS.to_string()]);
        child::start(process)
    };
    // Posted: 2 units by ours, 1 by C. Taken: 1 by ours, 1 by ours with timeouts, 1 by C with
    // timeouts.
    let mut ours = ["posts_and_waits", "waits_or_times_out"].map(|role| run(role, &[&name, bits]));
    let mut theirs = ["post", "timed"].map(c);
    for process in ours.iter_mut().chain(&mut theirs) {
        process.expect_line("ready");
    }
    for process in ours.iter_mut().chain(&mut theirs) {
        process.read_line();
        assert!(process.wait().success());
    }
    assert_eq!((sem.value(), sem.waiters()), (Ok(0), Some(0)));
}

#[test]
fn units_are_neither_lost_nor_invented_with_c_programs_of_64_bits() {
    units_are_neither_lost_nor_invented("64");
}

#[test]
fn units_are_neither_lost_nor_invented_with_c_programs_of_32_bits() {
    units_are_neither_lost_nor_invented("32");
}

//! Semaphores shared with C programs that use the C library's own functions, of 64 and of 32 bits.
//!
//! The programs of 32 bits need `gcc -m32`: `apt-get install gcc-multilib`.
#![cfg(all(feature = "sem", target_os = "linux", target_env = "gnu"))]

use std::path::Path;
use std::thread;

use posix_ipc_sys::sem::{self, Abi, Clock, Deadline, Mode, OpenFlags, OwnedSem};
use rustix::io::Errno;
use rustix::time::clock_gettime;
use testutil::c::{self, Program};
use testutil::child::{self, Child};
use testutil::names::{UniqueName, unique};
use testutil::watchdog::watchdog;

const SOURCE: &str = "tests/c/sem_peer.c";
const WHY: &str =
    "no gcc for programs of that word size (for 32 bits: apt-get install gcc-multilib)";

struct Peer {
    program: Program,
    abi: Abi,
}

/// The C program for each word size that can be compiled here, or a loud skip.
fn peer(abi: Abi) -> Option<Peer> {
    let flags: &[&str] = match abi {
        Abi::Glibc32 if cfg!(target_pointer_width = "64") => &["-m32"],
        _ => &[],
    };
    c::compile(Path::new(SOURCE), flags).map(|program| Peer { program, abi })
}

impl Peer {
    fn start(&self, name: &UniqueName, arguments: &[&str]) -> Child {
        let mut command = self.program.command();
        command.arg(name.as_str()).args(arguments);
        let mut child = child::start(command);
        child.expect_line("ready");
        child
    }

    fn create(&self, name: &UniqueName, value: u32) -> OwnedSem {
        let flags = OpenFlags::CREATE | OpenFlags::EXCL;
        sem::open_with(self.abi, name.as_str(), flags, Mode::from(0o600), value).unwrap()
    }

    fn open(&self, name: &UniqueName) -> rustix::io::Result<OwnedSem> {
        sem::open_with(self.abi, name.as_str(), OpenFlags::empty(), Mode::empty(), 0)
    }
}

fn number(child: &mut Child) -> i64 {
    child.read_line().parse().unwrap()
}

fn in_microseconds(us: i64) -> Deadline {
    let mut time = clock_gettime(Clock::Monotonic.id());
    time.tv_nsec += us * 1_000;
    time.tv_sec += time.tv_nsec / 1_000_000_000;
    time.tv_nsec %= 1_000_000_000;
    Deadline { clock: Clock::Monotonic, time }
}

/// A test for each word size.
macro_rules! interop {
    ($($(#[$attribute:meta])* fn $name:ident($peer:ident: &Peer) $body:block)*) => {
        $(fn $name($peer: &Peer) $body)*
        mod of_64_bits { use super::*; $(#[test] $(#[$attribute])* fn $name() {
            let _watchdog = watchdog(120);
            let peer = peer(Abi::Glibc64);
            testutil::require!(peer.is_some(), "{WHY}");
            super::$name(&peer.unwrap());
        })* }
        mod of_32_bits { use super::*; $(#[test] $(#[$attribute])* fn $name() {
            let _watchdog = watchdog(120);
            let peer = peer(Abi::Glibc32);
            testutil::require!(peer.is_some(), "{WHY}");
            super::$name(&peer.unwrap());
        })* }
    };
}

interop! {
    fn c_sees_what_rust_created_and_rust_what_c_created(peer: &Peer) {
        let name = unique("c-value");
        let _sem = peer.create(&name, 7);
        assert_eq!(number(&mut peer.start(&name, &["value"])), 7);
        sem::unlink_with(peer.abi, name.as_str()).unwrap();
        assert_eq!(number(&mut peer.start(&name, &["create", "12345"])), 12345);
        assert_eq!(sem::getvalue(peer.open(&name).unwrap()), Ok(12345));
    }

    fn a_sleeping_c_waiter_is_woken_by_rust(peer: &Peer) {
        let name = unique("c-sleeper");
        let sem = peer.create(&name, 0);
        for units in [1, 3] {
            let mut waiters: Vec<_> =
                (0..units).map(|_| peer.start(&name, &["wait"])).collect();
            waiters.iter().for_each(Child::wait_until_asleep);
            assert_eq!(sem::waiters(&sem), Some(units));
            sem::post_many(&sem, units).unwrap();
            waiters.iter_mut().for_each(|waiter| waiter.expect_line("0"));
        }
        assert_eq!((sem::getvalue(&sem), sem::waiters(&sem)), (Ok(0), Some(0)));
    }

    fn a_sleeping_rust_waiter_is_woken_by_c(peer: &Peer) {
        let name = unique("rust-sleeper");
        let sem = peer.create(&name, 0);
        thread::scope(|scope| {
            scope.spawn(|| sem::wait(&sem).unwrap());
            scope.spawn(|| sem::wait_many(&sem, 2, None).unwrap());
            while sem::waiters(&sem) != Some(2) {
                thread::yield_now();
            }
            peer.start(&name, &["post", "3"]).expect_line("0");
        });
        assert_eq!((sem::getvalue(&sem), sem::waiters(&sem)), (Ok(0), Some(0)));
    }

    fn timeouts_leave_no_waiter_behind(peer: &Peer) {
        let name = unique("c-timeout");
        let sem = peer.create(&name, 0);
        let timed_out = i64::from(Errno::TIMEDOUT.raw_os_error());
        assert_eq!(number(&mut peer.start(&name, &["timeout", "2000"])), timed_out);
        assert_eq!(sem::wait_many(&sem, 1, Some(in_microseconds(2_000))), Err(Errno::TIMEDOUT));
        assert_eq!((sem::getvalue(&sem), sem::waiters(&sem)), (Ok(0), Some(0)));
    }

    fn units_are_neither_lost_nor_invented_between_c_and_rust(peer: &Peer) {
        const EACH: u32 = 20_000;
        let name = unique("c-contend");
        let sem = peer.create(&name, 0);
        let count = EACH.to_string();
        let mut children = ["wait", "timed", "post", "post"]
            .map(|command| peer.start(&name, &[command, &count]));
        thread::scope(|scope| {
            scope.spawn(|| (0..EACH).for_each(|_| sem::wait(&sem).unwrap()));
            scope.spawn(|| {
                let mut taken = 0;
                while taken < EACH {
                    let until = in_microseconds(20 + i64::from(taken % 50));
                    match sem::wait_many(&sem, 1, Some(until)) {
                        Ok(()) => taken += 1,
                        Err(errno) => assert_eq!(errno, Errno::TIMEDOUT),
                    }
                }
            });
            scope.spawn(|| (0..EACH).for_each(|_| sem::post(&sem).unwrap()));
            scope.spawn(|| (0..EACH / 10).for_each(|_| sem::post_many(&sem, 10).unwrap()));
        });
        children.iter_mut().for_each(|child| {
            child.read_line();
        });
        assert_eq!((sem::getvalue(&sem), sem::waiters(&sem)), (Ok(0), Some(0)));
    }

    fn it_guards_a_plain_counter_between_c_and_rust(peer: &Peer) {
        const EACH: u32 = 20_000;
        let (name, memory) = (unique("c-guard"), unique("c-counter"));
        let sem = peer.create(&name, 1);
        std::fs::write(memory.shm_path(), [0; 4096]).unwrap();
        let count = EACH.to_string();
        let mut children: Vec<_> =
            (0..2).map(|_| peer.start(&name, &["guard", &count, memory.as_str()])).collect();
        // Read and written by plain file calls: only the semaphore keeps them apart.
        let file = std::fs::File::options().read(true).write(true).open(memory.shm_path()).unwrap();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    use std::os::unix::fs::FileExt;
                    for _ in 0..EACH {
                        sem::wait(&sem).unwrap();
                        let mut counter = [0; 4];
                        file.read_exact_at(&mut counter, 0).unwrap();
                        let next = u32::from_ne_bytes(counter) + 1;
                        file.write_all_at(&next.to_ne_bytes(), 0).unwrap();
                        sem::post(&sem).unwrap();
                    }
                });
            }
        });
        children.iter_mut().for_each(|child| child.expect_line("0"));
        let counter = std::fs::read(memory.shm_path()).unwrap();
        assert_eq!(counter[..4], (4 * EACH).to_ne_bytes());
        assert_eq!((sem::getvalue(&sem), sem::waiters(&sem)), (Ok(1), Some(0)));
    }

    fn a_waiter_killed_between_wake_up_and_unit_does_not_keep_others_asleep(peer: &Peer) {
        let name = unique("c-killed");
        let sem = peer.create(&name, 0);
        let mut victim = peer.start(&name, &["wait"]);
        victim.wait_until_asleep();
        thread::scope(|scope| {
            let waiter = scope.spawn(|| sem::wait(&sem).unwrap());
            while sem::waiters(&sem) != Some(2) {
                thread::yield_now();
            }
            // As if the victim had been woken, and killed before it took its unit: the word
            // says 1, and nobody is left who was told.
            victim.signal(rustix::process::Signal::STOP);
            sem::post(&sem).unwrap();
            victim.kill();
            waiter.join().unwrap();
        });
        assert_eq!(sem::getvalue(&sem), Ok(0));
        // The dead one stays counted; that costs a wake-up for nobody with every post.
        assert_eq!(sem::waiters(&sem), Some(1));
        sem::post(&sem).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| (0..2).for_each(|_| sem::wait(&sem).unwrap()));
            sem::post(&sem).unwrap();
        });
    }

    fn the_size_of_a_semaphore_is_that_of_its_file(peer: &Peer) {
        let name = unique("c-size");
        let _sem = peer.create(&name, 0);
        let size = std::fs::metadata(name.sem_path()).unwrap().len();
        assert_eq!(number(&mut peer.start(&name, &["size"])), size as i64);
    }
}

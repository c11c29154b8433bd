//! Waiting for semaphores and rings at once: every kind, several, deaths, no wake lost.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use posix_ipc::ring::{mpmc, spsc};
use posix_ipc::{Error, OpenMode, Priority, Semaphore, SharedMemory};
use posix_ipc::{WaitAnyError, Waitable, try_wait_any, wait_any, wait_any_timeout};
use testutil::child::{self, hear, say};
use testutil::names::{UniqueName, unique};
use testutil::watchdog::watchdog;

const LOW: Priority = Priority::LOWEST;

/// One object of each kind, and the name of each.
struct All {
    names: [UniqueName; 5],
    semaphore: Semaphore,
    incoming: spsc::Receiver,
    outgoing: spsc::Sender,
    jobs: mpmc::Receiver,
    results: mpmc::Sender,
}

impl All {
    /// With the senders' rings full.
    fn new(label: &str, interval: Duration) -> Self {
        let names = [(); 5].map(|()| unique(label));
        let [a, b, c, d, e] = &names;
        let new = OpenMode::CreateNew;
        let semaphore = Semaphore::create(&**a, 0).unwrap();
        let options = spsc::Receiver::options().mode(new).liveness_interval(interval);
        let incoming = options.capacity(4096).open(&**b).unwrap();
        let options = spsc::Sender::options().mode(new).liveness_interval(interval);
        let mut outgoing = options.capacity(4096).open(&**c).unwrap();
        while outgoing.try_send(&[1; 4000]).is_ok() {}
        let options = mpmc::Receiver::options().mode(new).liveness_interval(interval);
        let jobs = options.capacity(2).message_size(8).open(&**d).unwrap();
        let options = mpmc::Sender::options().mode(new).liveness_interval(interval);
        let results = options.capacity(2).message_size(8).open(&**e).unwrap();
        while results.try_send(&[1; 8], 0).is_ok() {}
        Self { names, semaphore, incoming, outgoing, jobs, results }
    }

    fn things(&mut self) -> [Waitable<'_>; 5] {
        [
            Waitable::Semaphore(&self.semaphore),
            Waitable::SpscReceiver(&mut self.incoming),
            Waitable::SpscSender(&mut self.outgoing, 4000),
            Waitable::MpmcReceiver(&self.jobs),
            Waitable::MpmcSender(&self.results, LOW),
        ]
    }
}

/// The other side of each kind; acts on the one that the test names.
pub(crate) fn any_actor(names: &[String]) {
    let semaphore = Semaphore::open(&names[0]).unwrap();
    let mut sender = spsc::Sender::open(&names[1]).unwrap();
    let mut receiver = spsc::Receiver::open(&names[2]).unwrap();
    let jobs = mpmc::Sender::open(&names[3]).unwrap();
    let results = mpmc::Receiver::open(&names[4]).unwrap();
    say("ready");
    while let Some(line) = hear() {
        match &*line {
            "0" => semaphore.post().unwrap(),
            "1" => sender.send(b"message").unwrap(),
            "2" => assert_eq!(receiver.receive_vec().unwrap().len(), 4000),
            "3" => jobs.send(b"job", 0).unwrap(),
            _ => assert_eq!(results.receive_vec().unwrap().0.len(), 8),
        }
    }
}

fn start(all: &All) -> child::Child {
    let names: Vec<&str> = all.names.iter().map(|name| &**name).collect();
    let mut child = child::run("any_actor", &names);
    child.expect_line("ready");
    child
}

#[test]
fn each_kind_ends_the_wait_across_processes_and_has_what_was_promised() {
    let _watchdog = watchdog(120);
    let mut all = All::new("any-each", Duration::from_secs(5));
    let mut child = start(&all);
    for round in 0..100 {
        let kind = round * 7 % 5;
        assert_eq!(try_wait_any(&mut all.things()), Ok(None), "round {round}");
        child.send_line(&kind.to_string());
        assert_eq!(wait_any(&mut all.things(), None), Ok(Some(kind)), "round {round}");
        match kind {
            0 => assert_eq!(all.semaphore.value().unwrap(), 0, "the unit was taken"),
            1 => assert_eq!(all.incoming.try_receive_vec().unwrap().unwrap(), b"message"),
            2 => all.outgoing.try_send(&[1; 4000]).unwrap(),
            3 => assert_eq!(all.jobs.try_receive_vec().unwrap().unwrap().0, b"job"),
            _ => all.results.try_send(&[1; 8], 0).unwrap(),
        }
    }
    drop(all);
    child.expect_success();
}

#[test]
fn the_first_in_order_wins_and_nothing_else_is_taken() {
    let _watchdog = watchdog(60);
    let mut all = All::new("any-first", Duration::from_secs(5));
    let mut child = start(&all);
    let other = Semaphore::create(&*unique("any-other"), 2).unwrap();
    for kind in ["1", "3", "0"] {
        child.send_line(kind);
    }
    while all.semaphore.value().unwrap() == 0 {
        std::thread::yield_now();
    }
    let All { semaphore, incoming, jobs, .. } = &mut all;
    let mut things = [
        Waitable::MpmcReceiver(jobs),
        Waitable::Semaphore(&other),
        Waitable::SpscReceiver(incoming),
        Waitable::Semaphore(semaphore),
    ];
    assert_eq!(wait_any(&mut things, None), Ok(Some(0)));
    assert_eq!(wait_any_timeout(&mut things[1..], Duration::ZERO), Ok(Some(0)));
    assert_eq!(try_wait_any(&mut things[2..]), Ok(Some(0)));
    assert_eq!((other.value().unwrap(), semaphore.value().unwrap()), (1, 1));
    assert_eq!(jobs.try_receive_vec().unwrap().unwrap().0, b"job");
    assert_eq!(incoming.try_receive_vec().unwrap().unwrap(), b"message");
}

#[test]
fn with_nothing_it_ends_in_time_and_leaves_no_waiter_behind() {
    let _watchdog = watchdog(60);
    let mut all = All::new("any-none", Duration::from_millis(3));
    let (start, timeout) = (Instant::now(), Duration::from_millis(20));
    assert_eq!(wait_any_timeout(&mut all.things(), timeout), Ok(None));
    assert!(start.elapsed() >= timeout);
    assert_eq!(wait_any(&mut all.things(), Some(start + 2 * timeout)), Ok(None));
    assert!(start.elapsed() >= 2 * timeout);
    assert_eq!(wait_any(&mut all.things(), Some(start)), Ok(None));
    assert!(matches!(all.semaphore.waiters(), Some(0) | None));
}

#[test]
fn wrong_arguments_are_refused() {
    let mut all = All::new("any-wrong", Duration::MAX);
    let argument = |result| match result {
        Err(WaitAnyError::Other(Error::Argument { .. } | Error::OutOfRange { .. })) => {}
        other => panic!("{other:?}"),
    };
    argument(wait_any(&mut [], None));
    let mut many: Vec<_> = (0..129).map(|_| Waitable::Semaphore(&all.semaphore)).collect();
    argument(wait_any(&mut many, None));
    argument(wait_any(&mut [Waitable::SpscSender(&mut all.outgoing, 4096)], None));
    let second = Priority::new(1).unwrap();
    argument(wait_any(&mut [Waitable::MpmcSender(&all.results, second)], None));
}

#[test]
fn the_death_of_a_rings_peer_ends_the_wait_unless_something_else_has_something() {
    let _watchdog = watchdog(120);
    let mut all = All::new("any-death", Duration::from_millis(10));
    let mut child = start(&all);
    let waiting = std::thread::spawn(move || {
        let All { semaphore, incoming, .. } = &mut all;
        let mut things = [Waitable::Semaphore(semaphore), Waitable::SpscReceiver(incoming)];
        let result = wait_any(&mut things, None);
        (all, result)
    });
    child.kill();
    let (mut all, result) = waiting.join().unwrap();
    assert_eq!(result, Err(WaitAnyError::PeerGone { index: 1 }));
    let result = wait_any(&mut [Waitable::SpscSender(&mut all.outgoing, 4000)], None);
    assert_eq!(result, Err(WaitAnyError::PeerGone { index: 0 }));
    all.semaphore.post().unwrap();
    assert_eq!(wait_any(&mut all.things(), None), Ok(Some(0)));
}

/// Sleepers that never look by themselves: a wake that is lost hangs.
#[test]
fn no_wake_is_lost_among_many() {
    let _watchdog = watchdog(120);
    let mut all = All::new("any-stress", Duration::MAX);
    let [semaphore, there, back, jobs, results] = &all.names;
    let each = 5_000;
    let semaphore = Semaphore::open(&**semaphore).unwrap();
    let mut sender = spsc::Sender::open(&**there).unwrap();
    let mut receiver = spsc::Receiver::open(&**back).unwrap();
    let jobs = mpmc::Sender::open(&**jobs).unwrap();
    let results = mpmc::Receiver::open(&**results).unwrap();
    let threads = [
        std::thread::spawn(move || (0..each).for_each(|_| semaphore.post().unwrap())),
        std::thread::spawn(move || (0..each).for_each(|_| sender.send(b"message").unwrap())),
        std::thread::spawn(move || {
            (0..each + 1).for_each(|_| assert_eq!(receiver.receive_vec().unwrap().len(), 4000));
        }),
        std::thread::spawn(move || (0..each).for_each(|_| jobs.send(b"job", 0).unwrap())),
        std::thread::spawn(move || {
            (0..each + 2).for_each(|_| assert_eq!(results.receive_vec().unwrap().0.len(), 8));
        }),
    ];
    let mut counts = [0; 5];
    while counts != [each; 5] {
        let mut things: Vec<_> = (0..).zip(all.things()).collect();
        things.retain(|(kind, _)| counts[*kind] < each);
        let (kinds, mut things): (Vec<usize>, Vec<_>) = things.into_iter().unzip();
        let found = wait_any(&mut things, None).unwrap().expect("there is no deadline");
        drop(things);
        match kinds[found] {
            0 => {}
            1 => assert!(all.incoming.try_receive_vec().unwrap().is_some()),
            2 => all.outgoing.try_send(&[1; 4000]).unwrap(),
            3 => assert!(all.jobs.try_receive_vec().unwrap().is_some()),
            _ => all.results.try_send(&[1; 8], 0).unwrap(),
        }
        counts[kinds[found]] += 1;
    }
    // What was full before there was any waiting.
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn scribbling_over_the_rings_ends_no_wait_but_at_its_time_or_with_an_error() {
    let _watchdog = watchdog(120);
    let mut all = All::new("any-hostile", Duration::from_millis(2));
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    for _ in 0..60 {
        for name in &all.names[1..] {
            let mapping = SharedMemory::open(&**name).unwrap().map().unwrap();
            for _ in 0..4 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (random >> 33) as usize % (mapping.len() / 8 - 16) * 8 + 128;
                mapping.atomic_u64(at).unwrap().store(random, Ordering::Relaxed);
            }
            mapping.atomic_u32(512).unwrap().store(random as u32, Ordering::Relaxed);
        }
        let _ = wait_any_timeout(&mut all.things(), Duration::from_millis(5));
        let _ = all.incoming.try_receive_vec();
    }
}

/// Forbids `futex_waitv` to this thread, as kernels before 5.16 do.
fn forbid_waitv() -> bool {
    let code = |code: u32| code as u16;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let refuse = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    let mut program = [
        step(code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS), 0, 0, 0),
        step(code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K), 0, 1, 449),
        step(code(libc::BPF_RET | libc::BPF_K), 0, 0, refuse),
        step(code(libc::BPF_RET | libc::BPF_K), 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: program.as_mut_ptr() };
    // SAFETY: it takes plain numbers, and concerns this thread alone.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    // SAFETY: the program outlives the call, which copies it.
    let set =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    result == 0 && set == 0
}

#[test]
fn without_the_system_call_everything_is_looked_at_by_turns() {
    let _watchdog = watchdog(120);
    let mut all = All::new("any-old", Duration::from_millis(10));
    let mut child = start(&all);
    let thread = std::thread::spawn(move || {
        if !forbid_waitv() {
            return false;
        }
        for kind in 0..5 {
            child.send_line(&kind.to_string());
            assert_eq!(wait_any(&mut all.things()[kind..], None), Ok(Some(0)), "kind {kind}");
            if kind == 1 {
                all.incoming.try_receive_vec().unwrap().unwrap();
            }
        }
        child.kill();
        let result = wait_any(&mut [Waitable::SpscReceiver(&mut all.incoming)], None);
        assert_eq!(result, Err(WaitAnyError::PeerGone { index: 0 }));
        true
    });
    if !thread.join().unwrap() {
        testutil::skip::skip("no system call can be forbidden here");
    }
}

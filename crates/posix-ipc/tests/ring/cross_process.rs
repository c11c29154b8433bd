//! Two processes: dialogue, deaths while blocked, deaths in the middle, idleness.

use std::time::{Duration, Instant};

use posix_ipc::ring::spsc::{Peer, Receiver, Sender};
use posix_ipc::ring::{ReceiveError, SendError, mpmc};
use posix_ipc::{Cleanup, OpenMode};
use testutil::child::{self, hear, say};
use testutil::names::unique;
use testutil::watchdog::watchdog;

fn keep(name: &str) -> (Sender, Receiver) {
    let options = Sender::options().mode(OpenMode::CreateNew).cleanup(Cleanup::Keep);
    let sender = options.capacity(4096).liveness_interval(Duration::from_millis(10)).open(name);
    let receiver = Receiver::options().liveness_interval(Duration::from_millis(10)).open(name);
    (sender.unwrap(), receiver.unwrap())
}

/// Answers every message of the first ring on the second.
pub(crate) fn echo(arguments: &[String]) {
    let mut receiver = Receiver::open(&arguments[0]).unwrap();
    let mut sender = Sender::open(&arguments[1]).unwrap();
    say("ready");
    while let Ok(message) = receiver.receive_vec() {
        sender.send(&message).unwrap();
    }
}

#[test]
fn a_dialogue_goes_back_and_forth() {
    let _watchdog = watchdog(120);
    let (there, back) = (unique("there"), unique("back"));
    let mut sender = Sender::create(&*there, 4096).unwrap();
    let mut receiver = Receiver::create(&*back, 4096).unwrap();
    let mut child = child::run("echo", &[&there, &back]);
    child.expect_line("ready");
    for i in 0..20_000u64 {
        sender.send(&i.to_ne_bytes()).unwrap();
        let mut answer = [0; 8];
        assert_eq!(receiver.receive(&mut answer), Ok(8));
        assert_eq!(u64::from_ne_bytes(answer), i);
    }
    drop(sender);
    child.expect_success();
}

/// Holds an end until it is killed.
pub(crate) fn holder(arguments: &[String]) {
    match &*arguments[0] {
        "sender" => {
            let _end = Sender::open(&arguments[1]).unwrap();
            say("ready");
            hear();
        }
        _ => {
            let _end = Receiver::open(&arguments[1]).unwrap();
            say("ready");
            hear();
        }
    }
}

#[test]
fn a_blocked_receiver_learns_that_its_sender_was_killed() {
    let _watchdog = watchdog(120);
    let name = unique("dead-sender");
    let (sender, mut receiver) = keep(&name);
    drop(sender);
    let mut child = child::run("holder", &["sender", &name]);
    child.expect_line("ready");
    assert_eq!(receiver.peer(), Peer::Here);
    let waiting = std::thread::spawn(move || {
        let result = receiver.receive_vec();
        (receiver, result)
    });
    child.kill();
    let (mut receiver, result) = waiting.join().unwrap();
    assert_eq!(result, Err(ReceiveError::PeerGone));
    assert_eq!(receiver.peer(), Peer::Gone);
    let mut next = Sender::open(&*name).unwrap();
    assert_eq!(receiver.peer(), Peer::Here);
    next.send(b"again").unwrap();
    assert_eq!(receiver.receive_vec().unwrap(), b"again");
}

#[test]
fn a_blocked_sender_learns_that_its_receiver_was_killed() {
    let _watchdog = watchdog(120);
    let name = unique("dead-receiver");
    let (mut sender, receiver) = keep(&name);
    drop(receiver);
    let mut child = child::run("holder", &["receiver", &name]);
    child.expect_line("ready");
    let waiting = std::thread::spawn(move || {
        while sender.try_send(&[7; 100]).is_ok() {}
        sender.send(&[8; 100])
    });
    child.kill();
    assert_eq!(waiting.join().unwrap(), Err(SendError::PeerGone));
    let mut receiver = Receiver::open(&*name).unwrap();
    assert_eq!(receiver.receive_vec().unwrap(), [7; 100]);
}

/// Takes a message and is killed while it has it.
pub(crate) fn taker(arguments: &[String]) {
    let receiver = mpmc::Receiver::open(&arguments[0]).unwrap();
    let record = receiver.peek().unwrap();
    say(&String::from_utf8(record.to_vec()).unwrap());
    hear();
    record.release();
}

#[test]
fn a_message_that_a_dead_receiver_had_taken_comes_first_again() {
    let _watchdog = watchdog(120);
    let name = unique("redelivery");
    let sender = mpmc::Sender::create(&*name, 4, 16).unwrap();
    sender.send(b"first", 0).unwrap();
    sender.send(b"second", 0).unwrap();
    let mut child = child::run("taker", &[&name]);
    child.expect_line("first");
    let receiver = mpmc::Receiver::options();
    let receiver = receiver.liveness_interval(Duration::from_millis(5)).open(&*name).unwrap();
    assert_eq!(receiver.receive_vec().unwrap().0, b"second");
    child.kill();
    assert_eq!(receiver.receive_vec().unwrap().0, b"first", "the sleeper finds it out");
    assert_eq!(receiver.incidents().redelivered, 1);
    assert_eq!(receiver.incidents().skipped, 0);
}

/// Fills a ring until it blocks, and is killed there.
pub(crate) fn stuck_sender(arguments: &[String]) {
    let sender = mpmc::Sender::open(&arguments[0]).unwrap();
    say("ready");
    loop {
        sender.send(&[9; 16], 0).unwrap();
    }
}

#[test]
fn a_sender_killed_while_it_sleeps_leaves_a_whole_ring() {
    let _watchdog = watchdog(120);
    let name = unique("stuck");
    let receiver = mpmc::Receiver::create(&*name, 4, 16).unwrap();
    let mut child = child::run("stuck_sender", &[&name]);
    child.expect_line("ready");
    child.wait_until_asleep();
    child.kill();
    receiver.repair();
    let left = std::iter::from_fn(|| receiver.try_receive_vec().unwrap()).count();
    assert_eq!(left, 4);
    assert_eq!(receiver.participants(), 1);
}

/// Waits at one of the rings named by the arguments until it is killed.
pub(crate) fn idler(arguments: &[String]) {
    say("ready");
    match &*arguments[0] {
        "spsc" => drop(Receiver::open(&arguments[1]).unwrap().receive_vec()),
        _ => drop(mpmc::Receiver::open(&arguments[1]).unwrap().receive_vec()),
    }
}

/// How often a process has gone to sleep so far, and what processor time it has used.
fn sleeps_and_time(id: u32) -> (u64, Duration) {
    let (mut sleeps, mut time) = (0, Duration::ZERO);
    for task in std::fs::read_dir(format!("/proc/{id}/task")).unwrap().flatten() {
        let status = std::fs::read_to_string(task.path().join("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        sleeps += line.unwrap().trim().parse::<u64>().unwrap();
        let schedule = std::fs::read_to_string(task.path().join("schedstat")).unwrap();
        let nanos = schedule.split(' ').next().unwrap().parse().unwrap();
        time += Duration::from_nanos(nanos);
    }
    (sleeps, time)
}

/// Ten looks a second after the peer are all that an idle end costs.
#[test]
fn an_idle_receiver_wakes_for_its_liveness_interval_alone() {
    let _watchdog = watchdog(120);
    for shape in ["spsc", "mpmc"] {
        let name = unique("idle");
        let (spsc, mpmc) = match shape {
            "spsc" => (Some(Sender::create(&*name, 4096).unwrap()), None),
            _ => (None, Some(mpmc::Sender::create(&*name, 4, 8).unwrap())),
        };
        let mut child = child::run("idler", &[shape, &name]);
        child.expect_line("ready");
        child.wait_until_asleep();
        // Our own wait, for nothing, is the clock.
        let (_own, mut nothing) = posix_ipc::ring::spsc::pair(4096).unwrap();
        let mut pause = |time| assert_eq!(nothing.receive_timeout(&mut [], time), Ok(None));
        pause(Duration::from_millis(300));
        // What the machine takes away in between is counted as used: of several looks one is enough.
        let calm = (0..10).any(|_| {
            let ((sleeps, time), start) = (sleeps_and_time(child.id()), Instant::now());
            pause(Duration::from_secs(2));
            let (after, seconds) = (sleeps_and_time(child.id()), start.elapsed().as_secs_f64());
            let rate = (after.0 - sleeps) as f64 / seconds;
            let used = (after.1 - time).as_secs_f64() / seconds;
            println!(
                "an idle {shape} receiver wakes {rate:.1} times a second, and takes {:.2} ms of a \
                 processor a minute",
                used * 60_000.0
            );
            assert!(after.0 > sleeps, "it does look after its peer");
            assert!(rate < 25.0, "{rate} wakes a second");
            used < 0.02
        });
        assert!(calm, "an idle {shape} receiver does not rest");
        child.kill();
        drop((spsc, mpmc));
    }
}

#[test]
fn an_idle_receiver_burns_no_processor() {
    let _watchdog = watchdog(120);
    let (_sender, mut receiver) = posix_ipc::ring::spsc::pair(4096).unwrap();
    // As above: one calm wait of several.
    let calm = (0..10).any(|_| {
        let (start, before) = (Instant::now(), processor_time());
        assert_eq!(receiver.receive_timeout(&mut [], Duration::from_millis(500)), Ok(None));
        let used = processor_time() - before;
        let share = used.as_secs_f64() / start.elapsed().as_secs_f64();
        println!("an idle receiver used {:.4} % of a processor", share * 100.0);
        share < 0.02
    });
    assert!(calm, "it does not rest");
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

//! The mpmc ring in place: reservations that are committed, given up, leaked, or left by the dead.

use std::io::Write;
use std::time::{Duration, Instant};

use posix_ipc::ring::mpmc::{self, Incidents, Receiver, Sender};
use posix_ipc::ring::{OutOfBounds, SendError};
use posix_ipc::{OpenMode, Priority};
use testutil::child::{self, hear, say};
use testutil::names::unique;
use testutil::watchdog::watchdog;

#[test]
fn what_is_written_in_place_arrives_as_written() {
    let (sender, receiver) = mpmc::pair(4, 300).unwrap();
    for len in 0..=300usize {
        let mut grant = sender.reserve(len, 0).unwrap();
        assert_eq!((grant.len(), grant.priority().get()), (len, 0));
        assert_eq!(grant.as_mut_ptr().addr() % 16, 0);
        let message = vec![len as u8; len];
        let (front, back) = message.split_at(len / 2);
        grant.write_at(front.len(), back).unwrap();
        grant.write_at(0, front).unwrap();
        let error = grant.write_at(1, &message).err();
        let offset = 1;
        assert!(matches!(error, Some(OutOfBounds { offset: o, .. }) if o == offset));
        grant.commit();
        assert_eq!(receiver.receive_vec().unwrap(), (message, Priority::LOWEST));
    }
}

#[test]
fn a_grant_is_written_as_a_stream_and_shortened() {
    let (sender, receiver) = mpmc::pair(4, 300).unwrap();
    let mut grant = sender.try_reserve(8, 0).unwrap();
    grant.write_all(b"in ").unwrap();
    assert_eq!(grant.write(b"place, all of it").unwrap(), 5);
    grant.truncate(7);
    grant.truncate(8);
    grant.commit();
    assert_eq!(receiver.receive_vec().unwrap().0, b"in plac");
    let mut grant = sender.reserve(2, 0).unwrap();
    // SAFETY: this process alone has the ring.
    let slice = unsafe { grant.as_mut_slice() };
    slice.copy_from_slice(b"ok");
    grant.commit();
    assert_eq!(receiver.receive_vec().unwrap().0, b"ok");
}

#[test]
fn a_reservation_has_the_limits_and_deadlines_of_a_message() {
    let (sender, receiver) = mpmc::pair(2, 16).unwrap();
    let error = sender.reserve(17, 0).unwrap_err();
    assert_eq!(error, SendError::TooLong { length: 17, max: 16 });
    let error = sender.try_reserve(1, 1).unwrap_err();
    assert_eq!(error, SendError::NoSuchLane { priority: Priority::new(1).unwrap(), lanes: 1 });
    let (first, _second) = (sender.reserve(1, 0).unwrap(), sender.reserve(1, 0).unwrap());
    assert_eq!(sender.try_reserve(1, 0).unwrap_err(), SendError::Full);
    let (start, timeout) = (Instant::now(), Duration::from_millis(10));
    assert_eq!(sender.reserve_timeout(1, 0, timeout).unwrap_err(), SendError::TimedOut);
    assert!(start.elapsed() >= timeout);
    assert_eq!(sender.reserve_deadline(1, 0, start).unwrap_err(), SendError::TimedOut);
    first.commit();
    assert_eq!(receiver.receive_vec().unwrap().0.len(), 1);
    sender.reserve_timeout(1, 0, Duration::MAX).unwrap().commit();
}

#[test]
fn a_dropped_grant_was_never_there_and_what_is_behind_it_goes_on() {
    let _watchdog = watchdog(60);
    let (sender, receiver) = mpmc::pair(4, 16).unwrap();
    for round in 0..1_000u64 {
        let grant = sender.reserve(8, 0).unwrap();
        sender.send(&round.to_ne_bytes(), 0).unwrap();
        assert_eq!(receiver.try_receive_vec().unwrap(), None, "order is kept");
        drop(grant);
        assert_eq!(receiver.receive_vec().unwrap().0, round.to_ne_bytes());
        assert!(receiver.try_peek().unwrap().is_none());
    }
    assert_eq!(receiver.incidents(), Incidents::default(), "it is no incident");
}

/// More laps than any look would walk over slot by slot.
#[test]
fn any_number_of_dropped_grants_leaves_a_ring_that_works() {
    let _watchdog = watchdog(120);
    let (sender, receiver) = mpmc::pair(2, 8).unwrap();
    let other = sender.clone();
    for round in 0..300_000 {
        drop(sender.try_reserve(8, 0).unwrap_or_else(|error| panic!("{round}: {error}")));
    }
    other.send(b"at last", 0).unwrap();
    assert_eq!(receiver.receive_vec().unwrap().0, b"at last");
    assert_eq!(receiver.try_receive_vec().unwrap(), None);
    (0..2).for_each(|_| other.try_send(b"more", 0).unwrap());
    assert_eq!(other.try_send(b"full", 0), Err(SendError::Full));
    (0..2).for_each(|_| assert_eq!(receiver.receive_vec().unwrap().0, b"more"));
}

#[test]
fn a_dropped_grant_wakes_a_receiver_behind_it_and_a_sender_without_room() {
    let _watchdog = watchdog(60);
    let name = unique("grant-wakes");
    // Nobody looks by itself: every wake has to come.
    let never = Duration::MAX;
    let sender = Sender::options().mode(OpenMode::CreateNew).capacity(2).message_size(8);
    let sender = sender.liveness_interval(never).spin(false).open(&*name).unwrap();
    let receiver = Receiver::options().liveness_interval(never).spin(false).open(&*name).unwrap();
    for _ in 0..200 {
        let grant = sender.reserve(8, 0).unwrap();
        sender.send(b"behind", 0).unwrap();
        let (waiting, blocked) = (receiver.clone(), sender.clone());
        let receiving = std::thread::spawn(move || waiting.receive_vec().unwrap().0);
        let sending = std::thread::spawn(move || blocked.send(b"third", 0).unwrap());
        drop(grant);
        assert_eq!(receiving.join().unwrap(), b"behind");
        sending.join().unwrap();
        assert_eq!(receiver.receive_vec().unwrap().0, b"third");
    }
}

/// Reserves, writes a half, and is killed.
pub(crate) fn reserver(arguments: &[String]) {
    let sender = Sender::open(&arguments[0]).unwrap();
    let mut grant = sender.reserve(16, 0).unwrap();
    grant.write_at(0, &[1; 8]).unwrap();
    say("half");
    hear();
    grant.commit();
}

#[test]
fn what_was_reserved_and_not_committed_is_skipped_when_its_sender_is_killed() {
    let _watchdog = watchdog(120);
    let name = unique("half-written");
    let sender = Sender::create(&*name, 4, 16).unwrap();
    let receiver = Receiver::options().liveness_interval(Duration::from_millis(5));
    let receiver = receiver.open(&*name).unwrap();
    for round in 1..=5u64 {
        let mut child = child::run("reserver", &[&name]);
        child.expect_line("half");
        sender.send(&round.to_ne_bytes(), 0).unwrap();
        assert_eq!(receiver.try_receive_vec().unwrap(), None, "the order is kept meanwhile");
        let waiting = receiver.clone();
        let thread = std::thread::spawn(move || waiting.receive_vec().unwrap().0);
        child.kill();
        assert_eq!(thread.join().unwrap(), round.to_ne_bytes());
        let incidents = receiver.incidents();
        assert_eq!((incidents.skipped, incidents.redelivered), (round, 0));
    }
}

#[test]
fn what_a_newcomer_finds_half_written_on_its_seat_it_repairs() {
    let _watchdog = watchdog(120);
    let name = unique("half-written-seat");
    let receiver = Receiver::options().mode(OpenMode::CreateNew).capacity(4).message_size(16);
    let receiver = receiver.liveness_interval(Duration::MAX).open(&*name).unwrap();
    let mut child = child::run("reserver", &[&name]);
    child.expect_line("half");
    child.kill();
    let sender = Sender::open(&*name).unwrap();
    assert_eq!(sender.incidents().skipped, 1);
    sender.send(b"next", 0).unwrap();
    assert_eq!(receiver.receive_vec().unwrap().0, b"next");
}

#[test]
fn what_is_leaked_is_given_up_with_its_handle() {
    let name = unique("leaked");
    let sender = Sender::create(&*name, 4, 16).unwrap();
    let receiver = Receiver::open(&*name).unwrap();
    let careless = Sender::open(&*name).unwrap();
    let clone = careless.clone();
    std::mem::forget(clone.reserve(8, 0).unwrap());
    sender.send(b"behind", 0).unwrap();
    drop(clone);
    assert_eq!(receiver.try_receive_vec().unwrap(), None, "the clone has the same seat");
    drop(careless);
    let careless = Receiver::open(&*name).unwrap();
    std::mem::forget(careless.peek().unwrap());
    assert_eq!(receiver.try_receive_vec().unwrap(), None);
    drop(careless);
    assert_eq!(receiver.receive_vec().unwrap().0, b"behind");
    let incidents = receiver.incidents();
    assert_eq!((incidents.skipped, incidents.redelivered), (1, 1));
}

#[test]
fn peeking_waits_as_long_as_it_is_told() {
    let _watchdog = watchdog(60);
    let (sender, receiver) = mpmc::pair(4, 16).unwrap();
    let (start, timeout) = (Instant::now(), Duration::from_millis(10));
    assert!(receiver.try_peek().unwrap().is_none());
    assert!(receiver.peek_timeout(timeout).unwrap().is_none());
    assert!(receiver.peek_deadline(start + 2 * timeout).unwrap().is_none());
    assert!(start.elapsed() >= 2 * timeout);
    let thread = std::thread::spawn(move || sender.send(b"late", 0).unwrap());
    let later = Instant::now() + Duration::from_secs(600);
    let record = receiver.peek_deadline(later).unwrap().expect("ten minutes are enough");
    assert_eq!(record.to_vec(), b"late");
    record.release();
    thread.join().unwrap();
}

/// Forks with a message and a reservation in hand; the child drops its copies of them.
pub(crate) fn forks_with_claims(arguments: &[String]) {
    let sender = Sender::create(&*arguments[0], 4, 16).unwrap();
    let receiver = Receiver::open(&*arguments[0]).unwrap();
    sender.send(b"first", 0).unwrap();
    let record = receiver.peek().unwrap();
    let mut grant = sender.reserve(6, 0).unwrap();
    grant.write_at(0, b"second").unwrap();
    // SAFETY: the child only drops what it has, which allocates nothing, and exits.
    let child = unsafe { libc::fork() };
    if child == 0 {
        drop((record, grant));
        drop((receiver, sender));
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(0) };
    }
    assert!(child > 0);
    let mut status = 0;
    // SAFETY: waits for the child that was just forked.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!((waited, status), (child, 0));
    assert_eq!(receiver.try_receive_vec().unwrap(), None, "the child has put the message back");
    assert_eq!(receiver.participants(), 2, "the child has given up a seat");
    let other = Sender::open(&*arguments[0]).unwrap();
    other.send(b"third", 0).unwrap();
    assert_eq!(receiver.try_receive_vec().unwrap(), None, "the child has given up the slot");
    grant.commit();
    assert_eq!(receiver.receive_vec().unwrap().0, b"second");
    assert_eq!(receiver.receive_vec().unwrap().0, b"third");
    drop(record);
    assert_eq!(receiver.receive_vec().unwrap().0, b"first", "it is the parent's to put back");
    assert!(receiver.try_peek().unwrap().is_none());
}

#[test]
fn a_forked_child_gives_up_nothing_of_its_parents() {
    let _watchdog = watchdog(60);
    let name = unique("forks-with-claims");
    child::run("forks_with_claims", &[&name]).expect_success();
}

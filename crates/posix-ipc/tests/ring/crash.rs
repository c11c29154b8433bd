//! `kill -9` at random moments: nothing is lost but what the promise allows.
//!
//! Each shape is killed as often as `POSIX_IPC_CRASHES` says, 60 times by default; the count is
//! printed (`cargo test --test ring crash -- --nocapture`).

use std::time::{Duration, Instant};

use posix_ipc::ring::{mpmc, spsc};
use posix_ipc::{Cleanup, OpenMode};
use testutil::child::{self, Child, hear, say};
use testutil::names::unique;
use testutil::watchdog::watchdog;

use crate::journal::{INCARNATIONS, Journal, MESSAGES, message, read};

/// Most messages of up to so many bytes are sent in parts.
const LONG: u64 = 400_000;

const INTERVAL: Duration = Duration::from_millis(2);

fn crashes() -> u64 {
    let wanted = std::env::var("POSIX_IPC_CRASHES").ok().and_then(|count| count.parse().ok());
    wanted.unwrap_or(60).min(INCARNATIONS - 10)
}

/// Numbers that differ from run to run.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let seed = now.as_nanos() as u64 ^ u64::from(std::process::id()) << 40;
        println!("seed {seed}");
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn start(role: &str, ring: &str, journal: &str, incarnation: u64) -> Child {
    let mut child = child::run(role, &[ring, journal, &incarnation.to_string()]);
    child.expect_line("at it");
    child
}

/// Lets the others work for a random moment: the kill is to hit any instruction.
fn pause(random: &mut Random) {
    let until = Instant::now() + Duration::from_micros(random.below(1500));
    while Instant::now() < until {
        std::thread::yield_now();
    }
}

fn arguments(arguments: &[String]) -> (&str, Journal, u64) {
    let [ring, journal, incarnation] = arguments else { panic!("three arguments") };
    (ring, Journal::open(journal), incarnation.parse().unwrap())
}

pub(crate) fn spsc_sender(args: &[String]) {
    let (ring, journal, incarnation) = arguments(args);
    let options = spsc::Sender::options().liveness_interval(INTERVAL).outlive_peer(true);
    let mut sender = options.open(ring).unwrap_or_else(|error| journal.fail(&error.to_string()));
    say("at it");
    let mut number = 0;
    while number < MESSAGES {
        let bytes = message(incarnation, number, 600);
        let result = match number % 3 {
            0 => sender.send(&bytes).map(|()| 1),
            1 => sender.reserve(bytes.len()).map(|mut grant| {
                let (front, back) = bytes.split_at(bytes.len() / 2);
                let written =
                    grant.write_at(0, front).and_then(|()| grant.write_at(front.len(), back));
                written.unwrap_or_else(|error| journal.fail(&error.to_string()));
                grant.commit();
                1
            }),
            _ => {
                let mut batch = sender.batch();
                let count = (MESSAGES - number).min(3);
                (0..count)
                    .try_for_each(|i| batch.send(&message(incarnation, number + i, 600)))
                    .map(|()| count)
            }
        };
        match result {
            Ok(count) => number += count,
            Err(error) => journal.fail(&format!("send: {error}")),
        }
        journal.commit(incarnation, number);
    }
    hear();
}

pub(crate) fn spsc_receiver(args: &[String]) {
    let (ring, journal, _) = arguments(args);
    let options = spsc::Receiver::options().liveness_interval(INTERVAL).outlive_peer(true);
    let mut receiver = options.open(ring).unwrap_or_else(|error| journal.fail(&error.to_string()));
    say("at it");
    let mut last = None;
    loop {
        match receiver.peek() {
            Ok(record) => {
                last = Some(receive(&journal, &record.to_vec(), last, true));
                record.release();
            }
            Err(error) => journal.fail(&format!("receive: {error}")),
        }
    }
}

/// Sends messages that go in parts.
pub(crate) fn spsc_long_sender(args: &[String]) {
    let (ring, journal, incarnation) = arguments(args);
    let options = spsc::Sender::options().liveness_interval(INTERVAL).outlive_peer(true);
    let mut sender = options.open(ring).unwrap_or_else(|error| journal.fail(&error.to_string()));
    say("at it");
    for number in 0..MESSAGES {
        if let Err(error) = sender.send(&message(incarnation, number, LONG)) {
            journal.fail(&format!("send: {error}"));
        }
        journal.commit(incarnation, number + 1);
    }
    hear();
}

/// Notes a message; in order, each comes right after the one before.
fn receive(journal: &Journal, bytes: &[u8], last: Option<(u64, u64)>, ordered: bool) -> (u64, u64) {
    let Some((incarnation, number)) = read(bytes) else {
        journal.fail(&format!("a message of {} bytes is not whole", bytes.len()))
    };
    if let (true, Some((sender, before))) = (ordered, last) {
        let follows = incarnation == sender && number == before + 1;
        let begins = incarnation > sender && number == 0;
        if !follows && !begins {
            journal.fail(&format!("{number} of {incarnation} after {before} of {sender}"));
        }
    }
    // Only what is noted counts as received: from here on a repetition is a repetition.
    journal.see(incarnation, number);
    (incarnation, number)
}

#[test]
fn spsc_survives_kills_of_either_end_at_random_moments() {
    let crashes = crashes();
    let _watchdog = watchdog(120 + crashes / 2);
    let (ring, book) = (unique("crash-spsc"), unique("crash-spsc-journal"));
    let journal = Journal::create(&book);
    let options = spsc::Receiver::options().mode(OpenMode::CreateNew).cleanup(Cleanup::Keep);
    drop(options.capacity(4096).open(&*ring).unwrap());
    let mut random = Random::new();
    let (mut incarnation, mut receivers) = (0, 0);
    let mut sender = start("spsc_sender", &ring, &book, incarnation);
    let mut receiver = start("spsc_receiver", &ring, &book, 0);
    for _ in 0..crashes {
        pause(&mut random);
        if random.below(2) == 0 {
            sender.kill();
            incarnation += 1;
            sender = start("spsc_sender", &ring, &book, incarnation);
        } else {
            receiver.kill();
            receivers += 1;
            receiver = start("spsc_receiver", &ring, &book, 0);
        }
        assert_eq!(journal.failures(), 0);
    }
    sender.kill();
    receiver.kill();
    let mut rest = spsc::Receiver::open(&*ring).unwrap();
    rest.drain(|record| {
        receive(&journal, &record.to_vec(), None, true);
    })
    .unwrap();
    assert_eq!(journal.failures(), 0);
    // A batch of three may have been published and not yet noted.
    let (repeated, _) = journal.check(incarnation + 1, 3, 0);
    assert!(repeated <= receivers + 1, "{repeated} repetitions and {receivers} dead receivers");
    println!(
        "spsc: {crashes} kills, {} of them senders; {} messages received, {repeated} twice, \
         none lost",
        incarnation,
        journal.received()
    );
}

#[test]
fn messages_in_parts_survive_kills_of_their_sender_at_random_moments() {
    let crashes = crashes();
    let _watchdog = watchdog(120 + crashes / 2);
    let (ring, book) = (unique("crash-parts"), unique("crash-parts-journal"));
    let journal = Journal::create(&book);
    let options = spsc::Receiver::options().mode(OpenMode::CreateNew).capacity(1 << 20);
    let mut receiver = options.outlive_peer(true).liveness_interval(INTERVAL).open(&*ring).unwrap();
    let mut random = Random::new();
    let mut incarnation = 0;
    let mut sender = start("spsc_long_sender", &ring, &book, incarnation);
    let mut buffer = vec![0; LONG as usize];
    let (mut last, mut kills) = (None, 0);
    let mut next_kill = Instant::now();
    while kills < crashes {
        if Instant::now() >= next_kill {
            sender.kill();
            kills += 1;
            incarnation += 1;
            sender = start("spsc_long_sender", &ring, &book, incarnation);
            next_kill = Instant::now() + Duration::from_micros(random.below(3000));
        }
        if let Some(len) = receiver.receive_timeout(&mut buffer, INTERVAL).unwrap() {
            last = Some(receive(&journal, &buffer[..len], last, true));
        }
    }
    sender.kill();
    while let Some(len) = receiver.try_receive(&mut buffer).unwrap() {
        last = Some(receive(&journal, &buffer[..len], last, true));
    }
    assert_eq!(journal.failures(), 0);
    let (repeated, _) = journal.check(incarnation + 1, 1, 0);
    assert_eq!(repeated, 0);
    println!("parts: {kills} kills of senders; {} messages received", journal.received());
}

pub(crate) fn mpmc_sender(args: &[String]) {
    let (ring, journal, incarnation) = arguments(args);
    let options = mpmc::Sender::options().liveness_interval(INTERVAL);
    let sender = options.open(ring).unwrap_or_else(|error| journal.fail(&error.to_string()));
    say("at it");
    for number in 0..MESSAGES {
        // Short ones are received by a copy, long ones by a claim.
        let bytes = message(incarnation, number, if number % 4 < 2 { 250 } else { 4000 });
        if let Err(error) = sender.send(&bytes, (number % 2) as u32) {
            journal.fail(&format!("send: {error}"));
        }
        journal.commit(incarnation, number + 1);
    }
    hear();
}

pub(crate) fn mpmc_receiver(args: &[String]) {
    let (ring, journal, how) = arguments(args);
    let options = mpmc::Receiver::options().liveness_interval(INTERVAL);
    let receiver = options.open(ring).unwrap_or_else(|error| journal.fail(&error.to_string()));
    say("at it");
    let mut buffer = [0; 4000];
    for count in 0u64.. {
        let received = match how {
            // Put back, for whoever comes next.
            PEEKS if count % 3 == 0 => receiver.peek().map(drop),
            PEEKS => receiver.peek().map(|record| {
                receive(&journal, &record.to_vec(), None, false);
                record.release();
            }),
            RECEIVES => receiver.receive(&mut buffer).map(|(len, _)| {
                receive(&journal, &buffer[..len], None, false);
            }),
            _ => receiver.receive_vec().map(|(bytes, _)| {
                receive(&journal, &bytes, None, false);
            }),
        };
        if let Err(error) = received {
            journal.fail(&format!("receive: {error}"));
        }
    }
}

/// How a receiver takes messages: finishing with each when it is noted, and putting some back, or
/// finishing with each before, into a buffer or else a vector.
const PEEKS: u64 = 0;
const RECEIVES: u64 = 1;
const WAYS: u64 = 3;

#[test]
fn mpmc_survives_kills_of_any_participant_at_random_moments() {
    let missing = kill_mpmc(1);
    assert_eq!(missing, 0, "who dies with a message that it peeked at has not taken it");
}

#[test]
fn mpmc_loses_at_most_what_dead_receivers_had_taken() {
    kill_mpmc(WAYS);
}

/// Kills participants of a ring whose receivers take messages in the first `ways`, and gives how many
/// were lost: one at most for each killed receiver that had taken it before it noted it.
fn kill_mpmc(ways: u64) -> u64 {
    let crashes = crashes();
    let _watchdog = watchdog(120 + crashes / 2);
    let (ring, book) = (unique("crash-mpmc"), unique("crash-mpmc-journal"));
    let journal = Journal::create(&book);
    let options = mpmc::Receiver::options().mode(OpenMode::CreateNew).cleanup(Cleanup::Keep);
    drop(options.capacity(8).message_size(4000).lanes(2).open(&*ring).unwrap());
    let mut random = Random::new();
    let mut incarnation = 0;
    let mut next = || {
        incarnation += 1;
        incarnation - 1
    };
    let mut senders: Vec<_> = (0..2).map(|_| start("mpmc_sender", &ring, &book, next())).collect();
    let mut hows = [PEEKS, RECEIVES % ways];
    let mut receivers = hows.map(|how| start("mpmc_receiver", &ring, &book, how));
    // How many were killed that peek, and that do not.
    let (mut peekers, mut takers) = (0, 0);
    for _ in 0..crashes {
        pause(&mut random);
        let which = random.below(4) as usize;
        if let Some(sender) = senders.get_mut(which) {
            sender.kill();
            *sender = start("mpmc_sender", &ring, &book, next());
        } else {
            let (receiver, how) = (&mut receivers[which - 2], &mut hows[which - 2]);
            receiver.kill();
            *(if *how == PEEKS { &mut peekers } else { &mut takers }) += 1;
            *how = random.below(ways);
            *receiver = start("mpmc_receiver", &ring, &book, *how);
        }
        assert_eq!(journal.failures(), 0);
    }
    senders.iter_mut().chain(&mut receivers).for_each(Child::kill);
    for how in hows {
        *(if how == PEEKS { &mut peekers } else { &mut takers }) += 1;
    }
    let rest = mpmc::Receiver::open(&*ring).unwrap();
    rest.repair();
    while let Some(record) = rest.try_peek().unwrap() {
        receive(&journal, &record.to_vec(), None, false);
        record.release();
    }
    assert_eq!(journal.failures(), 0);
    let (repeated, missing) = journal.check(incarnation, 1, takers);
    assert!(repeated <= peekers, "{repeated} repetitions and {peekers} dead that peeked");
    let incidents = rest.incidents();
    assert!(incidents.skipped <= incarnation, "{incidents:?}");
    println!(
        "mpmc: {crashes} kills; {} messages received, {repeated} twice by {peekers} dead \
         receivers that peeked, {missing} lost with {takers} that did not; {incidents:?}",
        journal.received()
    );
    assert!(rest.participants() >= 1);
    missing
}

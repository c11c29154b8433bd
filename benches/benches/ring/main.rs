//! Rings beside their peers: two pinned processes, in one run with the bare hand-over of a cache
//! line, the kernel's queue, a pipe, a Unix socket, ipc-channel, iceoryx2 (feature
//! `iceoryx2`), Boost.Interprocess (feature `boost`), and crossbeam between threads.
//!
//! `cargo bench --bench ring --features iceoryx2,boost [-- PART OF A NAME]`

mod any;
#[cfg(feature = "boost")]
mod boost;
mod bridge;
mod channel;
mod peers;
mod threads;

use std::time::Instant;

use any::AnyOf;
use bridge::{Bridged, never_spins};
use channel::{
    Batched, Channel, InPlace, Late, Limit, Mpmc, Mq, Open, Pipe, Side, Socket, Spsc, TwoBuffers,
};
use peers::IpcChannel;
#[cfg(feature = "iceoryx2")]
use peers::iceoryx::Iceoryx;
use posix_ipc::Name;
use posix_ipc::ring::mpmc;
use posix_ipc_benches::contest::Contest;
use posix_ipc_benches::figures::{Figure, Figures};
use posix_ipc_benches::pair;

/// Round trips that are timed together: single ones are too short for the clock.
const TOGETHER: u64 = 64;

fn main() {
    pair::dispatch(&[
        ("echo", echo_role),
        ("sink", sink_role),
        ("many-sender", many_sender),
        ("many-receiver", many_receiver),
    ]);
    round_trips();
    streams();
    large_rings();
    many_to_many();
    one_processor();
    bridge();
    any();
}

/// Calls a generic function with the channel that a kind's name stands for.
macro_rules! with_kind {
    ($kind:expr, $function:ident($($argument:expr),*)) => {
        match $kind {
            "limit" => $function(Limit::open, $($argument),*),
            "two buffers" => $function(TwoBuffers::open, $($argument),*),
            "spsc" => $function(Spsc::open, $($argument),*),
            "spsc default" => $function(Spsc::open_default, $($argument),*),
            "late spsc" => $function(Late::open, $($argument),*),
            "late spsc of 64 MiB" => $function(Late::open_large, $($argument),*),
            "spsc batched" => $function(Batched::open, $($argument),*),
            "spsc in place" => $function(InPlace::open, $($argument),*),
            "spsc never spins" => $function(never_spins, $($argument),*),
            "spsc on tokio" => $function(Bridged::open, $($argument),*),
            "wait_any of 1" => $function(AnyOf::open, $($argument),*),
            "wait_any of 8" => $function(AnyOf::open_eight, $($argument),*),
            "mpmc" => $function(Mpmc::open, $($argument),*),
            "mpmc of 32" => $function(Mpmc::open_small, $($argument),*),
            "mq" => $function(Mq::open, $($argument),*),
            "pipe" => $function(Pipe::open, $($argument),*),
            "unix socket" => $function(Socket::open, $($argument),*),
            "ipc-channel" => $function(IpcChannel::open, $($argument),*),
            #[cfg(feature = "boost")]
            "boost" => $function(boost::Boost::open, $($argument),*),
            #[cfg(feature = "iceoryx2")]
            "iceoryx2" => $function(Iceoryx::open, $($argument),*),
            #[cfg(feature = "iceoryx2")]
            "iceoryx2 in place" => $function(Iceoryx::open_in_place, $($argument),*),
            other => panic!("no channel of the kind {other}"),
        }
    };
}

fn base() -> String {
    Name::unique("bench-ring").to_string()
}

fn fill(message: &mut [u8], number: u64) {
    message[..8].copy_from_slice(&number.to_ne_bytes());
}

fn check(message: &[u8], number: u64) {
    assert_eq!(message[..8], number.to_ne_bytes(), "message {number}");
}

/// The child's arguments: kind, names, length, count.
fn parse(arguments: &[String]) -> (&str, &str, usize, u64) {
    let [kind, base, len, count, ..] = arguments else { panic!("four arguments: {arguments:?}") };
    (kind, base, len.parse().expect("a length"), count.parse().expect("a count"))
}

fn echo_role(arguments: &[String]) {
    let (kind, base, len, count) = parse(arguments);
    with_kind!(kind, echo(base, len, count));
}

fn echo<C: Channel>(open: Open<C>, base: &str, len: usize, count: u64) {
    let mut channel = open(base, Side::Child, len);
    let mut message = vec![0; len];
    pair::ready();
    for number in 0..count {
        channel.receive(&mut message);
        check(&message, number);
        channel.send(&message);
    }
    finish();
}

/// Stays until the parent has seen everything.
fn finish() {
    let _ = std::io::stdin().read_line(&mut String::new());
}

fn dialogue(kind: &str, len: usize, count: u64, cpus: [usize; 2]) -> Figures {
    with_kind!(kind, dialogue_of(kind, len, count, cpus))
}

fn dialogue_of<C: Channel>(
    open: Open<C>,
    kind: &str,
    len: usize,
    count: u64,
    cpus: [usize; 2],
) -> Figures {
    let count = count.next_multiple_of(TOGETHER);
    let warm_up = (count / 10).next_multiple_of(TOGETHER);
    let base = base();
    let mut channel = open(&base, Side::Parent, len);
    let all = (warm_up + count).to_string();
    let peer = pair::run("echo", cpus[1], &[kind, &base, &len.to_string(), &all]);
    // After the child, which inherits the mask and may pin itself within it alone.
    pair::pin(cpus[0]);
    let mut message = vec![0; len];
    let mut answer = vec![0; len];
    let mut number = 0;
    let mut round_trip = || {
        fill(&mut message, number);
        channel.send(&message);
        channel.receive(&mut answer);
        check(&answer, number);
        number += 1;
    };
    (0..warm_up).for_each(|_| round_trip());
    let mut samples: Vec<u64> = (0..count / TOGETHER)
        .map(|_| {
            let start = Instant::now();
            (0..TOGETHER).for_each(|_| round_trip());
            // Picoseconds, since a mean has fractions.
            start.elapsed().as_nanos() as u64 * 1000 / TOGETHER
        })
        .collect();
    peer.finish();
    pair::unpin();
    let figures = Figures::of_samples(&mut samples);
    Figures { p50: figures.p50 / 1000.0, mean: figures.mean / 1000.0, p99: figures.p99 / 1000.0 }
}

fn sink_role(arguments: &[String]) {
    let (kind, base, len, count) = parse(arguments);
    with_kind!(kind, sink(base, len, count));
}

/// Receives all, and then says so by a message of its own.
fn sink<C: Channel>(open: Open<C>, base: &str, len: usize, count: u64) {
    let mut channel = open(base, Side::Child, len);
    let mut message = vec![0; len];
    pair::ready();
    for number in 0..count {
        channel.receive(&mut message);
        check(&message, number);
    }
    channel.send(&message);
    channel.flush();
    finish();
}

fn stream(kind: &str, len: usize, count: u64) -> Figures {
    if kind == "spsc batched" {
        let send = |channel: &mut Batched, count, message: &mut [u8]| {
            channel.stream(count, message, fill);
        };
        return stream_of(Batched::open, kind, len, count, send);
    }
    with_kind!(kind, stream_each(kind, len, count))
}

fn stream_each<C: Channel>(open: Open<C>, kind: &str, len: usize, count: u64) -> Figures {
    stream_of(open, kind, len, count, |channel, count, message| {
        for number in 0..count {
            fill(message, number);
            channel.send(message);
        }
    })
}

fn stream_of<C: Channel>(
    open: Open<C>,
    kind: &str,
    len: usize,
    count: u64,
    send: impl FnOnce(&mut C, u64, &mut [u8]),
) -> Figures {
    let base = base();
    let mut channel = open(&base, Side::Parent, len);
    let peer = pair::run("sink", 1, &[kind, &base, &len.to_string(), &count.to_string()]);
    pair::pin(0);
    let mut message = vec![0; len];
    let start = Instant::now();
    send(&mut channel, count, &mut message);
    channel.receive(&mut message);
    let elapsed = start.elapsed();
    peer.finish();
    pair::unpin();
    Figures::of_total(elapsed, count)
}

#[cfg(feature = "iceoryx2")]
const ICEORYX2: &[&str] = &["iceoryx2"];
#[cfg(not(feature = "iceoryx2"))]
const ICEORYX2: &[&str] = &[];

#[cfg(feature = "boost")]
const BOOST: &[&str] = &["boost"];
#[cfg(not(feature = "boost"))]
const BOOST: &[&str] = &[];

/// What takes part if its feature is on.
fn peers() -> impl Iterator<Item = &'static str> {
    ICEORYX2.iter().chain(BOOST).copied()
}

fn contest<'a>(
    mut contest: Contest<'a>,
    kinds: impl IntoIterator<Item = &'a str>,
    run: fn(&str, usize, u64) -> Figures,
    len: usize,
) -> Contest<'a> {
    for kind in kinds {
        contest = contest.contender(kind, move |count| run(kind, len, count));
    }
    contest
}

fn round_trips() {
    let apart = |kind: &str, len, count| dialogue(kind, len, count, [0, 1]);
    let kernel = ["mq", "pipe", "unix socket", "ipc-channel"];
    for (label, len) in [("8 B", 8), ("64 B", 64), ("1 KiB", 1024)] {
        let kinds = ["limit", "spsc default", "mpmc", "mpmc of 32"].into_iter().chain(kernel);
        let new = Contest::new(&format!("ring/round trip {label}"), 6_400).rounds(5);
        let mut job = contest(new, kinds.chain(peers()), apart, len);
        if len <= 64 {
            job = job
                .target("spsc default", "limit", Figure::P50, 1.35)
                .target("spsc default", "iceoryx2", Figure::P50, 0.16)
                .target("mpmc", "iceoryx2", Figure::P50, 0.2)
                .target("mpmc of 32", "iceoryx2", Figure::P50, 0.2)
                .target("spsc default", "mq", Figure::P50, 0.02);
        } else {
            job = job.target("spsc default", "iceoryx2", Figure::P50, 0.3);
        }
        job.run();
    }
    for (label, len, count) in [("64 KiB", 64 << 10, 2_000), ("1 MiB", 1 << 20, 500)] {
        let kinds = ["spsc in place", "spsc"];
        let new = Contest::new(&format!("ring/round trip {label}"), count).rounds(5);
        let mut job = contest(new, kinds, apart, len);
        if !ICEORYX2.is_empty() {
            job = contest(job, ["iceoryx2", "iceoryx2 in place"], apart, len);
        }
        job = job.target("spsc in place", "iceoryx2 in place", Figure::P50, 0.15);
        if len == 64 << 10 {
            job = contest(job, ["pipe", "unix socket", "ipc-channel"], apart, len);
            job = job.target("spsc", "iceoryx2", Figure::P50, 0.8);
        }
        job.run();
    }
}

fn streams() {
    let jobs = [
        ("8 B", 8, 400_000, 0.025),
        ("64 B", 64, 400_000, 0.07),
        ("1 KiB", 1024, 100_000, 0.12),
        ("64 KiB", 64 << 10, 4_000, 0.55),
        ("1 MiB", 1 << 20, 400, 0.75),
    ];
    for (label, len, count, most) in jobs {
        let new = Contest::new(&format!("ring/stream {label}"), count).rounds(5);
        let mut job = contest(new, ["spsc", "spsc batched"], stream, len);
        job = contest(job, ICEORYX2.iter().copied(), stream, len);
        job = job.target("spsc", "iceoryx2", Figure::Mean, most);
        if len <= 1024 {
            let kinds = ["mpmc", "mq", "pipe", "unix socket"].into_iter();
            job = contest(job, kinds.chain(BOOST.iter().copied()), stream, len);
        } else {
            job = contest(job, ["two buffers"], stream, len);
        }
        if len == 8 {
            job = job.contender("crossbeam (threads)", threads::stream::<8>).target(
                "spsc",
                "crossbeam (threads)",
                Figure::Mean,
                0.2,
            );
        }
        if len == 64 {
            job = job.contender("crossbeam (threads)", threads::stream::<64>).target(
                "spsc batched",
                "iceoryx2",
                Figure::Mean,
                0.035,
            );
        }
        job.run();
    }
}

fn many_to_many() {
    for many in [2, 4] {
        Contest::new(&format!("ring/many {many} to {many}, 64 B"), 200_000)
            .rounds(5)
            .contender("mpmc", move |count| mpmc_many(count, many))
            .contender("crossbeam (threads)", move |count| threads::many(count, many))
            .target("mpmc", "crossbeam (threads)", Figure::Mean, 0.3)
            .run();
    }
}

/// What it costs that a ring is larger than the caches, once much of it was used.
fn large_rings() {
    for (label, len, count) in [("1 KiB", 1024, 400_000), ("64 KiB", 64 << 10, 16_000)] {
        let new = Contest::new(&format!("ring/large ring {label}"), count).rounds(5);
        contest(new, ["late spsc of 64 MiB", "late spsc"], stream, len)
            .target("late spsc of 64 MiB", "late spsc", Figure::Mean, 2.0)
            .run();
    }
}

/// `many` processes send and as many receive, all of them children.
fn mpmc_many(count: u64, many: u64) -> Figures {
    let each = (count / many).to_string();
    let (ring, start, done) = (base(), base(), base());
    let options = mpmc::Receiver::options().mode(posix_ipc::OpenMode::CreateNew);
    let _ring = options.capacity(1024).message_size(64).open(&ring).expect("the ring can be had");
    let start_line = mpmc::Sender::create(&start, 64, 8).expect("the ring can be had");
    let finish_line = mpmc::Receiver::create(&done, 64, 8).expect("the ring can be had");
    let arguments = [&*ring, &*start, &*done, &*each];
    let peers: Vec<_> = (0..many as usize)
        .flat_map(|i| [("many-sender", i % 2), ("many-receiver", (i + 1) % 2)])
        .map(|(role, cpu)| pair::run(role, cpu, &arguments))
        .collect();
    let begin = Instant::now();
    for _ in &peers {
        start_line.send(b"go", 0).expect("the ring is whole");
    }
    for _ in &peers {
        finish_line.receive_vec().expect("the ring is whole");
    }
    let elapsed = begin.elapsed();
    peers.into_iter().for_each(pair::Peer::finish);
    Figures::of_total(elapsed, count / many * many)
}

fn many_role(arguments: &[String], work: impl FnOnce(&str, u64)) {
    let [ring, start, done, each] = arguments else { panic!("four arguments: {arguments:?}") };
    let start = mpmc::Receiver::open(start).expect("the ring is there");
    let done = mpmc::Sender::open(done).expect("the ring is there");
    pair::ready();
    start.receive_vec().expect("the ring is whole");
    work(ring, each.parse().expect("a count"));
    done.send(b"done", 0).expect("the ring is whole");
    finish();
}

fn many_sender(arguments: &[String]) {
    let sender = mpmc::Sender::open(&arguments[0]).expect("the ring is there");
    many_role(arguments, |_, each| {
        let mut message = [0; 64];
        for number in 0..each {
            fill(&mut message, number);
            sender.send(&message, 0).expect("the ring is whole");
        }
    });
}

fn many_receiver(arguments: &[String]) {
    let receiver = mpmc::Receiver::open(&arguments[0]).expect("the ring is there");
    many_role(arguments, |_, each| {
        let mut message = [0; 64];
        for _ in 0..each {
            let (length, _) = receiver.receive(&mut message).expect("the ring is whole");
            assert_eq!(length, 64);
        }
    });
}

/// Both sides on one processor, where only one of them can run.
fn one_processor() {
    let together = |kind: &str, len, count| dialogue(kind, len, count, [0, 0]);
    let new = Contest::new("ring/one processor 64 B", 5_000).rounds(7);
    contest(new, ["spsc default", "mpmc", "mq", "pipe"], together, 64)
        .target("spsc default", "mq", Figure::P50, 1.0)
        .target("spsc default", "mq", Figure::Mean, 1.1)
        .run();
}

/// Where every wait sleeps: what is added by the thread that sleeps in an end's place on tokio.
fn bridge() {
    let apart = |kind: &str, len, count| dialogue(kind, len, count, [0, 1]);
    let new = Contest::new("ring/bridge 64 B", 5_000).rounds(5);
    contest(new, ["spsc never spins", "spsc on tokio"], apart, 64).run();
}

/// Where every wait spins: what is added by looking at several things.
fn any() {
    let apart = |kind: &str, len, count| dialogue(kind, len, count, [0, 1]);
    let new = Contest::new("ring/wait any 64 B", 6_400).rounds(5);
    contest(new, ["spsc default", "wait_any of 1", "wait_any of 8"], apart, 64).run();
}

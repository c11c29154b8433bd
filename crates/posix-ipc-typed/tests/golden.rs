//! Frames that never change: compared byte by byte, and read by a decoder of its own in Python.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::ops::{Bound, Range};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use posix_ipc_typed::{Correlation, Fragment, Frame, FrameOptions, Message};

#[derive(Message)]
struct Tick {
    symbol: [u8; 4],
    time: u64,
    price: f64,
    size: i32,
    bid: bool,
}

#[derive(Message)]
struct Log<'a> {
    text: &'a str,
    data: Vec<u8>,
    fields: BTreeMap<String, Option<u16>>,
    tags: BTreeSet<i8>,
    pair: (char, [f32; 2]),
}

#[derive(Message)]
enum Event {
    Started,
    #[message(tag = 300)]
    Moved(i16, i16),
    Failed {
        code: u32,
        reason: String,
    },
}

#[derive(Message)]
#[message(name = "job", version = 3)]
struct Job {
    #[message(tag = 1)]
    id: u32,
    #[message(since = 2, default)]
    title: String,
    #[message(since = 3, default)]
    priority: u8,
}

#[derive(Message)]
#[message(extensible, version = 2)]
struct Point {
    x: i32,
    #[message(since = 2, default)]
    y: i32,
}

#[derive(Message)]
struct Line {
    points: Vec<Point>,
}

#[derive(Message)]
struct Library {
    wait: Duration,
    at: SystemTime,
    host: IpAddr,
    peer: SocketAddr,
    range: Range<u8>,
    bound: Bound<u8>,
    result: Result<u8, String>,
    port: NonZeroU16,
    big: u128,
    word: usize,
}

#[derive(Message)]
struct Short {
    #[message(varint)]
    a: u32,
    #[message(varint)]
    b: i64,
    #[message(varint)]
    c: Vec<u16>,
}

#[derive(Message)]
enum Tree {
    Leaf(u8),
    Node(Vec<Tree>),
}

fn line() -> Line {
    Line { points: vec![Point { x: 1, y: -1 }, Point { x: 2, y: -2 }] }
}

fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let mut frames = Vec::new();
    let mut add = |name, write: &dyn Fn(&mut Vec<u8>) -> usize| {
        let mut frame = Vec::new();
        assert_eq!(write(&mut frame), frame.len());
        frames.push((name, frame));
    };
    let plain = FrameOptions::new();
    let tick = Tick { symbol: *b"ACME", time: 1_764_000_000, price: 271.5, size: -3, bid: true };
    add("tick", &|frame| plain.sequence(5).write(&tick, frame).unwrap());
    add("tick-checked", &|frame| plain.checksum(true).write(&tick, frame).unwrap());
    add("tick-unnamed", &|frame| plain.named(false).write(&tick, frame).unwrap());
    let fields = BTreeMap::from([("b".to_string(), None), ("a".to_string(), Some(7))]);
    let log = Log {
        text: "grüße",
        data: vec![0, 255],
        fields,
        tags: BTreeSet::from([-1, 5]),
        pair: ('ß', [0.5, -2.0]),
    };
    add("log", &|frame| plain.write(&log, frame).unwrap());
    add("event-started", &|frame| plain.write(&Event::Started, frame).unwrap());
    add("event-moved", &|frame| plain.write(&Event::Moved(-2, 300), frame).unwrap());
    let failed = Event::Failed { code: 7, reason: "no".into() };
    add("event-failed", &|frame| plain.write(&failed, frame).unwrap());
    let job = Job { id: 9, title: "sort".into(), priority: 2 };
    add("job", &|frame| plain.sequence(u32::MAX).write(&job, frame).unwrap());
    add("line", &|frame| plain.write(&line(), frame).unwrap());
    let library = Library {
        wait: Duration::new(3, 5),
        at: UNIX_EPOCH - Duration::from_nanos(1),
        host: "10.1.2.3".parse().unwrap(),
        peer: "[::1]:80".parse().unwrap(),
        range: 2..9,
        bound: Bound::Excluded(4),
        result: Err("bad".into()),
        port: NonZeroU16::new(8080).unwrap(),
        big: 1 << 100,
        word: 77,
    };
    add("library", &|frame| plain.write(&library, frame).unwrap());
    let short = Short { a: 300, b: -65, c: vec![0, 127, 128] };
    add("short", &|frame| plain.write(&short, frame).unwrap());
    let tree = Tree::Node(vec![Tree::Leaf(1), Tree::Node(vec![])]);
    add("tree", &|frame| plain.write(&tree, frame).unwrap());
    let correlation = Correlation { client: 0x0102_0304_0506_0708, request: 3 };
    add("request", &|frame| plain.correlation(correlation).write(&job, frame).unwrap());
    let fragment = Fragment { sender: 0xfeed, total: 10, offset: 4 };
    add("fragment", &|frame| {
        let options = plain.fragment(fragment).checksum(true);
        options.write_payload(&Job::SCHEMA, &[1, 2, 3], frame).unwrap()
    });
    let descriptor = ("4d2-0123456789abcdef", 1_000_000u64).encoded().unwrap();
    add("reference", &|frame| {
        let options = plain.reference(true);
        options.write_payload(&Job::SCHEMA, &descriptor, frame).unwrap()
    });
    frames
}

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/vectors.txt");

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn frames_are_what_they_have_always_been() {
    let mut text = String::from("# NAME FRAME, in hexadecimal: see docs/wire-format.md\n");
    for (name, frame) in frames() {
        writeln!(text, "{name} {}", hexadecimal(&frame)).unwrap();
        let parsed = Frame::parse(&frame).unwrap();
        assert!(parsed.payload.len() < frame.len());
    }
    if std::env::var_os("POSIX_IPC_UPDATE_GOLDEN").is_some() {
        std::fs::write(VECTORS, &text).unwrap();
    }
    let golden = std::fs::read_to_string(VECTORS).unwrap();
    assert_eq!(text, golden);
}

#[test]
fn interop_python_reads_every_frame_by_the_document_alone() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/decode.py");
    // Any Python will do: the decoder needs no module.
    let output = std::process::Command::new("python3").arg(script).output();
    testutil::require!(output.is_ok(), "there is no python3");
    let output = output.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    assert_eq!(text.trim(), format!("{} frames", frames().len()));
}

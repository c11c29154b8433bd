//! Whole round trips of a tick between two processes over rings: typed, as request and reply, and
//! untyped.

use std::hint::black_box;

use posix_ipc::Name;
use posix_ipc::ring::spsc;
use posix_ipc_benches::contest::{Contest, is_test};
use posix_ipc_benches::figures::{Figure, Figures};
use posix_ipc_benches::pair;
use posix_ipc_typed::transport::{TransportError, Wait};
use posix_ipc_typed::{Client, Message, Receiver, Sender, Server};

use crate::messages::{self, Tick};

const BYTES: usize = 65_536;

/// The rings that go there and back.
fn names(base: &str) -> (String, String) {
    (format!("{base}-there"), format!("{base}-back"))
}

/// Sends each tick back, with its sequence raised.
pub(crate) fn typed(arguments: &[String]) {
    let (there, back) = names(&arguments[0]);
    let receiver = spsc::Receiver::open(there).unwrap();
    let sender = spsc::Sender::open(back).unwrap();
    let mut receiver = Receiver::<Tick, _>::new(receiver);
    let mut sender = Sender::<Tick, _>::new(sender);
    pair::ready();
    for tick in &mut receiver {
        let mut tick = tick.unwrap();
        tick.sequence += 1;
        if sender.send(&tick).is_err() {
            break;
        }
    }
}

/// Answers each request with the tick, its sequence raised.
pub(crate) fn serving(arguments: &[String]) {
    let (there, back) = names(&arguments[0]);
    let requests = spsc::Receiver::open(there).unwrap();
    let connect = move |_client| spsc::Sender::open(&*back).map_err(TransportError::failed);
    let mut server = Server::<Tick, Tick, _, _>::new(requests, connect);
    pair::ready();
    let answer = |tick: Tick| Tick { sequence: tick.sequence + 1, ..tick };
    while server.serve_one(Wait::Forever, answer).is_ok_and(|served| served) {}
}

/// Sends each message back.
pub(crate) fn untyped(arguments: &[String]) {
    let (there, back) = names(&arguments[0]);
    let mut receiver = spsc::Receiver::open(there).unwrap();
    let mut sender = spsc::Sender::open(back).unwrap();
    let mut buffer = [0; 64];
    pair::ready();
    while receiver.receive(&mut buffer).is_ok() {
        buffer[8] = buffer[8].wrapping_add(1);
        if sender.send(&buffer).is_err() {
            break;
        }
    }
}

/// Both rings, and the other process.
fn start(role: &str) -> (spsc::Sender, spsc::Receiver, pair::Peer) {
    let base = Name::unique("bench-typed").to_string();
    let (there, back) = names(&base);
    let sender = spsc::Sender::create(there, BYTES).unwrap();
    let receiver = spsc::Receiver::create(back, BYTES).unwrap();
    let peer = pair::run(role, 1, &[&base]);
    (sender, receiver, peer)
}

pub(crate) fn trips() {
    pair::pin(0);
    let operations = if is_test() { 100 } else { 100_000 };
    let (sender, receiver, _typed) = start("typed");
    let mut sender = Sender::<Tick, _>::new(sender);
    let mut receiver = Receiver::<Tick, _>::new(receiver);
    let (requests, replies, _serving) = start("serving");
    let mut client = Client::<Tick, Tick, _, _>::new(requests, replies);
    let (mut raw_sender, mut raw_receiver, _untyped) = start("untyped");
    let tick = messages::tick();
    let bytes = tick.encoded().unwrap();
    let mut buffer = [0; 64];
    Contest::new("typed/round trip of a tick over rings", operations)
        .contender("typed ring", |operations| {
            Figures::of_each(operations, || {
                sender.send(&tick).unwrap();
                let back = receiver.receive().unwrap();
                assert_eq!(back.sequence, tick.sequence + 1);
            })
        })
        .contender("client and server", |operations| {
            Figures::of_each(operations, || {
                let back = client.call(&tick).unwrap();
                assert_eq!(back.sequence, tick.sequence + 1);
            })
        })
        .contender("untyped ring", |operations| {
            Figures::of_each(operations, || {
                raw_sender.send(black_box(&bytes)).unwrap();
                let length = raw_receiver.receive(&mut buffer).unwrap();
                assert!(length == 64 && buffer[8] == bytes[8].wrapping_add(1));
            })
        })
        .target("typed ring", "untyped ring", Figure::P50, 1.3)
        .run();
    pair::unpin();
}

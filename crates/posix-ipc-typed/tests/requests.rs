//! Requests and replies: many clients, late replies, clients that die; and payloads by reference.

use std::thread;
use std::time::Duration;

use posix_ipc::{Cleanup, Name, OpenMode, SharedMemory};
use posix_ipc_typed::transport::{
    self, MemorySender, ReceiveFrames, SendFrames, TransportError, Wait,
};
use posix_ipc_typed::{
    CallError, Client, Frame, FrameOptions, LargeError, Message, ReceiveError, Receiver, Sender,
    Server, client_id, collect_payloads, collect_replies,
};
use testutil::watchdog::watchdog;
use testutil::{child, leaks, names};

testutil::roles!(client_that_dies, client_that_is_killed, ring_client, sender_that_dies);

#[derive(Debug, Clone, PartialEq, Message)]
enum Ask {
    Double(u64),
    Length(String),
}

fn answer(ask: Ask) -> u64 {
    match ask {
        Ask::Double(number) => number * 2,
        Ask::Length(text) => text.len() as u64,
    }
}

#[test]
fn many_clients_get_each_their_own_replies() {
    let _watchdog = watchdog(120);
    let name = names::unique("call-many");
    let mut server = Server::<Ask, u64>::create(&*name, 8).unwrap();
    thread::scope(|scope| {
        for client in 0..3u64 {
            let name = name.as_str();
            scope.spawn(move || {
                let mut client_end = Client::<Ask, u64>::connect(name).unwrap();
                for number in 0..50 {
                    let number = client * 1000 + number;
                    assert_eq!(client_end.call(&Ask::Double(number)).unwrap(), number * 2);
                }
                let long = Ask::Length("x".repeat(20_000));
                assert_eq!(client_end.call(&long).unwrap(), 20_000, "in parts");
                assert_eq!(client_end.late_replies(), 0);
            });
        }
        for _ in 0..3 * 51 {
            assert!(server.serve_one(Wait::Forever, answer).unwrap());
        }
    });
    assert_eq!(server.undelivered(), 0);
    drop(server);
    assert_eq!(leaks::objects(&name[1..]), Vec::<String>::new(), "nothing is left behind");
}

fn client_that_dies(arguments: &[String]) {
    let mut client = Client::<Ask, u64>::connect(&*arguments[0]).unwrap();
    let mut late = 0;
    // Asks more than its queue of replies holds, and takes none.
    for _ in 0..12 {
        match client.call_timeout(&Ask::Double(1), Duration::ZERO) {
            Err(CallError::TimedOut) => late += 1,
            other => drop(other),
        }
    }
    child::say(&format!("asked {late}"));
    child::hear();
}

#[test]
fn a_dead_client_does_not_block_the_server() {
    let _watchdog = watchdog(60);
    let name = names::unique("call-dead");
    let server = Server::<Ask, u64>::create(&*name, 10).unwrap();
    let mut server = server.patience(Duration::from_millis(5));
    let mut child = child::run("client_that_dies", &[&name]);
    child.read_line();
    child.kill();
    let mut client = Client::<Ask, u64>::connect(&*name).unwrap();
    let asking = thread::spawn(move || {
        let reply = client.call(&Ask::Double(21)).unwrap();
        (client, reply)
    });
    // Whatever the dead client has left comes first.
    let mut served = 0;
    while !asking.is_finished() {
        served +=
            u32::from(server.serve_one(Wait::timeout(Duration::from_millis(10)), answer).unwrap());
    }
    let (client, reply) = asking.join().unwrap();
    assert_eq!(reply, 42);
    assert!(served > 8, "{served}");
    assert!(server.undelivered() >= 1, "its queue was full");
    let own = format!("{}-{:016x}", &name[1..], client.id());
    let replies = leaks::objects(&format!("{}-", &name[1..]));
    assert!(matches!(&*replies, [one] if one.ends_with(&own)), "that of the dead one: {replies:?}");
    drop((client, server));
    assert_eq!(leaks::objects(&name[1..]), Vec::<String>::new());
}

/// Asks one thing, takes the answer and waits to be killed.
fn client_that_is_killed(arguments: &[String]) {
    let [name, transport] = arguments else { panic!("{arguments:?}") };
    let hold: Box<dyn std::any::Any> = if transport == "ring" {
        let mut client = Client::<Ask, u64, _, _>::connect_ring(&**name, 4096).unwrap();
        assert_eq!(client.call(&Ask::Double(4)).unwrap(), 8);
        Box::new(client)
    } else {
        let mut client = Client::<Ask, u64>::connect(&**name).unwrap();
        assert_eq!(client.call(&Ask::Double(4)).unwrap(), 8);
        Box::new(client)
    };
    child::say("answered");
    child::hear();
    drop(hold);
}

#[test]
fn what_killed_clients_leave_is_collected_by_the_server_or_its_successor() {
    let _watchdog = watchdog(60);
    let name = names::unique("call-killed");
    let server_name = Name::new(&*name).unwrap();
    let replies = || leaks::objects(&format!("{}-", &name[1..])).len();
    let mut server = Server::<Ask, u64>::create(&*name, 8).unwrap();
    let start = |server: &mut Server<Ask, u64>| {
        let mut child = child::run("client_that_is_killed", &[&name, "queue"]);
        assert!(server.serve_one(Wait::Forever, answer).unwrap());
        child.expect_line("answered");
        child
    };
    let (mut first, mut second) = (start(&mut server), start(&mut server));
    assert_eq!((server.collect(), replies()), (0, 2), "both live");
    first.kill();
    assert_eq!((server.collect(), replies()), (1, 1), "the dead one's");
    // Another client of the same process as the server is one that lives.
    let client = Client::<Ask, u64>::connect(&*name).unwrap();
    assert_eq!((server.collect(), replies()), (0, 2));
    drop(client);
    second.kill();
    drop(server);
    assert_eq!(replies(), 1);
    let server = Server::<Ask, u64>::create(&*name, 8).unwrap();
    assert_eq!(replies(), 0, "left from before");
    let mut server = server;
    start(&mut server).kill();
    drop(server);
    assert_eq!((collect_replies(&server_name), replies()), (1, 0), "without a server");
}

#[test]
fn what_killed_clients_of_rings_leave_is_collected_too() {
    let _watchdog = watchdog(60);
    let name = names::unique("call-killed-ring");
    let replies = || leaks::objects(&format!("{}-", &name[1..])).len();
    let mut server = Server::<Ask, u64, _, _>::create_ring(&*name, 16, 256).unwrap();
    let mut child = child::run("client_that_is_killed", &[&name, "ring"]);
    assert!(server.serve_one(Wait::Forever, answer).unwrap());
    child.expect_line("answered");
    assert_eq!((server.collect(), replies()), (0, 1), "it lives");
    child.kill();
    assert_eq!((server.collect(), replies()), (1, 0));
}

#[test]
fn a_server_of_many_short_lives_does_not_keep_what_they_left() {
    let _watchdog = watchdog(120);
    let name = names::unique("call-churn");
    let mut server = Server::<Ask, u64>::create(&*name, 8).unwrap();
    let replies = || leaks::objects(&format!("{}-", &name[1..])).len();
    let mut most = 0;
    for _ in 0..40 {
        let mut child = child::run("client_that_is_killed", &[&name, "queue"]);
        assert!(server.serve_one(Wait::Forever, answer).unwrap());
        child.expect_line("answered");
        child.kill();
        most = most.max(replies());
    }
    assert!(most <= 20, "{most}");
    server.collect();
    assert_eq!(replies(), 0);
}

#[test]
fn requests_and_replies_are_framed_as_chosen() {
    let _watchdog = watchdog(60);
    let (ask, asked) = transport::memory(8, 256);
    let (reply, replies) = transport::memory(8, 256);
    let client = Client::<Ask, u64, _, _>::new(ask, replies);
    let mut client = client.checksum(true).named(false);
    let connect = move |_| -> Result<MemorySender, TransportError> { Ok(reply.clone()) };
    let server = Server::<Ask, u64, _, _>::new(asked, connect);
    let mut server = server.checksum(true).named(false);
    let asking = thread::spawn(move || client.call(&Ask::Double(3)).map_err(|e| e.to_string()));
    assert!(server.serve_one(Wait::Forever, answer).unwrap());
    assert_eq!(asking.join().unwrap(), Ok(6));

    // What it puts on the wire.
    let (ask, mut asked) = transport::memory(8, 256);
    let (_, replies) = transport::memory(8, 256);
    let mut client = Client::<Ask, u64, _, _>::new(ask, replies).checksum(true).named(false);
    assert!(client.call_timeout(&Ask::Double(3), Duration::ZERO).is_err());
    let mut frame = Vec::new();
    asked.receive_frame(&mut frame, Wait::Never).unwrap().unwrap();
    let frame = Frame::parse(&frame).unwrap();
    assert!(frame.checksum && frame.name.is_none() && frame.correlation.is_some());
}

fn ring_client(arguments: &[String]) {
    let mut client = Client::<Ask, u64, _, _>::connect_ring(&*arguments[0], 4096).unwrap();
    for number in 0..100 {
        assert_eq!(client.call(&Ask::Double(number)).unwrap(), number * 2);
    }
    child::say("done");
}

#[test]
fn requests_and_replies_go_over_rings_between_processes() {
    let _watchdog = watchdog(60);
    let name = names::unique("call-ring");
    let mut server = Server::<Ask, u64, _, _>::create_ring(&*name, 16, 256).unwrap();
    let mut child = child::run("ring_client", &[&name]);
    for _ in 0..100 {
        assert!(server.serve_one(Wait::Forever, answer).unwrap());
    }
    child.expect_line("done");
    child.expect_success();
    assert_eq!(server.undelivered(), 0);
}

#[test]
fn a_late_reply_is_not_taken_for_that_of_the_next_request() {
    let _watchdog = watchdog(60);
    let (ask, asked) = transport::memory(8, 256);
    let (reply, replies) = transport::memory(8, 256);
    let mut client = Client::<Ask, u64, _, _>::with_id(client_id(), ask, replies);
    let id = client.id();
    let connect = move |client: u64| -> Result<MemorySender, TransportError> {
        assert_eq!(client, id);
        Ok(reply.clone())
    };
    let mut server = Server::<Ask, u64, _, _>::new(asked, connect);
    let error = client.call_timeout(&Ask::Double(1), Duration::from_millis(1)).unwrap_err();
    assert!(matches!(error, CallError::TimedOut), "{error}");
    // Both are answered before the client looks again.
    let serving = thread::spawn(move || {
        for _ in 0..2 {
            server.serve_one(Wait::Forever, answer).unwrap();
        }
    });
    assert_eq!(client.call(&Ask::Double(10)).unwrap(), 20);
    assert_eq!(client.late_replies(), 1);
    serving.join().unwrap();
}

#[test]
fn a_message_that_is_no_request_is_reported() {
    let (ask, asked) = transport::memory(8, 256);
    Sender::<Ask, _>::new(ask).send(&Ask::Double(1)).unwrap();
    let connect = |_| -> Result<MemorySender, TransportError> { Err(TransportError::Closed) };
    let mut server = Server::<Ask, u64, _, _>::new(asked, connect);
    assert!(matches!(server.receive(Wait::Never), Err(ReceiveError::Unrouted(_))));
}

#[derive(Debug, Clone, PartialEq, Message)]
struct Picture {
    pixels: Vec<u32>,
}

/// The payloads in shared memory that process `id` has made.
fn payloads(id: u32) -> Vec<String> {
    leaks::objects(&format!("posix-ipc-payload-{id:x}-"))
}

#[test]
fn a_large_payload_goes_by_reference_and_its_receiver_removes_it() {
    let name = names::unique("large");
    let mut receiver = Receiver::<Picture>::create(&*name, 4).unwrap();
    let mut sender = Sender::<Picture>::open(&*name).unwrap().by_reference(100_000, 0o600);
    let picture = Picture { pixels: (0..500_000).collect() };
    sender.send(&picture).unwrap();
    assert_eq!(receiver.transport().attributes().unwrap().messages, 1, "one small message");
    assert_eq!(payloads(std::process::id()).len(), 1);
    assert_eq!(receiver.receive().unwrap(), picture);
    assert_eq!(payloads(std::process::id()), Vec::<String>::new());
    // What could not be sent is removed at once.
    while sender.try_send(&picture).is_ok() {}
    assert_eq!(payloads(std::process::id()).len(), 4);
    for picture in receiver.drain() {
        picture.unwrap();
    }
    assert_eq!(payloads(std::process::id()), Vec::<String>::new());
    // A receiver may refuse what is too long; it is removed all the same.
    sender.send(&picture).unwrap();
    let mut receiver = receiver.longest_reference(1000);
    let error = receiver.receive().unwrap_err();
    assert!(
        matches!(error, ReceiveError::Large { error: LargeError::TooLong { limit: 1000, .. }, .. }),
        "{error:?}"
    );
    assert_eq!(payloads(std::process::id()), Vec::<String>::new());
}

#[test]
fn a_reference_cannot_make_a_receiver_touch_another_object() {
    let object = names::unique("large-other");
    let memory = SharedMemory::options()
        .mode(OpenMode::CreateNew)
        .cleanup(Cleanup::Keep)
        .size(4096)
        .open(&*object)
        .unwrap();
    let (mut sender, receiver) = transport::memory(8, 512);
    let mut receiver = Receiver::<Picture, _>::new(receiver);
    let hostile = ["../".to_string() + &object[1..], object[1..].to_string(), String::new()];
    for name in hostile {
        let mut frame = Vec::new();
        let descriptor = (name.as_str(), 4096u64).encoded().unwrap();
        let options = FrameOptions::new().reference(true);
        options.write_payload(&Picture::SCHEMA, &descriptor, &mut frame).unwrap();
        sender.send_frame(&frame, 0, Wait::Forever).unwrap();
        let error = receiver.receive().unwrap_err();
        let refused = matches!(error, ReceiveError::Large { error: LargeError::Name, .. });
        assert!(refused, "{error:?}");
    }
    assert_eq!(memory.len().unwrap(), 4096);
    assert!(SharedMemory::open(&*object).is_ok(), "it still has its name");
}

fn sender_that_dies(arguments: &[String]) {
    let mut sender = Sender::<Picture>::open(&*arguments[0]).unwrap().by_reference(1, 0o600);
    sender.send(&Picture { pixels: vec![1; 1000] }).unwrap();
    child::say("sent");
    child::hear();
}

#[test]
fn payloads_of_dead_senders_are_received_or_collected() {
    let _watchdog = watchdog(60);
    let name = names::unique("large-dead");
    let mut receiver = Receiver::<Picture>::create(&*name, 4).unwrap();
    let mut children: Vec<_> = (0..2)
        .map(|_| {
            let mut child = child::run("sender_that_dies", &[&name]);
            child.expect_line("sent");
            child
        })
        .collect();
    let dead: Vec<u32> = children.iter().map(child::Child::id).collect();
    collect_payloads(Duration::ZERO);
    assert!(dead.iter().all(|id| payloads(*id).len() == 1), "their senders live");
    children.iter_mut().for_each(child::Child::kill);
    assert_eq!(receiver.receive().unwrap().pixels, vec![1; 1000], "the dead one's message");
    assert_eq!(payloads(dead[0]), Vec::<String>::new());
    // The receiver dies too.
    drop(receiver);
    collect_payloads(Duration::from_secs(3600));
    assert_eq!(payloads(dead[1]).len(), 1, "it is not old enough");
    assert!(collect_payloads(Duration::ZERO) >= 1);
    assert_eq!(payloads(dead[1]), Vec::<String>::new());
}

//! Senders of spsc rings that are killed at a point of their own choice: with a message half
//! written, or with written ones that were not published.

use std::time::Duration;

use posix_ipc::ring::spsc::{Receiver, Sender};
use posix_ipc::{Cleanup, OpenMode};
use testutil::child::{self, hear, say};
use testutil::names::unique;
use testutil::watchdog::watchdog;

/// Sends `sent` and `published`, leaves more unpublished in the way it is told, and is killed there.
pub(crate) fn unfinished(arguments: &[String]) {
    let [how, name] = arguments else { panic!("two arguments") };
    let mut sender = Sender::open(name).unwrap();
    sender.send(b"sent").unwrap();
    if how == "grant" {
        let mut grant = sender.reserve(9).unwrap();
        grant.write_at(0, b"published").unwrap();
        grant.commit();
        let mut grant = sender.reserve(600).unwrap();
        grant.write_at(0, &[0xee; 300]).unwrap();
        say("unfinished");
        hear();
        grant.commit();
    } else {
        let mut batch = sender.batch();
        batch.send(b"published").unwrap();
        batch.flush();
        (0..3).for_each(|_| batch.send(&[0xee; 200]).unwrap());
        say("unfinished");
        hear();
    }
}

/// Many times round the ring, so that what the dead left lies at every place, and over its end.
fn killed(how: &str) {
    let _watchdog = watchdog(120);
    let name = unique("unfinished");
    let options = Receiver::options().mode(OpenMode::CreateNew).cleanup(Cleanup::Keep);
    let options = options.capacity(4096).liveness_interval(Duration::from_millis(2));
    let mut receiver = options.outlive_peer(true).open(&*name).unwrap();
    for round in 0..20u64 {
        let mut child = child::run("unfinished", &[how, &name]);
        child.expect_line("unfinished");
        // On every other round the dead one's messages are still there when the next comes.
        let early = round % 2 == 0;
        if early {
            assert_eq!(receiver.receive_vec().unwrap(), b"sent");
            assert_eq!(receiver.receive_vec().unwrap(), b"published");
            assert_eq!(receiver.try_receive_vec().unwrap(), None, "it is not committed");
        }
        child.kill();
        if early {
            assert_eq!(receiver.try_receive_vec().unwrap(), None, "nor by its death");
        }
        let mut next = Sender::open(&*name).unwrap();
        let message = vec![round as u8; 500];
        next.send(&message).unwrap();
        if !early {
            assert_eq!(receiver.receive_vec().unwrap(), b"sent");
            assert_eq!(receiver.receive_vec().unwrap(), b"published");
        }
        assert_eq!(receiver.receive_vec().unwrap(), message);
        assert_eq!(receiver.try_receive_vec().unwrap(), None);
    }
}

#[test]
fn a_grant_that_was_not_committed_dies_with_its_sender_alone() {
    killed("grant");
}

#[test]
fn what_a_batch_had_not_flushed_dies_with_its_sender_alone() {
    killed("batch");
}

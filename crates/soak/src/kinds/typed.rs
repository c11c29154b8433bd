//! Typed messages over a queue, most of them in parts: whole or not at all.

use posix_ipc::MessageQueue;
use posix_ipc_typed::{Message as Typed, Receiver, SendError, Sender};

use super::{Kind, Totals};
use crate::ledger::{Ledger, Message, Promise, Uncertain};
use crate::worker::{PATIENCE, Worker, fail};

const SENDERS: usize = 2;
/// The longest message takes a handful of frames.
const LONGEST: usize = 1500;

#[derive(Debug, Typed)]
#[message(name = "soak.parcel", version = 1)]
struct Parcel {
    sender: u32,
    number: u64,
    content: Vec<u8>,
}

struct Mail {
    queue: MessageQueue,
    ledger: Ledger,
    uncertain: Uncertain,
}

pub(crate) fn make(prefix: &str) -> Result<Box<dyn Kind>, String> {
    let queue = MessageQueue::create(format!("{prefix}-typed"), 8, 512);
    Ok(Box::new(Mail {
        queue: queue.map_err(|error| error.to_string())?,
        ledger: Ledger::create(&format!("{prefix}-typed-ledger"), SENDERS)?,
        uncertain: Uncertain::default(),
    }))
}

impl Kind for Mail {
    fn name(&self) -> &'static str {
        "typed"
    }

    fn roles(&self) -> Vec<(&'static str, usize)> {
        vec![("typed-sender", SENDERS), ("typed-receiver", 1)]
    }

    fn killed(&mut self, role: &str, index: usize) -> Result<(), String> {
        if role == "typed-sender" {
            self.ledger.sender_killed(index, &mut self.uncertain);
        } else {
            self.ledger.receiver_killed(index, &mut Uncertain::default());
            // Besides what it was receiving it may have held parts of one message of each sender.
            self.uncertain.receives += SENDERS as u64 + 1;
        }
        Ok(())
    }

    fn audit(&mut self, totals: &mut Totals) -> Result<(), String> {
        let receiver = MessageQueue::open_receiver(self.queue.name());
        let mut receiver = Receiver::<Parcel>::new(receiver.map_err(|error| error.to_string())?);
        let mut rest = Vec::new();
        while let Some(parcel) = receiver.try_receive().map_err(|error| error.to_string())? {
            rest.push(open_parcel(&parcel)?);
        }
        // The receiver that ended may have held parts of one message of each sender.
        self.uncertain.receives += SENDERS as u64;
        let found = self.ledger.audit(SENDERS, &rest, Promise::AtMostOnce, &self.uncertain)?;
        totals.add("typed", "messages received", found.received);
        totals.add(
            "typed",
            "gone with a receiver that had them, or parts",
            found.lost.len() as u64,
        );
        Ok(())
    }
}

fn open_parcel(parcel: &Parcel) -> Result<Message, String> {
    let message = Message::decode(&parcel.content)?;
    let expected = Message { sender: parcel.sender, number: parcel.number };
    if message == expected { Ok(message) } else { Err(format!("{message:?} in {expected:?}")) }
}

pub(crate) fn send(worker: &mut Worker) {
    let sender = Sender::<Parcel>::open(worker.name("typed"));
    let mut sender = sender.unwrap_or_else(|error| fail(&error.to_string()));
    let ledger = Ledger::open(&worker.name("typed-ledger"));
    while !worker.is_over() {
        worker.dawdle();
        let length = Message::HEAD + worker.random.below((LONGEST - Message::HEAD) as u64) as usize;
        let Some(message) = ledger.about_to_send(worker.task.index) else { return };
        let mut content = Vec::new();
        message.encode(length, &mut content);
        let parcel = Parcel { sender: message.sender, number: message.number, content };
        let sent = match sender.send_timeout(&parcel, PATIENCE) {
            Ok(()) => true,
            Err(error) if error.is_timed_out() => false,
            // The receiver drops the parts that were sent.
            Err(SendError::Interrupted { .. }) => false,
            Err(error) => fail(&error.to_string()),
        };
        ledger.sent(message, sent);
    }
}

pub(crate) fn receive(worker: &mut Worker) {
    let receiver = Receiver::<Parcel>::open(worker.name("typed"));
    let mut receiver = receiver.unwrap_or_else(|error| fail(&error.to_string()));
    let ledger = Ledger::open(&worker.name("typed-ledger"));
    let mut last = [None; SENDERS];
    while !worker.is_over() {
        worker.dawdle();
        ledger.about_to_receive(worker.task.index);
        let parcel = receiver.receive_timeout(PATIENCE);
        let parcel = parcel.unwrap_or_else(|error| fail(&error.to_string()));
        let message =
            parcel.map(|parcel| open_parcel(&parcel).unwrap_or_else(|error| fail(&error)));
        ledger.received_by(worker.task.index, message);
        if message.is_some_and(|message| !message.is_in_order(&mut last)) {
            fail(&format!("{message:?} came after {last:?}"));
        }
    }
}

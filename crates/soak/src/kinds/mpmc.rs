//! The ring of many: every message arrives, what a receiver was copying when it was killed arrives
//! again, and half-written messages of killed senders are skipped.

use std::sync::atomic::Ordering;

use posix_ipc::ring::{SendError, mpmc};

use super::{Kind, Totals};
use crate::ledger::{Ledger, Message, Promise, Uncertain};
use crate::worker::{PATIENCE, Worker, fail};

const SENDERS: usize = 2;
const RECEIVERS: usize = 2;
const LONGEST: usize = 200;

struct Ring {
    receiver: mpmc::Receiver,
    ledger: Ledger,
    uncertain: Uncertain,
}

pub(crate) fn make(prefix: &str) -> Result<Box<dyn Kind>, String> {
    let options = mpmc::Receiver::options()
        .mode(posix_ipc::OpenMode::CreateNew)
        .capacity(32)
        .message_size(LONGEST)
        .lanes(SENDERS as u32);
    let receiver = options.open(format!("{prefix}-mpmc"));
    Ok(Box::new(Ring {
        receiver: receiver.map_err(|error| error.to_string())?,
        ledger: Ledger::create(&format!("{prefix}-mpmc-ledger"), SENDERS)?,
        uncertain: Uncertain::default(),
    }))
}

impl Kind for Ring {
    fn name(&self) -> &'static str {
        "ring-mpmc"
    }

    fn roles(&self) -> Vec<(&'static str, usize)> {
        vec![("mpmc-sender", SENDERS), ("mpmc-receiver", RECEIVERS)]
    }

    fn killed(&mut self, role: &str, index: usize) -> Result<(), String> {
        match role {
            "mpmc-sender" => self.ledger.sender_killed(index, &mut self.uncertain),
            _ => self.ledger.receiver_killed(index, &mut self.uncertain),
        }
        Ok(())
    }

    fn audit(&mut self, totals: &mut Totals) -> Result<(), String> {
        self.receiver.repair();
        let mut rest = Vec::new();
        while let Some((bytes, _)) =
            self.receiver.try_receive_vec().map_err(|error| error.to_string())?
        {
            rest.push(Message::decode(&bytes)?);
        }
        let found = self.ledger.audit(SENDERS, &rest, Promise::Once, &self.uncertain)?;
        let incidents = self.receiver.incidents();
        totals.add("ring-mpmc", "messages received", found.received);
        totals.add("ring-mpmc", "of these found in the ring in the end", rest.len() as u64);
        totals.add(
            "ring-mpmc",
            "gone with a killed receiver that had them",
            found.lost.len() as u64,
        );
        totals.add("ring-mpmc", "received again", found.again);
        totals.add("ring-mpmc", "skipped, half-written (the ring's count)", incidents.skipped);
        totals.add("ring-mpmc", "redelivered (the ring's count)", incidents.redelivered);
        Ok(())
    }
}

pub(crate) fn send(worker: &mut Worker) {
    let sender = mpmc::Sender::open(worker.name("mpmc"));
    let sender = sender.unwrap_or_else(|error| fail(&error.to_string()));
    let ledger = Ledger::open(&worker.name("mpmc-ledger"));
    let mut bytes = Vec::new();
    while !worker.is_over() {
        worker.dawdle();
        let length =
            Message::HEAD + worker.random.below((LONGEST - Message::HEAD + 1) as u64) as usize;
        let Some(message) = ledger.about_to_send(worker.task.index) else { return };
        message.encode(length, &mut bytes);
        let sent = match sender.send_timeout(&bytes, message.sender, PATIENCE) {
            Ok(()) => true,
            Err(SendError::TimedOut) => false,
            Err(error) => fail(&error.to_string()),
        };
        ledger.sent(message, sent);
    }
}

pub(crate) fn receive(worker: &mut Worker) {
    let receiver = mpmc::Receiver::open(worker.name("mpmc"));
    let receiver = receiver.unwrap_or_else(|error| fail(&error.to_string()));
    let ledger = Ledger::open(&worker.name("mpmc-ledger"));
    let mut last = [None; SENDERS];
    let mut buffer = [0; LONGEST];
    while !worker.is_over() {
        worker.dawdle();
        ledger.about_to_receive(worker.task.index);
        let received = receiver.receive_timeout(&mut buffer, PATIENCE);
        let received = received.unwrap_or_else(|error| fail(&error.to_string()));
        let message = received.map(|(length, _)| {
            let message = Message::decode(&buffer[..length]);
            message.unwrap_or_else(|error| fail(&error))
        });
        ledger.received_by(worker.task.index, message);
        if let Some(message) = message {
            let late = u64::from(!message.is_in_order(&mut last));
            ledger.late().fetch_add(late, Ordering::Relaxed);
        }
    }
}

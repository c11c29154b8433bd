//! Message queues: every message arrives once, in order of its sender.

use std::sync::atomic::Ordering;

use posix_ipc::MessageQueue;
use posix_ipc::mq::SendError;

use super::{Kind, Totals};
use crate::ledger::{Ledger, Message, Promise, Uncertain};
use crate::worker::{PATIENCE, Worker, fail};

const SENDERS: usize = 2;
const RECEIVERS: usize = 2;
const SIZE: usize = 256;

struct Queue {
    queue: MessageQueue,
    ledger: Ledger,
    uncertain: Uncertain,
}

pub(crate) fn make(prefix: &str) -> Result<Box<dyn Kind>, String> {
    let queue = MessageQueue::create(format!("{prefix}-mq"), 8, SIZE);
    Ok(Box::new(Queue {
        queue: queue.map_err(|error| error.to_string())?,
        ledger: Ledger::create(&format!("{prefix}-mq-ledger"), SENDERS)?,
        uncertain: Uncertain::default(),
    }))
}

impl Kind for Queue {
    fn name(&self) -> &'static str {
        "mq"
    }

    fn roles(&self) -> Vec<(&'static str, usize)> {
        vec![("mq-sender", SENDERS), ("mq-receiver", RECEIVERS)]
    }

    fn killed(&mut self, role: &str, index: usize) -> Result<(), String> {
        match role {
            "mq-sender" => self.ledger.sender_killed(index, &mut self.uncertain),
            _ => self.ledger.receiver_killed(index, &mut self.uncertain),
        }
        Ok(())
    }

    fn audit(&mut self, totals: &mut Totals) -> Result<(), String> {
        let mut rest = Vec::new();
        for message in self.queue.try_messages() {
            let (bytes, _) = message.map_err(|error| error.to_string())?;
            rest.push(Message::decode(&bytes)?);
        }
        let found = self.ledger.audit(SENDERS, &rest, Promise::AtMostOnce, &self.uncertain)?;
        totals.add("mq", "messages received", found.received);
        totals.add("mq", "of these found in the queue in the end", rest.len() as u64);
        totals.add("mq", "gone with a killed receiver", found.lost.len() as u64);
        Ok(())
    }
}

fn open(worker: &Worker) -> MessageQueue {
    MessageQueue::open(worker.name("mq")).unwrap_or_else(|error| fail(&error.to_string()))
}

pub(crate) fn send(worker: &mut Worker) {
    let (queue, ledger) = (open(worker), Ledger::open(&worker.name("mq-ledger")));
    let mut bytes = Vec::new();
    while !worker.is_over() {
        worker.dawdle();
        let length =
            Message::HEAD + worker.random.below((SIZE - Message::HEAD + 1) as u64) as usize;
        let Some(message) = ledger.about_to_send(worker.task.index) else { return };
        message.encode(length, &mut bytes);
        let sent = match queue.send_timeout(&bytes, 0, PATIENCE) {
            Ok(()) => true,
            Err(SendError::TimedOut) => false,
            Err(error) => fail(&error.to_string()),
        };
        ledger.sent(message, sent);
    }
}

pub(crate) fn receive(worker: &mut Worker) {
    let (queue, ledger) = (open(worker), Ledger::open(&worker.name("mq-ledger")));
    let mut last = [None; SENDERS];
    let mut bytes = Vec::new();
    while !worker.is_over() {
        worker.dawdle();
        bytes.clear();
        ledger.about_to_receive(worker.task.index);
        let received = queue.receive_timeout(&mut bytes, PATIENCE);
        let received = received.unwrap_or_else(|error| fail(&error.to_string()));
        let message =
            received.map(|_| Message::decode(&bytes).unwrap_or_else(|error| fail(&error)));
        ledger.received_by(worker.task.index, message);
        if let Some(message) = message {
            let late = u64::from(!message.is_in_order(&mut last));
            ledger.late().fetch_add(late, Ordering::Relaxed);
        }
    }
}

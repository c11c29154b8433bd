//! The ring of one sender and one receiver: every message arrives, in order, and what a killed receiver
//! was reading arrives again.

use posix_ipc::OpenMode;
use posix_ipc::ring::{SendError, spsc};

use super::{Kind, Totals};
use crate::ledger::{Ledger, Message, Promise, Uncertain};
use crate::worker::{PATIENCE, Worker, fail};

const CAPACITY: usize = 16 * 1024;
/// The longest message; the ring holds a handful of these, so that it runs full and wraps.
const LONGEST: usize = 3000;

struct Ring {
    name: String,
    ledger: Ledger,
    uncertain: Uncertain,
}

pub(crate) fn make(prefix: &str) -> Result<Box<dyn Kind>, String> {
    let name = format!("{prefix}-spsc");
    let ledger = Ledger::create(&format!("{prefix}-spsc-ledger"), 1)?;
    let receiver = spsc::Receiver::create(name.as_str(), CAPACITY);
    // The seat is for a process of its own.
    receiver.map_err(|error| error.to_string())?.keep();
    Ok(Box::new(Ring { name, ledger, uncertain: Uncertain::default() }))
}

impl Kind for Ring {
    fn name(&self) -> &'static str {
        "ring-spsc"
    }

    fn roles(&self) -> Vec<(&'static str, usize)> {
        vec![("spsc-sender", 1), ("spsc-receiver", 1)]
    }

    fn killed(&mut self, role: &str, _: usize) -> Result<(), String> {
        match role {
            "spsc-sender" => self.ledger.sender_killed(0, &mut self.uncertain),
            _ => self.ledger.receiver_killed(0, &mut self.uncertain),
        }
        Ok(())
    }

    fn audit(&mut self, totals: &mut Totals) -> Result<(), String> {
        let mut receiver =
            spsc::Receiver::open(self.name.as_str()).map_err(|error| error.to_string())?;
        let mut rest = Vec::new();
        while let Some(bytes) = receiver.try_receive_vec().map_err(|error| error.to_string())? {
            rest.push(Message::decode(&bytes)?);
        }
        receiver.unlink_name().map_err(|error| error.to_string())?;
        let found = self.ledger.audit(1, &rest, Promise::AtLeastOnce, &self.uncertain)?;
        totals.add("ring-spsc", "messages received", found.received);
        totals.add("ring-spsc", "of these found in the ring in the end", rest.len() as u64);
        totals.add("ring-spsc", "delivered again after a receiver was killed", found.again);
        Ok(())
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // Where the audit did not come to it.
        let _ = posix_ipc::SharedMemory::unlink(self.name.as_str());
    }
}

pub(crate) fn send(worker: &mut Worker) {
    let options = spsc::Sender::options().mode(OpenMode::OpenExisting).outlive_peer(true);
    let opened = options.open(worker.name("spsc"));
    let mut sender = opened.unwrap_or_else(|error| fail(&error.to_string()));
    let ledger = Ledger::open(&worker.name("spsc-ledger"));
    let mut bytes = Vec::new();
    while !worker.is_over() {
        worker.dawdle();
        let most = if worker.random.below(8) == 0 { LONGEST } else { 2 * Message::HEAD };
        let length = Message::HEAD + worker.random.below((most - Message::HEAD) as u64) as usize;
        let Some(message) = ledger.about_to_send(0) else { return };
        message.encode(length, &mut bytes);
        let sent = match worker.random.below(2) {
            0 => sender.send_timeout(&bytes, PATIENCE),
            _ => sender.reserve_timeout(bytes.len(), PATIENCE).map(|mut grant| {
                grant.write_at(0, &bytes).unwrap_or_else(|error| fail(&error.to_string()));
                grant.commit();
            }),
        };
        let sent = match sent {
            Ok(()) => true,
            Err(SendError::TimedOut) => false,
            Err(error) => fail(&error.to_string()),
        };
        ledger.sent(message, sent);
    }
}

pub(crate) fn receive(worker: &mut Worker) {
    let options = spsc::Receiver::options().mode(OpenMode::OpenExisting).outlive_peer(true);
    let opened = options.open(worker.name("spsc"));
    let mut receiver = opened.unwrap_or_else(|error| fail(&error.to_string()));
    let ledger = Ledger::open(&worker.name("spsc-ledger"));
    let mut last = [None];
    while !worker.is_over() {
        worker.dawdle();
        ledger.about_to_receive(0);
        let record =
            receiver.peek_timeout(PATIENCE).unwrap_or_else(|error| fail(&error.to_string()));
        let Some(record) = record else {
            ledger.received_by(0, None);
            continue;
        };
        let message = Message::decode(&record.to_vec()).unwrap_or_else(|error| fail(&error));
        if !message.is_in_order(&mut last) {
            fail(&format!("{message:?} came after {last:?}"));
        }
        // Noted first and released then: killed in between, it comes again.
        ledger.note(message);
        worker.dawdle();
        record.release();
        ledger.received_by(0, None);
    }
}

//! A peer that writes anything anywhere into the segment, between any operations: errors, never
//! a panic, a stray access or a loop without end.
//!
//! The input is a program: one byte of operation, then what it takes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use posix_ipc::ring::{mpmc, spsc};
use posix_ipc::shm::Mapping;
use posix_ipc::{Name, OpenMode, SharedMemory};

const MOMENT: Duration = Duration::from_micros(1);

/// Reads the input, zeros after its end.
struct Program<'a>(&'a [u8]);

impl Program<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self, bytes: usize) -> u64 {
        (0..bytes).fold(0, |number, _| number << 8 | u64::from(self.byte().unwrap_or(0)))
    }
}

pub fn run(data: &[u8]) {
    let mut program = Program(data);
    match program.byte() {
        Some(255) => long_messages(program),
        Some(shape) if shape % 2 == 0 => spsc_ring(program),
        Some(_) => mpmc_ring(program),
        None => {}
    }
}

/// Writes a word; the first kilobytes, where indices and states are, come up often.
fn scribble(mapping: &Mapping, program: &mut Program<'_>) {
    let words = mapping.len() as u64 / 8;
    let at = program.number(2) % words * 8;
    let value = match program.byte().unwrap_or(0) % 4 {
        0 => program.number(8),
        1 => program.number(1),
        2 => program.number(2).wrapping_neg(),
        _ => program.number(2),
    };
    if let Ok(word) = mapping.atomic_u64(at as usize) {
        word.store(value, Ordering::Relaxed);
    }
}

fn spsc_ring(mut program: Program<'_>) {
    let name = Name::unique("fuzz-ring");
    let mut sender = spsc::Sender::create(&name, 4096).expect("there is memory");
    let mut receiver = spsc::Receiver::open(&name).expect("it was just made");
    let memory = SharedMemory::open(&name).expect("it was just made");
    let mapping = memory.map().expect("it can be mapped");
    while let Some(operation) = program.byte() {
        match operation % 9 {
            0..=2 => scribble(&mapping, &mut program),
            3 => drop(sender.try_send(&vec![7; program.number(2) as usize % 5000])),
            4 => drop(sender.send_timeout(&[8; 100], MOMENT)),
            5 => {
                let mut batch = sender.batch();
                let _ = batch.try_send(&[9; 30]);
                let _ = batch.try_send(&[9; 600]);
            }
            6 => {
                if let Ok(Some(message)) = receiver.try_receive_vec() {
                    assert!(message.len() <= 4088);
                }
            }
            7 => drop(receiver.drain(|record| assert!(record.to_vec().len() <= 4088))),
            _ => drop(receiver.peek_timeout(MOMENT).map(|record| record.map(|r| r.len()))),
        }
    }
    let _ = (sender.peer(), receiver.peer(), sender.backlog(), receiver.backlog());
    drop((sender, receiver));
    let _ = spsc::Sender::open(&name);
}

/// A receiver that waits for messages in parts, and follows whatever says that there is one.
fn long_messages(mut program: Program<'_>) {
    static MESSAGE: [u8; 65_536] = [5; 65_536];
    let name = Name::unique("fuzz-ring");
    let mut sender = spsc::Sender::create(&name, 128 << 10).expect("there is memory");
    let mut receiver = spsc::Receiver::open(&name).expect("it was just made");
    let memory = SharedMemory::open(&name).expect("it was just made");
    let mapping = memory.map().expect("it can be mapped");
    let mut buffer = vec![0; 70_000];
    // It expects the next one to be as long.
    sender.send(&MESSAGE).expect("it is empty");
    assert_eq!(receiver.receive(&mut buffer), Ok(MESSAGE.len()));
    while let Some(operation) = program.byte() {
        match operation % 8 {
            0..=3 => scribble(&mapping, &mut program),
            4 => drop(sender.try_send(&MESSAGE)),
            5 => {
                if let Ok(Some(message)) = receiver.receive_vec_timeout(MOMENT) {
                    assert!(message.len() <= receiver.message_size());
                }
            }
            _ => {
                if let Ok(Some(len)) = receiver.receive_timeout(&mut buffer, MOMENT) {
                    assert!(len <= buffer.len());
                }
            }
        }
    }
}

fn mpmc_ring(mut program: Program<'_>) {
    let name = Name::unique("fuzz-ring");
    let options = mpmc::Sender::options().mode(OpenMode::CreateNew).capacity(8).lanes(2);
    let sender = options.message_size(40).open(&name).expect("there is memory");
    let receiver = mpmc::Receiver::open(&name).expect("it was just made");
    let memory = SharedMemory::open(&name).expect("it was just made");
    let mapping = memory.map().expect("it can be mapped");
    while let Some(operation) = program.byte() {
        match operation % 9 {
            0..=2 => scribble(&mapping, &mut program),
            3 => drop(sender.try_send(&[1; 40], u32::from(operation) % 2)),
            4 => drop(sender.send_timeout(&[2; 9], 0, MOMENT)),
            5 => drop(receiver.try_receive(&mut [0; 8])),
            6 => {
                if let Ok(Some((message, lane))) = receiver.try_receive_vec() {
                    assert!(message.len() <= 40 && lane.get() < 2);
                }
            }
            7 => drop(receiver.peek_timeout(MOMENT)),
            _ => receiver.repair(),
        }
    }
    let _ = (receiver.participants(), receiver.incidents());
    drop((sender, receiver));
    let _ = mpmc::Sender::open(&name);
}

//! Shared memory: nobody opens a half-made object, whoever leaves last removes it, and what a
//! writer guards is never seen torn.

use std::sync::atomic::{Ordering, fence};

use posix_ipc::shm::SharedMemoryOptions;
use posix_ipc::{Cleanup, Disposition, Errno, Error, OpenMode, SharedMemory};

use super::{Kind, Totals};
use crate::random::mix;
use crate::words::Words;
use crate::worker::{Worker, fail};

const CHURNERS: usize = 3;
const READERS: usize = 2;
/// Names that the churning processes share.
const NAMES: u64 = 2;
const SIZE: usize = 64 * 1024;

/// Words of the block that one writes and others read: a count that is odd while it is being
/// written, and numbers made from it.
const BLOCK: usize = 32;
/// Where processes count what they did.
const COUNTS: usize = 64;

struct Memory {
    prefix: String,
    block: Words,
}

pub(crate) fn make(prefix: &str) -> Result<Box<dyn Kind>, String> {
    let block = Words::create(&format!("{prefix}-block"), 2 * COUNTS)?;
    Ok(Box::new(Memory { prefix: prefix.to_string(), block }))
}

impl Kind for Memory {
    fn name(&self) -> &'static str {
        "shm"
    }

    fn roles(&self) -> Vec<(&'static str, usize)> {
        vec![("shm-churn", CHURNERS), ("shm-writer", 1), ("shm-reader", READERS)]
    }

    fn killed(&mut self, role: &str, _: usize) -> Result<(), String> {
        if role == "shm-writer" {
            // Between two even counts the block is anything; the next writer starts anew.
            let count = self.block.at(0);
            if count.load(Ordering::SeqCst) % 2 == 1 {
                count.fetch_sub(1, Ordering::SeqCst);
                write_block(&self.block);
            }
        }
        Ok(())
    }

    fn audit(&mut self, totals: &mut Totals) -> Result<(), String> {
        let counts = ["objects created", "objects opened", "blocks read"];
        for (index, what) in counts.iter().enumerate() {
            totals.add("shm", what, self.block.at(COUNTS + index).load(Ordering::SeqCst));
        }
        // A process that was killed as the last user leaves the name to the next one: to this.
        for index in 0..NAMES {
            let name = churned(&self.prefix, index);
            match options(OpenMode::OpenExisting).open(name.as_str()) {
                Ok(memory) => {
                    check(&memory)?;
                    memory.close().map_err(|error| error.to_string())?;
                    totals.add("shm", "names left to the next user by a killed one", 1);
                }
                Err(error) if error.errno() == Some(Errno::NOENT) => {}
                Err(error) => return Err(format!("{name}: {error}")),
            }
        }
        Ok(())
    }
}

fn churned(prefix: &str, index: u64) -> String {
    format!("{prefix}-churn{index}")
}

fn options(mode: OpenMode) -> SharedMemoryOptions {
    SharedMemory::options().mode(mode).cleanup(Cleanup::LastUser).size(SIZE as u64)
}

/// Every object is full of one number, from its first moment.
fn check(memory: &SharedMemory) -> Result<(), String> {
    let mapping = memory.map_read().map_err(|error| error.to_string())?;
    let bytes = mapping.to_vec(0, SIZE).map_err(|error| error.to_string())?;
    match bytes.iter().position(|byte| *byte != bytes[0]) {
        None if bytes[0] != 0 => Ok(()),
        other => Err(format!("an object that is not complete: {} first, then {other:?}", bytes[0])),
    }
}

/// Opens or creates, looks, and leaves, over and over.
pub(crate) fn churn(worker: &mut Worker) {
    let counts = Words::open(&worker.name("block"));
    while !worker.is_over() {
        let name = churned(&worker.task.prefix, worker.random.below(NAMES));
        let byte = 1 + worker.random.below(255) as u8;
        let opened = options(OpenMode::OpenOrCreate)
            .open_with(name.as_str(), |mapping| mapping.fill(0, SIZE, byte));
        let memory = match opened {
            Ok(memory) => memory,
            // Others come and go faster than this one gets hold of the name: told, not hidden.
            Err(Error::Contended { .. }) => continue,
            Err(error) => fail(&error.to_string()),
        };
        check(&memory).unwrap_or_else(|error| fail(&error));
        let created = memory.disposition() == Disposition::Created;
        counts.at(COUNTS + usize::from(!created)).fetch_add(1, Ordering::Relaxed);
        worker.dawdle();
        memory.close().unwrap_or_else(|error| fail(&error.to_string()));
    }
}

/// Writes one generation of the block.
fn write_block(block: &Words) {
    let count = block.at(0).fetch_add(1, Ordering::Relaxed);
    fence(Ordering::SeqCst);
    for index in 1..BLOCK {
        block.at(index).store(mix((count + 2) ^ (index as u64) << 32), Ordering::Relaxed);
    }
    block.at(0).store(count + 2, Ordering::Release);
}

pub(crate) fn write(worker: &mut Worker) {
    let block = Words::open(&worker.name("block"));
    while !worker.is_over() {
        write_block(&block);
        worker.dawdle();
    }
}

pub(crate) fn read(worker: &mut Worker) {
    let block = Words::open(&worker.name("block"));
    let mut last = 0;
    while !worker.is_over() {
        let before = block.at(0).load(Ordering::Acquire);
        let words: Vec<u64> =
            (1..BLOCK).map(|index| block.at(index).load(Ordering::Relaxed)).collect();
        fence(Ordering::Acquire);
        let after = block.at(0).load(Ordering::Relaxed);
        if before != after || before % 2 == 1 || before == 0 {
            std::thread::yield_now();
            continue;
        }
        if before < last {
            fail(&format!("generation {before} after {last}"));
        }
        last = before;
        for (word, index) in words.iter().zip(1u64..) {
            if *word != mix(before ^ index << 32) {
                fail(&format!("word {index} of generation {before} is {word:x}"));
            }
        }
        block.at(COUNTS + 2).fetch_add(1, Ordering::Relaxed);
        worker.dawdle();
    }
}

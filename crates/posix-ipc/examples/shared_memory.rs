//! Counts, in memory that all who run this share, how often it was run. Start it again and again,
//! also at once:
//!
//! ```sh
//! cargo run --example shared_memory -- /example-memory
//! cargo run --example shared_memory -- /example-memory remove
//! ```

use std::sync::atomic::Ordering;

use posix_ipc::{Cleanup, OpenMode, SharedMemory};

/// Where the number stands, and where the text.
const COUNTER: usize = 0;
const TEXT: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "/example-memory".to_string());
    if arguments.next().as_deref() == Some("remove") {
        SharedMemory::unlink(&name)?;
        println!("removed {name}");
        return Ok(());
    }
    let memory = SharedMemory::options()
        .mode(OpenMode::OpenOrCreate)
        .size(4096)
        .cleanup(Cleanup::Keep)
        .open(&name)?;
    let mapping = memory.map()?;

    // A word that processes agree on is an atomic.
    let before = mapping.atomic_u32(COUNTER)?.fetch_add(1, Ordering::AcqRel);
    println!("this was run {before} times before");

    // Bytes are copied in and out; nobody holds a reference to what others may change.
    let mut text = [0; 32];
    mapping.read_at(TEXT, &mut text)?;
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
    if let Some(text) = text.get(..end).filter(|text| !text.is_empty()) {
        println!("the last one left: {}", String::from_utf8_lossy(text));
    }
    let mut message = format!("greetings from {}", std::process::id()).into_bytes();
    message.resize(32, 0);
    mapping.write_at(TEXT, &message)?;
    Ok(())
}

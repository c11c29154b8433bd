//! Lets one process at a time into a critical section. Start it in several terminals at once:
//!
//! ```sh
//! cargo run --example critical_section -- /example-lock
//! ```

use std::time::Duration;

use posix_ipc::{Cleanup, OpenMode, Semaphore};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "/example-lock".to_string());
    let lock = Semaphore::options()
        .mode(OpenMode::OpenOrCreate)
        .initial_value(1)
        // Not the creator, who may leave while others still use it.
        .cleanup(Cleanup::LastUser)
        .open(&name)?;
    let id = std::process::id();
    for round in 1..=3 {
        let Some(permit) = lock.acquire_timeout(Duration::from_secs(60))? else {
            println!("{id} did not get in within a minute");
            return Ok(());
        };
        println!("{id} enters, round {round}");
        std::thread::sleep(Duration::from_millis(200));
        println!("{id} leaves");
        // Also happens by itself, at the end of the scope or if something panics.
        permit.release()?;
    }
    Ok(())
}

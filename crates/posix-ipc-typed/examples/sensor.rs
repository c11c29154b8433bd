//! A sensor that sends its samples in batches over a ring, to the example `monitor`.
//!
//! ```sh
//! cargo run --example monitor -- lab
//! cargo run --example sensor -- lab 100     # in another terminal: a hundred batches
//! ```

#[allow(dead_code)]
#[path = "sensors/protocol.rs"]
mod protocol;

use std::error::Error;
use std::time::{Duration, SystemTime};

use posix_ipc::ring::spsc;
use posix_ipc_typed::Sender;
use protocol::Batch;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "lab".into());
    let batches: u32 = arguments.next().map_or(Ok(100), |count| count.parse())?;

    let ring = spsc::Sender::open(protocol::ring(&name))?;
    let mut sender = Sender::<Batch, _>::new(ring).checksum(true);
    let interval = Duration::from_micros(10);
    for batch in 0..batches {
        let sample = |index: u32| ((batch * 16_384 + index) as f32 * 0.001).sin();
        let samples = (0..16_384).map(sample).collect();
        sender.send(&Batch { sensor: 1, start: SystemTime::now(), interval, samples })?;
    }
    println!("{batches} batches sent");
    Ok(())
}

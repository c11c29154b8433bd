//! Shows what the example `sensor` measures, batch by batch, until the sensor ends.

#[allow(dead_code)]
#[path = "sensors/protocol.rs"]
mod protocol;

use std::error::Error;

use posix_ipc::ring::spsc;
use posix_ipc_typed::Receiver;
use protocol::Batch;

fn main() -> Result<(), Box<dyn Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "lab".into());
    let ring = spsc::Receiver::create(protocol::ring(&name), protocol::BYTES)?;
    let mut receiver = Receiver::<Batch, _>::new(ring);
    println!("waiting for a sensor");
    let (mut batches, mut samples) = (0, 0);
    for batch in &mut receiver {
        let Batch { sensor, samples: values, interval, .. } = batch?;
        let least = values.iter().copied().fold(f32::INFINITY, f32::min);
        let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        println!(
            "sensor {sensor}: {} samples every {interval:?}, {least:.3} to {most:.3}, mean {mean:.3}",
            values.len()
        );
        batches += 1;
        samples += values.len();
    }
    println!("{batches} batches, {samples} samples");
    Ok(())
}

//! What the sensor tells the monitor.
#![allow(unreachable_pub, reason = "shared by the two programs")]

use std::time::{Duration, SystemTime};

use posix_ipc_typed::Message;

/// A batch of samples.
#[derive(Debug, Message)]
#[message(name = "sensor.batch")]
pub struct Batch {
    pub sensor: u32,
    pub start: SystemTime,
    pub interval: Duration,
    pub samples: Vec<f32>,
}

/// The ring between the two.
pub fn ring(name: &str) -> String {
    format!("/posix-ipc-sensor-{name}")
}

/// How large it is: a few batches.
pub const BYTES: usize = 1 << 20;

//! Writes into a ring's segment between operations: see `bodies/ring_scribble.rs`.
#![no_main]

#[path = "../bodies/ring_scribble.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

//! Contents of semaphores: see `bodies/semaphore.rs`.
#![no_main]

#[path = "../bodies/semaphore.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

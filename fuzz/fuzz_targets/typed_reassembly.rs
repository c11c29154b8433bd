//! Typed messages: see `bodies/typed_reassembly.rs`.
#![no_main]

#[path = "../bodies/typed_reassembly.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

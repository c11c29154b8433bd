//! Typed messages: see `bodies/typed_decode.rs`.
#![no_main]

#[path = "../bodies/typed_decode.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

//! Runs every fuzz target's body on its corpus, on the stable compiler.
#![allow(unreachable_pub, reason = "bodies of fuzz targets are public to their targets")]

use std::fs;
use std::path::Path;

#[cfg(target_os = "linux")]
#[path = "../../../fuzz/bodies/command.rs"]
mod command;
#[path = "../../../fuzz/bodies/names.rs"]
mod names;
#[cfg(target_os = "linux")]
#[path = "../../../fuzz/bodies/ring_scribble.rs"]
mod ring_scribble;
#[cfg(target_os = "linux")]
#[path = "../../../fuzz/bodies/semaphore.rs"]
mod semaphore;
#[path = "../../../fuzz/bodies/typed_decode.rs"]
mod typed_decode;
#[path = "../../../fuzz/bodies/typed_frame.rs"]
mod typed_frame;
#[path = "../../../fuzz/bodies/typed_reassembly.rs"]
mod typed_reassembly;

/// Runs `body` on each file of its corpus, and on each file with a byte changed or cut off.
fn replay(target: &str, body: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(&corpus).expect("each target has a corpus") {
        let path = entry.expect("the corpus can be read").path();
        let data = fs::read(&path).expect("the corpus can be read");
        eprintln!("{}", path.display());
        body(&data);
        for position in 0..data.len().min(64) {
            let mut changed = data.clone();
            changed[position] ^= 1 << (position % 8);
            body(&changed);
            body(&data[..position]);
        }
        count += 1;
    }
    assert!(count > 0, "{} is empty", corpus.display());
}

#[cfg(target_os = "linux")]
#[test]
fn the_commands_parsers_hold_on_their_corpus() {
    replay("command", command::run);
}

#[test]
fn names_hold_on_their_corpus() {
    replay("names", names::run);
}

#[test]
fn typed_decode_holds_on_its_corpus() {
    replay("typed_decode", typed_decode::run);
}

#[test]
fn typed_frame_holds_on_its_corpus() {
    replay("typed_frame", typed_frame::run);
}

#[test]
fn typed_reassembly_holds_on_its_corpus() {
    replay("typed_reassembly", typed_reassembly::run);
}

#[cfg(target_os = "linux")]
#[test]
fn semaphores_hold_on_their_corpus() {
    replay("semaphore", semaphore::run);
}

#[cfg(target_os = "linux")]
#[test]
fn rings_survive_scribbling_on_their_corpus() {
    replay("ring_scribble", ring_scribble::run);
}

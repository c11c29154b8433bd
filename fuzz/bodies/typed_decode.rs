//! Any bytes as a message of every shape: no panic, and what can be read is written again.

#[path = "../../crates/posix-ipc-typed/tests/shapes/mod.rs"]
mod shapes;

pub fn run(data: &[u8]) {
    if let Some((shape, data)) = data.split_first() {
        shapes::check_shape(*shape, data);
    }
}

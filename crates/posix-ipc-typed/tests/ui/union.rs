//! A union.
use posix_ipc_typed::Message;

#[derive(Message)]
union Either {
    a: u32,
    b: f32,
}

fn main() {}

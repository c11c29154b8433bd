//! A field of a type that is no message.
use posix_ipc_typed::Message;

struct Opaque;

#[derive(Message)]
struct Job {
    id: u32,
    inner: Opaque,
}

fn main() {}

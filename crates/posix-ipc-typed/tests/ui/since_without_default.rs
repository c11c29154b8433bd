//! A field that came later, without a value for older messages.
use posix_ipc_typed::Message;

#[derive(Message)]
#[message(version = 2)]
struct Job {
    id: u32,
    #[message(since = 2)]
    priority: u8,
}

#[derive(Message)]
struct Other {
    #[message(default)]
    priority: u8,
}

fn main() {}

//! A field of a version that the type has not reached.
use posix_ipc_typed::Message;

#[derive(Message)]
struct Job {
    id: u32,
    #[message(since = 2, default)]
    priority: u8,
}

#[derive(Message)]
#[message(version = 300)]
struct Other;

fn main() {}

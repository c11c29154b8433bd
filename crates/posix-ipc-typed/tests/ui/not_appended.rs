//! A newer field before an older one.
use posix_ipc_typed::Message;

#[derive(Message)]
#[message(version = 2)]
struct Job {
    #[message(since = 2, default)]
    priority: u8,
    id: u32,
}

fn main() {}

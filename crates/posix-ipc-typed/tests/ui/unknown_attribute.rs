//! Attributes that do not exist, or not there.
use posix_ipc_typed::Message;

#[derive(Message)]
struct Job {
    #[message(max_length = 5)]
    title: String,
}

#[derive(Message)]
#[message(tag = 5)]
struct Other;

#[derive(Message)]
enum Event {
    #[message(default)]
    Started,
}

fn main() {}

//! Names and tags that are there twice.
use posix_ipc_typed::Message;

#[derive(Message)]
struct Job {
    #[message(tag = 1)]
    id: u32,
    #[message(tag = 1)]
    size: u32,
}

#[derive(Message)]
enum Event {
    #[message(tag = 1)]
    Start,
    Stop = 1,
}

#[derive(Message)]
struct Twice {
    #[message(skip, skip)]
    a: u32,
}

#[derive(Message)]
enum Renamed {
    Start,
    #[message(name = "Start")]
    Begin,
}

fn main() {}

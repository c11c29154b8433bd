//! Enums that cannot be sent.
use posix_ipc_typed::Message;

#[derive(Message)]
enum Never {}

#[derive(Message)]
enum Negative {
    Low = -1,
}

#[derive(Message)]
enum Unknown {
    Known,
    #[message(other)]
    Other(u8),
}

fn main() {}

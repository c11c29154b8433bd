//! Attributes that exclude each other.
use posix_ipc_typed::Message;

#[derive(Message)]
struct Job {
    #[message(skip, since = 1)]
    a: u32,
}

#[derive(Message)]
struct Other {
    #[message(varint, with = posix_ipc_typed::Varint)]
    a: u32,
}

#[derive(Message)]
struct Third {
    #[message(with = "my_encoding")]
    a: u32,
}

#[derive(Message)]
struct Fourth {
    #[message(max_len = 5)]
    a: u32,
}

#[derive(Message)]
struct Fifth {
    #[message(varint)]
    a: f32,
}

fn main() {}

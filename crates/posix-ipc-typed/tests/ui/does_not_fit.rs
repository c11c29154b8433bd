//! A type whose messages are longer than the frames that it is promised.
use posix_ipc_typed::{FrameOptions, Message};

#[derive(Message)]
struct Big {
    data: [u8; 8192],
}

#[derive(Message)]
struct Endless {
    data: Vec<u8>,
}

const _: () = FrameOptions::new().assert_fits::<Big>(8192);
const _: () = FrameOptions::new().assert_fits::<Endless>(8192);

fn main() {}

//! [`Message`](crate::Message) for the types of `core`, `alloc`, `std` and `bytes`.

mod maps;
mod net;
mod numbers;
mod pointers;
mod ranges;
mod sequences;
mod text;
mod time;
mod tuples;

pub use sequences::{Limited, max_of};
pub use tuples::add_max;

//! Shared memory: creation and opening, mapping, values in it, peers that misbehave.

mod anonymous;
mod bounds;
mod lifecycle;
mod mapping;
mod options;
mod shared_box;
mod streams;
mod values;

testutil::roles!(versioned_writer, box_user);

use shared_box::box_user;
use values::versioned_writer;

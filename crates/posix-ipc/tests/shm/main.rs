//! Shared memory: creation and opening, mapping, values in it, peers that misbehave.

mod bounds;
mod lifecycle;
mod mapping;
mod options;

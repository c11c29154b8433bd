//! Rings, from their API on: one file per topic.

mod mpmc;
mod spsc;

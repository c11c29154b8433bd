//! Every command, tested by running the binary.

mod bench;
mod create;
mod demo;
mod help;
mod list;
mod mq;
mod peers;
mod remove;
mod ring;
mod sandbox;
mod screens;
mod sem;
mod shm;
mod support;
mod system;
mod typed;
mod watch;

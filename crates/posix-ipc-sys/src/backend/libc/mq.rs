//! The `libc` back end of `mq`.

//! The `linux` back end of `mq`.

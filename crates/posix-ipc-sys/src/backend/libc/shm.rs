//! The `libc` back end of `shm`.

//! The `linux` back end of `shm`.

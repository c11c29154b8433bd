//! The `libc` back end.

#[cfg(all(feature = "mq", has_mqueue))]
pub(crate) mod mq;
#[cfg(feature = "sem")]
pub(crate) mod sem;
#[cfg(feature = "shm")]
pub(crate) mod shm;

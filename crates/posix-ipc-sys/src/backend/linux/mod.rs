//! The `linux` back end.

// Other architectures than those whose calls are known to be alike go through the C library.
#[cfg(all(feature = "mq", has_mqueue))]
#[cfg_attr(not(raw_mqueue), path = "../libc/mq.rs")]
pub(crate) mod mq;
#[cfg(feature = "sem")]
pub(crate) mod sem;
#[cfg(feature = "shm")]
pub(crate) mod shm;

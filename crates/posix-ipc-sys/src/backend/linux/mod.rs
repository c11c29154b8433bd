//! The `linux` back end; its semaphores are a choice beside the `libc` back end too.

// Other architectures than those whose calls are known to be alike go through the C library.
#[cfg(all(backend_linux, feature = "mq", has_mqueue))]
#[cfg_attr(not(raw_mqueue), path = "../libc/mq.rs")]
pub(crate) mod mq;
#[cfg(feature = "sem")]
pub(crate) mod sem;
#[cfg(all(backend_linux, feature = "shm"))]
pub(crate) mod shm;

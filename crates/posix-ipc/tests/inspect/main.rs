//! What `posix_ipc::inspect` sees, made by writing the files that the C library would.
#![cfg(target_os = "linux")]

mod files;
mod usage;

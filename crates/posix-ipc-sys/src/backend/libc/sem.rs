//! The `libc` back end of `sem`.

//! The `linux` back end of `sem`.

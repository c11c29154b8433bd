//! The Rust blocks of the repository's pages, as documentation tests: `cargo test -p pages --doc`.
//!
//! `build.rs` makes them.
#![cfg_attr(doctest, allow(missing_docs))]

#[cfg(doctest)]
mod tests {
    include!(concat!(env!("OUT_DIR"), "/pages.rs"));
}

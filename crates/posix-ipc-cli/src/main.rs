//! The command pipc.
fn main() {}

//! `#[derive(Message)]` of `posix-ipc-typed`: see [the trait's documentation][trait], and the
//! README for all attributes.
//!
//! [trait]: https://docs.rs/posix-ipc-typed/latest/posix_ipc_typed/trait.Message.html
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod attributes;
mod code;
mod model;
mod schema;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `Message` and `Decode` for a struct or an enum.
///
/// On the type: `name = "wire name"`, `version = 2`, `extensible`, `crate = path`.
/// On a variant: `name = "wire name"`, `tag = 7`, `since = 2`, `other`.
/// On a field: `name = "wire name"`, `tag = 7`, `since = 2`, `default`, `default = expression`,
/// `skip`, `max_len = 64`, `varint`, `with = Type`, `recursive`.
#[proc_macro_derive(Message, attributes(message))]
pub fn derive_message(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    match model::Model::new(input) {
        Ok(model) => code::expand(&model).into(),
        Err(error) => error.into_compile_error().into(),
    }
}

//! The expressions for a type's constants: fingerprints and lengths.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Path, Type};

use crate::code::at;
use crate::model::{Body, Field, Id, Model, Variant, parts};

/// `const SCHEMA`.
pub(crate) fn schema(model: &Model) -> TokenStream {
    let Model { krate, name, version, extensible, .. } = model;
    let history = (1..=*version).map(|version| hash(model, version));
    let lineage = hash(model, 0);
    let embedded = if *extensible {
        quote!(#krate::SchemaHasher::new("extensible").number(lineage).finish())
    } else {
        quote!(fingerprint)
    };
    let fingerprint = hash(model, *version);
    quote! {
        const SCHEMA: #krate::Schema = {
            let lineage = #lineage;
            let fingerprint = #fingerprint;
            #krate::Schema {
                name: #name,
                version: #version,
                fingerprint,
                lineage: #krate::derived::fold(lineage),
                embedded: #embedded,
                history: &[#(#history),*],
            }
        };
    }
}

/// The hash of one version; that of version 0 is what all versions have in common.
fn hash(model: &Model, version: u16) -> TokenStream {
    let Model { krate, name, ident, .. } = model;
    let number = u64::from(version);
    let version = version.max(1);
    match &model.body {
        Body::Struct(fields) => {
            let fields = fields_hash(krate, ident, fields, version);
            quote! {
                #krate::SchemaHasher::new("struct").text(#name).number(#number) #fields .finish()
            }
        }
        Body::Enum { wide, variants } => {
            let width = if *wide { 2u64 } else { 1 };
            let variants =
                variants.iter().filter(|variant| variant.since <= version).map(|variant| {
                    let tag = u64::from(variant.tag);
                    let id = id_hash(&variant.id);
                    let fields = fields_hash(krate, ident, &variant.fields, version);
                    quote!(.number(#tag) #id #fields)
                });
            quote! {
                #krate::SchemaHasher::new("enum").text(#name).number(#number).number(#width)
                    #(#variants)* .finish()
            }
        }
    }
}

fn fields_hash(krate: &Path, ident: &Ident, fields: &[Field], version: u16) -> TokenStream {
    let fields: Vec<&Field> =
        fields.iter().filter(|field| !field.skip && field.since <= version).collect();
    let count = fields.len() as u64;
    let each = fields.iter().map(|field| {
        let id = id_hash(&field.id);
        let hash = type_hash(krate, ident, field);
        quote!(#id .number(#hash))
    });
    quote!(.number(#count) #(#each)*)
}

fn id_hash(id: &Id) -> TokenStream {
    match id {
        Id::Name(name) => quote!(.text(#name)),
        Id::Tag(tag) => {
            let tag = u64::from(*tag);
            quote!(.text("#").number(#tag))
        }
    }
}

/// A type as it is written, without blanks.
fn spelling(ty: &Type) -> String {
    quote!(#ty).to_string().replace(char::is_whitespace, "")
}

fn type_hash(krate: &Path, ident: &Ident, field: &Field) -> TokenStream {
    let Field { ty, .. } = field;
    if field.recursive {
        // The type's own hash cannot contain itself: its spelling stands for it, and the hashes of
        // what else is in it.
        let text = spelling(ty);
        let with = field.with.as_ref().map(|with| {
            let with = spelling(with);
            quote!(.text(#with))
        });
        let parts = match field.opaque || field.with.is_some() {
            true => Vec::new(),
            false => parts(ty, ident),
        };
        let parts = parts
            .iter()
            .map(|ty| quote_spanned!(at(ty)=> .number(<#ty as #krate::Message>::SCHEMA.embedded)));
        return quote! {
            #krate::SchemaHasher::new("recursive").text(#text) #with #(#parts)* .finish()
        };
    }
    match &field.with {
        Some(with) => quote_spanned!(at(with)=> <#with as #krate::With<#ty>>::HASH),
        None => quote_spanned!(at(ty)=> <#ty as #krate::Message>::SCHEMA.embedded),
    }
}

/// The lengths of the shortest and the longest encoding, without an extensible type's prefix.
pub(crate) fn lengths(model: &Model) -> (TokenStream, TokenStream) {
    let krate = &model.krate;
    match &model.body {
        Body::Struct(fields) => (least(krate, fields), most(krate, fields)),
        Body::Enum { wide, variants } => {
            let width = if *wide { 2usize } else { 1 };
            let leasts = variants.iter().map(|variant| least(krate, &variant.fields));
            let mosts = variants.iter().map(|Variant { fields, .. }| most(krate, fields));
            let least = quote!({
                let mut least = usize::MAX;
                #({
                    let length = #leasts;
                    if length < least {
                        least = length;
                    }
                })*
                #width + least
            });
            let most = quote!({
                let mut most = #krate::derived::Some(0usize);
                #(most = match (most, #mosts) {
                    (#krate::derived::Some(most), #krate::derived::Some(length)) => {
                        #krate::derived::Some(if length > most { length } else { most })
                    }
                    _ => #krate::derived::None,
                };)*
                #krate::derived::add_max(most, #krate::derived::Some(#width))
            });
            (least, most)
        }
    }
}

fn least(krate: &Path, fields: &[Field]) -> TokenStream {
    let each = fields.iter().filter(|field| !field.skip).map(|field| {
        let Field { ty, .. } = field;
        match (&field.with, field.recursive) {
            (_, true) => quote!(0),
            (Some(with), _) => {
                quote_spanned!(at(with)=> <#with as #krate::With<#ty>>::MIN_LEN)
            }
            (None, _) => quote_spanned!(at(ty)=> <#ty as #krate::Message>::MIN_LEN),
        }
    });
    quote!((0usize #(+ #each)*))
}

fn most(krate: &Path, fields: &[Field]) -> TokenStream {
    let each = fields.iter().filter(|field| !field.skip).map(|field| field_most(krate, field));
    quote!({
        let most = #krate::derived::Some(0usize);
        #(let most = #krate::derived::add_max(most, #each);)*
        most
    })
}

fn field_most(krate: &Path, field: &Field) -> TokenStream {
    let ty: &Type = &field.ty;
    if field.recursive {
        return quote!(#krate::derived::None);
    }
    match (&field.max_len, &field.with) {
        (Some(max_len), _) => quote_spanned! {at(ty)=>
            #krate::derived::max_of(
                4,
                #max_len,
                <#ty as #krate::derived::Limited>::ELEMENT_MAX,
            )
        },
        (None, Some(with)) => {
            quote_spanned!(at(with)=> <#with as #krate::With<#ty>>::MAX_LEN)
        }
        (None, None) => quote_spanned!(at(ty)=> <#ty as #krate::Message>::MAX_LEN),
    }
}

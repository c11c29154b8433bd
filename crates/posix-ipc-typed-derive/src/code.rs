//! The two implementations that the derive writes.
//!
//! Their variables start with `__`: the expressions of `default` and `max_len` stand among them, and
//! have to mean what they meant where they were written.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericParam, Generics, Lifetime, Member, Path, Type, WhereClause, parse_quote};

use crate::model::{Body, Field, Model, Variant};
use crate::schema;

/// How long the prefix of an extensible type is: version, check, length.
const PREFIX: usize = 8;

/// Where `ty` stands, so that errors point at it; names are still resolved as the derive's own.
pub(crate) fn at(ty: &Type) -> Span {
    Span::call_site().located_at(ty.span())
}

pub(crate) fn expand(model: &Model) -> TokenStream {
    let message = message(model);
    let decode = decode(model);
    quote!(#message #decode)
}

fn message(model: &Model) -> TokenStream {
    let Model { ident, generics, krate, extensible, .. } = model;
    let (impl_generics, type_generics, _) = generics.split_for_impl();
    let bounds = bounds(model, &quote!(#krate::Message));
    let schema = schema::schema(model);
    let (least, most) = schema::lengths(model);
    let recursive = model.live_fields().iter().any(|field| field.recursive);
    let encoded_len = encoded_len(model);
    let encode = encode(model);

    let (least, most, encoded_len, encode) = if *extensible {
        // The lower bound is one less than it could be, so that the type never counts as fixed:
        // other versions are longer or shorter.
        let prefix = PREFIX - 1;
        (
            quote!(#prefix),
            quote!(#krate::derived::add_max(#most, #krate::derived::Some(#PREFIX))),
            quote!({
                let __body: usize = #encoded_len;
                __body.saturating_add(#PREFIX)
            }),
            quote! {
                __output.extension(&<Self as #krate::Message>::SCHEMA, |__output| {
                    #encode
                });
            },
        )
    } else {
        let staged = generics.params.is_empty().then(|| {
            let length = quote! {
                #krate::derived::staged(
                    <#ident as #krate::Message>::FIXED,
                    <#ident as #krate::Message>::MIN_LEN,
                )
            };
            quote! {
                if #length != 0 {
                    __output.staged::<{ #length }>(|__output| {
                        #encode
                    });
                    return;
                }
            }
        });
        (
            least,
            most,
            quote! {
                if <Self as #krate::Message>::FIXED {
                    return <Self as #krate::Message>::MIN_LEN;
                }
                #encoded_len
            },
            quote! {
                #staged
                if <Self as #krate::Message>::FIXED {
                    __output.fixed(<Self as #krate::Message>::MIN_LEN, |__output| {
                        #encode
                    });
                    return;
                }
                #encode
            },
        )
    };

    // Encoding counts how deep it is, and so bounds how deep this goes.
    let encoded_len = match recursive {
        true => quote! {
            #krate::Writer::length_of(|__output| #krate::Message::encode(self, __output))
        },
        false => encoded_len,
    };

    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::Message for #ident #type_generics #bounds {
            #schema
            const MIN_LEN: usize = #least;
            const MAX_LEN: #krate::derived::Option<usize> = #most;

            #[inline]
            fn encoded_len(&self) -> usize {
                #encoded_len
            }

            #[inline]
            fn encode(&self, __output: &mut #krate::Writer<'_>) {
                #encode
            }
        }
    }
}

fn encoded_len(model: &Model) -> TokenStream {
    let krate = &model.krate;
    match &model.body {
        Body::Struct(fields) => {
            let sum = sum(krate, fields);
            let pattern = pattern(fields);
            quote!({
                let Self #pattern = self;
                #sum
            })
        }
        Body::Enum { wide, variants } => {
            let width = if *wide { 2usize } else { 1 };
            let arms = variants.iter().map(|Variant { ident, fields, .. }| {
                let pattern = pattern(fields);
                let sum = sum(krate, fields);
                quote!(Self::#ident #pattern => #sum,)
            });
            quote!({
                let __body: usize = match self { #(#arms)* };
                __body.saturating_add(#width)
            })
        }
    }
}

fn sum(krate: &Path, fields: &[Field]) -> TokenStream {
    let each = fields.iter().filter(|field| !field.skip).map(|field| {
        let Field { ty, binding, .. } = field;
        match &field.with {
            Some(with) => quote_spanned! {at(with)=>
                <#with as #krate::With<#ty>>::encoded_len(#binding)
            },
            None => quote_spanned! {at(ty)=>
                <#ty as #krate::Message>::encoded_len(#binding)
            },
        }
    });
    quote!(0usize #(.saturating_add(#each))*)
}

fn encode(model: &Model) -> TokenStream {
    let krate = &model.krate;
    match &model.body {
        Body::Struct(fields) => {
            let pattern = pattern(fields);
            let each = encode_fields(krate, fields);
            quote! {
                let Self #pattern = self;
                #each
            }
        }
        Body::Enum { wide, variants } => {
            let arms = variants.iter().map(|Variant { ident, fields, tag, .. }| {
                let pattern = pattern(fields);
                let each = encode_fields(krate, fields);
                let bytes = if *wide {
                    let bytes = tag.to_le_bytes();
                    quote!([#(#bytes),*])
                } else {
                    // All tags are below 256 then.
                    let byte = *tag as u8;
                    quote!([#byte])
                };
                quote! {
                    Self::#ident #pattern => {
                        __output.put(&#bytes);
                        #each
                    }
                }
            });
            quote! {
                match self { #(#arms)* }
            }
        }
    }
}

fn encode_fields(krate: &Path, fields: &[Field]) -> TokenStream {
    let each = fields.iter().filter(|field| !field.skip).map(|field| {
        let Field { ty, binding, .. } = field;
        let limit = field.max_len.as_ref().map(|limit| {
            quote_spanned! {at(ty)=>
                __output.limit_count(<#ty as #krate::derived::Limited>::count(#binding), #limit);
            }
        });
        let put = match &field.with {
            Some(with) => quote_spanned! {at(with)=>
                <#with as #krate::With<#ty>>::encode(#binding, __output)
            },
            None => quote_spanned! {at(ty)=>
                <#ty as #krate::Message>::encode(#binding, __output)
            },
        };
        if field.recursive {
            quote!(#limit __output.nested(|__output| #put);)
        } else {
            quote!(#limit #put;)
        }
    });
    quote!(#(#each)*)
}

fn decode(model: &Model) -> TokenStream {
    let Model { ident, generics, krate, extensible, version, .. } = model;
    let (_, type_generics, _) = generics.split_for_impl();
    let generics = with_lifetime(generics);
    let (impl_generics, _, _) = generics.split_for_impl();
    let mut bounds = bounds(model, &quote!(#krate::Decode<'__de>));
    for lifetime in model.generics.lifetimes() {
        let lifetime = &lifetime.lifetime;
        bounds.predicates.push(parse_quote!('__de: #lifetime));
    }
    let body = decode_body(model);
    let result = quote!(#krate::derived::Result<Self, #krate::DecodeError>);

    let functions = if *extensible {
        quote! {
            #[inline]
            fn decode(__input: &mut #krate::Reader<'__de>) -> #result {
                let (__version, mut __part) =
                    __input.extension(&<Self as #krate::Message>::SCHEMA)?;
                let __value = (|__input: &mut #krate::Reader<'__de>| -> #result {
                    #body
                })(&mut __part)?;
                __input.rejoin(&__part);
                if __version <= #version {
                    #krate::Reader::finish(__part)?;
                }
                #krate::derived::Ok(__value)
            }
        }
    } else if model.evolves() {
        quote! {
            #[inline]
            fn decode(__input: &mut #krate::Reader<'__de>) -> #result {
                <Self as #krate::Decode<'__de>>::decode_version(__input, #version)
            }

            #[inline]
            fn decode_version(__input: &mut #krate::Reader<'__de>, __version: u16) -> #result {
                let mut __part;
                let __input = if <Self as #krate::Message>::FIXED && __version == #version {
                    __part = __input.part(<Self as #krate::Message>::MIN_LEN)?;
                    &mut __part
                } else {
                    __input
                };
                #body
            }
        }
    } else {
        quote! {
            #[inline]
            fn decode(__input: &mut #krate::Reader<'__de>) -> #result {
                let mut __part;
                let __input = if <Self as #krate::Message>::FIXED {
                    __part = __input.part(<Self as #krate::Message>::MIN_LEN)?;
                    &mut __part
                } else {
                    __input
                };
                #body
            }
        }
    };

    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::Decode<'__de> for #ident #type_generics #bounds {
            #functions
        }
    }
}

/// Reads the fields from `input`, those that `version` has, and makes the value.
fn decode_body(model: &Model) -> TokenStream {
    let Model { krate, version, ident, .. } = model;
    match &model.body {
        Body::Struct(fields) => {
            let values = decode_fields(krate, fields);
            let construct = construct(fields);
            quote! {
                #values
                #krate::derived::Ok(Self #construct)
            }
        }
        Body::Enum { wide, variants } => {
            let type_name = ident.to_string();
            let tag = if *wide {
                quote!(u16::from_le_bytes(__input.array()?))
            } else {
                quote!(u16::from_le_bytes([__input.array::<1>()?[0], 0]))
            };
            let arms = variants.iter().map(|Variant { ident, tag, fields, since, .. }| {
                let values = decode_fields(krate, fields);
                let construct = construct(fields);
                let guard = (*since > 1).then(|| quote!(if __version >= #since));
                quote! {
                    #tag #guard => {
                        #values
                        #krate::derived::Ok(Self::#ident #construct)
                    }
                }
            });
            let other = variants.iter().find(|variant| variant.other).map(|Variant { ident, .. }| {
                quote!(_ if __version > #version => #krate::derived::Ok(Self::#ident),)
            });
            quote! {
                let __tag = #tag;
                match __tag {
                    #(#arms)*
                    #other
                    _ => #krate::derived::Err(#krate::DecodeError::Variant {
                        type_name: #type_name,
                        tag: __tag,
                    }),
                }
            }
        }
    }
}

fn decode_fields(krate: &Path, fields: &[Field]) -> TokenStream {
    let each = fields.iter().map(|field| {
        let Field { ty, binding, since, .. } = field;
        let default = match &field.default {
            Some(expression) => expression.to_token_stream(),
            None => quote_spanned!(at(ty)=> <#ty as #krate::derived::Default>::default()),
        };
        if field.skip {
            return quote!(let #binding: #ty = #default;);
        }
        let get = match &field.with {
            Some(with) => quote_spanned! {at(with)=>
                <#with as #krate::With<#ty>>::decode(__input)
            },
            None => quote_spanned! {at(ty)=> <#ty as #krate::Decode<'__de>>::decode(__input) },
        };
        let get = match field.recursive {
            true => quote!(__input.nested(|__input| #get)?),
            false => quote!(#get?),
        };
        let limit = field.max_len.as_ref().map(|limit| quote!(__input.limit_count(#limit)?;));
        if *since > 1 {
            quote! {
                let #binding: #ty = if __version >= #since { #limit #get } else { #default };
            }
        } else {
            quote!(#limit let #binding: #ty = #get;)
        }
    });
    quote!(#(#each)*)
}

/// `{ a: field_0, b: _ }`, also for tuples: numbers are members too.
fn pattern(fields: &[Field]) -> TokenStream {
    let each = fields.iter().map(|Field { member, binding, skip, .. }| match skip {
        true => quote!(#member: _),
        false => quote!(#member: #binding),
    });
    quote!({ #(#each),* })
}

fn construct(fields: &[Field]) -> TokenStream {
    let each = fields.iter().map(|Field { member, binding, .. }: &Field| {
        let member: &Member = member;
        quote!(#member: #binding)
    });
    quote!({ #(#each),* })
}

/// The type's own conditions, and `bound` for each parameter that is part of what is sent.
fn bounds(model: &Model, bound: &TokenStream) -> WhereClause {
    let mut clause = model.generics.where_clause.clone().unwrap_or_else(|| WhereClause {
        where_token: Default::default(),
        predicates: Default::default(),
    });
    let fields = model.live_fields();
    for parameter in model.generics.type_params() {
        let ident = &parameter.ident;
        let used = fields
            .iter()
            .any(|field| field.with.is_none() && !is_phantom(&field.ty) && names(&field.ty, ident));
        if used {
            clause.predicates.push(parse_quote!(#ident: #bound));
        }
    }
    clause
}

fn is_phantom(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => path.path.segments.last().is_some_and(|s| s.ident == "PhantomData"),
        _ => false,
    }
}

fn names(ty: &Type, ident: &Ident) -> bool {
    fn any(tokens: TokenStream, ident: &Ident) -> bool {
        tokens.into_iter().any(|token| match token {
            proc_macro2::TokenTree::Ident(name) => name == *ident,
            proc_macro2::TokenTree::Group(group) => any(group.stream(), ident),
            _ => false,
        })
    }
    any(ty.to_token_stream(), ident)
}

/// The generics with the lifetime of the bytes that are read.
fn with_lifetime(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    let lifetime = Lifetime::new("'__de", Span::call_site());
    let parameter = GenericParam::Lifetime(syn::LifetimeParam::new(lifetime));
    generics.params.insert(0, parameter);
    generics
}

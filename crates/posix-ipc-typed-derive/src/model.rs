//! What the derive knows of a type: checked, with every attribute in its place.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Expr, ExprLit, Generics, Lit, Member, Path, Result, Type};

use crate::attributes::{FieldAttributes, LONGEST_NAME, TypeAttributes, VariantAttributes};

/// A type that is to become a message.
pub(crate) struct Model {
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    pub(crate) name: String,
    pub(crate) version: u16,
    pub(crate) extensible: bool,
    pub(crate) krate: Path,
    pub(crate) body: Body,
}

/// What the type consists of.
pub(crate) enum Body {
    Struct(Vec<Field>),
    Enum {
        /// Whether the tag takes two bytes.
        wide: bool,
        variants: Vec<Variant>,
    },
}

/// A variant of an enum.
pub(crate) struct Variant {
    pub(crate) ident: Ident,
    pub(crate) tag: u16,
    pub(crate) id: Id,
    pub(crate) since: u16,
    /// Whether it stands for the variants of newer versions.
    pub(crate) other: bool,
    pub(crate) fields: Vec<Field>,
}

/// A field, skipped ones included.
pub(crate) struct Field {
    pub(crate) member: Member,
    /// The variable that it is bound to.
    pub(crate) binding: Ident,
    pub(crate) ty: Type,
    pub(crate) id: Id,
    pub(crate) since: u16,
    pub(crate) default: Option<Expr>,
    pub(crate) skip: bool,
    pub(crate) max_len: Option<Expr>,
    pub(crate) with: Option<Type>,
    pub(crate) recursive: bool,
    /// Whether that was said, and nothing of the type can be looked at.
    pub(crate) opaque: bool,
}

/// What tells a field or variant from others, whatever its name in Rust.
#[derive(PartialEq, Eq)]
pub(crate) enum Id {
    Name(String),
    Tag(u32),
}

impl Model {
    pub(crate) fn new(input: DeriveInput) -> Result<Self> {
        let attributes = TypeAttributes::new(&input.attrs)?;
        let ident = input.ident;
        let name = attributes.name.unwrap_or_else(|| unraw(&ident));
        if name.len() > LONGEST_NAME {
            return Err(Error::new(
                ident.span(),
                format!("a name has up to {LONGEST_NAME} bytes: shorten it by `name = \"...\"`"),
            ));
        }
        let version = attributes.version.unwrap_or(1);
        let krate = attributes.krate.unwrap_or_else(|| syn::parse_quote!(::posix_ipc_typed));
        let varint: Type = syn::parse_quote!(#krate::Varint);
        let context = Context { ident: &ident, version, varint };
        let body = match input.data {
            Data::Struct(data) => Body::Struct(context.fields(data.fields)?),
            Data::Enum(data) => context.variants(&ident, data.variants.into_iter().collect())?,
            Data::Union(data) => {
                return Err(Error::new(
                    data.union_token.span(),
                    "a union does not know which of its fields is valid: use an enum",
                ));
            }
        };
        let generics = input.generics;
        Ok(Self { ident, generics, name, version, extensible: attributes.extensible, krate, body })
    }

    /// All fields of all variants that are sent.
    pub(crate) fn live_fields(&self) -> Vec<&Field> {
        let all: Vec<&Field> = match &self.body {
            Body::Struct(fields) => fields.iter().collect(),
            Body::Enum { variants, .. } => variants.iter().flat_map(|v| &v.fields).collect(),
        };
        all.into_iter().filter(|field| !field.skip).collect()
    }

    /// Whether messages of other versions are read differently.
    pub(crate) fn evolves(&self) -> bool {
        let variants = match &self.body {
            Body::Struct(_) => false,
            Body::Enum { variants, .. } => variants.iter().any(|v| v.since > 1 || v.other),
        };
        variants || self.live_fields().iter().any(|field| field.since > 1)
    }
}

/// What a field has to know of its type.
struct Context<'a> {
    ident: &'a Ident,
    version: u16,
    varint: Type,
}

impl Context<'_> {
    fn since(&self, since: Option<(u16, Span)>) -> Result<u16> {
        match since {
            Some((since, span)) if since > self.version => Err(Error::new(
                span,
                format!(
                    "since version {since}, but the type is version {}: raise it by \
                     `#[message(version = {since})]` on the type",
                    self.version
                ),
            )),
            Some((since, _)) => Ok(since),
            None => Ok(1),
        }
    }

    fn fields(&self, fields: syn::Fields) -> Result<Vec<Field>> {
        let mut list: Vec<Field> = Vec::new();
        let mut errors = None;
        let mut latest = 1;
        for (index, field) in fields.into_iter().enumerate() {
            let span = field.span();
            let field = match self.field(index, field) {
                Ok(field) => field,
                Err(error) => {
                    collect(&mut errors, error);
                    continue;
                }
            };
            if !field.skip && list.iter().any(|other| !other.skip && other.id == field.id) {
                collect(&mut errors, Error::new(span, "another field has the same name or tag"));
            }
            if !field.skip && field.since < latest {
                let message = format!(
                    "fields are sent in order, so older ones come first: move it before those \
                     of version {latest}"
                );
                collect(&mut errors, Error::new(span, message));
            }
            latest = latest.max(field.since);
            list.push(field);
        }
        errors.map_or(Ok(list), Err)
    }

    fn field(&self, index: usize, field: syn::Field) -> Result<Field> {
        let attributes = FieldAttributes::new(&field.attrs)?;
        let name = field.ident.as_ref().map_or_else(|| index.to_string(), unraw);
        let id = match attributes.tag {
            Some((tag, _)) => Id::Tag(tag),
            None => Id::Name(attributes.name.unwrap_or(name)),
        };
        let since = self.since(attributes.since)?;
        let member = match field.ident {
            Some(ident) => Member::Named(ident),
            None => Member::Unnamed(index.into()),
        };
        Ok(Field {
            binding: format_ident!("__field_{index}"),
            member,
            id,
            since,
            default: attributes.default.and_then(|(_, value)| value),
            skip: attributes.skip.is_some(),
            max_len: attributes.max_len,
            with: attributes.with.or(attributes.varint.map(|span| respan(&self.varint, span))),
            recursive: attributes.recursive || mentions(field.ty.to_token_stream(), self.ident),
            opaque: attributes.recursive,
            ty: field.ty,
        })
    }

    fn variants(&self, ident: &Ident, variants: Vec<syn::Variant>) -> Result<Body> {
        if variants.is_empty() {
            return Err(Error::new(
                ident.span(),
                "an enum without variants has no values that could be sent",
            ));
        }
        let mut list: Vec<Variant> = Vec::new();
        let mut errors = None;
        for variant in variants {
            let span = variant.ident.span();
            let next = list.last().map_or(Some(0), |last| last.tag.checked_add(1));
            match self.variant(variant, next) {
                Ok(variant) => {
                    if let Some(other) = list.iter().find(|other| other.tag == variant.tag) {
                        let message =
                            format!("tag {} is that of `{}` already", variant.tag, other.ident);
                        collect(&mut errors, Error::new(span, message));
                    }
                    if list.iter().any(|other| other.id == variant.id && other.tag != variant.tag) {
                        let message = "another variant has the same name";
                        collect(&mut errors, Error::new(span, message));
                    }
                    if variant.other && list.iter().any(|other| other.other) {
                        let message = "only one variant can stand for all others";
                        collect(&mut errors, Error::new(span, message));
                    }
                    list.push(variant);
                }
                Err(error) => collect(&mut errors, error),
            }
        }
        match errors {
            Some(error) => Err(error),
            None => Ok(Body::Enum { wide: list.iter().any(|v| v.tag > 255), variants: list }),
        }
    }

    fn variant(&self, variant: syn::Variant, next: Option<u16>) -> Result<Variant> {
        let attributes = VariantAttributes::new(&variant.attrs)?;
        let span = variant.ident.span();
        let explicit = attributes.tag.map(|(tag, _)| tag);
        let tag = match (explicit, &variant.discriminant) {
            (Some(tag), _) => tag,
            (None, Some((_, expression))) => discriminant(expression)?,
            (None, None) => next.ok_or_else(|| {
                Error::new(span, "there is no tag after 65535: give it one by `tag = N`")
            })?,
        };
        if let (Some(span), false) = (attributes.other, variant.fields.is_empty()) {
            let message = "what stands for unknown variants cannot know their fields: \
                           `other` is for a variant without";
            return Err(Error::new(span, message));
        }
        let id = match explicit {
            Some(tag) => Id::Tag(tag.into()),
            None => Id::Name(attributes.name.unwrap_or_else(|| unraw(&variant.ident))),
        };
        Ok(Variant {
            ident: variant.ident,
            tag,
            id,
            since: self.since(attributes.since)?,
            other: attributes.other.is_some(),
            fields: self.fields(variant.fields)?,
        })
    }
}

/// The tag that Rust's own discriminant gives.
fn discriminant(expression: &Expr) -> Result<u16> {
    if let Expr::Lit(ExprLit { lit: Lit::Int(literal), .. }) = expression {
        if let Ok(tag) = literal.base10_parse() {
            return Ok(tag);
        }
    }
    Err(Error::new_spanned(
        expression,
        "this discriminant is no tag (0 to 65535): give the variant one by `#[message(tag = N)]`",
    ))
}

/// The same type, as if it stood at `span`, so that errors about it point there.
fn respan(ty: &Type, span: Span) -> Type {
    let span = Span::call_site().located_at(span);
    let tokens = ty.to_token_stream().into_iter().map(|mut token| {
        token.set_span(span);
        token
    });
    Type::Verbatim(tokens.collect())
}

fn collect(errors: &mut Option<Error>, error: Error) {
    match errors {
        Some(errors) => errors.combine(error),
        None => *errors = Some(error),
    }
}

fn unraw(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map_or(name.clone(), str::to_string)
}

/// The parts of a recursive field's type that do not name `ident`, in the order of the source, as
/// far as the standard types go that are around them.
pub(crate) fn parts(ty: &Type, ident: &Ident) -> Vec<Type> {
    let inner: Vec<&Type> = match ty {
        Type::Paren(inner) => vec![&*inner.elem],
        Type::Group(inner) => vec![&*inner.elem],
        Type::Tuple(inner) => inner.elems.iter().collect(),
        Type::Array(inner) => vec![&*inner.elem],
        Type::Slice(inner) => vec![&*inner.elem],
        Type::Reference(inner) => vec![&*inner.elem],
        Type::Path(path) => arguments(path),
        _ => Vec::new(),
    };
    let mut found = Vec::new();
    for ty in inner {
        match mentions(ty.to_token_stream(), ident) {
            true => found.extend(parts(ty, ident)),
            false => found.push(ty.clone()),
        }
    }
    found
}

/// The types that a standard type holds.
fn arguments(path: &syn::TypePath) -> Vec<&Type> {
    let Some(last) = path.path.segments.last() else { return Vec::new() };
    // A hasher is no part of what is sent.
    let most = match last.ident.to_string().as_str() {
        "Box" | "Rc" | "Arc" | "Cow" | "Option" | "Vec" | "VecDeque" | "BTreeSet" | "HashSet" => 1,
        "Result" | "BTreeMap" | "HashMap" => 2,
        _ => 0,
    };
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return Vec::new();
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        syn::GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.take(most).collect()
}

/// Whether a type names `ident` itself, as a recursive type's field does.
fn mentions(tokens: TokenStream, ident: &Ident) -> bool {
    let mut after_path = false;
    tokens.into_iter().any(|token| {
        let found = match &token {
            TokenTree::Ident(name) => !after_path && (name == ident || name == "Self"),
            TokenTree::Group(group) => mentions(group.stream(), ident),
            _ => false,
        };
        after_path = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ':');
        found
    })
}

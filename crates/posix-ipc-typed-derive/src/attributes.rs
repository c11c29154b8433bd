//! The `#[message(...)]` attributes of types, variants and fields.

use std::num::ParseIntError;
use std::str::FromStr;

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, LitInt, LitStr, Path, Result, Token, Type};

/// The longest name that a frame carries.
pub(crate) const LONGEST_NAME: usize = 64;

/// What is written on the type.
#[derive(Default)]
pub(crate) struct TypeAttributes {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<u16>,
    pub(crate) extensible: bool,
    pub(crate) krate: Option<Path>,
}

/// What is written on a variant.
#[derive(Default)]
pub(crate) struct VariantAttributes {
    pub(crate) name: Option<String>,
    pub(crate) tag: Option<(u16, Span)>,
    pub(crate) since: Option<(u16, Span)>,
    pub(crate) other: Option<Span>,
}

/// What is written on a field.
#[derive(Default)]
pub(crate) struct FieldAttributes {
    pub(crate) name: Option<String>,
    pub(crate) tag: Option<(u32, Span)>,
    pub(crate) since: Option<(u16, Span)>,
    /// The value of older messages; without an expression, that of `Default`.
    pub(crate) default: Option<(Span, Option<Expr>)>,
    pub(crate) skip: Option<Span>,
    pub(crate) max_len: Option<Expr>,
    pub(crate) with: Option<Type>,
    pub(crate) varint: Option<Span>,
    pub(crate) recursive: bool,
}

impl TypeAttributes {
    pub(crate) fn new(attributes: &[Attribute]) -> Result<Self> {
        let mut this = Self::default();
        each(attributes, |key, meta| {
            match key {
                "name" => this.name = Some(name(meta)?),
                "version" => this.version = Some(version(meta)?.0),
                "extensible" => this.extensible = true,
                "crate" => this.krate = Some(krate(meta)?),
                _ => return Err(unknown(key, meta, "a type", "name, version, extensible, crate")),
            }
            Ok(())
        })?;
        Ok(this)
    }
}

impl VariantAttributes {
    pub(crate) fn new(attributes: &[Attribute]) -> Result<Self> {
        let mut this = Self::default();
        each(attributes, |key, meta| {
            match key {
                "name" => this.name = Some(name(meta)?),
                "tag" => this.tag = Some(number(meta, "a variant's tag is 0 to 65535")?),
                "since" => this.since = Some(version(meta)?),
                "other" => this.other = Some(meta.path.span()),
                _ => return Err(unknown(key, meta, "a variant", "name, tag, since, other")),
            }
            Ok(())
        })?;
        Ok(this)
    }
}

impl FieldAttributes {
    pub(crate) fn new(attributes: &[Attribute]) -> Result<Self> {
        let mut this = Self::default();
        each(attributes, |key, meta| {
            match key {
                "name" => this.name = Some(name(meta)?),
                "tag" => this.tag = Some(number(meta, "a field's tag is 0 to 4294967295")?),
                "since" => this.since = Some(version(meta)?),
                "default" if meta.input.peek(Token![=]) => {
                    this.default = Some((meta.path.span(), Some(meta.value()?.parse()?)));
                }
                "default" => this.default = Some((meta.path.span(), None)),
                "skip" => this.skip = Some(meta.path.span()),
                "max_len" => this.max_len = Some(meta.value()?.parse()?),
                "with" => this.with = Some(with(meta)?),
                "varint" => this.varint = Some(meta.path.span()),
                "recursive" => this.recursive = true,
                _ => {
                    let all = "name, tag, since, default, skip, max_len, varint, with, recursive";
                    return Err(unknown(key, meta, "a field", all));
                }
            }
            Ok(())
        })?;
        this.check()?;
        Ok(this)
    }

    fn check(&self) -> Result<()> {
        if let Some(span) = self.skip {
            let others = self.name.is_some()
                || self.tag.is_some()
                || self.since.is_some()
                || self.max_len.is_some()
                || self.with.is_some()
                || self.varint.is_some();
            if others {
                return Err(Error::new(
                    span,
                    "a skipped field is not sent: of all attributes it takes only `default`",
                ));
            }
        }
        if let (Some(span), Some(_)) = (self.varint, &self.with) {
            return Err(Error::new(span, "`varint` and `with` both choose the encoding: keep one"));
        }
        if let (Some(max_len), true) = (&self.max_len, self.with.is_some() || self.varint.is_some())
        {
            return Err(Error::new_spanned(
                max_len,
                "`max_len` cannot be kept by another encoding: leave out `with` or `varint`",
            ));
        }
        match (&self.since, &self.default, self.skip) {
            (Some((_, span)), None, _) => Err(Error::new(
                *span,
                "older messages lack this field: say what it is then by `default` or `default = ...`",
            )),
            (None, Some((span, _)), None) => Err(Error::new(
                *span,
                "`default` without `since`: say by `since = N` in which version the field came",
            )),
            _ => Ok(()),
        }
    }
}

/// Calls `take` with each key of each `#[message(...)]`; no key may be there twice.
fn each(
    attributes: &[Attribute],
    mut take: impl FnMut(&str, &ParseNestedMeta<'_>) -> Result<()>,
) -> Result<()> {
    let mut seen = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("message")) {
        attribute.parse_nested_meta(|meta| {
            let key = meta.path.get_ident().map_or_else(
                || meta.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default(),
                ToString::to_string,
            );
            if seen.contains(&key) {
                return Err(meta.error(format!("`{key}` is there twice")));
            }
            take(&key, &meta)?;
            seen.push(key);
            Ok(())
        })?;
    }
    Ok(())
}

fn unknown(key: &str, meta: &ParseNestedMeta<'_>, place: &str, all: &str) -> Error {
    meta.error(format!("no attribute `{key}`: {place} takes {all}"))
}

fn name(meta: &ParseNestedMeta<'_>) -> Result<String> {
    let literal: LitStr = meta.value()?.parse()?;
    let name = literal.value();
    if name.is_empty() || name.len() > LONGEST_NAME || name.starts_with('#') {
        return Err(Error::new_spanned(
            literal,
            format!("a name has 1 to {LONGEST_NAME} bytes and does not start with `#`"),
        ));
    }
    Ok(name)
}

fn number<N>(meta: &ParseNestedMeta<'_>, range: &str) -> Result<(N, Span)>
where
    N: FromStr<Err = ParseIntError>,
{
    let literal: LitInt = meta.value()?.parse()?;
    let number = literal.base10_parse().map_err(|_| Error::new_spanned(&literal, range))?;
    Ok((number, literal.span()))
}

fn version(meta: &ParseNestedMeta<'_>) -> Result<(u16, Span)> {
    let range = "a version is 1 to 255";
    let (number, span): (u8, Span) = number(meta, range)?;
    if number == 0 {
        return Err(Error::new(span, range));
    }
    Ok((number.into(), span))
}

fn with(meta: &ParseNestedMeta<'_>) -> Result<Type> {
    let value = meta.value()?;
    if value.peek(LitStr) {
        let literal: LitStr = value.parse()?;
        return Err(Error::new_spanned(
            literal,
            "`with` takes a type that implements `With`, not a string: `with = MyEncoding`",
        ));
    }
    value.parse()
}

fn krate(meta: &ParseNestedMeta<'_>) -> Result<Path> {
    let value = meta.value()?;
    if value.peek(LitStr) {
        let literal: LitStr = value.parse()?;
        return literal.parse_with(Path::parse_mod_style);
    }
    value.call(Path::parse_mod_style)
}

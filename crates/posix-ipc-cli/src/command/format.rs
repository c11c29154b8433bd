//! How received messages are printed.

use std::borrow::Cow;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::describe::hex;
use crate::args::AmountArgs;
use crate::exit::{Failure, Outcome};
use crate::output::{Out, rfc3339};

/// One received message.
pub(crate) struct Message<'a> {
    /// How many were received before it.
    pub(crate) index: u64,
    pub(crate) data: &'a [u8],
    /// The priority, or the lane of a ring.
    pub(crate) priority: u32,
}

/// How messages are printed.
#[derive(Debug, PartialEq)]
pub(crate) enum Format {
    /// The bytes, each message with a line break or not.
    Raw {
        lines: bool,
    },
    Hex,
    Json,
    Text(Vec<Part>),
}

/// A part of the user's own format.
#[derive(Debug, PartialEq)]
pub(crate) enum Part {
    Literal(Vec<u8>),
    Priority,
    Length,
    Data,
    Hex,
    Time,
    Number,
}

impl Format {
    pub(crate) fn of(args: &AmountArgs, out: &Out) -> Outcome<Self> {
        if out.is_json() {
            return Ok(Self::Json);
        }
        let several = args.all || args.follow || args.count != 1;
        match args.format.as_deref() {
            None | Some("raw") => Ok(Self::Raw { lines: several || out.is_terminal() }),
            Some("hex") => Ok(Self::Hex),
            Some("json") => Ok(Self::Json),
            Some(text) => parse(text).map(Self::Text).map_err(Failure::usage),
        }
    }

    /// Prints a message at once.
    pub(crate) fn print(&self, message: &Message<'_>, out: &mut Out) -> Outcome {
        match self {
            Self::Raw { lines } => {
                out.raw(message.data)?;
                if *lines {
                    out.raw(b"\n")?;
                }
            }
            Self::Hex => out.line(&hex(message.data))?,
            Self::Json => out.streamed(document(message))?,
            Self::Text(parts) => {
                for part in parts {
                    out.raw(&part.text(message))?;
                }
                out.raw(b"\n")?;
            }
        }
        out.flush()
    }
}

impl Part {
    /// What it prints of a message.
    pub(crate) fn text<'a>(&'a self, message: &Message<'a>) -> Cow<'a, [u8]> {
        let text = match self {
            Self::Literal(text) => return Cow::Borrowed(text),
            Self::Data => return Cow::Borrowed(message.data),
            Self::Priority => message.priority.to_string(),
            Self::Length => message.data.len().to_string(),
            Self::Hex => hex(message.data),
            Self::Time => rfc3339(SystemTime::now()),
            Self::Number => message.index.saturating_add(1).to_string(),
        };
        Cow::Owned(text.into_bytes())
    }
}

/// A message as JSON: its bytes as text where they are, else in hexadecimal.
pub(crate) fn document(message: &Message<'_>) -> Value {
    let mut document = json!({ "n": message.index + 1, "priority": message.priority });
    document["length"] = message.data.len().into();
    document["time"] = rfc3339(SystemTime::now()).into();
    match std::str::from_utf8(message.data) {
        Ok(text) => document["text"] = text.into(),
        Err(_) => document["hex"] = hex(message.data).into(),
    }
    document
}

/// Parses `{prio} {data}\n`.
pub(crate) fn parse(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut literal = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mut take = |length: usize, bytes: &[u8]| {
            literal.extend_from_slice(bytes);
            rest.get(length..).unwrap_or_default()
        };
        rest = match first {
            '\\' => match rest.chars().nth(1) {
                Some('n') => take(2, b"\n"),
                Some('t') => take(2, b"\t"),
                Some('r') => take(2, b"\r"),
                Some('0') => take(2, b"\0"),
                Some('\\') => take(2, b"\\"),
                _ => return Err("a backslash is followed by n, t, r, 0 or a backslash".into()),
            },
            '{' if rest.starts_with("{{") => take(2, b"{"),
            '}' if rest.starts_with("}}") => take(2, b"}"),
            '{' => {
                let end = rest.find('}').ok_or("a { has no }")?;
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.push(placeholder(rest.get(1..end).unwrap_or_default())?);
                rest.get(end + 1..).unwrap_or_default()
            }
            other => take(other.len_utf8(), other.encode_utf8(&mut [0; 4]).as_bytes()),
        };
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    match parts.iter().any(|part| !matches!(part, Part::Literal(_))) {
        true => Ok(parts),
        false => Err(format!("{text:?} is no format: raw, hex, json, or a text with {{data}}")),
    }
}

fn placeholder(word: &str) -> Result<Part, String> {
    match word {
        "prio" | "priority" | "lane" => Ok(Part::Priority),
        "len" | "length" => Ok(Part::Length),
        "data" => Ok(Part::Data),
        "hex" => Ok(Part::Hex),
        "time" => Ok(Part::Time),
        "n" => Ok(Part::Number),
        _ => Err(format!(
            "{{{word}}} is none of {{prio}}, {{len}}, {{data}}, {{hex}}, {{time}}, {{n}}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_has_placeholders_escapes_and_doubled_braces() {
        let parts = parse("{prio}\\t{{{data}}}é").unwrap();
        let literal = |text: &str| Part::Literal(text.as_bytes().to_vec());
        assert_eq!(parts, [Part::Priority, literal("\t{"), Part::Data, literal("}é")]);
    }

    #[test]
    fn a_format_without_placeholders_or_with_unknown_ones_is_refused() {
        for text in ["rwa", "{nonsense}", "{data", "\\x{data}", ""] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_hexadecimal_in_json() {
        let message = Message { index: 0, data: &[0xff, 0], priority: 3 };
        let document = document(&message);
        assert_eq!((&document["hex"], &document["n"]), (&json!("ff00"), &json!(1)));
        assert!(document.get("text").is_none());
    }
}

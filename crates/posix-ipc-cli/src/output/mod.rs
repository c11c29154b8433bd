//! Where a command's words go: tables and sentences for people, JSON for programs.

mod show;
mod table;

use std::io::{self, BufWriter, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde_json::{Map, Value, json};

pub(crate) use show::*;
pub(crate) use table::{Align, Row, Table};

use crate::exit::{Failure, Outcome};

/// Counts up when the meaning of a member of the JSON changes or one goes away.
const SCHEMA: u32 = 1;

/// The output of the command.
pub(crate) struct Out {
    json: bool,
    quiet: bool,
    colours: bool,
    terminal: bool,
    stream: BufWriter<Box<dyn Write>>,
}

impl Out {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let colours = !json && AutoStream::choice(&stdout) != ColorChoice::Never;
        let stream: Box<dyn Write> = Box::new(stdout.lock());
        Self { json, quiet, colours, terminal, stream: BufWriter::with_capacity(1 << 16, stream) }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Prints a document, with the version of its schema first.
    pub(crate) fn document(&mut self, members: Value) -> Outcome {
        let document = with_schema(members);
        let text = if self.terminal {
            serde_json::to_string_pretty(&document)
        } else {
            serde_json::to_string(&document)
        };
        let text = text.map_err(|error| Failure::io("print JSON")(error.into()))?;
        self.line(&text)
    }

    /// Prints a document on one line and at once, as one of a stream.
    pub(crate) fn streamed(&mut self, members: Value) -> Outcome {
        self.line(&with_schema(members).to_string())?;
        self.flush()
    }

    /// Prints a line that was asked for.
    pub(crate) fn line(&mut self, text: &str) -> Outcome {
        self.raw(text.as_bytes())?;
        self.raw(b"\n")
    }

    /// Prints bytes that were asked for.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Outcome {
        self.stream.write_all(bytes).map_err(Failure::io("write to standard output"))
    }

    /// Prints what was done: `document` as JSON, or `text`, which `--quiet` silences.
    pub(crate) fn done(&mut self, text: &str, document: Value) -> Outcome {
        match (self.json, self.quiet) {
            (true, _) => self.document(document),
            (false, true) => Ok(()),
            (false, false) => self.line(text),
        }
    }

    /// Prints a table.
    pub(crate) fn table(&mut self, table: &Table) -> Outcome {
        table.render(self.colours, |line| self.raw(line.as_bytes()))
    }

    /// `text` in a style, where there are colours.
    pub(crate) fn styled(&self, style: Style, text: &str) -> String {
        if self.colours { format!("{style}{text}{style:#}") } else { text.to_string() }
    }

    /// Says on standard error what stands in the way but does not stop us.
    pub(crate) fn warn(&mut self, text: &str) {
        let _ = self.flush();
        say(AnsiColor::Yellow, "warning: ", text);
    }

    /// Says on standard error what went wrong.
    pub(crate) fn error(&mut self, text: &str, error: &Value) {
        let _ = self.flush();
        if self.json {
            let _ = writeln!(io::stderr(), "{}", with_schema(json!({ "error": error })));
        } else {
            say(AnsiColor::Red, "", text);
        }
    }

    pub(crate) fn flush(&mut self) -> Outcome {
        self.stream.flush().map_err(Failure::io("write to standard output"))
    }
}

/// Nobody can be told that standard error can't be written.
fn say(colour: AnsiColor, prefix: &str, text: &str) {
    let style = colour.on_default().bold();
    let mut stderr = anstream::stderr().lock();
    let _ = writeln!(stderr, "{style}pipc:{style:#} {prefix}{text}");
}

fn with_schema(members: Value) -> Value {
    let mut document = Map::new();
    document.insert("schema".into(), SCHEMA.into());
    if let Value::Object(members) = members {
        document.extend(members);
    }
    Value::Object(document)
}

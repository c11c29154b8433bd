//! `pipc rm`.

use std::io::{self, BufRead, Write};
use std::os::unix::ffi::OsStrExt;

use posix_ipc::inspect::{self, Object, Usage};
use posix_ipc::{Kind, Name};
use serde_json::{Value, json};

use super::describe;
use super::entry::{Selection, warn_hidden};
use super::stat;
use crate::args::RmArgs;
use crate::args::value::{KindArg, Pattern, short};
use crate::exit::{Failure, Outcome, Status};
use crate::output::{Out, counted};

pub(crate) fn run(args: &RmArgs, out: &mut Out) -> Outcome {
    let mut removal = Removal::new(args.dry_run);
    let objects = match args.kind {
        Some(kind) => by_pattern(args, kind, &mut removal, out)?,
        None => by_name(args, &mut removal, out)?,
    };
    for object in objects {
        if args.interactive && !confirmed(&object)? {
            continue;
        }
        removal.remove(&object, out)?;
    }
    removal.finish(out)
}

/// What was removed and what could not be.
pub(super) struct Removal {
    dry_run: bool,
    removed: Vec<Value>,
    failures: Vec<Failure>,
}

impl Removal {
    pub(super) fn new(dry_run: bool) -> Self {
        Self { dry_run, removed: Vec::new(), failures: Vec::new() }
    }

    /// Removes one object's name, and goes on if that fails.
    pub(super) fn remove(&mut self, object: &Object, out: &mut Out) -> Outcome {
        let result = if self.dry_run { Ok(()) } else { object.unlink() };
        match result {
            Ok(()) => {
                let object_json = json!({
                    "kind": short(object.kind), "name": describe::name(&object.name),
                });
                self.removed.push(object_json);
                if !out.is_json() && !out.is_quiet() {
                    let verb = if self.dry_run { "would remove" } else { "removed" };
                    out.line(&format!("{verb} {} {}", object.kind, object.name))?;
                }
                Ok(())
            }
            Err(error) => {
                self.failures.push(error.into());
                Ok(())
            }
        }
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.failures.push(failure);
    }

    /// Reports all failures; the status is that of the first.
    pub(super) fn finish(mut self, out: &mut Out) -> Outcome {
        let texts: Vec<String> = self.failures.iter().filter_map(Failure::text).collect();
        if out.is_json() {
            let failures: Vec<Value> = self
                .failures
                .iter()
                .map(|failure| json!({ "message": failure.text(), "status": failure.status() }))
                .collect();
            out.document(json!({
                "dry_run": self.dry_run, "removed": self.removed, "failures": failures,
            }))?;
        }
        if self.failures.is_empty() {
            return Ok(());
        }
        let first = self.failures.remove(0);
        if out.is_json() {
            return Err(Failure::Child(first.status()));
        }
        for text in texts.get(1..).unwrap_or_default() {
            out.error(text, &Value::Null);
        }
        Err(first)
    }
}

/// The objects of exactly these names.
fn by_name(args: &RmArgs, removal: &mut Removal, out: &mut Out) -> Outcome<Vec<Object>> {
    // Every name is checked before anything is removed.
    let names: Vec<Name> = args.names.iter().map(Name::new).collect::<Result<_, _>>()?;
    let mut chosen = Vec::new();
    for (name, text) in names.iter().zip(&args.names) {
        let mut objects = inspect::find(name)?;
        match objects.len() {
            0 if args.force => {}
            0 => {
                let glob = text.as_bytes().iter().any(|byte| b"*?[".contains(byte));
                let hint = if glob { ": patterns need --kind" } else { "" };
                removal.fail(Failure::said(
                    Status::NotFound,
                    format!("there is no object {name}{hint}"),
                ));
            }
            1 => chosen.append(&mut objects),
            _ => {
                let kinds: Vec<&str> = objects.iter().map(|object| short(object.kind)).collect();
                return Err(Failure::usage(format!(
                    "{name} is the name of several objects ({}): choose with --kind; nothing was \
                     removed",
                    kinds.join(", ")
                )));
            }
        }
    }
    filtered(args, chosen, out)
}

/// Applies the filters to objects that were named.
fn filtered(args: &RmArgs, mut objects: Vec<Object>, out: &mut Out) -> Outcome<Vec<Object>> {
    if args.filter.stale {
        let usage = Usage::scan();
        objects.retain(|object| usage.of(object).is_empty());
        warn_hidden(usage.hidden(), out);
    }
    let selection = Selection::new(None, &[], &args.filter);
    objects.retain(|object| selection.takes(object, std::time::SystemTime::now()));
    Ok(objects)
}

/// The objects of a kind whose names match.
fn by_pattern(
    args: &RmArgs,
    kind: KindArg,
    removal: &mut Removal,
    out: &mut Out,
) -> Outcome<Vec<Object>> {
    let patterns: Vec<Pattern> = args
        .names
        .iter()
        .map(|text| {
            let no_pattern = |error| Failure::usage(format!("{text:?} is no pattern: {error}"));
            let text = text.to_str().ok_or("it is not UTF-8".to_string());
            text.and_then(str::parse).map_err(no_pattern)
        })
        .collect::<Outcome<_>>()?;
    let selection = Selection::new(Some(kind), &patterns, &args.filter);
    let found = selection.find();
    found.warn(out);
    for (pattern, text) in patterns.iter().zip(&args.names) {
        let matched = found.entries.iter().any(|entry| pattern.matches(entry.name()));
        if !matched && !pattern.has_wildcards() && !args.force {
            let name = Name::new(text)?;
            if stat::find(&name, Some(kind))?.is_empty() {
                removal.fail(missing(kind.kind(), &name));
            }
        }
    }
    let objects: Vec<Object> =
        found.entries.iter().filter_map(|entry| entry.object().cloned()).collect();
    if !args.yes && !args.dry_run && !args.interactive {
        refuse_everything(kind, &patterns, &objects)?;
    }
    Ok(objects)
}

fn missing(kind: Kind, name: &Name) -> Failure {
    Failure::said(Status::NotFound, format!("there is no {kind} {name}"))
}

/// Refuses patterns that mean every object of the kind, whether they say so or happen to.
fn refuse_everything(kind: KindArg, patterns: &[Pattern], objects: &[Object]) -> Outcome {
    let wild = patterns.iter().any(Pattern::has_wildcards);
    let says_all = patterns.iter().any(Pattern::says_nothing);
    let is_all = || {
        // As selected above: whether memory is a ring is known only when it was looked at.
        let all = || Selection { kind: Some(kind), ..Selection::default() }.find().entries.len();
        wild && objects.len() > 1 && objects.len() == all()
    };
    if says_all || is_all() {
        return Err(Failure::usage(format!(
            "this means every {} there is ({}): say --yes if you do, or --dry-run to see \
             them; nothing was removed",
            kind.kind(),
            counted(objects.len() as u64, "object", "objects")
        )));
    }
    Ok(())
}

fn confirmed(object: &Object) -> Outcome<bool> {
    let mut stderr = io::stderr();
    let asked = write!(stderr, "pipc: remove {} {}? [y/N] ", object.kind, object.name);
    asked.and_then(|()| stderr.flush()).map_err(Failure::io("ask"))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(Failure::io("read the answer"))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

//! `pipc gc`.

use posix_ipc::inspect::{Details, Object};

use super::entry::Selection;
use super::rm::Removal;
use crate::args::GcArgs;
use crate::exit::Outcome;
use crate::output::{Out, counted};

/// Permission bits of everybody but the owner.
const OTHERS: u32 = 0o077;

pub(crate) fn run(args: &GcArgs, out: &mut Out) -> Outcome {
    let selection = Selection {
        kind: args.kind,
        patterns: &args.patterns,
        stale: true,
        older: Some(args.older),
        owner: Some(rustix::process::geteuid().as_raw()),
        ..Selection::default()
    };
    let found = selection.find();
    for problem in &found.problems {
        out.warn(&problem.to_string());
    }
    let blind = found.hidden.is_some_and(|hidden| hidden > 0);
    let mut removal = Removal::new(args.dry_run);
    let mut uncertain = 0;
    for object in found.entries.iter().filter_map(|entry| entry.object()) {
        // What others may open, they may have open, and this user could not see it.
        if blind && object.mode & OTHERS != 0 {
            uncertain += 1;
        } else if args.messages || !may_hold_messages(object) {
            removal.remove(object, out)?;
        }
    }
    if uncertain > 0 && !out.is_quiet() {
        let objects = counted(uncertain, "object was", "objects were");
        out.warn(&format!(
            "{objects} left alone: others may open them, and not every process could be looked at"
        ));
    }
    removal.finish(out)
}

fn may_hold_messages(object: &Object) -> bool {
    match &object.details {
        Details::MessageQueue(state) => state.messages != Some(0) && state.bytes != Some(0),
        Details::Ring(state) => state.used != Some(0),
        _ => false,
    }
}

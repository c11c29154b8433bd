//! What `ls`, `rm`, `gc` and `watch` work on: the objects that the arguments select.

use std::time::{Duration, SystemTime};

use posix_ipc::inspect::{self, Ghost, Object, Problem, Usage, User};
use posix_ipc::{Identity, Kind, Name};

use crate::args::FilterArgs;
use crate::args::value::{KindArg, Pattern};
use crate::output::{Out, counted};

/// One object, or what is left of one.
///
/// As large as an object, so that those of a listing become entries where they are.
#[derive(Debug)]
pub(crate) enum Entry {
    /// An object; nobody asked who uses it.
    Object(Object),
    /// An object and who uses it.
    Used(Box<(Object, Vec<User>)>),
    /// What has no name any more.
    Ghost(Box<Ghost>),
}

impl Entry {
    /// An object and, if they were asked for, its users.
    pub(crate) fn new(object: Object, users: Option<Vec<User>>) -> Self {
        match users {
            None => Self::Object(object),
            Some(users) => Self::Used(Box::new((object, users))),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Ghost(ghost) => ghost.kind,
            Self::Object(object) => object.kind,
            Self::Used(used) => used.0.kind,
        }
    }

    pub(crate) fn name(&self) -> &Name {
        match self {
            Self::Ghost(ghost) => &ghost.name,
            Self::Object(object) => &object.name,
            Self::Used(used) => &used.0.name,
        }
    }

    pub(crate) fn identity(&self) -> Identity {
        match self {
            Self::Ghost(ghost) => ghost.identity,
            Self::Object(object) => object.identity,
            Self::Used(used) => used.0.identity,
        }
    }

    /// Its size; a queue has none of its own.
    pub(crate) fn size(&self) -> Option<u64> {
        match self {
            Self::Ghost(ghost) => ghost.size,
            _ => self.object().filter(|it| it.kind != Kind::MessageQueue).map(|it| it.size),
        }
    }

    pub(crate) fn object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            Self::Used(used) => Some(&used.0),
            Self::Ghost(_) => None,
        }
    }

    /// Who uses it; `None` if nobody asked.
    pub(crate) fn users(&self) -> Option<&[User]> {
        match self {
            Self::Object(_) => None,
            Self::Used(used) => Some(&used.1),
            Self::Ghost(ghost) => Some(&ghost.users),
        }
    }
}

/// Which objects are meant.
#[derive(Debug, Default)]
pub(crate) struct Selection<'a> {
    pub(crate) kind: Option<KindArg>,
    pub(crate) patterns: &'a [Pattern],
    pub(crate) stale: bool,
    pub(crate) older: Option<Duration>,
    pub(crate) owner: Option<u32>,
    /// Whether to find out who uses them.
    pub(crate) users: bool,
    /// Whether to find what has no name any more.
    pub(crate) ghosts: bool,
}

/// What was found, or what was made of it.
#[derive(Debug)]
pub(crate) struct Found<T = Entry> {
    pub(crate) entries: Vec<T>,
    pub(crate) problems: Vec<Problem>,
    /// How many processes could not be looked at; `None` if none was.
    pub(crate) hidden: Option<usize>,
}

impl<'a> Selection<'a> {
    pub(crate) fn new(kind: Option<KindArg>, patterns: &'a [Pattern], filter: &FilterArgs) -> Self {
        Self {
            kind,
            patterns,
            stale: filter.stale,
            older: filter.older,
            owner: filter.owner,
            ..Self::default()
        }
    }

    fn names(&self, name: &Name) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether what looks like `kind` from outside may turn out to be of the kind that is wanted.
    fn may_be(&self, kind: Kind) -> bool {
        match self.kind {
            None => true,
            Some(KindArg::Ring) => kind == Kind::SharedMemory,
            Some(wanted) => wanted.kind() == kind,
        }
    }

    fn is(&self, kind: Kind) -> bool {
        self.kind.is_none_or(|wanted| wanted.kind() == kind)
    }

    pub(super) fn takes(&self, object: &Object, now: SystemTime) -> bool {
        let age = now.duration_since(last_change(object)).unwrap_or(Duration::ZERO);
        self.is(object.kind)
            && self.owner.is_none_or(|owner| owner == object.uid)
            && self.older.is_none_or(|older| age > older)
    }

    /// Finds the objects.
    pub(crate) fn find(&self) -> Found {
        self.find_with(|entry| entry)
    }

    /// Finds the objects, and makes something of each.
    pub(crate) fn find_with<T: Send>(&self, make: impl Fn(Entry) -> T + Sync) -> Found<T> {
        let now = SystemTime::now();
        let wanted = |kind, name: &Name| self.may_be(kind) && self.names(name);
        if !(self.users || self.ghosts || self.stale) {
            let listing = inspect::list_with(wanted, |object| {
                self.takes(&object, now).then(|| make(Entry::new(object, None)))
            });
            let problems = self.concerning(listing.problems);
            return Found { entries: listing.objects, problems, hidden: None };
        }
        // After the objects: whoever holds one that was listed is seen.
        let listing = inspect::list_where(wanted);
        let usage = Usage::scan();
        let objects = listing.objects.into_iter().filter(|object| self.takes(object, now));
        let entries = objects.map(|object| {
            let users = usage.of(&object).to_vec();
            Entry::new(object, Some(users))
        });
        let unused = |entry: &Entry| entry.users().is_some_and(<[User]>::is_empty);
        let entries = entries.filter(|entry| !self.stale || unused(entry));
        let ghosts = if self.ghosts { self.ghosts_of(&usage) } else { Vec::new() };
        Found {
            entries: entries.chain(ghosts).map(make).collect(),
            problems: self.concerning(listing.problems),
            hidden: Some(usage.hidden()),
        }
    }

    fn concerning(&self, problems: Vec<Problem>) -> Vec<Problem> {
        problems.into_iter().filter(|problem| self.concerns(problem)).collect()
    }

    fn ghosts_of(&self, usage: &Usage) -> Vec<Entry> {
        let wanted = |ghost: &&Ghost| {
            let owned = |user: &User| self.owner.is_none_or(|owner| owner == user.process.uid);
            self.is(ghost.kind) && self.names(&ghost.name) && ghost.users.iter().any(owned)
        };
        let ghosts = usage.ghosts().iter().filter(wanted);
        ghosts.map(|ghost| Entry::Ghost(Box::new(ghost.clone()))).collect()
    }

    fn concerns(&self, problem: &Problem) -> bool {
        let queues = problem.directory.ends_with("mqueue");
        match self.kind {
            None => true,
            Some(KindArg::Mq) => queues,
            Some(_) => !queues,
        }
    }
}

impl<T> Found<T> {
    /// Makes something of each.
    pub(crate) fn map<U>(self, make: impl FnMut(T) -> U) -> Found<U> {
        let Self { entries, problems, hidden } = self;
        Found { entries: entries.into_iter().map(make).collect(), problems, hidden }
    }

    /// Says on standard error why the answer may not be the whole truth.
    pub(crate) fn warn(&self, out: &mut Out) {
        for problem in &self.problems {
            out.warn(&problem.to_string());
        }
        if let Some(hidden) = self.hidden {
            warn_hidden(hidden, out);
        }
    }
}

/// Says on standard error that some processes could not be looked at.
pub(super) fn warn_hidden(hidden: usize, out: &mut Out) {
    if hidden > 0 && !out.is_quiet() {
        let processes = counted(hidden as u64, "process", "processes");
        out.warn(&format!("{processes} could not be looked at, for want of permission"));
    }
}

/// When anything about the object was last changed.
///
/// Of a queue that is the last message in or out: the kernel calls it changed whenever somebody
/// reads its state, as this command does.
pub(crate) fn last_change(object: &Object) -> SystemTime {
    match object.kind {
        Kind::MessageQueue => object.modified,
        _ => object.changed.max(object.modified),
    }
}

//! Who has which object open or mapped, and what is held although it has no name any more.

use std::collections::HashMap;

use rustix::fs::fstat;

use super::directory::Place;
use super::object::Object;
use super::proc::{self, Process, Use};
use crate::{Identity, Kind, Name};

/// Who used what when the processes of the system were looked at.
///
/// One scan answers for all objects, since it reads the descriptors and mappings of every process.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    users: HashMap<Identity, Vec<User>>,
    ghosts: Vec<Ghost>,
    hidden: usize,
}

/// One process that uses an object in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// The process.
    pub process: Process,
    /// How it holds the object.
    pub via: Via,
    /// What it may do with it.
    pub access: Access,
}

/// How a process holds an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Via {
    /// By at least one descriptor.
    Descriptor,
    /// By at least one mapping, of so many bytes in all.
    Mapping(u64),
}

/// What a holder may do with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Nothing: a mapping without any permission.
    None,
    /// Read.
    Read,
    /// Write.
    Write,
    /// Read and write.
    ReadWrite,
}

/// An object that was unlinked and is still held: it takes memory, and nobody can open it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Ghost {
    /// What it was.
    pub kind: Kind,
    /// The name it had.
    pub name: Name,
    /// Which object it is.
    pub identity: Identity,
    /// Its size in bytes; `None` if only another user's mapping holds it.
    pub size: Option<u64>,
    /// Who holds it.
    pub users: Vec<User>,
}

impl Access {
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, access) | (access, Self::None) => access,
            (a, b) if a == b => a,
            _ => Self::ReadWrite,
        }
    }
}

impl Usage {
    /// Looks at all processes.
    ///
    /// What an unprivileged process sees is what its own user's processes hold:
    /// [`hidden`](Self::hidden) counts the others.
    ///
    /// # Examples
    ///
    /// ```
    /// use posix_ipc::inspect::{Usage, list};
    ///
    /// let usage = Usage::scan();
    /// for object in list().objects {
    ///     for user in usage.of(&object) {
    ///         println!("{}: {} {}", object.name, user.process.pid, user.process.command);
    ///     }
    /// }
    /// ```
    pub fn scan() -> Self {
        let mut usage = Self::default();
        let device = |place: Place| Some(fstat(place.open().ok()?).ok()?.st_dev);
        let (memory, queues) = (device(Place::Memory), device(Place::Queues));
        let Ok(pids) = proc::pids() else { return usage };
        let mut nameless = Vec::new();
        for pid in pids {
            let Some(process) = proc::process(pid) else { continue };
            let mapped = memory.map_or(Ok(Vec::new()), |device| proc::mappings(pid, device));
            let (Ok(descriptors), Ok(mapped)) = (proc::descriptors(pid), mapped) else {
                // One that has ended meanwhile hides nothing.
                usage.hidden += usize::from(proc::process(pid).is_some());
                continue;
            };
            for one in descriptors.into_iter().chain(mapped) {
                let place = match Some(one.identity.device()) {
                    found if found == memory => Place::Memory,
                    found if found == queues => Place::Queues,
                    _ => continue,
                };
                let user = User {
                    process: process.clone(),
                    via: one.mapped.map_or(Via::Descriptor, Via::Mapping),
                    access: one.access,
                };
                push(usage.users.entry(one.identity).or_default(), user);
                if one.deleted {
                    nameless.push((place, one));
                }
            }
        }
        usage.find_ghosts(nameless);
        usage
    }

    /// Who holds the object.
    pub fn of(&self, object: &Object) -> &[User] {
        self.users.get(&object.identity).map_or(&[], Vec::as_slice)
    }

    /// Whether anybody holds the file with these numbers, which need not be an object.
    pub fn is_used(&self, device: u64, inode: u64) -> bool {
        self.users.contains_key(&Identity::new(device, inode))
    }

    /// What is held without having a name.
    pub fn ghosts(&self) -> &[Ghost] {
        &self.ghosts
    }

    /// How many processes could not be looked at, for want of permission.
    ///
    /// While this is not zero, an object without users may still have some.
    pub fn hidden(&self) -> usize {
        self.hidden
    }

    /// Makes ghosts of what is shown as deleted and has no name in its directory.
    ///
    /// What was opened before it got its name, as a semaphore or a reserved object is, is shown
    /// as deleted for ever.
    fn find_ghosts(&mut self, nameless: Vec<(Place, Use)>) {
        if nameless.is_empty() {
            return;
        }
        let named = |place: Place| place.inodes().unwrap_or_default();
        let (memory, queues) = (named(Place::Memory), named(Place::Queues));
        for (place, one) in nameless {
            let named = if place == Place::Memory { &memory } else { &queues };
            if named.contains(&one.identity.inode()) {
                continue;
            }
            if let Some(ghost) = self.ghosts.iter_mut().find(|other| other.identity == one.identity)
            {
                ghost.size = ghost.size.or(one.size);
                continue;
            }
            let entry = one.path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
            let Some((kind, name)) = place.classify(entry) else { continue };
            let users = self.users.get(&one.identity).cloned().unwrap_or_default();
            self.ghosts.push(Ghost { kind, name, identity: one.identity, size: one.size, users });
        }
        self.ghosts.sort_by(|a, b| a.name.cmp(&b.name));
    }
}

/// Adds a user, once for each way of holding.
fn push(users: &mut Vec<User>, user: User) {
    let same = |other: &&mut User| {
        other.process.pid == user.process.pid
            && matches!(
                (other.via, user.via),
                (Via::Descriptor, Via::Descriptor) | (Via::Mapping(_), Via::Mapping(_))
            )
    };
    match users.iter_mut().find(same) {
        Some(other) => other.access = other.access.and(user.access),
        None => users.push(user),
    }
}

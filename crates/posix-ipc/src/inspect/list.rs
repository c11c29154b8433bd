//! Lists objects and finds single ones.

use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{self, SendError};
use std::thread::{self, Scope, ScopedJoinHandle};

use rustix::fs::{FileType, fstat};
use rustix::io::Errno;

use super::directory::{Place, look};
use super::object::Object;
use crate::{Error, Kind, Name, Result};

/// Below this many entries a second thread costs more than it saves.
const WORTH_A_THREAD: usize = 1000;
/// More threads than this only fight for the directory's locks.
const MAX_THREADS: usize = 4;
/// How much longer a directory of tmpfs or of queues says it is for each entry.
const ENTRY_SIZE: usize = 20;

/// What [`list`] found.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Listing {
    /// The objects, by kind and then by name.
    pub objects: Vec<Object>,
    /// Why it may be incomplete; empty if nothing was in the way.
    pub problems: Vec<Problem>,
}

/// Why objects of some kinds could not be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The directory that could not be read.
    pub directory: &'static str,
    /// What the system said.
    pub errno: Errno,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { directory, errno } = self;
        if Place::Queues.path().to_str() == Ok(directory)
            && matches!(*errno, Errno::NODEV | Errno::NOENT)
        {
            return write!(
                f,
                "message queues cannot be listed: no queue file system is mounted on {directory} \
                 (mount -t mqueue none {directory})"
            );
        }
        write!(f, "cannot read {directory}: {errno}")
    }
}

/// Lists all objects of the system.
///
/// What can't be opened is listed with what its directory entry tells. An object that goes away
/// meanwhile is not listed, and files that are no objects (directories, links, devices) are not
/// either.
///
/// # Examples
///
/// ```
/// let listing = posix_ipc::inspect::list();
/// let bytes: u64 = listing.objects.iter().map(|object| object.allocated).sum();
/// println!("{} objects take {bytes} bytes of memory", listing.objects.len());
/// ```
pub fn list() -> Listing {
    list_where(|_, _| true)
}

/// Lists the objects for whose kind and name `wanted` is true, and looks at no other.
///
/// A ring is taken for shared memory at that time: what it is stands in its content.
///
/// # Examples
///
/// ```
/// use posix_ipc::{Kind, inspect};
///
/// let queues = inspect::list_where(|kind, _| kind == Kind::MessageQueue);
/// assert!(queues.objects.iter().all(|object| object.queue().is_some()));
/// ```
pub fn list_where(wanted: impl Fn(Kind, &Name) -> bool + Sync) -> Listing {
    let mut listing = Listing::default();
    for place in [Place::Memory, Place::Queues] {
        match list_place(place, &wanted) {
            // Moved, not copied: the first are nearly all.
            Ok(objects) if listing.objects.is_empty() => listing.objects = objects,
            Ok(objects) => listing.objects.extend(objects),
            Err(errno) => {
                let directory = place.path().to_str().unwrap_or_default();
                listing.problems.push(Problem { directory, errno });
            }
        }
    }
    listing.objects.sort_unstable_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    listing
}

/// Looks at one object.
///
/// # Errors
///
/// An error of kind `NotFound` if there is none of that kind and name, else what the system said.
///
/// # Examples
///
/// ```
/// use posix_ipc::{Kind, Name, Semaphore, inspect};
///
/// # let name = Name::unique("doc-stat");
/// let semaphore = Semaphore::create(&name, 3)?;
/// let object = inspect::stat(Kind::Semaphore, &name)?;
/// assert_eq!(object.identity, semaphore.identity());
/// assert_eq!(inspect::find(&name)?.len(), 1, "no other kind has this name");
/// # Ok::<(), posix_ipc::Error>(())
/// ```
pub fn stat(kind: Kind, name: impl TryInto<Name, Error: Into<Error>>) -> Result<Object> {
    let name = name.try_into().map_err(Into::into)?;
    let mut entry = Vec::new();
    let place = Place::entry(kind, &name, &mut entry);
    let failed = |errno| Error::os("look at", kind, &name, errno);
    let directory = place.open().map_err(failed)?;
    match look(&directory, &entry, kind, name.clone()) {
        Ok(Some(object)) if object.kind == kind => Ok(object),
        Ok(_) => Err(failed(Errno::NOENT)),
        Err(errno) => Err(failed(errno)),
    }
}

/// Finds the objects of all kinds that have `name`: there may be one of each.
///
/// # Errors
///
/// If `name` is no name. That nothing has it is an empty list.
///
/// # Examples
///
/// See [`stat`].
pub fn find(name: impl TryInto<Name, Error: Into<Error>>) -> Result<Vec<Object>> {
    let name = name.try_into().map_err(Into::into)?;
    let kinds = [Kind::Semaphore, Kind::SharedMemory, Kind::MessageQueue];
    let found = kinds.into_iter().filter_map(|kind| {
        let mut entry = Vec::new();
        let place = Place::entry(kind, &name, &mut entry);
        look(&place.open().ok()?, &entry, kind, name.clone()).ok()?
    });
    Ok(found.collect())
}

fn list_place(
    place: Place,
    wanted: &(impl Fn(Kind, &Name) -> bool + Sync),
) -> std::result::Result<Vec<Object>, Errno> {
    let directory = place.open()?;
    let look_into = |found: Vec<(Kind, Name)>, mut objects: Vec<Object>| {
        let mut entry = Vec::with_capacity(256);
        for (kind, name) in found {
            Place::entry(kind, &name, &mut entry);
            objects.extend(look(&directory, &entry, kind, name).ok().flatten());
        }
        objects
    };
    let look_at = |found: Vec<_>| {
        let objects = Vec::with_capacity(found.len());
        look_into(found, objects)
    };
    thread::scope(|scope| {
        // Before the directory is read: a new thread is left for some time on the processor of the
        // one that made it, while one that sleeps already is woken on an idle processor.
        let helpers = start_helpers(scope, &directory, look_at);
        let mut found = Vec::new();
        place.each_entry(&directory, |entry, file_type, _| {
            // Only files are objects; nothing else is even looked at.
            if matches!(file_type, FileType::RegularFile | FileType::Unknown) {
                found.extend(place.classify(entry).filter(|(kind, name)| wanted(*kind, name)));
            }
        })?;
        // Now, while they are small: the objects then come in order already.
        found.sort_unstable();
        let count = found.len();
        let total: usize = found.iter().map(cost).sum();
        let share = total / (helpers.len() + 1);
        let mut working = Vec::new();
        for (give, helper) in helpers {
            let Err(SendError(part)) = give.send(split_off(&mut found, share)) else {
                working.push(helper);
                continue;
            };
            found.extend(part);
        }
        let mut objects = look_into(found, Vec::with_capacity(count));
        for helper in working.into_iter().rev() {
            objects.extend(helper.join().unwrap_or_default());
        }
        Ok(objects)
    })
}

/// About how long it takes to look at an object; plain memory is not opened.
fn cost((kind, _): &(Kind, Name)) -> usize {
    if *kind == Kind::SharedMemory { 1 } else { 3 }
}

/// Splits so many off the end that they cost `share`.
fn split_off(found: &mut Vec<(Kind, Name)>, share: usize) -> Vec<(Kind, Name)> {
    let mut sum = 0;
    let is_more = |one| {
        sum += cost(one);
        sum > share
    };
    let at = found.iter().rposition(is_more).map_or(0, |last| last + 1);
    found.split_off(at)
}

type Helper<'scope> = (mpsc::Sender<Vec<(Kind, Name)>>, ScopedJoinHandle<'scope, Vec<Object>>);

/// Threads that wait for a part of what was found, if the directory seems to be worth it.
fn start_helpers<'scope>(
    scope: &'scope Scope<'scope, '_>,
    directory: &OwnedFd,
    look_at: impl Fn(Vec<(Kind, Name)>) -> Vec<Object> + Send + Copy + 'scope,
) -> Vec<Helper<'scope>> {
    let size = fstat(directory).map_or(0, |stat| stat.st_size);
    if usize::try_from(size).unwrap_or(0) / ENTRY_SIZE < WORTH_A_THREAD {
        return Vec::new();
    }
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let start = |_| {
        let (give, take) = mpsc::channel();
        let work = move || take.recv().map(look_at).unwrap_or_default();
        // There may be a limit to threads: then there are fewer.
        Some((give, thread::Builder::new().spawn_scoped(scope, work).ok()?))
    };
    (1..threads).map_while(start).collect()
}

//! Lists objects and finds single ones.

use std::cmp::Ordering;
use std::fmt;

use rustix::io::Errno;

use super::directory::{Place, look};
use super::gather::gather;
use super::object::Object;
use crate::{Error, Kind, Name, Result};

/// What [`list`] found, or what [`list_with`] made of it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Listing<T = Object> {
    /// The objects, by kind and then by name.
    pub objects: Vec<T>,
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
pub fn list_where(wanted: impl Fn(Kind, &Name) -> bool) -> Listing {
    let by_name = |a: &Object, b: &Object| (a.kind, &a.name).cmp(&(b.kind, &b.name));
    list_places(wanted, Some, by_name)
}

/// Lists what `make` makes of the objects for whose kind and name `wanted` is true.
///
/// Where there are thousands of objects several threads look at them and call `make`. The order is
/// that of the objects, by kind and then by name. An object of which `make` makes `None` is left
/// out.
///
/// # Panics
///
/// If `wanted` or `make` does.
///
/// # Examples
///
/// ```
/// use posix_ipc::inspect;
///
/// let large = inspect::list_with(
///     |_, _| true,
///     |object| (object.size > 1 << 20).then(|| format!("{} {}", object.name, object.size)),
/// );
/// for line in &large.objects {
///     println!("{line}");
/// }
/// ```
pub fn list_with<T: Send>(
    wanted: impl Fn(Kind, &Name) -> bool,
    make: impl Fn(Object) -> Option<T> + Sync,
) -> Listing<T> {
    let make = |object: Object| {
        let (kind, name) = (object.kind, object.name.clone());
        Some((kind, name, make(object)?))
    };
    let Listing { objects, problems } =
        list_places(wanted, make, |a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    Listing { objects: objects.into_iter().map(|(_, _, made)| made).collect(), problems }
}

fn list_places<T: Send>(
    wanted: impl Fn(Kind, &Name) -> bool,
    make: impl Fn(Object) -> Option<T> + Sync,
    compare: impl Fn(&T, &T) -> Ordering + Sync,
) -> Listing<T> {
    let mut listing = Listing { objects: Vec::new(), problems: Vec::new() };
    for place in [Place::Memory, Place::Queues] {
        match gather(place, &wanted, &make, &compare) {
            // Moved, not copied: the first are nearly all.
            Ok(made) if listing.objects.is_empty() => listing.objects = made,
            Ok(made) => listing.objects.extend(made),
            Err(errno) => {
                let directory = place.path().to_str().unwrap_or_default();
                listing.problems.push(Problem { directory, errno });
            }
        }
    }
    // What several have sorted is merged; rings, which are among the memory, come last.
    listing.objects.sort_by(compare);
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

//! [`OpenMode`]: what happens when the name exists already, decided once for all kinds.

use std::thread;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::name::Name;

/// What a constructor does if the name exists already, or doesn't.
///
/// # Examples
///
/// ```
/// use posix_ipc::{Disposition, Name, OpenMode, Semaphore};
///
/// let name = Name::unique("doc-open-mode");
/// let first = Semaphore::options().mode(OpenMode::OpenOrCreate).open(&name)?;
/// let second = Semaphore::options().mode(OpenMode::OpenOrCreate).open(&name)?;
/// assert_eq!(first.disposition(), Disposition::Created);
/// assert_eq!(second.disposition(), Disposition::Opened);
/// assert!(Semaphore::options().mode(OpenMode::CreateNew).open(&name).is_err());
/// # Ok::<(), posix_ipc::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OpenMode {
    /// Creates the object; an error if the name exists.
    CreateNew,
    /// Opens the object; an error if the name does not exist.
    #[default]
    OpenExisting,
    /// Opens the object, or creates it. Which of both is decided atomically, and told by the
    /// handle's [`Disposition`].
    OpenOrCreate,
    /// Ends with a new object of ours, whatever stood under the name before; those who have
    /// the old one keep it, without a name.
    Replace,
}

/// Whether a handle's object was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// This handle created the object.
    Created,
    /// The object existed, and was opened.
    Opened,
}

/// How often a constructor tries to open and create by turns, while others create and remove
/// the same name.
const ATTEMPTS: u32 = 10_000;
/// How many of these tries follow each other without giving up the processor.
const EAGER: u32 = 16;
/// After how many tries the caller sleeps between them.
const PATIENT: u32 = 256;
/// How long it sleeps then: a second over all tries, in which others finish what they began.
const PAUSE: Duration = Duration::from_micros(100);

/// How a kind opens, creates and removes the object of one name.
pub(crate) trait Opener {
    /// What opening and creating give.
    type Object;
    /// What the caller gets in the end.
    type Handle;

    fn kind(&self) -> Kind;
    fn name(&self) -> &Name;
    /// Creates the object exclusively: fails with `EEXIST` if the name exists.
    fn create(&mut self) -> Result<Self::Object>;
    /// Opens the object, and checks that it is as expected; changes nothing.
    fn open(&mut self) -> Result<Self::Object>;
    /// Removes the name.
    fn unlink(&mut self) -> Result<()>;
    /// Makes the handle; `None` if the name refers to another object by now, so that all has to
    /// be done again.
    fn claim(
        &mut self,
        object: Self::Object,
        disposition: Disposition,
    ) -> Result<Option<Self::Handle>>;
}

/// Opens or creates as `mode` says.
///
/// Opening comes before creating, since a sticky directory may forbid to create over another
/// user's object which may be opened.
pub(crate) fn open_with<O: Opener>(mode: OpenMode, opener: &mut O) -> Result<O::Handle> {
    for attempt in 0..ATTEMPTS {
        match attempt {
            0..EAGER => {}
            EAGER..PATIENT => thread::yield_now(),
            _ => thread::sleep(PAUSE),
        }
        let found = match mode {
            OpenMode::CreateNew => Some((opener.create()?, Disposition::Created)),
            OpenMode::OpenExisting => Some((opener.open()?, Disposition::Opened)),
            OpenMode::OpenOrCreate => open_or_create(opener)?,
            OpenMode::Replace => replace(opener)?,
        };
        if let Some((object, disposition)) = found {
            if let Some(handle) = opener.claim(object, disposition)? {
                return Ok(handle);
            }
        }
    }
    Err(Error::Contended { kind: opener.kind(), name: opener.name().clone(), attempts: ATTEMPTS })
}

/// One try; `None` if others came between.
fn open_or_create<O: Opener>(opener: &mut O) -> Result<Option<(O::Object, Disposition)>> {
    match opener.open() {
        Ok(object) => return Ok(Some((object, Disposition::Opened))),
        Err(error) if error.is_missing() => {}
        Err(error) => return Err(error),
    }
    match opener.create() {
        Ok(object) => Ok(Some((object, Disposition::Created))),
        Err(error) if error.is_exists() => Ok(None),
        Err(error) => Err(error),
    }
}

/// One try; `None` if others came between.
fn replace<O: Opener>(opener: &mut O) -> Result<Option<(O::Object, Disposition)>> {
    match opener.unlink() {
        Err(error) if !error.is_missing() => return Err(error),
        _ => {}
    }
    match opener.create() {
        Ok(object) => Ok(Some((object, Disposition::Created))),
        Err(error) if error.is_exists() => Ok(None),
        Err(error) => Err(error),
    }
}

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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use rustix::io::Errno;

    use super::*;

    /// Answers as scripted, and notes what was called. `open` and `create` succeed at the end.
    struct Script {
        name: Name,
        opens: VecDeque<Errno>,
        creates: VecDeque<Errno>,
        unlinks: VecDeque<Errno>,
        stale: usize,
        calls: String,
    }

    fn script(opens: &[Errno], creates: &[Errno], unlinks: &[Errno]) -> Script {
        let queue = |errors: &[Errno]| errors.iter().copied().collect();
        Script {
            name: Name::from_static("/scripted"),
            opens: queue(opens),
            creates: queue(creates),
            unlinks: queue(unlinks),
            stale: 0,
            calls: String::new(),
        }
    }

    impl Script {
        fn answer(&self, errno: Option<Errno>) -> Result<()> {
            errno.map_or(Ok(()), |errno| Err(Error::os("open", Kind::Semaphore, &self.name, errno)))
        }
    }

    impl Opener for Script {
        type Object = ();
        type Handle = Disposition;

        fn kind(&self) -> Kind {
            Kind::Semaphore
        }
        fn name(&self) -> &Name {
            &self.name
        }
        fn create(&mut self) -> Result<()> {
            self.calls.push('c');
            let errno = self.creates.pop_front();
            self.answer(errno)
        }
        fn open(&mut self) -> Result<()> {
            self.calls.push('o');
            let errno = self.opens.pop_front();
            self.answer(errno)
        }
        fn unlink(&mut self) -> Result<()> {
            self.calls.push('u');
            let errno = self.unlinks.pop_front();
            self.answer(errno)
        }
        fn claim(&mut self, (): (), disposition: Disposition) -> Result<Option<Disposition>> {
            if self.stale > 0 {
                self.stale -= 1;
                return Ok(None);
            }
            Ok(Some(disposition))
        }
    }

    const MISSING: Errno = Errno::NOENT;
    const EXISTS: Errno = Errno::EXIST;

    #[test]
    fn open_or_create_absorbs_every_race_with_creators_and_removers() {
        let mut script = script(&[MISSING, MISSING, MISSING], &[EXISTS, EXISTS], &[]);
        assert_eq!(open_with(OpenMode::OpenOrCreate, &mut script), Ok(Disposition::Created));
        assert_eq!(script.calls, "ocococ");
    }

    #[test]
    fn open_or_create_tells_that_it_opened() {
        let mut script = script(&[MISSING], &[EXISTS], &[]);
        assert_eq!(open_with(OpenMode::OpenOrCreate, &mut script), Ok(Disposition::Opened));
    }

    #[test]
    fn other_errors_end_the_loop_at_once() {
        for mode in [OpenMode::OpenExisting, OpenMode::OpenOrCreate] {
            let mut script = script(&[Errno::ACCESS], &[], &[]);
            assert_eq!(open_with(mode, &mut script).unwrap_err().errno(), Some(Errno::ACCESS));
            assert_eq!(script.calls, "o");
        }
    }

    #[test]
    fn create_new_never_opens_and_open_existing_never_creates() {
        let mut existing = script(&[], &[EXISTS], &[]);
        assert!(open_with(OpenMode::CreateNew, &mut existing).unwrap_err().is_exists());
        assert_eq!(existing.calls, "c");
        let mut missing = script(&[MISSING], &[], &[]);
        assert!(open_with(OpenMode::OpenExisting, &mut missing).unwrap_err().is_missing());
        assert_eq!(missing.calls, "o");
    }

    #[test]
    fn replace_ends_with_a_new_object_or_a_true_error() {
        let mut raced = script(&[], &[EXISTS, EXISTS], &[MISSING]);
        assert_eq!(open_with(OpenMode::Replace, &mut raced), Ok(Disposition::Created));
        assert_eq!(raced.calls, "ucucuc");
        let mut forbidden = script(&[], &[], &[Errno::ACCESS]);
        let error = open_with(OpenMode::Replace, &mut forbidden).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::ACCESS));
        assert_eq!(forbidden.calls, "u", "it must not open the old object");
    }

    #[test]
    fn a_name_that_changed_hands_before_it_was_claimed_is_opened_anew() {
        let mut script = script(&[], &[], &[]);
        script.stale = 3;
        assert_eq!(open_with(OpenMode::OpenExisting, &mut script), Ok(Disposition::Opened));
        assert_eq!(script.calls, "oooo");
    }

    #[test]
    fn a_name_that_never_settles_is_an_error_that_says_so() {
        let mut script = script(&[], &[], &[]);
        script.stale = usize::MAX;
        let error = open_with(OpenMode::OpenExisting, &mut script).unwrap_err();
        assert!(matches!(error, Error::Contended { attempts: ATTEMPTS, .. }), "{error}");
    }
}

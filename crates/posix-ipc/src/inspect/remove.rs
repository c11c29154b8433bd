//! Removes the name of an object that was found, and of no other.

use rustix::fs::{AtFlags, statat, unlinkat};
use rustix::io::Errno;

use super::directory::Place;
use super::object::{Object, identity};
use crate::{Error, Result};

impl Object {
    /// Removes the object's name, if it still is this object's.
    ///
    /// Whoever has the object open keeps it. The name is compared just before it is removed: POSIX
    /// has no call that does both at once.
    ///
    /// # Errors
    ///
    /// An error of kind `NotFound` if the name is gone, [`Error::Foreign`] if another object has
    /// it by now, else what the system said.
    ///
    /// # Examples
    ///
    /// ```
    /// use posix_ipc::{Kind, inspect};
    /// # let name = posix_ipc::Name::unique("doc-unlink");
    /// # std::fs::write(std::path::Path::new("/dev/shm").join(name.file_name()), "x").unwrap();
    ///
    /// let object = inspect::stat(Kind::SharedMemory, &name)?;
    /// object.unlink()?;
    /// assert!(inspect::stat(Kind::SharedMemory, &name).is_err());
    /// # Ok::<(), posix_ipc::Error>(())
    /// ```
    pub fn unlink(&self) -> Result<()> {
        let failed = |errno: Errno| Error::os("unlink", self.kind, &self.name, errno);
        let mut entry = Vec::new();
        let place = Place::entry(self.kind, &self.name, &mut entry);
        let directory = place.open().map_err(failed)?;
        let found = statat(&directory, &*entry, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        if identity(&found) != self.identity {
            return Err(Error::Foreign {
                kind: self.kind,
                name: Some(self.name.clone()),
                reason: "another object has taken its name meanwhile",
            });
        }
        unlinkat(&directory, &*entry, AtFlags::empty()).map_err(failed)
    }
}

//! What the options of all kinds have in common.

use crate::cleanup::Cleanup;
use crate::open_mode::OpenMode;

/// Options that mean the same for every kind.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    pub(crate) mode: OpenMode,
    pub(crate) cleanup: Cleanup,
    pub(crate) permissions: u32,
    /// Whether the permissions are meant in spite of the umask.
    pub(crate) exact: bool,
    pub(crate) owner: Option<u32>,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            mode: OpenMode::OpenExisting,
            cleanup: Cleanup::Creator,
            permissions: 0o600,
            exact: false,
            owner: None,
        }
    }
}

/// The setters of [`Common`], for an options type that has it as its field `common`.
macro_rules! common_setters {
    () => {
        /// Says what to do if the name exists already; by default the object has to exist.
        #[must_use]
        pub fn mode(mut self, mode: $crate::OpenMode) -> Self {
            self.common.mode = mode;
            self
        }

        /// Says who removes the name; by default the handle that created the object.
        #[must_use]
        pub fn cleanup(mut self, cleanup: $crate::Cleanup) -> Self {
            self.common.cleanup = cleanup;
            self
        }

        /// Sets the permission bits of an object that is created, less what the umask takes;
        /// `0o600` by default.
        ///
        /// Bits over `0o777` are ignored. An object that is opened keeps its own.
        #[must_use]
        pub fn permissions(mut self, permissions: u32) -> Self {
            self.common.permissions = permissions & 0o777;
            self.common.exact = false;
            self
        }

        /// Sets the permission bits of an object that is created, whatever the umask is.
        #[must_use]
        pub fn permissions_exact(mut self, permissions: u32) -> Self {
            self.common.permissions = permissions & 0o777;
            self.common.exact = true;
            self
        }

        /// Refuses an object that belongs to another user than `uid`, with
        /// [`Error::Owner`]($crate::Error::Owner).
        ///
        /// For those who share the machine with strangers: anybody may create an object of any free
        /// name, and would otherwise be trusted.
        #[must_use]
        pub fn expect_owner(mut self, uid: u32) -> Self {
            self.common.owner = Some(uid);
            self
        }
    };
}
pub(crate) use common_setters;

//! What the handles of both shapes say of their object and its name.

/// The methods of a handle that keeps the object in the field `$field.memory`; `$handle` is what
/// it is called, and `$shared` says what its clones have to do with it.
macro_rules! object_methods {
    ($field:ident, $handle:literal $(, $shared:literal)?) => {
        #[doc = concat!("Whether this ", $handle, " created the ring.")]
        pub fn disposition(&self) -> $crate::Disposition {
            self.$field.memory.disposition()
        }

        /// The ring's name; none for one of [`pair`](super::pair).
        pub fn name(&self) -> Option<&$crate::Name> {
            self.$field.memory.name()
        }

        /// Which object the ring is, whatever its name.
        ///
        /// # Errors
        ///
        /// [`Error::Os`](crate::Error::Os) if the system does not tell.
        pub fn identity(&self) -> $crate::Result<$crate::Identity> {
            self.$field.memory.identity()
        }

        #[doc = concat!("Leaves the name alone when this ", $handle, " is dropped, whatever")]
        /// [`Cleanup`](crate::Cleanup) says.
        pub fn keep(&self) {
            self.$field.memory.keep();
        }

        /// Removes the name now, if it still means this ring.
        ///
        /// # Errors
        ///
        /// `ENOENT` if the name is gone or means another object.
        pub fn unlink_name(&self) -> $crate::Result<()> {
            self.$field.memory.unlink_name()
        }

        #[doc = concat!("Drops this ", $handle, ", and tells whether its")]
        /// [`Cleanup`](crate::Cleanup) worked.
        $(
            ///
            #[doc = $shared]
        )?
        ///
        /// # Errors
        ///
        /// [`Error::Os`](crate::Error::Os) if the name was to be removed and could not be, as with
        /// `EACCES` if it is not the caller's to remove.
        pub fn close(self) -> $crate::Result<()> {
            let memory = self.$field.memory.share();
            drop(self);
            memory.close()
        }
    };
}
pub(super) use object_methods;

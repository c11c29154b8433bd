//! What an open object is, apart from its name.

use std::os::fd::AsFd;

use rustix::fs::Stat;
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::name::Name;

/// Which object a handle or a name refers to: a name can be given to another object, an
/// identity cannot while the object lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The number of the device (of the mounted file system) that the object lives on.
    pub fn device(&self) -> u64 {
        self.device
    }

    /// The object's number on that device.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    pub(crate) fn new(device: u64, inode: u64) -> Self {
        Self { device, inode }
    }
}

/// What the system tells of an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Status {
    pub(crate) identity: Identity,
    pub(crate) owner: u32,
    pub(crate) size: u64,
}

impl Status {
    pub(crate) fn of(fd: impl AsFd) -> Result<Self, Errno> {
        rustix::fs::fstat(fd).map(|stat| Self::from(&stat))
    }

    /// Refuses an object of another owner than `expected`, if one is.
    pub(crate) fn check_owner(
        &self,
        kind: Kind,
        name: Option<&Name>,
        expected: Option<u32>,
    ) -> Result<()> {
        match expected {
            Some(expected) if expected != self.owner => {
                Err(Error::Owner { kind, name: name.cloned(), expected, found: self.owner })
            }
            _ => Ok(()),
        }
    }
}

#[allow(
    clippy::unnecessary_cast,
    clippy::useless_conversion,
    reason = "the fields' types differ between systems"
)]
impl From<&Stat> for Status {
    fn from(stat: &Stat) -> Self {
        Self {
            identity: Identity { device: stat.st_dev as u64, inode: stat.st_ino as u64 },
            owner: stat.st_uid,
            size: u64::try_from(stat.st_size).unwrap_or(0),
        }
    }
}

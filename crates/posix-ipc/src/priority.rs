//! [`Priority`]: which message is received first.

use std::fmt;

/// The priority of a message in a queue or a ring: the highest is received first, equal ones in
/// the order they were sent.
///
/// From 0 to [`Priority::HIGHEST`]; the default is 0. Calls that send take a plain number as
/// well, and check it. A ring has as many priorities as it was given lanes.
///
/// # Examples
///
/// ```
/// use posix_ipc::Priority;
///
/// const URGENT: Priority = Priority::HIGHEST;
/// assert!(Priority::try_from(7)? < URGENT);
/// assert!(Priority::try_from(40_000).is_err());
/// # Ok::<(), posix_ipc::PriorityError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Priority(u32);

/// A number that is no priority; nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("priority {value} is out of range: 0 to {} are possible", Priority::HIGHEST)]
pub struct PriorityError {
    value: i128,
}

impl Priority {
    /// The lowest, and the default.
    pub const LOWEST: Self = Self(0);
    /// The highest that the system's queues have: 32767 on Linux, 63 on FreeBSD, 31 elsewhere.
    pub const HIGHEST: Self = Self(posix_ipc_sys::mq::PRIORITY_MAX);

    /// A priority from a number; `None` if there is no such priority. For constants: elsewhere
    /// `try_from` has the better error.
    #[inline]
    pub const fn new(priority: u32) -> Option<Self> {
        if priority <= Self::HIGHEST.0 { Some(Self(priority)) } else { None }
    }

    /// The number.
    #[inline]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// What the kernel said, or what stands in a ring whose lanes were checked.
    #[inline]
    pub(crate) const fn received(priority: u32) -> Self {
        Self(priority)
    }
}

impl PriorityError {
    /// The number that was given.
    pub fn value(&self) -> i128 {
        self.value
    }
}

macro_rules! try_from {
    ($($number:ty),*) => {$(
        impl TryFrom<$number> for Priority {
            type Error = PriorityError;
            #[inline]
            fn try_from(priority: $number) -> Result<Self, PriorityError> {
                match u32::try_from(priority).ok().and_then(Self::new) {
                    Some(priority) => Ok(priority),
                    None => Err(PriorityError { value: priority as i128 }),
                }
            }
        }
    )*};
}
try_from!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

impl From<Priority> for u32 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

impl PartialEq<u32> for Priority {
    fn eq(&self, other: &u32) -> bool {
        self.0 == *other
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_range_are_priorities_and_others_say_what_they_were() {
        assert_eq!(Priority::try_from(0u8).unwrap(), Priority::LOWEST);
        assert_eq!(Priority::try_from(Priority::HIGHEST.get()).unwrap(), Priority::HIGHEST);
        let beyond = i64::from(Priority::HIGHEST.get()) + 1;
        assert_eq!(Priority::try_from(beyond).unwrap_err().value(), i128::from(beyond));
        assert_eq!(Priority::try_from(-1i32).unwrap_err().value(), -1);
        assert!(Priority::try_from(u64::MAX).is_err());
    }

    #[test]
    fn the_error_names_the_range() {
        let error = Priority::try_from(-3i32).unwrap_err();
        let expected =
            format!("priority -3 is out of range: 0 to {} are possible", Priority::HIGHEST);
        assert_eq!(error.to_string(), expected);
    }
}

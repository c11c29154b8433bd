//! [`Party`]: a ring's end as one of several things that are waited for at once.

use std::time::Duration;

use super::error::Corrupt;
use super::primitive::Fences;

/// An end of a ring that can be waited for together with others.
///
/// As for a wait of its own: [announce](Self::announce), [fence](Self::fences),
/// [look](Self::look), [watch](Self::watch), sleep, and so on; [withdraw](Self::withdraw) in the end.
pub(crate) trait Party {
    /// Whether there is what it waits for; nothing is taken.
    fn look(&mut self) -> Result<bool, Corrupt>;
    /// Says that it is about to sleep; gives the futex, and what it has to be compared with.
    fn announce(&self) -> (*mut u32, u32);
    /// Takes the announcement back.
    fn withdraw(&self);
    fn fences(&self) -> Fences;
    /// How often to look after the others thoroughly.
    fn interval(&self) -> Duration;
    /// Looks after the others; whether waiting still makes sense.
    fn watch(&mut self, thorough: bool) -> bool;
}

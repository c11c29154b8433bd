//! The ends as some of several things that are waited for at once.

use std::time::Duration;

use super::attachment::Attachment;
use super::producer::Look;
use super::{Receiver, Sender};
use crate::ring::error::Corrupt;
use crate::ring::party::Party;
use crate::ring::primitive::Fences;

/// A receiver that waits for a message.
pub(crate) struct ForMessage<'a>(pub(crate) &'a mut Receiver);

/// A sender that waits for room for so many bytes, at most those of the longest message.
pub(crate) struct ForRoom<'a>(pub(crate) &'a mut Sender, pub(crate) usize);

/// All but the look is the attachment's.
trait Attached {
    fn look(&mut self) -> Result<bool, Corrupt>;
    fn attachment(&self) -> &Attachment;
    fn attachment_mut(&mut self) -> &mut Attachment;
}

impl Attached for ForMessage<'_> {
    fn look(&mut self) -> Result<bool, Corrupt> {
        self.0.consumer.peek().map(|found| found.is_some())
    }

    fn attachment(&self) -> &Attachment {
        &self.0.attachment
    }

    fn attachment_mut(&mut self) -> &mut Attachment {
        &mut self.0.attachment
    }
}

impl Attached for ForRoom<'_> {
    fn look(&mut self) -> Result<bool, Corrupt> {
        self.0.producer.room(self.1, Look::Exact).map(|room| room.is_some())
    }

    fn attachment(&self) -> &Attachment {
        &self.0.attachment
    }

    fn attachment_mut(&mut self) -> &mut Attachment {
        &mut self.0.attachment
    }
}

impl<A: Attached> Party for A {
    fn look(&mut self) -> Result<bool, Corrupt> {
        Attached::look(self)
    }

    fn announce(&self) -> (*mut u32, u32) {
        self.attachment().announce()
    }

    fn withdraw(&self) {
        self.attachment().withdraw();
    }

    fn fences(&self) -> Fences {
        self.attachment().fences()
    }

    fn interval(&self) -> Duration {
        self.attachment().interval()
    }

    fn watch(&mut self, thorough: bool) -> bool {
        self.attachment_mut().watch(thorough)
    }
}

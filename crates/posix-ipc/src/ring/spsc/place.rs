//! Where a received message is copied to: a buffer that is there, or a vector that grows.

use std::mem::MaybeUninit;

use crate::ring::copy;
use crate::ring::error::ReceiveError;

/// A place for a message.
pub(crate) trait Place {
    /// Has `write` write a message of `len` bytes; what it gives says whether it did.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::TooShort`] if there is no room for so many; nothing is written then.
    ///
    /// # Safety
    ///
    /// `write` writes initialised bytes only, and all of them if it gives `Some`.
    unsafe fn fill<T>(
        &mut self,
        len: usize,
        write: impl FnOnce(&mut [MaybeUninit<u8>]) -> Option<T>,
    ) -> Result<Option<T>, ReceiveError>;
}

impl Place for [u8] {
    #[inline(always)]
    unsafe fn fill<T>(
        &mut self,
        len: usize,
        write: impl FnOnce(&mut [MaybeUninit<u8>]) -> Option<T>,
    ) -> Result<Option<T>, ReceiveError> {
        let buffer = self.len();
        let bytes = self.get_mut(..len).ok_or(ReceiveError::TooShort { length: len, buffer })?;
        // SAFETY: the caller's promise: `write` writes initialised bytes only.
        Ok(write(unsafe { copy::as_uninit(bytes) }))
    }
}

/// Replaces what it holds; without a message it holds nothing.
impl Place for Vec<u8> {
    #[inline]
    unsafe fn fill<T>(
        &mut self,
        len: usize,
        write: impl FnOnce(&mut [MaybeUninit<u8>]) -> Option<T>,
    ) -> Result<Option<T>, ReceiveError> {
        self.clear();
        self.reserve_exact(len);
        let Some(spare) = self.spare_capacity_mut().get_mut(..len) else { return Ok(None) };
        let written = write(spare);
        if written.is_some() {
            // SAFETY: there is room for `len` bytes, and the caller's promise is that `write` wrote all.
            unsafe { self.set_len(len) };
        }
        Ok(written)
    }
}

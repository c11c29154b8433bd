//! [`Plain`]: values that are nothing but their bytes.

/// A type whose values may be copied byte by byte into and out of memory that anybody writes.
///
/// [`plain!`](crate::plain) defines one without `unsafe`.
///
/// With the feature `zerocopy` every `Copy` type that is `zerocopy::FromBytes` and
/// `zerocopy::IntoBytes` is one, by derive and without `unsafe`; do not implement both for one type
/// by hand.
///
/// # Safety
///
/// - Every pattern of bytes is a valid value: no `bool`, `char`, enum, reference, `NonZero`.
/// - All bytes of a value are initialised: no padding, between fields or at the end.
/// - Layout is the same in every program that shares it: `#[repr(C)]` or `#[repr(transparent)]`.
///
/// # Examples
///
/// ```
/// use posix_ipc::shm::Plain;
///
/// #[derive(Clone, Copy)]
/// #[repr(C)]
/// struct Sample {
///     time: u64,
///     value: f64,
/// }
///
/// # #[cfg(not(feature = "zerocopy"))]
/// // SAFETY: two fields of 8 bytes that take any bits, in C's order, without padding.
/// unsafe impl Plain for Sample {}
/// ```
pub unsafe trait Plain: Copy + Send + Sync + 'static {}

#[cfg(feature = "zerocopy")]
// SAFETY: `FromBytes` says that all bytes make a value, `IntoBytes` that there is no padding.
unsafe impl<T> Plain for T where
    T: zerocopy::FromBytes + zerocopy::IntoBytes + Copy + Send + Sync + 'static
{
}

#[cfg(not(feature = "zerocopy"))]
macro_rules! plain {
    ($($type:ty),*) => {$(
        // SAFETY: numbers take any bits and have no padding.
        unsafe impl Plain for $type {}
    )*};
}

#[cfg(not(feature = "zerocopy"))]
plain!((), u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64);

#[cfg(not(feature = "zerocopy"))]
// SAFETY: elements follow each other without padding, and each is plain.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

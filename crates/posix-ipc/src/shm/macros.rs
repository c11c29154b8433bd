//! [`shareable!`](crate::shareable) and [`plain!`](crate::plain): types for shared memory without
//! `unsafe`, checked by the compiler.

/// Defines a structure that may be seen by reference in shared memory.
///
/// It is [`Shareable`](crate::shm::Shareable) and in C's layout; the program compiles only if every
/// field is `Shareable` too.
///
/// # Examples
///
/// ```
/// use posix_ipc::shm::{SharedBox, SharedCell, TypeTag};
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// posix_ipc::shareable! {
///     /// What a server counts.
///     #[derive(Debug, Default)]
///     pub struct Counters {
///         pub requests: AtomicU64,
///         pub failures: AtomicU64,
///         pub label: SharedCell<[u8; 16]>,
///     }
/// }
///
/// # let name = posix_ipc::Name::unique("doc-shareable");
/// let tag = TypeTag::new("acme.counters", 1);
/// let counters = SharedBox::open_or_create(&name, tag, Counters::default)?;
/// counters.requests.fetch_add(1, Ordering::Relaxed);
/// # Ok::<(), posix_ipc::Error>(())
/// ```
///
/// What is not shareable is refused:
///
/// ```compile_fail,E0277
/// posix_ipc::shareable! {
///     struct Text { text: String }
/// }
/// ```
#[macro_export]
macro_rules! shareable {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident {
        $($(#[$of_field:meta])* $of:vis $field:ident : $type:ty),+ $(,)?
    }) => {
        $(#[$meta])*
        #[repr(C)]
        $visibility struct $name {
            $($(#[$of_field])* $of $field : $type,)+
        }

        const _: () = {
            const fn is_shareable<T: $crate::shm::Shareable>() {}
            $(is_shareable::<$type>();)+
        };

        // SAFETY: it is in C's layout, and the check above holds for every field.
        unsafe impl $crate::shm::Shareable for $name {}
    };
}

/// Defines a structure of plain values: nothing but its bytes.
///
/// It is [`Plain`](crate::shm::Plain), `Copy` and in C's layout; the program compiles only if every
/// field is `Plain` too, and if there is no padding between them or at the end. Not for types that
/// derive zerocopy's traits: with the feature `zerocopy` these are `Plain` already.
///
/// # Examples
///
/// ```
/// use posix_ipc::shm::{SharedMemory, Slot};
///
/// posix_ipc::plain! {
///     /// What a thermometer says.
///     #[derive(Debug, PartialEq)]
///     pub struct Sample {
///         pub time: u64,
///         pub degrees: f32,
///         pub sensor: u32,
///     }
/// }
///
/// # let name = posix_ipc::Name::unique("doc-plain");
/// let mapping = SharedMemory::create(&name, 4096)?.map()?;
/// let sample = Sample { time: 5, degrees: 21.5, sensor: 1 };
/// mapping.slot(64)?.store(sample);
/// assert_eq!(mapping.value::<Sample>(64)?, sample);
/// # Ok::<(), posix_ipc::Error>(())
/// ```
///
/// Padding is refused; where it would be, name it as a field:
///
/// ```compile_fail,E0080
/// posix_ipc::plain! {
///     struct Padded { byte: u8, word: u32 }
/// }
/// ```
#[macro_export]
macro_rules! plain {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident {
        $($(#[$of_field:meta])* $of:vis $field:ident : $type:ty),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy)]
        #[repr(C)]
        $visibility struct $name {
            $($(#[$of_field])* $of $field : $type,)+
        }

        const _: () = {
            const fn is_plain<T: $crate::shm::Plain>() {}
            $(is_plain::<$type>();)+
            assert!(
                ::core::mem::size_of::<$name>() == 0 $(+ ::core::mem::size_of::<$type>())+,
                "there is padding between the fields or at the end: name it as a field"
            );
        };

        // SAFETY: it is in C's layout, and the checks above hold: every field is plain, and as there
        // are no further bytes, all are initialised.
        unsafe impl $crate::shm::Plain for $name {}
    };
}

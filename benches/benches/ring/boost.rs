//! Boost.Interprocess's message queue: the peer of C++ programs.

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::NonNull;

use super::channel::{Channel, Side};

/// The C++ object.
#[repr(C)]
struct Opaque {
    _private: [u8; 0],
}

unsafe extern "C" {
    fn boost_queue_create(name: *const c_char, capacity: usize, size: usize) -> *mut Opaque;
    fn boost_queue_open(name: *const c_char) -> *mut Opaque;
    fn boost_queue_send(queue: *mut Opaque, message: *const c_void, length: usize) -> bool;
    fn boost_queue_receive(queue: *mut Opaque, buffer: *mut c_void, size: usize) -> isize;
    fn boost_queue_close(queue: *mut Opaque);
    fn boost_queue_remove(name: *const c_char) -> bool;
}

/// One direction.
struct Queue(NonNull<Opaque>);

impl Queue {
    fn create(name: &CStr, capacity: usize, size: usize) -> Self {
        // SAFETY: `name` is a C string; a failure is a null pointer.
        let queue = unsafe { boost_queue_create(name.as_ptr(), capacity, size) };
        Self(NonNull::new(queue).expect("it can be made"))
    }

    fn open(name: &CStr) -> Self {
        // SAFETY: as in `create`.
        let queue = unsafe { boost_queue_open(name.as_ptr()) };
        Self(NonNull::new(queue).expect("the parent made it"))
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: it came from `create` or `open`, and is not used any more.
        unsafe { boost_queue_close(self.0.as_ptr()) };
    }
}

/// Both directions; the parent makes them, and removes them at the end.
pub(crate) struct Boost {
    ours: Queue,
    theirs: Queue,
    made: Vec<CString>,
}

impl Boost {
    pub(crate) fn open(base: &str, side: Side, len: usize) -> Self {
        let base = base.trim_start_matches('/');
        let name = |way: &str| CString::new(format!("{base}-{way}")).expect("it has no zero");
        let (there, back) = (name("there"), name("back"));
        if side == Side::Child {
            return Self { ours: Queue::open(&back), theirs: Queue::open(&there), made: vec![] };
        }
        let capacity = ((4 << 20) / len).clamp(16, 1024);
        let (ours, theirs) =
            (Queue::create(&there, capacity, len), Queue::create(&back, capacity, len));
        Self { ours, theirs, made: vec![there, back] }
    }
}

impl Channel for Boost {
    fn send(&mut self, message: &[u8]) {
        let (start, len) = (message.as_ptr().cast(), message.len());
        // SAFETY: the queue is open, and `message` has as many bytes.
        let sent = unsafe { boost_queue_send(self.ours.0.as_ptr(), start, len) };
        assert!(sent, "the queue is whole");
    }

    fn receive(&mut self, buffer: &mut [u8]) {
        let (start, size) = (buffer.as_mut_ptr().cast(), buffer.len());
        // SAFETY: the queue is open, and `buffer` has room for as many bytes.
        let length = unsafe { boost_queue_receive(self.theirs.0.as_ptr(), start, size) };
        assert_eq!(usize::try_from(length), Ok(buffer.len()));
    }
}

impl Drop for Boost {
    fn drop(&mut self) {
        for name in &self.made {
            // SAFETY: a C string.
            let removed = unsafe { boost_queue_remove(name.as_ptr()) };
            assert!(removed || std::thread::panicking(), "{name:?} is there");
        }
    }
}

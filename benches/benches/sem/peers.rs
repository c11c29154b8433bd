//! The C library's semaphores, bare and through the crates that wrap them.

use std::cell::RefCell;
use std::ffi::CString;
use std::ptr::NonNull;

/// A semaphore of a peer, opened by a name that exists.
pub(crate) trait Units {
    fn open(name: &str) -> Self;
    fn post(&self);
    fn wait(&self);
}

/// A semaphore of the C library.
pub(crate) struct CSem(NonNull<libc::sem_t>);

impl Units for CSem {
    fn open(name: &str) -> Self {
        let name = CString::new(name).expect("a name without NUL");
        // SAFETY: the name is a C string.
        let sem = unsafe { libc::sem_open(name.as_ptr(), 0) };
        assert_ne!(sem, libc::SEM_FAILED, "sem_open");
        Self(NonNull::new(sem).expect("not null"))
    }

    #[inline]
    fn post(&self) {
        // SAFETY: the semaphore is open until this is dropped.
        let result = unsafe { libc::sem_post(self.0.as_ptr()) };
        assert_eq!(result, 0);
    }

    #[inline]
    fn wait(&self) {
        // SAFETY: as above.
        let result = unsafe { libc::sem_wait(self.0.as_ptr()) };
        assert_eq!(result, 0);
    }
}

impl CSem {
    pub(crate) fn try_wait(&self) -> bool {
        // SAFETY: as above.
        let result = unsafe { libc::sem_trywait(self.0.as_ptr()) };
        result == 0
    }
}

impl Drop for CSem {
    fn drop(&mut self) {
        // SAFETY: as above; nobody uses it afterwards.
        unsafe { libc::sem_close(self.0.as_ptr()) };
    }
}

/// Of the crate `named-sem`, whose methods want it for themselves.
pub(crate) struct NamedSem(RefCell<named_sem::NamedSemaphore>);

impl Units for NamedSem {
    fn open(name: &str) -> Self {
        Self(RefCell::new(named_sem::NamedSemaphore::create(name, 0).expect("named-sem opens it")))
    }

    #[inline]
    fn post(&self) {
        self.0.borrow_mut().post().expect("post");
    }

    #[inline]
    fn wait(&self) {
        self.0.borrow_mut().wait().expect("wait");
    }
}

/// Of the crate `named-semaphore`.
pub(crate) struct NamedSemaphore(named_semaphore::Semaphore);

impl Units for NamedSemaphore {
    fn open(name: &str) -> Self {
        Self(named_semaphore::Semaphore::open(name, 0).expect("named-semaphore opens it"))
    }

    #[inline]
    fn post(&self) {
        self.0.release().expect("post");
    }

    #[inline]
    fn wait(&self) {
        self.0.acquire().expect("wait");
    }
}

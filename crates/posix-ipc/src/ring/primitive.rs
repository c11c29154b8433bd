//! The atomics, fences and futex of the rings: the system's, or loom's when a model is checked,
//! so that the code that ships is the code that the model checker runs.

#[cfg(not(posix_ipc_loom))]
pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
#[cfg(posix_ipc_loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// A value on cache lines of its own: two, since processors fetch them in pairs.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub(crate) struct Line<T>(pub(crate) T);

/// Who pays for the order between a publication and the look at who sleeps.
///
/// A publisher writes an index and then reads whether someone sleeps; a sleeper says so and
/// then reads the index. Without a full fence between the two steps on both sides, each may
/// miss the other, and the wake is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fences {
    /// Both sides pay with a fence, the publisher for every message.
    Both,
    /// The sleeper pays for both with `membarrier`, which runs a fence on every processor that
    /// runs a registered process.
    Sleeper,
    /// As `Sleeper`, but this process may not call `membarrier`: it publishes with a fence and
    /// never sleeps for long.
    Denied,
}

impl Fences {
    /// Between the publication and the look at who sleeps.
    #[inline(always)]
    pub(crate) fn publisher(self) {
        #[cfg(not(posix_ipc_loom))]
        if self == Self::Sleeper {
            return core::sync::atomic::compiler_fence(Ordering::SeqCst);
        }
        full_fence();
    }

    /// Between the announcement and the last look before sleeping.
    #[inline]
    pub(crate) fn sleeper(self) {
        #[cfg(not(posix_ipc_loom))]
        if self == Self::Sleeper {
            system::membarrier();
        }
        full_fence();
    }
}

#[cfg(not(posix_ipc_loom))]
pub(crate) use system::{FutexWord, full_fence, negotiate};

/// Asks the processor for the line at `address`, to be read soon; any address will do.
#[cfg(not(posix_ipc_loom))]
#[inline(always)]
pub(crate) fn fetch<T>(address: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint, which accesses nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// Takes the line of `word` from the processors that have read or written it, without changing anything:
/// whoever writes it next then gets it in one step. A line that two have in their caches has to be
/// taken from the other first, and the writer waits for that; the farther they are apart, the longer.
#[cfg(not(posix_ipc_loom))]
#[inline(always)]
pub(crate) fn take_line(word: &AtomicU64) {
    // Not an addition of nothing, which compilers make a load of. If another value has come
    // meanwhile, the line has moved as well.
    let value = word.load(Ordering::Relaxed);
    let _ = word.compare_exchange(value, value, Ordering::Relaxed, Ordering::Relaxed);
}

/// It changes nothing, so that the model need not see it.
#[cfg(posix_ipc_loom)]
pub(crate) fn take_line(_word: &AtomicU64) {}

/// Whether lines that a receiver has only read are dear to its sender, so that it had better write back what
/// stands there: round trips of 4 KiB take 0.8 of the time then with AMD's processors, and 1.14 with Intel's.
/// Others were not measured.
pub(crate) fn receivers_mark_lines() -> bool {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        // What only AMD's processors have.
        std::is_x86_feature_detected!("sse4a")
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    {
        true
    }
}

/// As `fetch`, of a line that will be written, and so is taken from other processors.
#[cfg(not(posix_ipc_loom))]
#[inline(always)]
pub(crate) fn fetch_to_write<T>(address: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a hint, which accesses nothing; processors without it do nothing.
    unsafe {
        core::arch::asm!(
            "prefetchw [{}]",
            in(reg) address,
            options(nostack, preserves_flags, readonly),
        );
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

#[cfg(not(posix_ipc_loom))]
mod system {
    use std::sync::OnceLock;
    use std::time::Duration;

    use rustix::io::Errno;
    use rustix::thread::{MembarrierCommand, MembarrierQuery, futex};
    use rustix::time::Timespec;

    use super::{AtomicU32, Fences, Ordering};

    #[inline(always)]
    pub(crate) fn full_fence() {
        core::sync::atomic::fence(Ordering::SeqCst);
    }

    pub(super) fn membarrier() {
        // Registered processes get it to work; should it fail all the same, the liveness
        // interval bounds the sleep.
        let _ = rustix::thread::membarrier(MembarrierCommand::GlobalExpedited);
    }

    /// Whether this process can take part in `membarrier`; registers it for that.
    fn registered() -> bool {
        static REGISTERED: OnceLock<bool> = OnceLock::new();
        *REGISTERED.get_or_init(|| {
            let needed =
                MembarrierQuery::GLOBAL_EXPEDITED | MembarrierQuery::REGISTER_GLOBAL_EXPEDITED;
            rustix::thread::membarrier_query().contains(needed)
                && rustix::thread::membarrier(MembarrierCommand::RegisterGlobalExpedited).is_ok()
        })
    }

    /// How this process fences on a ring whose header says `asymmetric`, or for a new one
    /// (`None`), whose header then says what comes out.
    pub(crate) fn negotiate(asymmetric: Option<bool>) -> Fences {
        match asymmetric {
            Some(false) => Fences::Both,
            Some(true) if !registered() => Fences::Denied,
            None if !registered() => Fences::Both,
            _ => Fences::Sleeper,
        }
    }

    /// A word in shared memory that threads of all processes can sleep on.
    #[repr(transparent)]
    #[derive(Debug, Default)]
    pub(crate) struct FutexWord(AtomicU32);

    impl FutexWord {
        #[inline(always)]
        pub(crate) fn load(&self, order: Ordering) -> u32 {
            self.0.load(order)
        }

        pub(crate) fn store(&self, value: u32, order: Ordering) {
            self.0.store(value, order);
        }

        pub(crate) fn swap(&self, value: u32, order: Ordering) -> u32 {
            self.0.swap(value, order)
        }

        pub(crate) fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
            self.0.fetch_add(value, order)
        }

        /// Where it is, for the kernel.
        pub(crate) fn as_ptr(&self) -> *mut u32 {
            self.0.as_ptr()
        }

        /// Sleeps while the word is `expected`, for at most `timeout`; may return early.
        pub(crate) fn wait(&self, expected: u32, timeout: Option<Timespec>) {
            let flags = futex::Flags::empty();
            match futex::wait(&self.0, flags, expected, timeout.as_ref()) {
                Ok(()) | Err(Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT) => {}
                // No futex here (a filter of system calls): poll, but burn no processor.
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }

        /// Wakes everyone who sleeps on the word.
        pub(crate) fn wake_all(&self) {
            let _ = futex::wake(&self.0, futex::Flags::empty(), i32::MAX.unsigned_abs());
        }
    }
}

#[cfg(posix_ipc_loom)]
pub(crate) use model::{FutexWord, full_fence};

#[cfg(posix_ipc_loom)]
mod model {
    use loom::sync::{Condvar, Mutex};
    use rustix::time::Timespec;

    use super::{AtomicU32, Ordering};

    pub(crate) fn full_fence() {
        loom::sync::atomic::fence(Ordering::SeqCst);
    }

    /// The kernel compares the word and queues the sleeper under a lock that the waker takes
    /// too; time does not pass in a model, so that a lost wake is a deadlock, which loom finds.
    #[derive(Debug, Default)]
    pub(crate) struct FutexWord {
        value: AtomicU32,
        queue: Mutex<()>,
        bell: Condvar,
    }

    impl FutexWord {
        pub(crate) fn load(&self, order: Ordering) -> u32 {
            self.value.load(order)
        }

        pub(crate) fn store(&self, value: u32, order: Ordering) {
            self.value.store(value, order);
        }

        pub(crate) fn swap(&self, value: u32, order: Ordering) -> u32 {
            self.value.swap(value, order)
        }

        pub(crate) fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
            self.value.fetch_add(value, order)
        }

        pub(crate) fn wait(&self, expected: u32, _timeout: Option<Timespec>) {
            let queue = self.queue.lock().unwrap_or_else(|poison| poison.into_inner());
            full_fence();
            if self.value.load(Ordering::SeqCst) == expected {
                drop(self.bell.wait(queue));
            }
        }

        pub(crate) fn wake_all(&self) {
            full_fence();
            drop(self.queue.lock());
            self.bell.notify_all();
        }
    }
}

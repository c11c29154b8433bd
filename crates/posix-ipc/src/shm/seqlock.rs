//! The protocol of [`Versioned`](crate::shm::Versioned): one writer, readers that neither write
//! nor wait, and two slots. Apart from the memory that it runs on, so that the code that ships is
//! the code that the model checker runs.

/// What the protocol runs on.
pub(super) trait Memory {
    type Value;

    /// How many values have been stored; an acquire load.
    fn published(&self) -> u64;
    /// A release store.
    fn set_published(&self, count: u64);
    /// The number of the value whose storing was begun last; a relaxed load.
    fn begun(&self) -> u64;
    /// A relaxed store.
    fn set_begun(&self, count: u64);
    /// Loads every byte of slot 0 or 1, relaxed.
    fn load_slot(&self, index: usize) -> Self::Value;
    /// Stores every byte of slot 0 or 1, relaxed.
    fn store_slot(&self, index: usize, value: &Self::Value);
    fn acquire_fence(&self);
    fn release_fence(&self);
}

/// The slot of the value that is the `count`-th.
fn slot_of(count: u64) -> usize {
    (count % 2) as usize
}

/// The newest value and its number; `None` if its slot may have been overwritten meanwhile.
#[inline]
pub(super) fn try_load<M: Memory>(memory: &M) -> Option<(M::Value, u64)> {
    let published = memory.published();
    let value = memory.load_slot(slot_of(published));
    // Orders the loads of the value before that of `begun`: whoever saw a byte of a newer value in
    // this slot, the next but one, sees that it was begun.
    memory.acquire_fence();
    (memory.begun().wrapping_sub(published) <= 1).then_some((value, published))
}

/// Stores the value that follows the `published`-th, and returns its number.
#[inline]
pub(super) fn store<M: Memory>(memory: &M, published: u64, value: &M::Value) -> u64 {
    let next = published.wrapping_add(1);
    memory.set_begun(next);
    // Orders that store before those of the value; pairs with the fence of the readers.
    memory.release_fence();
    memory.store_slot(slot_of(next), value);
    memory.set_published(next);
    next
}

#[cfg(all(test, posix_ipc_loom))]
mod model {
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicU64, Ordering, fence};
    use loom::thread;

    use super::*;

    /// Slots of two words, which a torn value would have different.
    #[derive(Default)]
    struct Model {
        published: AtomicU64,
        begun: AtomicU64,
        slots: [[AtomicU64; 2]; 2],
    }

    impl Memory for Model {
        type Value = [u64; 2];

        fn published(&self) -> u64 {
            self.published.load(Ordering::Acquire)
        }
        fn set_published(&self, count: u64) {
            self.published.store(count, Ordering::Release);
        }
        fn begun(&self) -> u64 {
            self.begun.load(Ordering::Relaxed)
        }
        fn set_begun(&self, count: u64) {
            self.begun.store(count, Ordering::Relaxed);
        }
        fn load_slot(&self, index: usize) -> [u64; 2] {
            [0, 1].map(|word| self.slots[index][word].load(Ordering::Relaxed))
        }
        fn store_slot(&self, index: usize, value: &[u64; 2]) {
            for word in [0, 1] {
                self.slots[index][word].store(value[word], Ordering::Relaxed);
            }
        }
        fn acquire_fence(&self) {
            fence(Ordering::Acquire);
        }
        fn release_fence(&self) {
            fence(Ordering::Release);
        }
    }

    #[test]
    fn a_value_that_is_loaded_is_whole_and_the_one_of_its_number() {
        loom::model(|| {
            let memory = Arc::new(Model::default());
            let reader = {
                let memory = Arc::clone(&memory);
                thread::spawn(move || {
                    if let Some((value, number)) = try_load(&*memory) {
                        assert_eq!(value, [number; 2]);
                    }
                })
            };
            let mut published = 0;
            for value in 1..=3 {
                published = store(&*memory, published, &[value; 2]);
            }
            reader.join().unwrap();
            assert_eq!(try_load(&*memory), Some(([3; 2], 3)));
        });
    }
}

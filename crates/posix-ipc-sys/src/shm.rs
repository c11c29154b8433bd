//! Named shared memory: `shm_open` and friends.

//! Named and unnamed semaphores: `sem_open` and friends.

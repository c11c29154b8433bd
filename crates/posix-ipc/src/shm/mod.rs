//! Named shared memory.

//! Named semaphores.

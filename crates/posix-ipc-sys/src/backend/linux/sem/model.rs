//! The semaphore algorithms under the model checker.

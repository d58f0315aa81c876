//! A lock that a test that panicked does not keep.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex. What a panic left behind stays as it is: one test that fails must not fail the others.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

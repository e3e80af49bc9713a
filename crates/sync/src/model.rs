//! The lock word of a loom model: loom's mutex, which blocks where a spinlock would spin.
//!
//! Only in builds with `--cfg loom`, for models of what stands on the locks.

use crate::cpu::Cpu;
use crate::raw::RawLock;
use core::cell::UnsafeCell;
use loom::sync::{Mutex, MutexGuard};

/// A mutex of the model, behind the interface of a spinlock.
#[derive(Debug)]
pub struct ModelLock {
    // Declared before `mutex`, which it borrows: dropped first.
    guard: UnsafeCell<Option<MutexGuard<'static, ()>>>,
    // In a box, so that the guard's borrow stays true when the lock moves.
    mutex: Box<Mutex<()>>,
}

// SAFETY: RAW-LOCK; `guard` is touched by the holder of the mutex alone.
unsafe impl Sync for ModelLock {}
// SAFETY: as above; a model's threads are all on one thread of the host.
unsafe impl Send for ModelLock {}

impl ModelLock {
    /// # Safety
    ///
    /// `guard` is of `self.mutex`.
    unsafe fn keep(&self, guard: MutexGuard<'_, ()>) {
        // SAFETY: RAW-LOCK: the guard's owner alone writes here. The mutex is in a box that
        // lives as long as `self`, which drops the guard first; so 'static stands for that life.
        unsafe {
            let guard = core::mem::transmute::<MutexGuard<'_, ()>, MutexGuard<'static, ()>>(guard);
            *self.guard.get() = Some(guard);
        }
    }
}

// SAFETY: RAW-LOCK, by loom's mutex.
unsafe impl RawLock for ModelLock {
    type Held = ();

    fn free() -> Self {
        Self {
            guard: UnsafeCell::new(None),
            mutex: Box::new(Mutex::new(())),
        }
    }

    fn acquire<C: Cpu>(&self) {
        let guard = self.mutex.lock().expect("loom's mutex is never poisoned");
        // SAFETY: the guard is of this mutex.
        unsafe { self.keep(guard) }
    }

    fn try_acquire(&self) -> Option<()> {
        let guard = self.mutex.try_lock().ok()?;
        // SAFETY: the guard is of this mutex.
        unsafe { self.keep(guard) };
        Some(())
    }

    unsafe fn release<C: Cpu>(&self, (): ()) {
        // SAFETY: LOCK-HELD: nobody else touches the cell until the guard, taken out of it
        // first, is dropped.
        let guard = unsafe { (*self.guard.get()).take() };
        drop(guard);
    }

    unsafe fn held(&self) {}

    fn is_locked(&self) -> bool {
        self.mutex.try_lock().is_err()
    }
}

//! The adapters for other crates' types: mutual exclusion, masks, and what they share with the
//! locks of this crate.
#![cfg(all(feature = "lock-api", feature = "mutex-traits", not(loom)))]

use layercake_sync::adapters::{ScopedIrqOff, Unmasked};
use layercake_sync::check::{WhyNot, may_sleep};
use layercake_sync::host::{StdCpu, interrupt, irqs_masked};
use layercake_sync::queued::QueuedLock;
use lock_api::{Mutex, RawMutex};
use mutex_traits::ScopedRawMutex;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

const ROUNDS: u32 = if cfg!(miri) { 25 } else { 20_000 };

fn counts<R: RawMutex + Send + Sync>() {
    let lock = Mutex::<R, u32>::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..ROUNDS).for_each(|_| *lock.lock() += 1));
        }
    });
    assert!(!lock.is_locked());
    let guard = lock.try_lock().unwrap();
    assert!(lock.is_locked() && lock.try_lock().is_none());
    assert_eq!(*guard, 3 * ROUNDS);
}

#[test]
fn unmasked_counts_are_exact() {
    counts::<Unmasked<StdCpu>>();
    counts::<Unmasked<StdCpu, QueuedLock>>();
}

struct Shared(UnsafeCell<u32>);
// SAFETY: the test touches it under its lock alone.
unsafe impl Sync for Shared {}

impl Shared {
    fn add(&self) {
        // SAFETY: under the lock.
        unsafe { *self.0.get() += 1 }
    }
}

#[test]
fn scoped_counts_are_exact_between_threads_and_handlers() {
    // SAFETY: SCOPED-CALLERS: the closures only add.
    let lock = unsafe { ScopedIrqOff::<StdCpu>::new() };
    let count = Shared(UnsafeCell::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    lock.with_lock(|| count.add());
                    interrupt(|_| lock.with_lock(|| count.add()));
                }
            });
        }
    });
    assert_eq!(count.0.into_inner(), 6 * ROUNDS);
}

#[test]
fn a_scope_masks_and_restores() {
    // SAFETY: SCOPED-CALLERS: nothing sleeps, no guard goes.
    let (outer, inner) = unsafe { (ScopedIrqOff::<StdCpu>::new(), ScopedIrqOff::<StdCpu>::new()) };
    outer.with_lock(|| {
        assert!(irqs_masked() && outer.try_with_lock(|| ()).is_none());
        assert_eq!(inner.try_with_lock(irqs_masked), Some(true));
        assert!(irqs_masked());
        assert!(matches!(may_sleep::<StdCpu>(), Err(WhyNot::LockHeld(_))));
    });
    assert!(!irqs_masked() && !outer.is_locked());
    let end = catch_unwind(AssertUnwindSafe(|| outer.with_lock(|| panic!("inside"))));
    assert!(end.is_err() && !irqs_masked() && !outer.is_locked());
}

//! The adapters for other crates' types: mutual exclusion, masks, and what they share with the
//! locks of this crate.
#![cfg(all(
    feature = "lock-api",
    feature = "mutex-traits",
    feature = "critical-section",
    not(loom)
))]

use layercake_sync::adapters::{CriticalSection, ScopedIrqOff, Unmasked};
use layercake_sync::check::{WhyNot, may_sleep};
use layercake_sync::host::{StdCpu, interrupt, irqs_masked, task};
use layercake_sync::queued::QueuedLock;
use layercake_sync::{IrqOff, SpinLock};
use lock_api::{Mutex, RawMutex};
use mutex_traits::ScopedRawMutex;
use std::cell::{Cell, UnsafeCell};
use std::mem::ManuallyDrop;
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
fn an_unmasked_lock_says_whether_it_is_taken() {
    let lock = Unmasked::<StdCpu>::INIT;
    assert_eq!(format!("{lock:?}"), "Unmasked { locked: false }");
    lock.lock();
    assert_eq!(format!("{lock:?}"), "Unmasked { locked: true }");
    // SAFETY: LOCK-HELD: just taken.
    unsafe { lock.unlock() };
    assert_eq!(format!("{lock:?}"), "Unmasked { locked: false }");
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
        assert!(outer.is_locked() && !inner.is_locked());
        assert_eq!(inner.try_with_lock(irqs_masked), Some(true));
        assert!(irqs_masked());
        assert!(matches!(may_sleep::<StdCpu>(), Err(WhyNot::LockHeld(_))));
    });
    assert!(!irqs_masked() && !outer.is_locked());
    let end = catch_unwind(AssertUnwindSafe(|| outer.with_lock(|| panic!("inside"))));
    assert!(end.is_err() && !irqs_masked() && !outer.is_locked());
}

// SAFETY: SCOPED-CALLERS: so do the closures of this file, except where a test is about one that
// does not.
layercake_sync::critical_section_impl!(unsafe StdCpu);

#[test]
fn critical_counts_are_exact_between_threads_and_handlers() {
    static COUNT: critical_section::Mutex<Cell<u32>> = critical_section::Mutex::new(Cell::new(0));
    fn add(cs: critical_section::CriticalSection<'_>) {
        let count = COUNT.borrow(cs);
        count.set(count.get() + 1);
    }
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    // Inside of another, too: that one's end is not the section's.
                    critical_section::with(|cs| {
                        critical_section::with(add);
                        add(cs);
                    });
                    interrupt(|_| critical_section::with(add));
                }
            });
        }
    });
    assert_eq!(
        critical_section::with(|cs| COUNT.borrow(cs).get()),
        9 * ROUNDS
    );
}

#[test]
fn a_critical_section_masks_and_restores() {
    critical_section::with(|_| {
        critical_section::with(|_| assert!(irqs_masked()));
        assert!(irqs_masked(), "the inner one's end unmasks nothing");
        assert!(matches!(may_sleep::<StdCpu>(), Err(WhyNot::LockHeld(_))));
    });
    assert!(!irqs_masked());
    interrupt(|_| critical_section::with(|_| assert!(irqs_masked())));
    task(|cx| {
        let lock = SpinLock::<u32, IrqOff<StdCpu>>::new(0);
        let guard = lock.lock(cx);
        critical_section::with(|_| assert!(irqs_masked()));
        assert!(irqs_masked(), "masked before, masked after");
        drop(guard);
    });
    let end = catch_unwind(|| critical_section::with(|_| panic!("inside")));
    assert!(end.is_err() && !irqs_masked());
    critical_section::with(|_| assert!(irqs_masked(), "free again"));
}

#[test]
fn a_critical_section_says_whether_somebody_is_inside() {
    // SAFETY: SCOPED-CALLERS: nothing runs in it.
    let section = unsafe { CriticalSection::<StdCpu>::new() };
    assert_eq!(
        format!("{section:?}"),
        "CriticalSection { locked: false, .. }"
    );
    // SAFETY: each answers the other.
    unsafe {
        section.acquire();
        assert!(format!("{section:?}").contains("locked: true"));
        section.release();
    }
}

/// Runs `f` on a core of its own, which it leaves masked; returns what it panics with.
fn panics(f: impl FnOnce() + Send) -> String {
    let end = thread::scope(|scope| scope.spawn(f).join());
    *end.expect_err("it has to panic").downcast().unwrap()
}

#[test]
fn a_guard_that_a_critical_section_lets_out_is_reported() {
    let lock = SpinLock::<(), IrqOff<StdCpu>>::new(());
    let taken = line!() + 4;
    let message = panics(|| {
        task(|cx| {
            let mut out = None;
            critical_section::with(|_| out = Some(ManuallyDrop::new(lock.lock(&mut *cx))));
            unreachable!("{out:?} is held with interrupts on");
        });
    });
    assert!(
        message.contains(&format!("adapters.rs:{taken}:")) && message.contains("critical section"),
        "{message}"
    );
    critical_section::with(|_| ());
}

#[test]
fn a_guard_that_goes_in_a_critical_section_is_reported() {
    // What the guard found was masked, so the simulated core has nothing to say against it.
    let lock = SpinLock::<(), IrqOff<StdCpu>>::new(());
    let message = panics(|| {
        interrupt(|irq| {
            let guard = lock.lock(irq);
            critical_section::with(|_| drop(guard));
        });
    });
    assert!(
        message.contains("began with 1 spinlocks held, and ends with 0"),
        "{message}"
    );
}

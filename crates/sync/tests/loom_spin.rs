//! The spinlock with its data under loom: on the ticket lock that ships, and on the lock that
//! models of the crates above get.
#![cfg(loom)]

mod models;

use layercake_sync::model::ModelLock;
use layercake_sync::ticket::TicketLock;
use layercake_sync::{Atomic, IrqOff, RawLock, SpinLock};
use loom::thread;
use models::Core;
use std::sync::Arc;

/// Two threads take, one tries: nothing is lost, and what was written is read.
fn counter<R: RawLock + 'static>() {
    models::explore(3, || {
        let lock = Arc::new(SpinLock::<u32, IrqOff<Core>, R>::new(0));
        let other = {
            let lock = lock.clone();
            // SAFETY: CX-ATOMIC: nothing sleeps in a model.
            thread::spawn(move || *lock.lock(unsafe { Atomic::assume() }) += 1)
        };
        // SAFETY: CX-ATOMIC: nothing sleeps in a model.
        let tried = lock.try_lock(unsafe { Atomic::assume() }).map(|mut guard| {
            *guard += 1;
        });
        other.join().unwrap();
        let tried = u32::from(tried.is_some());
        // SAFETY: CX-ATOMIC: nothing sleeps in a model.
        assert_eq!(*lock.lock(unsafe { Atomic::assume() }), 1 + tried);
    });
}

#[test]
fn on_the_ticket_lock() {
    counter::<TicketLock>();
}

#[test]
fn on_looms_lock() {
    counter::<ModelLock>();
}

#[test]
fn looms_lock_excludes() {
    models::exclusion::<ModelLock>(3, 1, 2);
    models::trying::<ModelLock>(3);
    models::handed_over::<ModelLock>(3);
}

#[test]
fn a_forgotten_guard_is_forced() {
    models::explore(3, || {
        let lock = Arc::new(SpinLock::<u32, IrqOff<Core>, TicketLock>::new(0));
        // SAFETY: CX-ATOMIC: nothing sleeps in a model.
        let mut guard = lock.lock(unsafe { Atomic::assume() });
        *guard = 1;
        std::mem::forget(guard);
        let heir = {
            let lock = lock.clone();
            // SAFETY: LOCK-HELD: it was handed over by the spawn.
            thread::spawn(move || unsafe { lock.force_unlock() })
        };
        // SAFETY: CX-ATOMIC: nothing sleeps in a model.
        assert_eq!(*lock.lock(unsafe { Atomic::assume() }), 1);
        heir.join().unwrap();
    });
}

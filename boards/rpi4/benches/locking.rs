//! Locks and semaphores that nobody else wants.

use crate::meter;
use layercake_kernel::sync::irq_off;
use layercake_kernel::wait::{Mutex, Semaphore};
use layercake_kernel::{Host, IrqSpinLock, SpinLock, TaskCx};

/// Lock and unlock, with preemption off in between.
pub fn plain(cx: &mut TaskCx, _: u32) {
    static LOCK: SpinLock<()> = SpinLock::new(());
    while meter::wants_more() {
        meter::begin();
        drop(LOCK.lock(cx.atomic()));
        meter::end();
    }
}

/// Lock and unlock, with interrupts masked in between.
pub fn irqsave(cx: &mut TaskCx, _: u32) {
    static LOCK: IrqSpinLock<()> = IrqSpinLock::new(());
    while meter::wants_more() {
        meter::begin();
        drop(LOCK.lock(cx.atomic()));
        meter::end();
    }
}

/// Lock and unlock where interrupts are masked already: the lock itself, which masks nothing.
pub fn bare(cx: &mut TaskCx, _: u32) {
    static LOCK: IrqSpinLock<()> = IrqSpinLock::new(());
    irq_off::<Host, _>(cx, |masked| {
        while meter::wants_more() {
            meter::begin();
            drop(LOCK.lock_masked(masked));
            meter::end();
        }
    });
}

/// Lock and unlock the mutex that a thread may sleep with.
pub fn mutex(cx: &mut TaskCx, _: u32) {
    static LOCK: Mutex<(), Host> = Mutex::new("bench", ());
    while meter::wants_more() {
        meter::begin();
        drop(LOCK.lock(cx));
        meter::end();
    }
}

/// Take the one permit and give it back: the synchronisation test of Thread-Metric.
pub fn semaphore(cx: &mut TaskCx, _: u32) {
    static PERMIT: Semaphore<Host> = Semaphore::new("bench", 1);
    while meter::wants_more() {
        meter::begin();
        PERMIT.acquire(cx);
        PERMIT.release();
        meter::end();
    }
}

//! Spinlocks that nobody else wants.

use crate::meter;
use layercake_kernel::{IrqSpinLock, SpinLock, TaskCx};

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

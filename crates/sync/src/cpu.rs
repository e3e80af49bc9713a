//! What a lock needs of the machine that it runs on: one small trait, which the kernel (or the
//! host of a test) implements on an empty type of its own.

use crate::facade::AtomicU32;
use core::sync::atomic::Ordering;

/// The core that the caller runs on, and what may interrupt it.
///
/// # Safety
///
/// Invariant **CPU-MASK**: between [`irq_save`](Cpu::irq_save) and the matching
/// [`irq_restore`](Cpu::irq_restore) no interrupt handler runs on this core; between
/// [`preempt_disable`](Cpu::preempt_disable) and the matching
/// [`preempt_enable`](Cpu::preempt_enable) no other thread runs on this core. Both nest.
pub unsafe trait Cpu: 'static {
    /// What [`irq_save`](Cpu::irq_save) found, to be put back exactly.
    type IrqState: Copy;

    /// Masks interrupts on this core; says how they were before.
    fn irq_save() -> Self::IrqState;

    /// Puts interrupts back to what `state` says.
    ///
    /// # Safety
    ///
    /// `state` came from the innermost [`irq_save`](Cpu::irq_save) on this core that has not been
    /// restored yet.
    unsafe fn irq_restore(state: Self::IrqState);

    /// Keeps the scheduler from giving this core to another thread. Nests.
    fn preempt_disable();

    /// Undoes one [`preempt_disable`](Cpu::preempt_disable). The last one switches threads here
    /// and now if a switch is due.
    ///
    /// # Safety
    ///
    /// There is a [`preempt_disable`](Cpu::preempt_disable) of the same thread that this undoes.
    unsafe fn preempt_enable();

    /// Waits until `*word != value`; returns what it then is. The load is an acquire.
    ///
    /// A machine that can wait for a change of memory without spinning does so here (WFE on Arm).
    fn wait_while_eq(word: &AtomicU32, value: u32) -> u32 {
        loop {
            let now = word.load(Ordering::Acquire);
            if now != value {
                return now;
            }
            crate::facade::spin_loop();
        }
    }
}

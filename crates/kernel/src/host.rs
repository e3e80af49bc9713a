//! The kernel as the layers below see it: their traits, implemented on one empty type.

use crate::thread::{self, Thread};
use crate::{cpu, run_queue, time};
use core::sync::atomic::{AtomicU32, Ordering, compiler_fence};
use layercake_arch_arm64 as arch;
use layercake_sync::check::{Held, WhyNot};
use layercake_sync::{Cpu, TaskCx};
use layercake_wait::Instant;

/// Stands for this kernel in the types of the layers: `layercake_wait::WaitQueue<Host>`.
#[derive(Debug, Clone, Copy)]
pub struct Host;

// SAFETY: CPU-MASK. Interrupts: PSTATE.I, put back to what it was. Preemption: switches come from
// the interrupt exit and from `preempt_enable`, and both look at the count first.
unsafe impl Cpu for Host {
    type IrqState = u64;

    #[inline(always)]
    fn irq_save() -> u64 {
        arch::irq::save()
    }

    #[inline(always)]
    unsafe fn irq_restore(state: u64) {
        // SAFETY: IRQ-NEST, by the caller's promise.
        unsafe { arch::irq::restore(state) }
    }

    #[inline(always)]
    fn preempt_disable() {
        let current = thread::current();
        let count = current.preempt_count.load(Ordering::Relaxed);
        current.preempt_count.store(count + 1, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
    }

    #[inline(always)]
    unsafe fn preempt_enable() {
        compiler_fence(Ordering::SeqCst);
        let current = thread::current();
        let count = current.preempt_count.load(Ordering::Relaxed) - 1;
        current.preempt_count.store(count, Ordering::Relaxed);
        // In this order: an interrupt between the two lines switches by itself.
        if count == 0 && current.need_resched.load(Ordering::Relaxed) {
            run_queue::preempt();
        }
    }

    #[inline(always)]
    fn with_held<R>(f: impl FnOnce(&Held) -> R) -> Option<R> {
        Some(f(&cpu::this().held))
    }

    #[inline(always)]
    fn may_sleep() -> Result<(), WhyNot> {
        run_queue::may_sleep()
    }

    #[inline(always)]
    fn wait_while_eq(word: &AtomicU32, value: u32) -> u32 {
        arch::wait::while_eq(word, value)
    }
}

// SAFETY: HOST. Permits are sticky (`run_queue::unpark`), threads are never freed, only reused,
// so that a late unpark is at worst a spurious permit.
unsafe impl layercake_wait::Host for Host {
    type Cpu = Self;
    type Task = &'static Thread;

    #[inline(always)]
    fn current() -> &'static Thread {
        thread::current()
    }

    #[inline(always)]
    fn park(cx: &mut TaskCx, deadline: Option<Instant>) {
        run_queue::park(cx, deadline);
    }

    #[inline(always)]
    fn unpark(task: &&'static Thread) {
        run_queue::unpark(task);
    }

    #[inline(always)]
    fn blocked_on(name: &'static str) {
        thread::current().set_blocked_on(name);
    }

    #[inline(always)]
    fn now() -> Instant {
        time::now()
    }
}

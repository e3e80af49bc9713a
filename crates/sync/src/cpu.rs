//! What a lock needs of the machine that it runs on: one small trait, which the kernel (or the
//! host of a test) implements on an empty type of its own.

use crate::check::{Held, WhyNot};
use crate::facade::AtomicU32;
use crate::order::Report;
use crate::ticket::TicketLock;
use core::sync::atomic::Ordering;

/// The core that the caller runs on, and what may interrupt it.
///
/// # Safety
///
/// Invariant **CPU-MASK**. The implementor promises all of this, for the whole program (two
/// implementations in one program mask for each other too):
///
/// 1. From [`irq_save`](Cpu::irq_save) to the matching [`irq_restore`](Cpu::irq_restore) no
///    handler that is given an [`IrqCx`](crate::IrqCx) runs on this core, and the caller stays
///    on it.
/// 2. From [`preempt_disable`](Cpu::preempt_disable) to the matching
///    [`preempt_enable`](Cpu::preempt_enable) no other thread that is given a
///    [`TaskCx`](crate::TaskCx) runs on this core, and the caller stays on it.
/// 3. Both nest, in the order that [`irq_restore`](Cpu::irq_restore) says. All four are barriers for the compiler: no access to memory moves out from
///    between a pair.
pub unsafe trait Cpu: 'static {
    /// What [`irq_save`](Cpu::irq_save) found, to be put back exactly.
    type IrqState: Copy;

    /// Masks interrupts on this core; says how they were before.
    fn irq_save() -> Self::IrqState;

    /// Puts interrupts back to what `state` says.
    ///
    /// # Safety
    ///
    /// `state` is of an [`irq_save`](Cpu::irq_save) of this core that has not been restored yet.
    /// If that one found interrupts on, all later ones have been restored (or forgotten, and never
    /// will be). If it found them masked there is nothing to put back, and others like it may
    /// come before or after.
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
    /// A machine that can wait for a change of memory without spinning does so here. On Arm: load
    /// the word by LDAXR, which arms the exclusive monitor, then WFE; the store that changes the
    /// word clears the monitor, and that is the event. No SEV is needed, and none is given.
    fn wait_while_eq(word: &AtomicU32, value: u32) -> u32 {
        loop {
            let now = word.load(Ordering::Acquire);
            if now != value {
                return now;
            }
            crate::facade::spin_loop();
        }
    }

    /// Waits until `*word == value`. The load that sees it is an acquire.
    ///
    /// Whoever waits for its turn waits by this one: on Arm the loop around WFE then looks for the
    /// one value, and comes back to its caller when there is something to do. The first look is
    /// part of it, so that the path of the free lock arms the monitor at no cost.
    #[inline(always)]
    fn wait_until_eq(word: &AtomicU32, value: u32) {
        let mut now = word.load(Ordering::Acquire);
        // Waiting is a few instructions of the machine's; as a call it would cost the path of
        // the free lock a stack frame.
        while now != value {
            core::hint::cold_path();
            now = Self::wait_while_eq(word, now);
        }
    }

    /// Takes a ticket lock: draws a ticket and waits until it is served; returns it. The load that sees
    /// that it is served is an acquire.
    ///
    /// A machine that can draw the ticket and see whose turn it is with one exclusive access to both
    /// words ([`TicketLock::as_ptr`]) does so here; a waiter waits by the means of
    /// [`wait_while_eq`](Cpu::wait_while_eq).
    #[inline(always)]
    fn take_ticket(lock: &TicketLock) -> u32 {
        let mine = lock.draw();
        Self::wait_until_eq(lock.serving(), mine);
        mine
    }

    /// What a waiter does between two looks that does not wait by the functions above: with
    /// [`crate::order`] it has to look at the clock as well. The machine's hint for loops that spin,
    /// unless the host has something better.
    #[inline(always)]
    fn pause() {
        crate::facade::spin_loop();
    }

    /// Lends this core's list of held locks to the run-time check ([`crate::check`]). Called
    /// with at least preemption off. A host without one returns `None`, and the check then knows
    /// only what [`may_sleep`](Cpu::may_sleep) says.
    #[inline(always)]
    fn with_held<R>(f: impl FnOnce(&Held) -> R) -> Option<R> {
        let _ = f;
        None
    }

    /// Whether the caller may sleep, as far as the host counts it: preemption, masks, handlers.
    /// For the run-time check, [`crate::check`]; not asked where that is off.
    #[inline(always)]
    fn may_sleep() -> Result<(), WhyNot> {
        Ok(())
    }

    /// Nanoseconds since some moment, never less than before; cores may differ by little. For
    /// [`crate::stats`] and the limit below. Called from any context; takes no lock. A host
    /// without a clock gives 0, and then no time is known.
    #[inline(always)]
    fn timestamp() -> u64 {
        0
    }

    /// Whether interrupts are masked on this core, for [`crate::order`]. `None` if that cannot
    /// be told, or says nothing yet: at boot they are masked everywhere.
    #[inline(always)]
    fn irqs_masked() -> Option<bool> {
        None
    }

    /// The number of this core, for whoever reads the reports of [`crate::order`]. Called with at
    /// least preemption off.
    #[inline(always)]
    fn core_number() -> Option<usize> {
        None
    }

    /// How many ns a lock may be held before [`crate::order`] reports it. No limit unless the
    /// host sets one. On a 32-bit machine it should be below 2 s.
    const HOLD_LIMIT: u64 = u64::MAX;

    /// What becomes of a report of [`crate::order`]. Called from wherever locks are taken or
    /// given back, with any others held. Unless the host does something else it ends there.
    ///
    /// [`Report::StillHeld`] comes from within a wait, by a core that has a place among those who
    /// wait: a report that takes the lock in question waits for itself, and one that unwinds ends
    /// the program.
    ///
    /// # Panics
    ///
    /// Always, with the report.
    #[cold]
    fn lock_report(report: &Report<'_>) {
        panic!("{report}");
    }
}

/// A [`Cpu`] whose cores have numbers: what [`crate::PerCpu`] asks for.
///
/// # Safety
///
/// Invariant **CPU-ID**: as long as the caller cannot leave its core, `id` returns the same
/// number, below [`MAX`](CpuId::MAX), and no other core's.
pub unsafe trait CpuId: Cpu {
    /// How many cores there may be.
    const MAX: usize;

    /// The number of the core that the caller runs on; it is stale at once unless preemption or
    /// interrupts are masked.
    fn id() -> usize;
}

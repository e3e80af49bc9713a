//! The kernel as the layers below see it: their traits, implemented on one empty type.

use crate::panic::Who;
use crate::thread::{self, Thread};
use crate::{console, cpu, inherit, logger, run_queue, time};
use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering, compiler_fence};
use layercake_arch_arm64 as arch;
use layercake_sync::check::{Held, WhyNot};
use layercake_sync::order::Report;
use layercake_sync::{Cpu, CpuId, TaskCx};
use layercake_wait::Instant;
use layercake_wait::block_on::WordHandle;
use layercake_wait::host::{OwnerId, PiEvent};

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
        thread::current().count_preempt(1);
        compiler_fence(Ordering::SeqCst);
    }

    #[inline(always)]
    unsafe fn preempt_enable() {
        compiler_fence(Ordering::SeqCst);
        let current = thread::current();
        let count = current.count_preempt(-1);
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

    #[inline]
    fn timestamp() -> u64 {
        time::now_ns()
    }

    #[inline]
    fn irqs_masked() -> Option<bool> {
        // As long as a core boots they are masked for whatever it locks.
        cpu::has_booted().then(arch::irq::masked)
    }

    #[inline]
    fn core_number() -> Option<usize> {
        Some(cpu::current())
    }

    /// 0.1 s. Far more than any lock of this kernel is held for, and more than the emulator stops
    /// a core for when the machine under it is busy.
    const HOLD_LIMIT: u64 = 100_000_000;

    #[cold]
    fn lock_report(report: &Report<'_>) {
        match report {
            Report::HeldTooLong { .. } => report_hold(report),
            Report::StillHeld { core, .. } => report_holder(report, *core),
            _ => panic!("{report}"),
        }
    }

    #[inline(always)]
    fn wait_while_eq(word: &AtomicU32, value: u32) -> u32 {
        arch::wait::while_eq(word, value)
    }

    #[inline(always)]
    fn wait_until_eq(word: &AtomicU32, value: u32) {
        arch::wait::until_eq(word, value);
    }
}

/// Whether somebody reports a hold.
static BUSY: AtomicBool = AtomicBool::new(false);

/// Logs a hold that was too long. Not with another lock held, which may be the console's: that one
/// has been held for even longer, and is reported when it goes. Nor while another is reported, for
/// it may be the console that is slow.
fn report_hold(report: &Report<'_>) {
    if cpu::this().held.count() == 0 && !BUSY.swap(true, Ordering::Acquire) {
        log::warn!("{report}");
        BUSY.store(false, Ordering::Release);
    }
}

/// Prints who holds a lock that this core waits for, and what runs there. Past the console's locks:
/// one of them may be the one.
fn report_holder(report: &Report<'_>, core: Option<usize>) {
    let thread = core.and_then(|core| cpu::core(core).thread());
    let was_busy = BUSY.swap(true, Ordering::Acquire);
    console::print_past_locks(format_args!(
        "{}; that core runs {}\n",
        logger::Line(log::Level::Warn, format_args!("{report}")),
        Who(thread)
    ));
    if !was_busy {
        BUSY.store(false, Ordering::Release);
    }
}

// SAFETY: CPU-ID. The number is in the block that TPIDR_EL1 names, one for each core.
unsafe impl CpuId for Host {
    const MAX: usize = cpu::MAX;

    #[inline(always)]
    fn id() -> usize {
        cpu::current()
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
    unsafe fn unpark_masked(task: &&'static Thread, state: u64) -> NonZeroUsize {
        // SAFETY: CPU-MASK, by the caller's promise; it does not return 0.
        unsafe { NonZeroUsize::new_unchecked(run_queue::unpark_masked(task, state)) }
    }

    #[inline(always)]
    fn blocked_on(name: &'static str) {
        thread::current().set_blocked_on(name, false);
    }

    #[inline(always)]
    fn idle_on(name: &'static str) {
        thread::current().set_blocked_on(name, true);
    }

    #[inline(always)]
    fn now() -> Instant {
        time::now()
    }

    #[inline(always)]
    fn owner_id() -> OwnerId {
        OwnerId::new(core::ptr::from_ref(thread::current()).expose_provenance())
    }

    fn inherit(event: PiEvent<'_>) {
        inherit::hear(event);
    }

    /// No longer than until another thread is to run here.
    fn is_worth_spinning_for(owner: OwnerId) -> bool {
        let me = thread::current();
        let runs = |core: &cpu::Core| core.current.load(Ordering::Relaxed).addr() == owner.get();
        !me.need_resched.load(Ordering::Relaxed)
            && core::ptr::from_ref(me).addr() != owner.get()
            && cpu::online().any(runs)
    }
}

// SAFETY: HANDLE-WORD: an address and back; threads are never freed.
unsafe impl WordHandle for Host {
    #[inline(always)]
    fn into_word(task: &'static Thread) -> *const () {
        core::ptr::from_ref(task).cast()
    }

    #[inline(always)]
    unsafe fn from_word(word: *const ()) -> &'static Thread {
        // SAFETY: HANDLE-WORD: of `into_word`.
        unsafe { &*word.cast() }
    }
}

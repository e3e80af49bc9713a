//! What a core does that has nothing to run: pull a thread from another, or sleep.

use super::place::Spare;
use super::switch::make_way;
use super::wake::migrate;
use super::{Locked, thread_of};
use crate::cpu::{self, Core, Counts};
use crate::{thread, time};
use core::sync::atomic::Ordering;
use layercake_arch_arm64 as arch;
use layercake_sched::{CpuSet, Enqueue, pull_from};

/// What an idle core does, for ever: takes a thread from a core that has too many, or sleeps
/// until an interrupt.
pub(crate) fn idle_loop() -> ! {
    let core = cpu::this();
    core.idle_since.store(time::ticks(), Ordering::Relaxed);
    cpu::IDLE.fetch_or(1 << core.id(), Ordering::Relaxed);
    loop {
        arch::irq::mask();
        if thread::current().need_resched.load(Ordering::Relaxed) {
            make_way();
        } else {
            match pull(core) {
                Pulled::One => make_way(),
                Pulled::Nothing => arch::wait::for_interrupt(),
                Pulled::NotNow => core::hint::spin_loop(),
            }
        }
        // SAFETY: IRQ-NEST: the idle loop holds nothing; it begins and ends with them on.
        unsafe { arch::irq::unmask() };
    }
}

/// What came of a [`pull`].
enum Pulled {
    One,
    Nothing,
    /// Somebody has the lock of the core that it would be taken from.
    NotNow,
}

/// Moves one thread that waits on a busy core to `core`, this one, which idles. Interrupts are
/// masked.
fn pull(core: &'static Core) -> Pulled {
    let mut candidates = CpuSet::from_bits(u64::from(cpu::online_mask()));
    let (pulled, now) = loop {
        let Some(from) = pull_from(candidates, core.id(), &Spare) else {
            return Pulled::Nothing;
        };
        // In a queue for the lock it would keep that core waiting, and itself with interrupts masked.
        let Some(mut locked) = Locked::try_take(cpu::core(from)) else {
            return Pulled::NotNow;
        };
        let now = time::ticks();
        if let Some(pulled) = locked.queue().pull(CpuSet::one(core.id()), now) {
            thread_of(&pulled).set_core(core.id());
            break (pulled, now);
        }
        // All that wait there have to stay.
        candidates = candidates.without(from);
    };
    let thread = thread_of(&pulled);
    let mut locked = Locked::take(core);
    if !thread.allowed().contains(core.id()) {
        // Changed while it was on no queue.
        drop(locked);
        migrate(thread);
        return Pulled::Nothing;
    }
    Counts::add(&thread.migrations);
    locked.queue().enqueue(pulled, now, Enqueue::Migrate);
    Pulled::One
}

/// How long a core has idled, in ticks. Its run queue is locked by the caller.
pub(super) fn idle_time(core: &Core, now: u64) -> u64 {
    let mut time = core.idle_time.load(Ordering::Relaxed);
    if cpu::IDLE.load(Ordering::Relaxed) & (1 << core.id()) != 0 {
        time += now.saturating_sub(core.idle_since.load(Ordering::Relaxed));
    }
    time
}

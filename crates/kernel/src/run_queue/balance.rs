//! Balance among cores that are all busy: when a core looks, and the move. Which thread goes where
//! is the policy's to say.
//!
//! A core looks by a timer of its own, which is armed only while fair threads wait there: when a turn
//! ends, when a fair thread has to make way for one of real time, and when one is placed behind one of
//! real time. So a core that idles, or on which one thread runs, has no such timer, and it costs
//! nothing but where it is armed.

use super::wake::migrate;
use super::{Locked, thread_of};
use crate::cpu::{self, Core};
use crate::sync::IrqCx;
use crate::{irq, time};
use layercake_arch_arm64 as arch;
use layercake_sched::{BALANCE_SLICES, CoreLoad, CpuSet, Enqueue, EntityRef};
use layercake_timer::TimerRef;

/// Lets `core`, the calling one, look for a better place for its threads in `ticks`, unless it will
/// anyway. Interrupts are masked.
#[cold]
#[inline(never)]
pub(super) fn look_in(core: &'static Core, ticks: u64) {
    debug_assert!(arch::irq::masked());
    if cpu::count() > 1 {
        let tick = time::rough_ticks().saturating_add(ticks);
        // SAFETY: TMR-LIVE: cores are static. TMR-LOCK: it is touched under the lock of its core's
        // queue alone.
        unsafe { time::arm_own(core, &core.balance, tick) }
    }
}

/// The action of a core's own timer: looks, and gives away a thread. In the timer's handler.
pub(crate) fn on_look(_: TimerRef) {
    let core = cpu::this();
    let now = time::rough_ticks();
    let online = CpuSet::from_bits(u64::from(cpu::online_mask()));
    // One after the other, with no other lock held: they may be a little out of date. A core whose
    // lock is taken all the time is left out: it has better things to do than to be looked at.
    let mut loads = [CoreLoad::default(); cpu::MAX];
    let mut seen = CpuSet::one(core.id());
    for other in online.without(core.id()) {
        if let Some(mut locked) = try_to_take(cpu::core(other)) {
            loads[other] = locked.queue().load();
            seen = seen.with(other);
        }
    }
    let mut locked = Locked::take(core);
    let balance = locked.queue().balance(core.id(), seen, &loads, now);
    if let Some((moved, to)) = &balance.moved {
        // Under the lock of the core that it leaves.
        thread_of(moved).set_core(*to);
    }
    drop(locked);
    if let Some((moved, to)) = balance.moved {
        give(moved, to, now);
    }
    if let Some(ticks) = balance.again_in {
        look_in(core, ticks);
    }
}

/// Takes the lock of another core if that is free within a few hundred instructions. Does not queue
/// up for it: interrupts are masked, and that core would have to wait for its turn behind this one.
fn try_to_take(other: &'static Core) -> Option<Locked> {
    const TRIES: u32 = 100;
    (0..TRIES).find_map(|_| {
        core::hint::spin_loop();
        Locked::try_take(other)
    })
}

/// Puts a thread that is on no queue on that of core `to`, which looks then.
fn give(moved: EntityRef, to: usize, now: u64) {
    let thread = thread_of(&moved);
    let mut locked = Locked::take(cpu::core(to));
    if !thread.allowed().contains(to) {
        core::hint::cold_path();
        // Changed while it was on no queue.
        drop(locked);
        return migrate(thread);
    }
    cpu::Counts::add(&thread.migrations);
    locked.queue().enqueue(moved, now, Enqueue::Migrate);
    drop(locked);
    // It sets its timer for the end of a turn, and switches if it should.
    irq::send_sgi(to, irq::SGI_RESCHEDULE);
}

/// Lets core `id` look in a while: a fair thread is about to be put behind a real-time one there.
#[cold]
pub(super) fn ask_to_look(id: usize) {
    irq::send_sgi(id, irq::SGI_BALANCE);
}

/// What [`ask_to_look`] asks for. In the handler of the software interrupt.
pub(crate) fn on_balance_sgi(_: IrqCx<'_>) {
    let core = cpu::this();
    cpu::Counts::add(&core.counts.sgis);
    look_in(core, time::to_ticks(BALANCE_SLICES * cpu::SLICE_NS));
}

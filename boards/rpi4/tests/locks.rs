//! Spinlocks on four cores while interrupts come: nobody else is inside, and interrupts are left
//! as they were found, in any nesting (L1).
//@ timeout: 120
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

mod support;

use core::sync::atomic::{AtomicU64, Ordering};
use layercake_arch_arm64::irq;
use layercake_kernel::config::HZ;
use layercake_kernel::platform;
use layercake_kernel::sync::{Masked, TaskAtomic, irq_off, preempt_off};
use layercake_kernel::{Host, IrqCx, IrqSpinLock, SpinLock, kprintln};
use support::*;

kernel_tests!(
    interrupts_are_left_as_they_were,
    a_failed_try_changes_nothing,
    counters_are_exact,
    handlers_and_threads_share_a_lock,
);

const DEPTH: usize = 6;
static PREEMPT: [SpinLock<()>; DEPTH] = [const { SpinLock::new(()) }; DEPTH];
static IRQ: [IrqSpinLock<()>; DEPTH] = [const { IrqSpinLock::new(()) }; DEPTH];
static CHOICES: Random = Random::new(0x5eed_10c5);

fn interrupts_are_left_as_they_were(cx: &mut TaskCx) {
    for _ in 0..2000 {
        nest(cx.atomic(), DEPTH);
    }
}

/// Some nesting of locks and sections, one inside of the other.
fn nest(mut cx: TaskAtomic<'_>, depth: usize) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    assert!(!irq::masked());
    match CHOICES.below(5) {
        0 => nest(PREEMPT[depth].lock(cx.reborrow()).atomic(), depth),
        1 => nest_masked(IRQ[depth].lock(cx.reborrow()).atomic(), depth),
        2 => preempt_off::<Host, _>(cx.reborrow(), |_, cx| nest(cx, depth)),
        3 => irq_off::<Host, _>(cx.reborrow(), |cx| nest_masked(cx, depth)),
        _ => {
            let mut outer = PREEMPT[depth].try_lock(cx.reborrow()).expect("a free lock");
            nest(outer.atomic(), depth);
            nest_masked(IRQ[depth].lock(outer.atomic()).atomic(), depth);
        }
    }
    assert!(!irq::masked());
}

fn nest_masked(cx: Masked<'_>, depth: usize) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    assert!(irq::masked());
    match CHOICES.below(4) {
        0 => nest_masked(IRQ[depth].lock_masked(cx).atomic(), depth),
        1 => nest_masked(IRQ[depth].lock(cx).atomic(), depth),
        2 => irq_off::<Host, _>(cx, |cx| nest_masked(cx, depth)),
        _ => {
            // Out of order: where interrupts are masked already, any order will do.
            let first = IRQ[depth].lock_masked(cx);
            let second = IRQ[depth.saturating_sub(1)].try_lock_masked(cx);
            drop(first);
            assert!(irq::masked());
            drop(second);
        }
    }
    assert!(irq::masked());
}

fn a_failed_try_changes_nothing(cx: &mut TaskCx) {
    static TAKEN: IrqSpinLock<()> = IrqSpinLock::new(());
    let mut outer = PREEMPT[0].lock(cx.atomic());
    let held = TAKEN.lock(outer.atomic());
    assert!(TAKEN.try_lock(held.atomic()).is_none());
    assert!(irq::masked());
    drop(held);
    assert!(!irq::masked());
}

const TURNS: u64 = 250_000;

/// Two threads on each core, so that turns end by the timer; each of them takes both locks.
fn counters_are_exact(cx: &mut TaskCx) {
    static PLAIN: SpinLock<u64> = SpinLock::new(0);
    static MASKING: IrqSpinLock<u64> = IrqSpinLock::new(0);
    static DONE: AtomicU64 = AtomicU64::new(0);
    let timers = || cores().map(timer_interrupts).sum::<u64>();
    let (start, before) = (time::now(), timers());
    in_parallel(cx, 2, |_, cx| {
        let done = Budget::new(TURNS / 2, 15).spend(|turn| {
            if turn % 2 == 0 {
                *PLAIN.lock(cx.atomic()) += 1;
                *MASKING.lock(cx.atomic()) += 1;
            } else {
                let mut plain = PLAIN.lock(cx.atomic());
                *MASKING.lock(plain.atomic()) += 1;
                *plain += 1;
            }
        });
        DONE.fetch_add(done, Ordering::Relaxed);
    });
    let done = DONE.load(Ordering::Relaxed);
    let timers = timers() - before;
    let turns = time::now().saturating_duration_since(start).as_nanos() as u64 * HZ / 1_000_000_000;
    kprintln!("each lock taken {done} times; {timers} timer interrupts, {turns} turns of time");
    assert_eq!(*PLAIN.lock(cx.atomic()), done);
    assert_eq!(*MASKING.lock(cx.atomic()), done);
    assert!(timers > 0, "no interrupt came in between");
    // The end of a turn that cannot be ended yet, because of a lock, is no reason for another.
    assert!(
        timers <= 4 * (turns + 10) * cpu::count() as u64,
        "the timer interrupts again and again"
    );
}

fn handlers_and_threads_share_a_lock(cx: &mut TaskCx) {
    static SHARED: IrqSpinLock<(u64, u64)> = IrqSpinLock::new((0, 0));
    static HANDLED: AtomicU64 = AtomicU64::new(0);
    fn handler(cx: IrqCx<'_>) {
        let mut shared = SHARED.lock(cx);
        shared.0 += 1;
        assert_eq!(shared.0, shared.1 + 1, "somebody is inside already");
        shared.1 += 1;
        HANDLED.fetch_add(1, Ordering::Relaxed); // under the lock
    }
    let sgi = register_sgi(cx, 0, handler);
    static DONE: AtomicU64 = AtomicU64::new(0);
    in_parallel(cx, 1, move |core, cx| {
        let random = Random::new(core as u64 + 1);
        let done = Budget::new(5000, 10).spend(|_| {
            let target = random.below(cpu::count() as u64) as usize;
            let mut shared = SHARED.lock(cx.atomic());
            shared.0 += 1;
            // The interrupt comes while the lock is held, here or on another core.
            platform::get().send_sgi(target, sgi);
            random.dawdle(20);
            assert_eq!(shared.0, shared.1 + 1, "somebody is inside already");
            shared.1 += 1;
        });
        DONE.fetch_add(done, Ordering::Relaxed);
    });
    // Under the lock, so that no handler is between its two counts.
    let done = DONE.load(Ordering::Relaxed);
    let shared = SHARED.lock(cx.atomic());
    let handled = HANDLED.load(Ordering::Relaxed);
    // Software interrupts that come while one is pending are one with it.
    kprintln!("{done} turns, {handled} interrupts");
    assert!(handled > 0);
    assert_eq!(*shared, (done + handled, done + handled));
}

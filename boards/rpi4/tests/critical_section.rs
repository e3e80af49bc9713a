//! The critical section that drivers of others enter: one on all four cores, for threads and
//! handlers, and interrupts are left as they were found.
//@ features: critical-section
//@ timeout: 60
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

mod support;

use core::cell::Cell;
use core::sync::atomic::{AtomicU64, Ordering};
use layercake_arch_arm64::irq;
use layercake_kernel::sync::adapters::critical_section::{self, CriticalSection, Mutex};
use layercake_kernel::{Host, IrqCx, IrqSpinLock, kprintln, platform};
use support::*;

// SAFETY: SCOPED-CALLERS: the closures below count, send an interrupt, and bring nothing along.
layercake_kernel::sync::critical_section_impl!(unsafe Host);

kernel_tests!(interrupts_are_left_as_they_were, counts_are_exact);

fn interrupts_are_left_as_they_were(cx: &mut TaskCx) {
    assert!(!irq::masked());
    critical_section::with(|_| {
        critical_section::with(|_| assert!(irq::masked()));
        assert!(irq::masked());
    });
    assert!(!irq::masked());
    static LOCK: IrqSpinLock<()> = IrqSpinLock::new(());
    let guard = LOCK.lock(&mut *cx);
    critical_section::with(|_| assert!(irq::masked()));
    assert!(irq::masked());
    drop(guard);
    assert!(!irq::masked());
}

static COUNT: Mutex<Cell<(u64, u64)>> = Mutex::new(Cell::new((0, 0)));

/// Two numbers that are the same, except to whoever is inside.
fn count(cs: CriticalSection<'_>) {
    let count = COUNT.borrow(cs);
    let (first, second) = count.get();
    assert_eq!(first, second, "somebody is inside already");
    count.set((first + 1, second));
    let (first, second) = count.get();
    assert_eq!(first, second + 1, "somebody is inside already");
    count.set((first, second + 1));
}

/// Two threads on each core, and interrupts that come while the section is held, here or there.
fn counts_are_exact(cx: &mut TaskCx) {
    static THREADS: AtomicU64 = AtomicU64::new(0);
    static HANDLERS: AtomicU64 = AtomicU64::new(0);
    fn handler(_: IrqCx<'_>) {
        critical_section::with(|cs| {
            count(cs);
            HANDLERS.fetch_add(1, Ordering::Relaxed);
        });
    }
    let sgi = register_sgi(cx, 0, handler);
    in_parallel(cx, 2, move |core, _| {
        let random = Random::new(core as u64 + 1);
        let done = Budget::new(5000, 5).spend(|turn| {
            critical_section::with(|cs| {
                if turn % 16 == 0 {
                    let target = random.below(cpu::count() as u64) as usize;
                    platform::get().send_sgi(target, sgi);
                }
                critical_section::with(count);
                count(cs);
            });
        });
        THREADS.fetch_add(2 * done, Ordering::Relaxed);
    });
    critical_section::with(|cs| {
        let (threads, handlers) = (&THREADS, &HANDLERS);
        let [threads, handlers] = [threads, handlers].map(|n| n.load(Ordering::Relaxed));
        kprintln!("{threads} turns of threads, {handlers} of handlers");
        assert!(handlers > 0, "no interrupt came");
        assert_eq!(
            COUNT.borrow(cs).get(),
            (threads + handlers, threads + handlers)
        );
    });
}

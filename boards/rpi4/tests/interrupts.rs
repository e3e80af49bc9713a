//! Interrupts find their handlers, on the core that they were sent to; one that nobody handles is
//! counted and does no harm.
//@ timeout: 60
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

mod support;

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use layercake_arch_arm64::counter;
use layercake_kernel::irq::{self, MAX_IRQS, RegisterError, SGI_FREE, register};
use layercake_kernel::platform::{self, IrqId};
use layercake_kernel::{IrqCx, kprintln};
use support::*;

kernel_tests!(
    what_is_taken_cannot_be_had,
    each_core_gets_its_own,
    one_that_nobody_handles_does_no_harm,
);

fn what_is_taken_cannot_be_had(_: &mut TaskCx) {
    fn nothing(_: IrqCx<'_>) {}
    let console = platform::get().uart().irq();
    for taken in [IrqId(0), IrqId(SGI_FREE - 1), IrqId(counter::PPI), console] {
        assert_eq!(
            register(taken, nothing),
            Err(RegisterError::Taken),
            "{taken:?}"
        );
    }
    for none in [MAX_IRQS as u32, u32::MAX] {
        assert_eq!(
            register(IrqId(none), nothing),
            Err(RegisterError::NoSuchIrq)
        );
    }
    let free = IrqId(SGI_FREE + 7);
    assert_eq!(register(free, nothing), Ok(()));
    assert_eq!(register(free, nothing), Err(RegisterError::Taken));
}

static HERE: AtomicUsize = AtomicUsize::new(usize::MAX);

fn each_core_gets_its_own(cx: &mut TaskCx) {
    let sgi = register_sgi(cx, 0, |_: IrqCx<'_>| {
        HERE.store(cpu::current(), Ordering::Release)
    });
    for _ in 0..100 {
        for core in cores() {
            HERE.store(usize::MAX, Ordering::Relaxed);
            platform::get().send_sgi(core, sgi);
            spin_until("it comes", || HERE.load(Ordering::Acquire) != usize::MAX);
            assert_eq!(HERE.load(Ordering::Acquire), core);
        }
    }
}

fn one_that_nobody_handles_does_no_harm(cx: &mut TaskCx) {
    let nobodys = SGI_FREE + 3;
    let before = irq::unhandled();
    for core in cores() {
        run_on(cx, core, Priority::default(), move |_| {
            platform::get().enable(IrqId(nobodys));
            platform::get().send_sgi(cpu::current(), nobodys);
        });
    }
    wait_for(cx, "it is counted", || irq::unhandled() > before);
    each_core_still_runs(cx);
    kprintln!("  {} unhandled", irq::unhandled() - before);
}

fn each_core_still_runs(cx: &mut TaskCx) {
    static QUEUE: WaitQueue = WaitQueue::new("signs of life");
    static RAN: AtomicU64 = AtomicU64::new(0);
    in_parallel(cx, 1, |_, cx| {
        time::sleep(cx, Duration::from_millis(5));
        RAN.fetch_add(1, Ordering::Relaxed);
        QUEUE.wake_one();
    });
    QUEUE.wait_until(cx, |_| {
        (RAN.load(Ordering::Relaxed) == cpu::count() as u64).then_some(())
    });
}

//! A panic stops all cores and tells of each, whatever they were doing: panicking too, spinning
//! with interrupts masked, printing. And sleeping where nobody may is a panic (W12).
//!
//! Each case is a run.
//@ timeout: 40
//@ exit: 101
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

extern crate alloc;

mod support;

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use layercake_kernel::sync::irq_off;
use layercake_kernel::{Host, IrqCx, SpinLock, Work, kprintln, platform, system_work};
use support::*;

kernel_cases!(
    message_and_backtrace,
    every_core_is_told_of,
    two_at_once,
    another_is_masked,
    all_print,
    display_panics,
    in_an_interrupt_handler,
    no_memory,
    sleep_with_a_lock_held,
    sleep_with_interrupts_masked,
    sleep_in_an_interrupt_handler,
    in_an_item,
);

//@ case: message_and_backtrace
//@ expect: *** panic at boards/rpi4/tests/panics.rs:
//@ expect: : the number is 42
//@ expect: "unlucky",
//@ expect: backtrace of core
//@ expect: panics::outer
//@ expect: panics::inner
fn message_and_backtrace(cx: &mut TaskCx) {
    let thread = thread::spawn("unlucky", Priority::default(), |_| outer(42));
    thread.expect("a thread").join(cx);
}

#[inline(never)]
fn outer(number: u32) {
    inner(number);
    core::hint::black_box(());
}

#[inline(never)]
fn inner(number: u32) {
    assert_ne!(number, 42, "the number is {number}");
}

//@ case: every_core_is_told_of
//@ expect: core 0, thread
//@ expect: core 1, thread
//@ expect: core 2, thread
//@ expect: core 3, thread
//@ expect: "spins"
//@ expect: spins_here+0x
fn every_core_is_told_of(cx: &mut TaskCx) {
    static SPINNING: AtomicU32 = AtomicU32::new(0);
    #[inline(never)]
    fn spins_here() {
        SPINNING.fetch_add(1, Ordering::Relaxed);
        spin_until("the end", || false);
    }
    for core in cores() {
        let thread = Builder::new("spins").affinity(CpuSet::one(core));
        thread.spawn(|_| spins_here()).expect("a thread").detach();
    }
    wait_for(cx, "all spin", || {
        SPINNING.load(Ordering::Relaxed) == cpu::count() as u32
    });
    panic!("enough");
}

//@ case: two_at_once
//@ expect: the one on core 1
//@ expect: the one on core 2
//@ expect: at the same time
fn two_at_once(cx: &mut TaskCx) {
    static BOTH: Meeting = Meeting::new(2);
    for core in [1, 2] {
        spawn_on(core, Priority::default(), move |cx| {
            // Masked, so that the other one's interrupt does not come before the panic.
            irq_off::<Host, _>(cx.atomic(), |_| {
                BOTH.meet();
                panic!("the one on core {core}");
            });
        })
        .detach();
    }
    time::sleep(cx, PATIENCE);
}

//@ case: another_is_masked
//@ expect: *** panic at
//@ expect: "stuck": does not answer; interrupts are masked there
fn another_is_masked(cx: &mut TaskCx) {
    static STUCK: AtomicU32 = AtomicU32::new(0);
    // From another core: on that one no timer comes any more, and so nobody wakes who sleeps there.
    run_on(cx, 0, Priority::default(), |cx| {
        let stuck = Builder::new("stuck").affinity(CpuSet::one(3));
        let stuck = stuck.spawn(|cx| {
            irq_off::<Host, _>(cx.atomic(), |_| {
                STUCK.store(1, Ordering::Release);
                loop {
                    core::hint::spin_loop();
                }
            })
        });
        stuck.expect("a thread").detach();
        wait_for(cx, "it is stuck", || STUCK.load(Ordering::Acquire) == 1);
        panic!("enough");
    });
}

//@ case: all_print
//@ timeout: 60
//@ expect: *** panic at
//@ expect: : in the middle of it
//@ expect: core 3, thread
fn all_print(cx: &mut TaskCx) {
    static LINES: AtomicU32 = AtomicU32::new(0);
    for core in cores() {
        spawn_on(core, Priority::default(), move |_| {
            for line in 0_u64.. {
                kprintln!("core {core}, line {line}: as fast as the port takes it");
                LINES.fetch_add(1, Ordering::Relaxed);
            }
        })
        .detach();
    }
    wait_for(cx, "some is printed", || {
        LINES.load(Ordering::Relaxed) > 400
    });
    panic!("in the middle of it");
}

/// Panics when it is shown.
struct Trap;

impl fmt::Display for Trap {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("the trap shuts")
    }
}

//@ case: display_panics
//@ expect: the trap shuts
//@ expect: while reporting the trouble above
fn display_panics(_: &mut TaskCx) {
    panic!("a message with a {Trap}");
}

//@ case: in_an_interrupt_handler
//@ expect: : a handler's
//@ expect: *** core 2, thread
//@ expect: handler+0x
fn in_an_interrupt_handler(cx: &mut TaskCx) {
    let sgi = register_sgi(cx, 0, handler);
    platform::get().send_sgi(2, sgi);
    time::sleep(cx, PATIENCE);
}

#[inline(never)]
fn handler(_: IrqCx<'_>) {
    panic!("a handler's");
}

//@ case: no_memory
//@ expect: memory allocation of 1099511627776 bytes failed
fn no_memory(_: &mut TaskCx) {
    core::hint::black_box(alloc::vec::Vec::<u8>::with_capacity(1 << 40));
}

/// The right to sleep, where nobody has it.
fn forged() -> TaskCx {
    // SAFETY: none: this is what must be reported.
    unsafe { TaskCx::new() }
}

//@ case: sleep_with_a_lock_held
//@ expect: "main" was about to sleep, but the spinlock taken at boards/rpi4/tests/panics.rs:
fn sleep_with_a_lock_held(cx: &mut TaskCx) {
    static LOCK: SpinLock<()> = SpinLock::new(());
    let _held = LOCK.lock(cx.atomic());
    time::sleep(&mut forged(), Duration::from_millis(1));
}

//@ case: sleep_with_interrupts_masked
//@ expect: "main" was about to sleep, but interrupts are masked
fn sleep_with_interrupts_masked(cx: &mut TaskCx) {
    irq_off::<Host, _>(cx.atomic(), |_| {
        time::sleep(&mut forged(), Duration::from_millis(1));
    });
}

//@ case: sleep_in_an_interrupt_handler
//@ expect: was about to sleep, but this is an interrupt handler
fn sleep_in_an_interrupt_handler(cx: &mut TaskCx) {
    let sgi = register_sgi(cx, 0, |_: IrqCx<'_>| {
        time::sleep(&mut forged(), Duration::from_millis(1));
    });
    platform::get().send_sgi(1, sgi);
    time::sleep(cx, PATIENCE);
}

//@ case: in_an_item
//@ expect: : the item panics
//@ expect: in item `unlucky` of work queue unbound
//@ expect: backtrace of core
fn in_an_item(cx: &mut TaskCx) {
    static ITEM: Work = Work::new("unlucky", |_, _| panic!("the item panics"));
    let _ = system_work::unbound().queue(&ITEM);
    let _ = ITEM.flush(cx);
}

//! L2 on the machine: two threads take two locks in opposite orders, one after the other, so that
//! nothing ever hangs; the kernel says so all the same, with the places of both. And what else
//! the check of the lock order reports; and that the kernel's own locks give it nothing to report.
//@ features: order,stats
//@ timeout: 60
//@ case: opposite_orders
//@ exit: 101
//@ expect: lock order inversion: "second"
//@ expect: /lock_order.rs:59:
//@ expect: /lock_order.rs:60:
//@ expect: /lock_order.rs:65:
//@ expect: /lock_order.rs:66:
//@ case: taken_twice
//@ exit: 101
//@ expect: /lock_order.rs:80:
//@ expect: /lock_order.rs:83:
//@ expect: it would wait for ever
//@ case: masked_here_and_not_there
//@ exit: 101
//@ expect: "half" (
//@ expect: a handler could wait for its own core
//@ case: held_for_long
//@ expect: "long" (
//@ expect: was held for
//@ case: held_for_ever
//@ exit: stopped
//@ wait: "stuck" (
//@ wait: on core 1, has been held for
//@ wait: still is: it is waited for at
//@ wait: that core runs thread
//@ reject: was held for
//@ case: the_kernel_itself
//@ reject: was held for
//@ expect: run queue: counted
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

mod support;

use layercake_kernel::sync::{Masked, NoMask, TaskAtomic, irq_off, stats};
use layercake_kernel::{Host, IrqSpinLock, SpinLock, kprintln};
use support::*;

kernel_cases!(
    opposite_orders,
    taken_twice,
    masked_here_and_not_there,
    held_for_long,
    held_for_ever,
    the_kernel_itself,
);

static FIRST: SpinLock<u32> = SpinLock::new(0).named("first");
static SECOND: SpinLock<u32> = SpinLock::new(0).named("second");

// The directives above name these lines.
fn first_then_second(cx: &mut TaskCx) {
    let mut first = FIRST.lock(cx);
    *SECOND.lock(first.atomic()) += 1;
    *first += 1;
}

fn second_then_first(cx: &mut TaskCx) {
    let mut second = SECOND.lock(cx);
    *FIRST.lock(second.atomic()) += 1;
    *second += 1;
}

fn opposite_orders(cx: &mut TaskCx) {
    run_on(cx, 1, Priority::default(), first_then_second);
    assert_eq!(*FIRST.lock(cx.atomic()), 1);
    assert_eq!(*SECOND.lock(cx.atomic()), 1);
    kprintln!("the first thread has ended");
    run_on(cx, 2, Priority::default(), second_then_first);
    kprintln!("nothing was reported");
}

fn taken_twice(cx: &mut TaskCx) {
    let _first = FIRST.lock(cx);
    // The lie: a second token. SAFETY: CX-ATOMIC is kept, it is only the lock that is not free.
    let token = unsafe { TaskAtomic::assume() };
    *FIRST.lock(token) += 1;
}

fn masked_here_and_not_there(cx: &mut TaskCx) {
    static HALF: layercake_kernel::sync::SpinLock<u32, NoMask<Host>> =
        layercake_kernel::sync::SpinLock::new(0).named("half");
    irq_off::<Host, _>(&mut *cx, |masked| *HALF.lock(masked) += 1);
    // The lie: interrupts are on. SAFETY: no handler takes this lock.
    *HALF.lock(unsafe { Masked::assume() }) += 1;
}

fn held_for_long(cx: &mut TaskCx) {
    static LONG: SpinLock<()> = SpinLock::new(()).named("long");
    let guard = LONG.lock(cx);
    let end = time::now() + Duration::from_millis(150);
    spin_until("some time has passed", || time::now() >= end);
    drop(guard);
}

/// The report comes from one who waits: the holder does not come to it.
fn held_for_ever(cx: &mut TaskCx) {
    static STUCK: SpinLock<()> = SpinLock::new(()).named("stuck");
    let _holder = spawn_on(1, Priority::default(), |cx| {
        let _guard = STUCK.lock(cx);
        loop {
            core::hint::spin_loop();
        }
    });
    spin_until("the other core holds the lock", || STUCK.is_locked());
    drop(STUCK.lock(cx));
    unreachable!("nobody gave it back");
}

/// Threads, sleeps, wakes, memory and console on four cores, with everything checked.
fn the_kernel_itself(cx: &mut TaskCx) {
    static LEFT: IrqSpinLock<u32> = IrqSpinLock::new(0);
    in_parallel(cx, 2, |core, cx| {
        for turn in 0..20 {
            let child = spawn_on(core, Priority::default(), |cx| *LEFT.lock(cx) += 1);
            time::sleep(cx, Duration::from_micros(200));
            child.join(cx);
            if turn % 10 == 0 {
                kprintln!("core {core}, turn {turn}");
            }
        }
    });
    assert_eq!(*LEFT.lock(cx), 160);
    stats::for_each(|lock| {
        assert!(lock.contended <= lock.acquisitions);
        if lock.class.name == Some("run queue") {
            assert!(lock.acquisitions > 0 && lock.longest_hold > 0);
            kprintln!("run queue: counted");
        }
    });
}

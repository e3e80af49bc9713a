//! A core that idles looks for threads that wait elsewhere, and looks everywhere. It does not stand in
//! the way of those cores that work: where it finds a run queue locked, it does not queue up.
//!
//! The emulator counts instructions here, so the figures are the same in every run.
//@ icount
//@ features: stats
//@ timeout: 60
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

extern crate alloc;
mod support;

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use layercake_kernel::kprintln;
use layercake_kernel::sync::stats;
use support::*;

kernel_tests!(
    who_looks_does_not_queue_up,
    who_may_not_move_hides_nobody_who_may,
);

/// How often a run queue was locked, and how often that had to wait.
fn run_queues() -> (usize, usize) {
    let mut sum = (0, 0);
    stats::for_each(|locks| {
        if locks.class.name == Some("run queue") {
            sum = (sum.0 + locks.acquisitions, sum.1 + locks.contended);
        }
    });
    assert!(sum.0 > 0, "this image counts no locks: it wants `stats`");
    sum
}

/// Two threads that give way to each other on core 0, so that one always waits there; and on every
/// other core one that naps, so that this core looks for something to do each time. Each takes the
/// lock of its own core's run queue alone; only who looks takes another's.
fn who_looks_does_not_queue_up(cx: &mut TaskCx) {
    static OVER: AtomicBool = AtomicBool::new(false);
    static YIELDS: AtomicU64 = AtomicU64::new(0);
    const NAPS: u64 = 500;
    let urgent = Priority::fifo(5);
    // Above the two, so that it is not kept from ending them.
    run_on(cx, 0, Priority::fifo(6), move |cx| {
        let give_way = |cx: &mut TaskCx| {
            while !OVER.load(Ordering::Relaxed) {
                thread::yield_now(cx);
                YIELDS.fetch_add(1, Ordering::Relaxed);
            }
        };
        let busy = [(); 2].map(|()| spawn_on(0, urgent, give_way));
        let nap = |cx: &mut TaskCx| {
            _ = Budget::new(NAPS, 10).spend(|_| time::sleep(cx, Duration::from_micros(20)));
        };
        let before = run_queues();
        let napping: Vec<_> = (1..cpu::count())
            .map(|core| spawn_on(core, urgent, nap))
            .collect();
        napping.into_iter().for_each(|thread| _ = thread.join(cx));
        let after = run_queues();
        OVER.store(true, Ordering::Relaxed);
        busy.into_iter().for_each(|thread| _ = thread.join(cx));
        let (taken, waited) = (after.0 - before.0, after.1 - before.1);
        let yields = YIELDS.load(Ordering::Relaxed);
        kprintln!("  {yields} yields; {taken} times locked, {waited} times after a wait");
        assert!(yields > 0, "nobody gave way");
        // The threads of core 0 do wait now and then for one that looks and has found nobody there.
        let looks = NAPS * (cpu::count() as u64 - 1);
        assert!(
            (waited as u64) < looks / 2,
            "{waited} waits for a run queue"
        );
    });
}

/// Most threads wait on core 1, but all of them have to stay there. One waits on core 2 that may go to
/// core 3, too; as soon as that one idles, it must run there.
fn who_may_not_move_hides_nobody_who_may(cx: &mut TaskCx) {
    static OVER: AtomicBool = AtomicBool::new(false);
    static CORE_3_OVER: AtomicBool = AtomicBool::new(false);
    static RAN_ON: AtomicU64 = AtomicU64::new(u64::MAX);
    let urgent = Priority::fifo(5);
    run_on(cx, 0, Priority::fifo(6), move |cx| {
        let spin = |over: &'static AtomicBool| {
            move |_: &mut TaskCx| spin_until("this is over", || over.load(Ordering::Relaxed))
        };
        let mut all = alloc::vec![
            spawn_on(1, urgent, spin(&OVER)),
            spawn_on(2, urgent, spin(&OVER)),
            spawn_on(3, urgent, spin(&CORE_3_OVER)),
        ];
        all.extend((0..3).map(|_| spawn_on(1, urgent, |_| {})));
        let movable = spawn_on(2, urgent, |_| {
            RAN_ON.store(cpu::current() as u64, Ordering::Relaxed);
        });
        let either = CpuSet::one(2).with(3);
        thread::set_affinity(movable.id(), either).expect("both are up");
        CORE_3_OVER.store(true, Ordering::Relaxed);
        let end = time::now() + Duration::from_millis(100);
        while RAN_ON.load(Ordering::Relaxed) == u64::MAX && time::now() < end {
            core::hint::spin_loop();
        }
        let ran_on = RAN_ON.load(Ordering::Relaxed);
        OVER.store(true, Ordering::Relaxed);
        all.push(movable);
        all.into_iter().for_each(|thread| _ = thread.join(cx));
        assert_eq!(
            ran_on, 3,
            "core 3 idled beside a thread that it could have run"
        );
    });
}

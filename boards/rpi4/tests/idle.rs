//! A core that idles looks for threads that wait elsewhere, and does not stand in the way of those
//! cores that work: where it finds a run queue locked, it does not queue up.
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

kernel_tests!(who_looks_does_not_queue_up);

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

//! The locks under real threads: for Miri with many seeds, and for the machine that runs the
//! tests.
#![cfg(not(loom))]

use layercake_sync::host::{StdCpu, interrupt, task};
use layercake_sync::{IrqOff, PreemptOff, SpinLock};
use std::sync::Barrier;
use std::thread;

/// Fewer rounds where each is a thousand times slower.
const ROUNDS: u32 = if cfg!(miri) { 25 } else { 20_000 };
const THREADS: u32 = 3;

/// Runs `f` on all threads at once.
fn all(f: impl Fn(u32) + Sync) {
    let start = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        for n in 0..THREADS {
            let (f, start) = (&f, &start);
            scope.spawn(move || {
                start.wait();
                f(n);
            });
        }
    });
}

#[test]
fn counts_are_exact() {
    let lock = SpinLock::<_, PreemptOff<StdCpu>>::new(0);
    all(|_| task(|cx| (0..ROUNDS).for_each(|_| *lock.lock(&mut *cx) += 1)));
    assert_eq!(lock.into_inner(), THREADS * ROUNDS);
}

#[test]
fn counts_are_exact_between_threads_and_handlers() {
    let lock = SpinLock::<_, IrqOff<StdCpu>>::new((0_u32, 0_u32));
    all(|n| {
        for round in 0..ROUNDS {
            if (round + n).is_multiple_of(3) {
                interrupt(|irq| lock.lock(irq).1 += 1);
            } else {
                task(|cx| lock.lock(cx).0 += 1);
            }
        }
    });
    let (threads, handlers) = lock.into_inner();
    assert_eq!(threads + handlers, THREADS * ROUNDS);
}

#[test]
fn tries_are_counted_once() {
    let lock = SpinLock::<_, IrqOff<StdCpu>>::new(0);
    let taken = std::sync::atomic::AtomicU32::new(0);
    all(|_| {
        task(|cx| {
            for _ in 0..ROUNDS {
                if let Some(mut guard) = lock.try_lock(&mut *cx) {
                    *guard += 1;
                    taken.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            }
        });
    });
    assert_eq!(lock.into_inner(), taken.into_inner());
}

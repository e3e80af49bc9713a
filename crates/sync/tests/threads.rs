//! The locks under real threads: for Miri with many seeds, and for the machine that runs the
//! tests.
#![cfg(not(loom))]

use layercake_sync::host::{StdCpu, interrupt, task};
use layercake_sync::queued::QueuedLock;
use layercake_sync::{IrqOff, PreemptOff, RwSpinLock, SeqLock, SpinLock};
use std::sync::Barrier;
use std::thread;

/// Fewer rounds where each is a thousand times slower, and where there are many schedules instead.
const ROUNDS: u32 = if cfg!(miri) { 5 } else { 20_000 };
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

#[test]
fn queued_counts_are_exact() {
    let lock = SpinLock::<_, PreemptOff<StdCpu>, QueuedLock>::new(0);
    all(|_| task(|cx| (0..ROUNDS).for_each(|_| *lock.lock(&mut *cx) += 1)));
    assert!(!lock.is_locked());
    assert_eq!(lock.into_inner(), THREADS * ROUNDS);
}

#[test]
fn a_queued_lock_moves_while_a_forgotten_guard_holds_it() {
    let lock = SpinLock::<_, PreemptOff<StdCpu>, QueuedLock>::new(0);
    task(|cx| std::mem::forget(lock.lock(cx)));
    let moved = Box::new(lock);
    assert!(moved.is_locked());
    thread::scope(|scope| {
        let next = scope.spawn(|| task(|cx| *moved.lock(cx) += 1));
        // SAFETY: LOCK-HELD: the guard was forgotten above.
        unsafe { moved.force_unlock() };
        next.join().unwrap();
    });
    assert_eq!(moved.into_inner(), 1);
}

#[test]
fn readers_see_no_write_in_progress() {
    let lock = RwSpinLock::<_, PreemptOff<StdCpu>>::new((0, 0));
    all(|n| {
        task(|cx| {
            for round in 0..ROUNDS {
                if n == 0 || round % 8 == 0 {
                    let mut pair = lock.write(&mut *cx);
                    pair.0 += 1;
                    pair.1 += 1;
                } else {
                    let pair = lock.read(&mut *cx);
                    assert_eq!(pair.0, pair.1);
                }
            }
        });
    });
    let writes = ROUNDS + (THREADS - 1) * ROUNDS.div_ceil(8);
    assert_eq!(lock.into_inner(), (writes, writes));
}

#[test]
fn records_are_read_whole() {
    let lock = SeqLock::<[usize; 3], IrqOff<StdCpu>>::new([0; 3]);
    all(|n| {
        task(|cx| {
            for round in 0..ROUNDS {
                if (round + n).is_multiple_of(4) {
                    lock.update(&mut *cx, |[n, ..]| [n + 1; 3]);
                } else {
                    let [a, b, c] = lock.read(&mut *cx);
                    assert!(a == b && b == c);
                }
            }
        });
    });
    task(|cx| {
        let writes =
            (0..THREADS).map(|n| (0..ROUNDS).filter(|r| (r + n).is_multiple_of(4)).count());
        assert_eq!(lock.read(cx)[0], writes.sum::<usize>());
    });
}

#[test]
fn a_record_of_64_bits_is_put_together_again() {
    let lock = SeqLock::<u64, IrqOff<StdCpu>>::new(u64::MAX - 5);
    task(|cx| {
        assert_eq!(lock.read(&mut *cx), u64::MAX - 5);
        lock.write(&mut *cx, 0x0123_4567_89ab_cdef);
        assert_eq!(lock.try_read(), Some(0x0123_4567_89ab_cdef));
        lock.update(cx, |n| n.rotate_left(8));
    });
    assert_eq!(lock.try_read(), Some(0x2345_6789_abcd_ef01));
}

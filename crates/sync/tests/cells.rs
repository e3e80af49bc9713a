//! Values made once, and values of which each core has its own.
#![cfg(not(loom))]

use layercake_sync::host::{StdCpu, interrupt, irqs_masked, task};
use layercake_sync::once::{Lazy, Once};
use layercake_sync::percpu::{Line, PerCpu};
use layercake_sync::{CpuId, IrqOff, PreemptOff, irq_off, preempt_off};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;

#[test]
fn all_get_what_one_made() {
    let once = Once::<String, IrqOff<StdCpu>>::new();
    let makings = AtomicU32::new(0);
    let start = Barrier::new(3);
    thread::scope(|scope| {
        for n in 0..3 {
            let (once, makings, start) = (&once, &makings, &start);
            scope.spawn(move || {
                start.wait();
                task(|cx| {
                    let value = once.get_or_make(cx, |_| {
                        assert!(irqs_masked());
                        makings.fetch_add(1, Relaxed);
                        format!("made by {n}")
                    });
                    assert_eq!(Some(value), once.get());
                });
            });
        }
    });
    assert_eq!(makings.into_inner(), 1);
}

#[test]
fn a_maker_that_panics_has_made_nothing() {
    let once = Once::<u32, IrqOff<StdCpu>>::new();
    task(|cx| {
        let end = catch_unwind(AssertUnwindSafe(|| {
            once.get_or_make(&mut *cx, |_| panic!("no"));
        }));
        assert!(end.is_err() && once.get().is_none() && !irqs_masked());
        assert_eq!(*once.get_or_make(cx, |_| 7), 7);
    });
}

#[test]
fn a_handler_asks_for_what_a_thread_makes() {
    static TABLE: Lazy<Vec<u32>, IrqOff<StdCpu>> = Lazy::new(|| vec![1, 2, 3]);
    assert!(TABLE.get().is_none());
    interrupt(|irq| assert_eq!(TABLE.get_or_make(irq).len(), 3));
    task(|cx| assert_eq!(TABLE.get_or_make(cx)[0], 1));
}

#[test]
fn a_value_is_dropped_with_its_once() {
    struct Count<'a>(&'a AtomicU32);
    impl Drop for Count<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let drops = AtomicU32::new(0);
    let mut once = Once::<_, PreemptOff<StdCpu>>::new();
    task(|cx| once.get_or_make(cx, |_| Count(&drops)).0.load(Relaxed));
    assert!(once.get_mut().is_some());
    drop(once);
    drop(Once::<Count<'_>, PreemptOff<StdCpu>>::new());
    assert_eq!(drops.into_inner(), 1);
}

const CORES: usize = StdCpu::MAX;

#[test]
fn each_core_counts_for_itself() {
    type Counter<M> = PerCpu<Cell<u32>, M, CORES>;
    let threads = Counter::<PreemptOff<StdCpu>>::new([const { Line(Cell::new(0)) }; CORES]);
    let anyone = Counter::<IrqOff<StdCpu>>::new([const { Line(Cell::new(0)) }; CORES]);
    let start = Barrier::new(3);
    thread::scope(|scope| {
        for n in 1..=3 {
            let (threads, anyone, start) = (&threads, &anyone, &start);
            scope.spawn(move || {
                start.wait();
                for _ in 0..n {
                    task(|cx| {
                        preempt_off::<StdCpu, _>(&mut *cx, |pinned, _| {
                            let mine = threads.get(pinned);
                            mine.set(mine.get() + 1);
                            interrupt(|irq| anyone.get(irq.into()).set(n));
                        });
                        irq_off::<StdCpu, _>(cx, |masks| {
                            assert_eq!(anyone.get(masks).replace(0), n);
                        });
                    });
                }
                task(|cx| {
                    preempt_off::<StdCpu, _>(cx, |pinned, _| {
                        assert_eq!(threads.get(pinned).get(), n);
                    });
                });
                start.wait();
            });
        }
    });
}

#[test]
fn a_report_looks_at_all_cores() {
    let cells = PerCpu::<AtomicU32, PreemptOff<StdCpu>, CORES>::new(
        [const { Line(AtomicU32::new(2)) }; CORES],
    );
    let sum: u32 = cells.iter().map(|n| n.load(Relaxed)).sum();
    assert_eq!(sum as usize, 2 * CORES);
    assert!(align_of_val(&cells) >= 64);
}

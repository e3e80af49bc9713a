//! L2: an inversion of the lock order is reported the first time that it could happen, whether
//! or not anything hangs, and the report has the places of both orders. And what else the check
//! reports, and what it does not.
#![cfg(all(feature = "order", not(loom)))]

#[path = "support/watched.rs"]
mod watched;

use layercake_sync::host::{StdCpu, interrupt, task};
use layercake_sync::{
    Atomic, Cpu, IrqOff, Masked, NoMask, PreemptOff, RwSpinLock, SeqLock, TaskAtomic,
};
use layercake_sync::{SpinLock, TaskCx, WriteGuard, queued::QueuedLock};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use watched::{CLOCK, IrqLock, Lock, STEP, Watched, assert_names, reports, some_looks, still_held};

/// Takes `inner` inside of `outer`; returns the lines of both.
fn nest(cx: &mut TaskCx, outer: &Lock, inner: &Lock) -> [u32; 2] {
    let mut guard = outer.lock(cx);
    drop(inner.lock(guard.atomic()));
    [line!() - 2, line!() - 1]
}

#[test]
fn opposite_orders_are_reported_with_both_places() {
    let (a, b) = (Lock::new(()).named("a"), Lock::new(()).named("b"));
    task(|cx| {
        let first = nest(cx, &a, &b);
        assert_eq!(reports(), [""; 0]);
        let second = line!() + 1;
        let mut guard = b.lock(&mut *cx);
        drop(a.lock(guard.atomic()));
        drop(guard);
        let [report] = reports().try_into().expect("one report");
        assert_names(&report, &first);
        assert_names(&report, &[second, second + 1]);
        assert!(
            report.contains("\"a\"") && report.contains("\"b\""),
            "{report}"
        );
        // Once is enough.
        nest(cx, &b, &a);
        nest(cx, &a, &b);
        assert_eq!(reports(), [""; 0]);
    });
}

#[test]
fn two_threads_that_never_meet_are_enough() {
    static A: Lock = Lock::new(());
    static B: Lock = Lock::new(());
    let run = |outer: &'static Lock, inner: &'static Lock| {
        let body = move || (task(|cx| nest(cx, outer, inner)), reports());
        thread::spawn(body).join().unwrap()
    };
    assert_eq!(run(&A, &B).1, [""; 0]);
    let (lines, found) = run(&B, &A);
    assert_eq!(found.len(), 1);
    assert_names(&found[0], &lines);
}

#[test]
fn a_chain_of_orders_is_shown_whole() {
    let (a, b) = (Lock::new(()).named("one"), Lock::new(()).named("two"));
    let (c, d) = (Lock::new(()).named("three"), Lock::new(()).named("four"));
    task(|cx| {
        nest(cx, &a, &b);
        nest(cx, &b, &c);
        nest(cx, &c, &d);
        nest(cx, &a, &d);
        assert_eq!(reports(), [""; 0]);
        nest(cx, &d, &a);
        let [report] = reports().try_into().expect("one report");
        // The shortest way back.
        assert!(
            !report.contains("\"two\"") && report.contains("\"one\""),
            "{report}"
        );
        nest(cx, &d, &b);
        let [report] = reports().try_into().expect("one report");
        for name in ["two", "three", "four"] {
            assert!(report.contains(name), "{report}");
        }
    });
}

#[test]
fn a_lock_under_two_others_is_ordered_after_both() {
    let [a, b, c] = [
        Lock::new(()).named("x"),
        Lock::new(()).named("y"),
        Lock::new(()).named("z"),
    ];
    task(|cx| {
        let mut outer = a.lock(&mut *cx);
        let mut middle = b.lock(outer.atomic());
        drop(c.lock(middle.atomic()));
        drop(middle);
        drop(outer);
        assert_eq!(reports(), [""; 0]);
        nest(cx, &c, &a);
        assert_eq!(reports().len(), 1);
    });
}

#[test]
fn a_handler_adds_orders_to_what_it_interrupted() {
    let thread_lock = Lock::new(());
    let shared = IrqLock::new(());
    task(|cx| {
        let guard = thread_lock.lock(&mut *cx);
        interrupt(|irq| drop(shared.lock(irq)));
        drop(guard);
        assert_eq!(reports(), [""; 0]);
        let masked = shared.lock(cx);
        // The lie: a thread lock under a lock that masks interrupts. SAFETY: what the test is
        // about; the assertion of the simulated core is kept off by the mask's not ending here.
        let token = unsafe { layercake_sync::TaskAtomic::assume() };
        std::mem::forget(thread_lock.lock(token));
        drop(masked);
        let found = reports();
        assert!(
            found.iter().any(|report| report.contains("inversion")),
            "{found:?}"
        );
        assert!(
            found.iter().any(|report| report.contains("masked")),
            "{found:?}"
        );
    });
}

#[test]
fn locks_of_one_class_have_an_order_by_address() {
    let locks = [const { Lock::new(()) }; 3];
    task(|cx| {
        let lines = nest(cx, &locks[0], &locks[1]);
        nest(cx, &locks[1], &locks[2]);
        assert_eq!(reports(), [""; 0]);
        nest(cx, &locks[2], &locks[0]);
        let [report] = reports().try_into().expect("one report");
        assert_names(&report, &lines);
        nest(cx, &locks[2], &locks[1]);
        assert_eq!(reports(), [""; 0]);
    });
}

#[test]
fn tries_wait_for_nobody() {
    let (a, b) = (Lock::new(()), Lock::new(()));
    task(|cx| {
        nest(cx, &a, &b);
        let mut guard = b.lock(&mut *cx);
        drop(a.try_lock(guard.atomic()));
        drop(guard);
        assert_eq!(reports(), [""; 0]);
        // But what is held by a try is held.
        let (c, d) = (Lock::new(()), Lock::new(()));
        let mut guard = c.try_lock(&mut *cx).unwrap();
        drop(d.lock(guard.atomic()));
        drop(guard);
        nest(cx, &d, &c);
        assert_eq!(reports().len(), 1);
    });
}

#[test]
fn readers_writers_and_sequences_have_an_order_too() {
    let rw = RwSpinLock::<_, PreemptOff<Watched>>::new(0);
    let seq = SeqLock::<u64, PreemptOff<Watched>>::new(0);
    task(|cx| {
        let mut guard = rw.read(&mut *cx);
        seq.write(guard.split().1, 1);
        drop(guard);
        assert_eq!(reports(), [""; 0]);
        seq.update(&mut *cx, |n| {
            // The lie: a second token. SAFETY: what the test is about; nothing breaks.
            let token = unsafe { layercake_sync::TaskAtomic::assume() };
            drop(rw.write(token));
            n
        });
        assert_eq!(reports().len(), 1);
    });
}

#[test]
fn a_class_that_is_masked_here_and_unmasked_there_is_reported() {
    let lock = SpinLock::<(), NoMask<Watched>>::new(()).named("half masked");
    task(|cx| {
        layercake_sync::irq_off::<Watched, _>(cx, |masked| drop(lock.lock(masked)));
    });
    let masked_at = line!() - 2;
    assert_eq!(reports(), [""; 0]);
    let unmasked_at = line!() + 2;
    // The lie: interrupts are on. SAFETY: what the test is about; no handler comes.
    drop(lock.lock(unsafe { Masked::assume() }));
    let [report] = reports().try_into().expect("one report");
    assert_names(&report, &[masked_at, unmasked_at]);
    // SAFETY: as above.
    drop(lock.lock(unsafe { Masked::assume() }));
    assert_eq!(reports(), [""; 0]);
}

#[test]
fn a_long_hold_is_reported_when_it_ends() {
    let lock = IrqLock::new(()).named("long");
    task(|cx| {
        let mut hold = |ns| {
            let guard = lock.lock(&mut *cx);
            CLOCK.set(CLOCK.get() + ns);
            assert_eq!(reports(), [""; 0]);
            drop(guard);
            line!() - 4
        };
        hold(1000);
        assert_eq!(reports(), [""; 0]);
        let taken = hold(1001);
        let [report] = reports().try_into().expect("one report");
        assert_names(&report, &[taken]);
        assert!(
            report.contains("\"long\"") && report.contains("1001 ns"),
            "{report}"
        );
    });
}

/// Holds a lock by `hold` while two others want it by `want`, until that is reported; twice.
#[track_caller]
fn held_and_wanted<G>(
    name: &str,
    hold: impl Fn(&mut TaskCx) -> (G, u32),
    want: impl Fn(&mut TaskCx) -> u32 + Sync,
) {
    task(|cx| {
        for turn in 1..=2 {
            thread::scope(|scope| {
                let (guard, taken) = hold(&mut *cx);
                let other = || {
                    CLOCK.set(1);
                    task(&want)
                };
                let others = [(); 2].map(|()| scope.spawn(other));
                while still_held(name).len() < turn {
                    thread::yield_now();
                }
                // Once for each hold.
                some_looks();
                let reports = still_held(name);
                assert_eq!(reports.len(), turn, "{reports:?}");
                drop(guard);
                let [wanted, _] = others.map(|other| other.join().unwrap());
                let report = reports.last().unwrap();
                assert_names(report, &[taken, wanted]);
                let core = StdCpu::core_number().unwrap();
                assert!(report.contains(&format!("on core {core}, has")), "{report}");
                assert!(report.contains("ns and still is"), "{report}");
            });
        }
        assert_eq!(still_held(name).len(), 2, "what ended is not reported");
    });
}

#[test]
fn a_hold_that_does_not_end_is_reported_by_who_waits() {
    let lock = Lock::new(()).named("ticket, stuck");
    held_and_wanted(
        "ticket, stuck",
        // SAFETY: CX-ATOMIC: given back before the thread does anything else.
        |_| (lock.lock(unsafe { TaskAtomic::assume() }), line!()),
        |cx| {
            drop(lock.lock(cx));
            line!() - 1
        },
    );
}

#[test]
fn so_is_that_of_a_queued_lock() {
    let lock = SpinLock::<(), IrqOff<Watched>, QueuedLock>::new(()).named("queued, stuck");
    held_and_wanted(
        "queued, stuck",
        // SAFETY: CX-ATOMIC: as above.
        |_| (lock.lock(unsafe { Atomic::assume() }), line!()),
        |cx| {
            drop(lock.lock(cx));
            line!() - 1
        },
    );
}

#[test]
fn so_are_those_of_writers_and_readers() {
    let lock = RwSpinLock::<_, PreemptOff<Watched>>::new(()).named("rw, stuck");
    type Writer<'a> = WriteGuard<'a, (), PreemptOff<Watched>>;
    held_and_wanted::<Writer<'_>>(
        "rw, stuck",
        // SAFETY: CX-ATOMIC: as above.
        |_| (lock.write(unsafe { TaskAtomic::assume() }), line!()),
        |cx| {
            drop(lock.read(cx));
            line!() - 1
        },
    );
    let lock = RwSpinLock::<_, PreemptOff<Watched>>::new(()).named("rw, read");
    held_and_wanted(
        "rw, read",
        // SAFETY: CX-ATOMIC: as above.
        |_| (lock.read(unsafe { TaskAtomic::assume() }), line!()),
        |cx| {
            drop(lock.write(cx));
            line!() - 1
        },
    );
}

#[test]
fn a_hold_within_the_limit_is_not() {
    let lock = Lock::new(()).named("at the limit");
    task(|cx| {
        thread::scope(|scope| {
            let guard = lock.lock(&mut *cx);
            scope.spawn(|| {
                CLOCK.set(Watched::HOLD_LIMIT);
                STEP.set(0);
                task(|cx| drop(lock.lock(cx)));
            });
            some_looks();
            drop(guard);
        });
    });
    assert_eq!(still_held("at the limit"), [""; 0]);
}

/// The clock of the one who waits is behind: that is no hold of many years.
#[test]
fn clocks_may_differ() {
    let lock = Lock::new(()).named("later");
    task(|cx| {
        CLOCK.set(50);
        thread::scope(|scope| {
            let guard = lock.lock(&mut *cx);
            scope.spawn(|| {
                STEP.set(0);
                task(|cx| drop(lock.lock(cx)));
            });
            some_looks();
            drop(guard);
        });
    });
    assert_eq!(still_held("later"), [""; 0]);
}

#[test]
fn a_lock_that_is_handed_over_has_an_order() {
    let (queue, other) = (IrqLock::new(()), IrqLock::new(()));
    let nest = |outer: &IrqLock, inner: &IrqLock| {
        // SAFETY: MASK-TOKEN: masked for the whole of it. LOCK-HELD: each is taken first.
        unsafe {
            let state = StdCpu::irq_save();
            outer.force_lock();
            drop(inner.lock(Atomic::assume()));
            outer.force_unlock();
            StdCpu::irq_restore(state);
        }
    };
    nest(&queue, &other);
    assert_eq!(reports(), [""; 0]);
    nest(&other, &queue);
    assert_eq!(reports().len(), 1);
}

#[test]
fn a_host_that_says_nothing_panics() {
    let (a, b) = (
        SpinLock::<(), PreemptOff<StdCpu>>::new(()),
        SpinLock::<(), PreemptOff<StdCpu>>::new(()),
    );
    task(|cx| {
        let mut guard = a.lock(&mut *cx);
        drop(b.lock(guard.atomic()));
        drop(guard);
        let mut guard = b.lock(cx);
        let end = catch_unwind(AssertUnwindSafe(|| drop(a.lock(guard.atomic()))));
        let message = *end.unwrap_err().downcast::<String>().unwrap();
        assert!(message.starts_with("lock order inversion"), "{message}");
    });
}

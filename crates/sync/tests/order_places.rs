//! L2: a report names the places of the orders that it is about, and of no others; and what is no
//! order, or no use of a lock, is not noted down. What is reported at all is in `order.rs`.
#![cfg(all(feature = "order", not(loom)))]

#[path = "support/watched.rs"]
mod watched;

use layercake_sync::host::task;
use layercake_sync::{Masked, NoMask, SpinLock, irq_off};
use watched::{IrqLock, Lock, Watched, assert_names, names, reports};

/// Takes a lock inside of another; gives the line, which is that of both.
macro_rules! nest {
    ($cx:ident, $outer:expr, $inner:expr) => {{
        let mut guard = $outer.lock(&mut *$cx);
        drop($inner.lock(guard.atomic()));
        drop(guard);
        line!()
    }};
}

#[test]
fn each_order_has_places_of_its_own() {
    let [a, b, c] = ["order a", "order b", "order c"].map(|name| Lock::new(()).named(name));
    task(|cx| {
        let others = [nest!(cx, a, b), nest!(cx, b, c)];
        let [first, wrong] = [
            nest!(cx, a, c), // the shorter way, though it comes last
            nest!(cx, c, a),
        ];
        let [report] = reports().try_into().expect("one report");
        assert_names(&report, &[first, wrong]);
        assert!(!others.iter().any(|line| names(&report, *line)), "{report}");
    });
}

#[test]
fn a_class_has_the_place_where_its_locks_first_nested() {
    let locks = [const { Lock::new(()) }; 3];
    task(|cx| {
        let first = nest!(cx, locks[0], locks[1]);
        let second = nest!(cx, locks[1], locks[2]);
        assert_eq!(reports(), [""; 0]);
        let wrong = nest!(cx, locks[2], locks[0]);
        let [report] = reports().try_into().expect("one report");
        assert_names(&report, &[first, wrong]);
        assert!(!names(&report, second), "{report}");
    });
}

/// That the locks of a class nest says nothing of those of other classes, wherever they are.
#[test]
fn a_class_that_nests_has_an_order_with_others_too() {
    #[repr(C)]
    struct Row {
        below: Lock,
        pair: [Lock; 2],
        above: Lock,
    }
    let row = Row {
        below: Lock::new(()).named("below"),
        pair: [const { Lock::new(()) }; 2],
        above: Lock::new(()).named("above"),
    };
    task(|cx| {
        nest!(cx, row.pair[0], row.pair[1]);
        for other in [&row.below, &row.above] {
            let first = nest!(cx, other, row.pair[0]);
            assert_eq!(reports(), [""; 0]);
            let wrong = nest!(cx, row.pair[0], other);
            let [report] = reports().try_into().expect("one report");
            assert_names(&report, &[first, wrong]);
        }
    });
}

/// However many ways there are, a search goes over each class once.
#[test]
fn many_orders_that_agree_are_right() {
    const NAMES: [&str; 12] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"];
    let locks = NAMES.map(|name| Lock::new(()).named(name));
    task(|cx| {
        for (n, inner) in locks.iter().enumerate() {
            for outer in &locks[..n] {
                nest!(cx, outer, inner);
            }
        }
        assert_eq!(reports(), [""; 0]);
        nest!(cx, locks[11], locks[0]);
        assert_eq!(reports().len(), 1);
    });
}

/// A lock that has gone is no longer held, also when one that was taken inside of it still is.
#[test]
fn a_lock_that_has_gone_is_held_by_nobody() {
    let [gone, left, later] =
        ["gone", "left over", "later"].map(|name| IrqLock::new(()).named(name));
    task(|cx| {
        irq_off::<Watched, _>(cx, |masked| {
            let first = gone.lock_masked(masked);
            let second = left.lock_masked(masked);
            drop(first);
            drop(later.lock_masked(masked));
            drop(second);
            assert_eq!(reports(), [""; 0]);
            let outer = later.lock_masked(masked);
            drop(gone.lock_masked(masked));
            drop(outer);
        });
        let [report] = reports().try_into().expect("one report");
        assert!(
            report.contains("left over"),
            "the two were never held together: {report}"
        );
    });
}

/// One that waits with interrupts masked may be a handler, and the lock that it wants may have been
/// taken by a try, with interrupts on.
#[test]
fn a_try_with_interrupts_on_is_a_use() {
    let lock = SpinLock::<(), NoMask<Watched>>::new(()).named("tried");
    // The lie: interrupts are on. SAFETY: what the test is about; no handler comes.
    drop(lock.try_lock(unsafe { Masked::assume() }));
    let tried_at = line!() - 1;
    assert_eq!(reports(), [""; 0]);
    task(|cx| irq_off::<Watched, _>(cx, |masked| drop(lock.lock(masked))));
    let waited_at = line!() - 1;
    let [report] = reports().try_into().expect("one report");
    assert_names(&report, &[tried_at, waited_at]);
}

/// A handler that only tries waits for nobody.
#[test]
fn a_try_with_interrupts_masked_is_none() {
    let lock = SpinLock::<(), NoMask<Watched>>::new(()).named("tried, masked");
    task(|cx| {
        irq_off::<Watched, _>(&mut *cx, |masked| drop(lock.try_lock(masked)));
        // The lie, as above. SAFETY: as above.
        drop(lock.lock(unsafe { Masked::assume() }));
        assert_eq!(reports(), [""; 0]);
        irq_off::<Watched, _>(cx, |masked| drop(lock.lock(masked)));
        assert_eq!(reports().len(), 1);
    });
}

//! L2: what is left of the check of the order for locks of more classes than its table has. Alone
//! in its process, for the table is the program's.
#![cfg(all(feature = "order", not(loom)))]

#[path = "support/watched.rs"]
mod watched;

use layercake_sync::host::task;
use layercake_sync::{Masked, NoMask, SpinLock, irq_off};
use watched::{CLOCK, Lock, Watched, reports};

/// How many classes are told apart.
const CLASSES: usize = 127;
/// How many orders are sure to be remembered with their places.
const PLACES: usize = 500;

fn name(n: usize) -> &'static str {
    format!("lock {n}").leak()
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of searches through the whole table")]
fn classes_beyond_the_table_are_not_checked_and_take_no_room() {
    let locks: Vec<_> = (0..CLASSES + 3)
        .map(|n| Lock::new(()).named(name(n)))
        .collect();
    let masks = SpinLock::<(), NoMask<Watched>>::new(()).named("beyond");
    task(|cx| {
        // From here on each has its class.
        locks.iter().for_each(|lock| drop(lock.lock(&mut *cx)));
        let (known, beyond) = locks.split_at(CLASSES);
        let mut nest = |outer: &Lock, inner: &Lock| {
            let mut guard = outer.lock(&mut *cx);
            drop(inner.lock(guard.atomic()));
        };

        // In every order that there is.
        for one in beyond {
            for other in beyond.iter().filter(|other| !std::ptr::eq(one, *other)) {
                nest(one, other);
            }
            for lock in known {
                nest(one, lock);
                nest(lock, one);
            }
        }
        assert_eq!(reports(), [""; 0]);

        // All room is left to the others.
        let pairs = (1..CLASSES).flat_map(|n| (0..n).map(move |m| (m, n)));
        let pairs: Vec<_> = pairs.take(PLACES).collect();
        for (outer, inner) in &pairs {
            nest(&known[*outer], &known[*inner]);
        }
        assert_eq!(reports(), [""; 0]);
        let (outer, inner) = pairs[PLACES - 1];
        nest(&known[inner], &known[outer]);
        let [report] = reports().try_into().expect("one report");
        assert!(!report.contains("not remembered"), "{report}");

        // Masked here, unmasked there. The lie, and SAFETY: what the test is about; no handler comes.
        drop(masks.try_lock(unsafe { Masked::assume() }));
        // SAFETY: as above.
        drop(masks.lock(unsafe { Masked::assume() }));
        irq_off::<Watched, _>(&mut *cx, |masked| drop(masks.lock(masked)));
        assert_eq!(reports(), [""; 0]);

        // What needs no table is checked, under the name that all of them share.
        let guard = beyond[0].lock(cx);
        CLOCK.set(2000);
        drop(guard);
        let [report] = reports().try_into().expect("one report");
        assert!(report.contains("all others"), "{report}");
    });
}

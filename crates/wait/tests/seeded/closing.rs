//! Closing against waits, wakes and deadlines.

use super::Queue;
use layercake_wait::host::seeded::{SeededHost, explore, point, spawn};
use layercake_wait::{Host, WaitError};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// One item, three takers, then the end: one gets it, the others are told, nobody stays.
#[test]
fn a_closed_queue_lets_everybody_go() {
    explore(20_000, |cx| {
        let it = Rc::new((Queue::new("q"), Cell::new(0_u32)));
        let takers: Vec<_> = (0..3)
            .map(|i| {
                let it = it.clone();
                spawn(move |cx| {
                    let take = |_: layercake_sync::TaskAtomic<'_>| {
                        point();
                        it.1.set(it.1.get().checked_sub(1)?);
                        Some(())
                    };
                    if i == 0 {
                        let soon = SeededHost::now() + Duration::from_nanos(20);
                        it.0.wait_until_open_deadline(cx, soon, take)
                    } else {
                        (it.0.wait_until_open(cx, take)).map_err(WaitError::from)
                    }
                })
            })
            .collect();
        it.1.set(it.1.get() + 1);
        it.0.wake_one();
        point();
        it.0.close();
        let ends: Vec<_> = takers.into_iter().map(|t| t.join(cx)).collect();
        let taken = ends.iter().filter(|end| end.is_ok()).count() as u32;
        assert_eq!(taken + it.1.get(), 1);
        assert!(ends[1..].iter().all(|end| *end != Err(WaitError::TimedOut)));
        assert_eq!(it.0.waiters(), 0);
    });
}

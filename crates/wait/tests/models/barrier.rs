//! The barrier: nobody goes on early, nobody stays behind.

use crate::explore;
use layercake_wait::host::loom::{LoomHost, advance_to, enter, spawn};
use layercake_wait::{Barrier, Instant};
use loom::sync::atomic::AtomicU32;
use loom::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

/// What each did before is seen by all after; one leads.
fn meets(threads: u32) {
    let it = Arc::new((Barrier::<LoomHost>::new("b", threads), AtomicU32::new(0)));
    let each = move |it: &(Barrier<LoomHost>, AtomicU32), cx: &mut _| {
        it.1.fetch_add(1, Relaxed);
        let leads = it.0.wait(cx);
        assert_eq!(it.1.load(Relaxed), threads);
        u32::from(leads)
    };
    let others: Vec<_> = (1..threads)
        .map(|_| {
            let it = it.clone();
            spawn(move |cx| each(&it, cx))
        })
        .collect();
    let mut led = enter(|cx| each(&it, cx));
    led += others.into_iter().map(|t| t.join().unwrap()).sum::<u32>();
    assert_eq!(led, 1);
}

#[test]
fn barrier_meets_2() {
    explore(3, || meets(2));
}

#[test]
fn barrier_meets_3() {
    explore(2, || meets(3));
}

/// A deadline that comes with the last thread: either both go on, or the one that gave up is not
/// counted and the other waits for its second coming.
#[test]
fn barrier_deadline() {
    explore(2, || {
        let barrier = Arc::new(Barrier::<LoomHost>::new("b", 2));
        let deadline = Instant::from_nanos(10);
        let clock = loom::thread::spawn(move || advance_to(deadline));
        let other = spawn({
            let barrier = barrier.clone();
            move |cx| barrier.wait(cx)
        });
        let led = enter(|cx| match barrier.wait_deadline(cx, deadline) {
            Ok(leads) => leads,
            Err(_) => barrier.wait(cx),
        });
        clock.join().unwrap();
        assert_ne!(led, other.join().unwrap());
    });
}

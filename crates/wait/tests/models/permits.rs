//! Permits in numbers: none is lost, none is given twice, and nobody sleeps beside a free one.

use crate::explore;
use layercake_wait::host::loom::{LoomHost, advance_to, enter, spawn};
use layercake_wait::{Instant, Semaphore};
use std::sync::Arc;

type Permits = Semaphore<LoomHost>;

/// Takers of so many permits each; `first` of these come, then the others.
fn conserved(takers: &[u32], first: u32) {
    let permits = Arc::new(Permits::new("p", 0));
    let threads: Vec<_> = takers
        .iter()
        .map(|&n| {
            let permits = permits.clone();
            spawn(move |cx| permits.acquire_many(cx, n))
        })
        .collect();
    permits.release_many(first);
    permits.release_many(takers.iter().sum::<u32>() - first);
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!((permits.permits(), permits.waiters()), (0, 0));
    assert!(permits.try_acquire_many(0), "nobody waits, it says");
}

#[test]
fn permits_are_conserved_2_waiters() {
    explore(3, || conserved(&[2, 1], 1));
}

#[test]
fn permits_are_conserved_3_waiters() {
    explore(2, || conserved(&[1, 1, 1], 3));
}

#[test]
#[ignore = "full"]
fn permits_are_conserved_3_waiters_in_two_batches() {
    explore(2, || conserved(&[2, 1, 1], 1));
}

/// A large request in front of a small one gives up: the small one gets the permit that is there.
#[test]
fn who_gives_up_does_not_hold_up() {
    explore(2, || {
        let permits = Arc::new(Permits::new("p", 1));
        let deadline = Instant::from_nanos(10);
        let clock = loom::thread::spawn(move || advance_to(deadline));
        let small = spawn({
            let permits = permits.clone();
            move |cx| permits.acquire(cx)
        });
        let large = enter(|cx| permits.acquire_many_deadline(cx, 2, deadline));
        assert!(large.is_err());
        clock.join().unwrap();
        small.join().unwrap();
        assert_eq!((permits.permits(), permits.waiters()), (0, 0));
    });
}

/// A deadline that comes with the last permit: all of them, or none.
#[test]
fn many_against_deadline() {
    explore(3, || {
        let permits = Arc::new(Permits::new("p", 1));
        let deadline = Instant::from_nanos(10);
        let clock = loom::thread::spawn(move || advance_to(deadline));
        let giver = loom::thread::spawn({
            let permits = permits.clone();
            move || permits.release()
        });
        let taken = enter(|cx| permits.acquire_many_deadline(cx, 2, deadline)).is_ok();
        clock.join().unwrap();
        giver.join().unwrap();
        assert_eq!(permits.permits(), if taken { 0 } else { 2 });
        assert!(permits.try_acquire_many(permits.permits()));
    });
}

//! Closing a queue: nobody who can be told sleeps on.

use crate::explore;
use layercake_wait::host::loom::{LoomHost, advance_to, enter, spawn};
use layercake_wait::{Closed, Instant, WaitError, WaitQueue};
use std::sync::Arc;

fn closing(waiters: usize) {
    let queue = Arc::new(WaitQueue::<LoomHost>::new("q"));
    let threads: Vec<_> = (1..waiters)
        .map(|_| {
            let queue = queue.clone();
            spawn(move |cx| queue.wait_until_open(cx, |_| None::<()>))
        })
        .collect();
    let closer = loom::thread::spawn({
        let queue = queue.clone();
        move || queue.close()
    });
    let told = enter(|cx| queue.wait_until_open(cx, |_| None::<()>));
    assert_eq!(told, Err(Closed));
    closer.join().unwrap();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), Err(Closed));
    }
    assert_eq!(queue.waiters(), 0);
}

#[test]
fn close_tells_everybody_2() {
    explore(3, || closing(2));
}

#[test]
fn close_tells_everybody_3() {
    explore(2, || closing(3));
}

/// A deadline that comes with the closing: one of both is told.
#[test]
fn close_against_deadline() {
    explore(3, || {
        let queue = Arc::new(WaitQueue::<LoomHost>::new("q"));
        let deadline = Instant::from_nanos(10);
        let clock = loom::thread::spawn(move || advance_to(deadline));
        let closer = loom::thread::spawn({
            let queue = queue.clone();
            move || queue.close()
        });
        let end = enter(|cx| queue.wait_until_open_deadline(cx, deadline, |_| None::<()>));
        assert!(end == Err(WaitError::TimedOut) || queue.is_closed());
        clock.join().unwrap();
        closer.join().unwrap();
        assert_eq!(queue.waiters(), 0);
    });
}

//! What a closed queue says, and to whom.

use super::soon;
use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_wait::{Closed, WaitError, WaitQueue};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

#[test]
fn an_open_queue_waits() {
    let queue = WaitQueue::<StdHost>::new("q");
    enter(|cx| {
        assert_eq!(queue.wait_until_open(cx, |_| Some(7)), Ok(7));
        let timed_out = queue.wait_until_open_deadline(cx, soon(), |_| None::<()>);
        assert_eq!(timed_out, Err(WaitError::TimedOut));
    });
    assert!(!queue.is_closed());
}

#[test]
fn waits_on_a_closed_queue_end_at_once() {
    let queue = WaitQueue::<StdHost>::new("q");
    queue.close();
    assert!(queue.is_closed());
    enter(|cx| {
        assert_eq!(queue.wait_until_open(cx, |_| None::<()>), Err(Closed));
        let closed = queue.wait_until_open_deadline(cx, soon(), |_| None::<()>);
        assert_eq!(closed, Err(WaitError::Closed));
        let left = queue.wait_until_open(cx, |_| Some(7));
        assert_eq!(left, Ok(7), "what was left is still taken");
    });
}

#[test]
fn closing_ends_every_wait_that_can_be_told() {
    let it = Arc::new((WaitQueue::<StdHost>::new("q"), AtomicU32::new(0)));
    let told: Vec<_> = (0..3)
        .map(|_| {
            let it = it.clone();
            spawn(move |cx| it.0.wait_until_open(cx, |_| None::<()>))
        })
        .collect();
    let untold = spawn({
        let it = it.clone();
        move |cx| {
            it.0.wait_until(cx, |_| (it.1.load(Ordering::Acquire) == 1).then_some(()));
        }
    });
    while it.0.waiters() < 4 {
        std::thread::yield_now();
    }
    it.0.close();
    for thread in told {
        assert_eq!(thread.join().unwrap(), Err(Closed));
    }
    // The closing is none of its business: it waits on, and can be woken.
    assert!(!untold.is_finished());
    it.1.store(1, Ordering::Release);
    it.0.wake_one();
    untold.join().unwrap();
}

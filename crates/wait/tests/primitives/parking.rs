//! Permits that are not from the queue, or were used up elsewhere: a thread's park may return for any
//! reason, and one that is due may have returned before.

use super::soon;
use crate::patience::until;
use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_wait::{Host, TimedOut, WaitQueue, Waiter};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_wake_is_seen_though_another_wait_has_used_its_permit() {
    let queue = WaitQueue::<StdHost>::new("queue");
    let waiter = pin!(Waiter::new());
    let waiter = waiter.as_ref();
    enter(|cx| {
        waiter.prepare(&queue, cx);
        assert!(queue.wake_one());
        StdHost::park(cx, Some(soon()));
        waiter.maybe_block(cx);
    });
    waiter.accept();
}

#[test]
fn a_permit_for_nothing_does_not_put_off_the_deadline() {
    let queue = Arc::new(WaitQueue::<StdHost>::new("queue"));
    let waiter = spawn({
        let queue = queue.clone();
        move |cx| {
            let deadline = StdHost::now() + Duration::from_millis(50);
            let late = queue.wait_until_deadline(cx, deadline, |_| None::<()>);
            assert_eq!(late, Err(TimedOut));
        }
    });
    until("nobody waits", || queue.waiters() == 1);
    StdHost::unpark(waiter.thread());
    waiter.join().unwrap();
}

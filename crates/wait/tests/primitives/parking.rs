//! Permits that are not from the queue, or were used up elsewhere: a thread's park may return for any
//! reason, and one that is due may have returned before.

use super::soon;
use crate::patience::until;
use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_wait::{Host, TimedOut, WaitQueue, Waiter};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
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

#[test]
fn a_wake_in_vain_is_no_deadline() {
    static QUEUE: WaitQueue<StdHost> = WaitQueue::new("queue");
    static LOOKS: AtomicU32 = AtomicU32::new(0);
    static OPEN: AtomicBool = AtomicBool::new(false);
    let waiter = spawn(|cx| {
        let deadline = StdHost::now() + Duration::from_secs(3600);
        QUEUE.wait_until_deadline(cx, deadline, |_| {
            LOOKS.fetch_add(1, SeqCst);
            OPEN.load(SeqCst).then_some(())
        })
    });
    until("nobody waits", || QUEUE.waiters() == 1);
    let looks = LOOKS.load(SeqCst);
    assert!(QUEUE.wake_one());
    until("it does not look", || LOOKS.load(SeqCst) > looks);
    OPEN.store(true, SeqCst);
    until("it does not end", || {
        QUEUE.wake_one();
        waiter.is_finished()
    });
    assert_eq!(waiter.join().unwrap(), Ok(()));
}

/// Those who only watch are woken with every wake, and are not the one that it is for.
#[test]
fn a_shared_waiter_is_woken_with_the_one() {
    let queue = WaitQueue::<StdHost>::new("queue");
    let watches = pin!(Waiter::shared());
    let waits = pin!(Waiter::new());
    enter(|cx| {
        watches.as_ref().prepare(&queue, cx);
        waits.as_ref().prepare(&queue, cx);
        assert!(queue.wake_one());
    });
    assert!(!watches.is_waiting() && !waits.is_waiting());
    watches.as_ref().accept();
    waits.as_ref().accept();
}

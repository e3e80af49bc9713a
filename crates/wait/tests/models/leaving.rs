//! The wait queue itself: W7 and W8, that a node on a stack is left alone when its frame ends, and
//! that every way out takes it off the queue.

use crate::support::{DEADLINE, Queue, beside, join_all, sized, threads};
use layercake_sync::TaskCx;
use layercake_wait::host::loom::{advance_to, enter};
use layercake_wait::{CancelToken, Cancelled, TimedOut, Waiter};
use std::pin::pin;
use std::sync::Arc;

sized!(w7_last_touch: w7);
sized!(w8_every_way_out: w8);
sized!(large w8_called_off: w8_cancelled);

/// W7: every waiter's frame ends as soon as it sees that it was woken; the drop is a write that a
/// later touch of the waker collides with.
fn w7(waiters: usize) {
    let queue = Arc::new(Queue::new("q"));
    let each = |queue: &Queue, cx: &mut TaskCx, _| {
        let waiter = pin!(Waiter::new());
        let waiter = waiter.as_ref();
        waiter.prepare(queue, cx);
        // No look: at all events the wake, or this clear, is what ends it.
        if waiter.is_waiting() {
            waiter.clear();
        } else {
            waiter.accept();
        }
    };
    let others = threads(waiters - 1, &queue, each);
    let waker = beside(&queue, Queue::wake_all);
    enter(|cx| each(&queue, cx, 0));
    waker.join().unwrap();
    join_all(others);
    assert_eq!(queue.waiters(), 0);
}

/// W8: one runs into its deadline, one is dropped as it is, one clears, while a wake-one and the
/// clock come: nothing is left of any of them. (The way out by a panic is in `tests/queue.rs`: all
/// threads of a model are on one of the host, and it cannot tell which of them panics.)
fn w8(waiters: usize) {
    let queue = Arc::new(Queue::new("q"));
    let others = threads(waiters - 1, &queue, |queue, cx, i| {
        let waiter = pin!(Waiter::new());
        waiter.as_ref().prepare(queue, cx);
        if i == 2 {
            waiter.as_ref().clear();
        }
    });
    let waker = beside(&queue, |queue| {
        queue.wake_one();
        advance_to(DEADLINE);
    });
    let end = enter(|cx| queue.wait_until_deadline(cx, DEADLINE, |_| None::<()>));
    assert_eq!(end, Err(TimedOut));
    waker.join().unwrap();
    join_all(others);
    assert_eq!(queue.waiters(), 0);
    assert!(!queue.wake_one());
}

/// W8: all wait with one token, which is cancelled: all are told, and none is left on the queue.
fn w8_cancelled(waiters: usize) {
    let it = Arc::new((Queue::new("q"), CancelToken::new("stop")));
    let each = |(queue, token): &(Queue, CancelToken<_>), cx: &mut TaskCx, _| {
        let end = queue.wait_until_cancelled(cx, token, |_| None::<()>);
        assert_eq!(end, Err(Cancelled));
    };
    let others = threads(waiters - 1, &it, each);
    let canceller = beside(&it, |it| it.1.cancel());
    enter(|cx| each(&it, cx, 0));
    canceller.join().unwrap();
    join_all(others);
    assert_eq!(it.0.waiters(), 0);
}

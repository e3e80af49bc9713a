//! Futures, threads and handlers on one queue.

use layercake_wait::host::seeded::{SeededHost, explore, on_interrupt, point, spawn};
use layercake_wait::{AsyncQueue, block_on, sleep};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// Handlers bring three items. A thread wants one, a future one, and another future gives up
/// after some polls; whatever reached that one goes on to the others.
#[test]
fn items_are_conserved_among_futures_and_threads() {
    explore(20_000, |cx| {
        let it = Rc::new((AsyncQueue::<SeededHost>::new("q"), Cell::new(0_u32)));
        let left = Rc::new(Cell::new(3_u32));
        on_interrupt({
            let (it, left) = (it.clone(), left.clone());
            move |_| {
                if let Some(fewer) = left.get().checked_sub(1) {
                    left.set(fewer);
                    it.1.set(it.1.get() + 1);
                    it.0.wake_one();
                }
            }
        });
        let take = |it: &(AsyncQueue<SeededHost>, Cell<u32>)| {
            point();
            it.1.set(it.1.get().checked_sub(1)?);
            Some(())
        };
        let thread = spawn({
            let it = it.clone();
            move |cx| it.0.wait_until(cx, |_| take(&it))
        });
        let future = spawn({
            let it = it.clone();
            move |cx| block_on::<SeededHost, _>(cx, it.0.wait_async(|| take(&it)))
        });
        let fickle = spawn({
            let it = it.clone();
            move |cx| {
                let mut future = pin!(it.0.wait_async(|| take(&it)));
                let mut polls = 0;
                let either = poll_fn(|cx| {
                    polls += 1;
                    match future.as_mut().poll(cx) {
                        Poll::Ready(()) => Poll::Ready(true),
                        Poll::Pending if polls == 3 => Poll::Ready(false),
                        Poll::Pending => {
                            cx.waker().wake_by_ref();
                            Poll::Pending
                        }
                    }
                });
                block_on::<SeededHost, _>(cx, either)
            }
        });
        while left.get() > 0 {
            sleep::<SeededHost>(cx, Duration::from_nanos(10));
        }
        thread.join(cx);
        future.join(cx);
        let taken = fickle.join(cx);
        assert_eq!(it.1.get(), u32::from(!taken));
        assert_eq!(it.0.waiters(), 0);
    });
}

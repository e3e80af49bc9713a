//! Futures on queues, and threads that wait for futures.

use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_wait::{AsyncQueue, Semaphore, block_on, future::AsyncHost};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A waker that counts how often it was used.
#[derive(Default)]
struct Bell(AtomicU32);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Bell {
    fn rung(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

fn bell() -> (Arc<Bell>, Waker) {
    let bell = Arc::new(Bell::default());
    (bell.clone(), bell.into())
}

/// A queue and a number of things to take.
struct Items {
    queue: AsyncQueue<StdHost>,
    left: AtomicU32,
}

impl Items {
    fn new(left: u32) -> Self {
        let left = AtomicU32::new(left);
        let queue = AsyncQueue::new("items");
        Self { queue, left }
    }

    fn take(&self) -> Option<()> {
        let taken =
            (self.left).fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1));
        taken.ok().map(drop)
    }

    fn put(&self) {
        self.left.fetch_add(1, Ordering::Release);
        self.queue.wake_one();
    }
}

#[test]
fn a_future_that_is_ready_joins_no_queue() {
    let items = Items::new(1);
    let (bell, waker) = bell();
    let mut ready = pin!(items.queue.wait_async(|| items.take()));
    let mut cx = Context::from_waker(&waker);
    assert_eq!(ready.as_mut().poll(&mut cx), Poll::Ready(()));
    assert_eq!((items.queue.waiters(), bell.rung()), (0, 0));
}

#[test]
fn a_wake_rings_the_waker_of_the_last_poll() {
    let items = Items::new(0);
    let ((first, first_waker), (second, second_waker)) = (bell(), bell());
    let mut future = pin!(items.queue.wait_async(|| items.take()));
    for waker in [&first_waker, &second_waker] {
        let mut cx = Context::from_waker(waker);
        assert_eq!(future.as_mut().poll(&mut cx), Poll::Pending);
        assert_eq!(items.queue.waiters(), 1);
    }
    items.put();
    assert_eq!((first.rung(), second.rung()), (0, 1));
    let mut cx = Context::from_waker(&first_waker);
    assert_eq!(future.as_mut().poll(&mut cx), Poll::Ready(()));
}

/// In the order of arrival; and woken in vain, back to the head.
#[test]
fn futures_wait_in_order() {
    let items = Items::new(0);
    let ((first, first_waker), (second, second_waker)) = (bell(), bell());
    let mut one = pin!(items.queue.wait_async(|| items.take()));
    let mut two = pin!(items.queue.wait_async(|| items.take()));
    let (mut one_cx, mut two_cx) = (
        Context::from_waker(&first_waker),
        Context::from_waker(&second_waker),
    );
    assert!(one.as_mut().poll(&mut one_cx).is_pending());
    assert!(two.as_mut().poll(&mut two_cx).is_pending());
    items.queue.wake_one(); // for nothing
    assert!(one.as_mut().poll(&mut one_cx).is_pending());
    items.put();
    assert_eq!((first.rung(), second.rung()), (2, 0));
    assert!(one.as_mut().poll(&mut one_cx).is_ready());
}

/// Who was woken and finds what it was woken for needs no other; nor is there a wake for another then.
#[test]
fn a_wake_that_was_of_use_goes_to_nobody_else() {
    let items = Items::new(0);
    let ((_, first_waker), (second, second_waker)) = (bell(), bell());
    let mut one = pin!(items.queue.wait_async(|| items.take()));
    let mut two = pin!(items.queue.wait_async(|| items.take()));
    let mut one_cx = Context::from_waker(&first_waker);
    let mut two_cx = Context::from_waker(&second_waker);
    assert!(one.as_mut().poll(&mut one_cx).is_pending());
    assert!(two.as_mut().poll(&mut two_cx).is_pending());
    items.put();
    assert!(one.as_mut().poll(&mut one_cx).is_ready());
    assert_eq!((second.rung(), items.queue.waiters()), (0, 1));
}

#[test]
fn a_dropped_future_hands_its_wake_on() {
    let items = Items::new(0);
    let ((_, first_waker), (second, second_waker)) = (bell(), bell());
    let mut gone = Box::pin(items.queue.wait_async(|| items.take()));
    let mut next = pin!(items.queue.wait_async(|| items.take()));
    assert!(
        gone.as_mut()
            .poll(&mut Context::from_waker(&first_waker))
            .is_pending()
    );
    assert!(
        next.as_mut()
            .poll(&mut Context::from_waker(&second_waker))
            .is_pending()
    );
    items.put();
    drop(gone);
    assert_eq!((second.rung(), items.queue.waiters()), (1, 0));
    // The queue holds no waker any more.
    assert_eq!(
        Arc::strong_count(&second),
        3,
        "ours, the context's and the node's"
    );
    assert!(
        next.as_mut()
            .poll(&mut Context::from_waker(&second_waker))
            .is_ready()
    );
}

#[test]
fn threads_and_futures_share_a_queue() {
    let rounds = if cfg!(miri) { 5 } else { 2_000 };
    let items = Arc::new(Items::new(0));
    let thread = spawn({
        let items = items.clone();
        move |cx| (0..rounds).for_each(|_| items.queue.wait_until(cx, |_| items.take()))
    });
    let futures = spawn({
        let items = items.clone();
        move |cx| {
            block_on::<StdHost, _>(cx, async {
                for _ in 0..rounds {
                    items.queue.wait_async(|| items.take()).await;
                }
            });
        }
    });
    (0..2 * rounds).for_each(|_| items.put());
    thread.join().unwrap();
    futures.join().unwrap();
    assert_eq!((items.take(), items.queue.waiters()), (None, 0));
}

#[test]
fn what_stands_on_queues_stands_on_these() {
    let permits = Arc::new(Semaphore::<AsyncHost<StdHost>>::new("p", 0));
    let taker = spawn({
        let permits = permits.clone();
        move |cx| permits.acquire(cx)
    });
    permits.release();
    taker.join().unwrap();
}

/// A future moves from thread to thread between polls.
#[test]
fn a_future_may_be_sent() {
    let items = Arc::new(Items::new(0));
    let start = items.clone();
    let (bell, waker) = bell();
    let mut future = Box::pin(async move { start.queue.wait_async(|| start.take()).await });
    assert!(
        future
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    items.put();
    assert_eq!(bell.rung(), 1);
    let other = spawn(move |cx| block_on::<StdHost, _>(cx, future));
    other.join().unwrap();
}

#[test]
fn a_waker_outlives_its_thread() {
    struct Keep(Option<Waker>);
    impl Future for &mut Keep {
        type Output = ();
        fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            match self.0.replace(cx.waker().clone()) {
                None => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Some(_) => Poll::Ready(()),
            }
        }
    }
    let waker = spawn(|cx| {
        let mut keep = Keep(None);
        block_on::<StdHost, _>(cx, &mut keep);
        keep.0.unwrap()
    })
    .join()
    .unwrap();
    waker.wake_by_ref();
    enter(|_| waker.wake());
}

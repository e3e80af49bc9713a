//! Waits that are called off, by a token, a closing or a deadline, and waits on several queues,
//! against wakes: on queues for threads, and on those for threads and futures.

use super::at_interrupts;
use layercake_sync::TaskCx;
use layercake_wait::host::seeded::{SeededHost, explore, point, spawn};
use layercake_wait::{
    AsyncHost, CancelToken, Cancelled, Closed, Host, TimedOut, WaitError, WaitQueue, block_on,
    wait_any,
};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// A counter of things to take, and the queue of those who wait for one.
struct Items<H: Host> {
    queue: WaitQueue<H>,
    items: Cell<u32>,
}

impl<H: Host> Items<H> {
    fn new(name: &'static str) -> Self {
        Self {
            queue: WaitQueue::new(name),
            items: Cell::new(0),
        }
    }

    fn put(&self) {
        self.items.set(self.items.get() + 1);
        self.queue.wake_one();
    }

    fn take(&self) -> Option<()> {
        point();
        self.items.set(self.items.get().checked_sub(1)?);
        Some(())
    }
}

/// Handlers bring items and cancel a token. Two wait with that token, one waits for either queue,
/// one is patient: the patient one gets its item, whoever has gone, and each item is somewhere.
fn cancelled_among_others<H: Host>(cx: &mut TaskCx) {
    let it = Rc::new((
        Items::<H>::new("a"),
        Items::<H>::new("b"),
        CancelToken::<H>::new("stop"),
    ));
    let patient = spawn({
        let it = it.clone();
        move |cx| it.0.queue.wait_until(cx, |_| it.0.take())
    });
    let cancellable = [(); 2].map(|()| {
        let it = it.clone();
        spawn(move |cx| {
            let end = (it.0.queue).wait_until_cancelled(cx, &it.2, |_| it.0.take());
            assert!(end == Ok(()) || it.2.is_cancelled());
            end
        })
    });
    let any = spawn({
        let it = it.clone();
        move |cx| {
            let soon = SeededHost::now() + Duration::from_nanos(25);
            let look = || it.1.take().or_else(|| it.0.take());
            wait_any(cx, [&it.0.queue, &it.1.queue], Some(soon), |_| look())
        }
    });
    at_interrupts(cx, 6, {
        let it = it.clone();
        move |n| match n {
            0 => it.1.put(),
            2 => it.2.cancel(),
            _ => it.0.put(),
        }
    });
    patient.join(cx);
    let ends = cancellable.map(|thread| thread.join(cx));
    let told = ends.iter().filter(|end| **end == Err(Cancelled)).count();
    let taken = 1 + (ends.len() - told) + usize::from(any.join(cx) != Err(TimedOut));
    assert_eq!(taken as u32 + it.0.items.get() + it.1.items.get(), 5);
    assert_eq!((it.0.queue.waiters(), it.1.queue.waiters()), (0, 0));
}

#[test]
fn a_token_calls_off_and_loses_nothing() {
    explore(20_000, cancelled_among_others::<SeededHost>);
}

#[test]
fn a_token_calls_off_where_futures_wait() {
    explore(20_000, cancelled_among_others::<AsyncHost<SeededHost>>);
}

/// One receives from two queues until both are closed, one with a deadline from one of them: each
/// item is received once, and the closings end everything.
fn closed_among_others<H: Host>(cx: &mut TaskCx) {
    let it = Rc::new([Items::<H>::new("a"), Items::<H>::new("b")]);
    let both = spawn({
        let it = it.clone();
        move |cx| {
            let mut taken = 0;
            loop {
                let next = wait_any(cx, it.each_ref().map(|items| &items.queue), None, |_| {
                    // The closings first: seen closed, the look after it is the last.
                    let closed = it.iter().all(|items| items.queue.is_closed());
                    let found = it[0].take().or_else(|| it[1].take());
                    found.map(Ok).or_else(|| closed.then_some(Err(Closed)))
                });
                match next.expect("there is no deadline") {
                    Ok(()) => taken += 1,
                    Err(Closed) => return taken,
                }
            }
        }
    });
    let hasty = spawn({
        let it = it.clone();
        move |cx| {
            let mut taken = 0;
            loop {
                let soon = SeededHost::now() + Duration::from_nanos(15);
                match (it[0].queue).wait_until_open_deadline(cx, soon, |_| it[0].take()) {
                    Ok(()) => taken += 1,
                    Err(WaitError::TimedOut) => {}
                    Err(WaitError::Closed) => return taken,
                    Err(WaitError::Cancelled) => unreachable!("there is no token"),
                }
            }
        }
    });
    at_interrupts(cx, 6, {
        let it = it.clone();
        move |n| match n {
            3 => it[0].queue.close(),
            5 => it[1].queue.close(),
            _ => it[n % 2].put(),
        }
    });
    let taken = both.join(cx) + hasty.join(cx);
    let left = it.each_ref().map(|items| items.items.get());
    assert_eq!((taken, left), (4, [0, 0]));
    assert!(it.iter().all(|items| items.queue.waiters() == 0));
}

#[test]
fn closings_end_waits_on_several_queues() {
    explore(20_000, closed_among_others::<SeededHost>);
}

#[test]
fn closings_end_waits_where_futures_wait() {
    explore(20_000, closed_among_others::<AsyncHost<SeededHost>>);
}

/// A future waits beside a thread that is called off, each for one of two items: the future gets
/// one, also if the wake that was meant for it goes to the thread.
#[test]
fn a_future_gets_what_a_cancelled_thread_leaves() {
    explore(20_000, |cx| {
        let it = Rc::new((
            Items::<AsyncHost<SeededHost>>::new("q"),
            CancelToken::new("stop"),
        ));
        let thread = spawn({
            let it = it.clone();
            move |cx| (it.0.queue).wait_until_cancelled(cx, &it.1, |_| it.0.take())
        });
        let future = spawn({
            let it = it.clone();
            move |cx| block_on::<SeededHost, _>(cx, it.0.queue.wait_async(|| it.0.take()))
        });
        at_interrupts(cx, 3, {
            let it = it.clone();
            move |n| match n {
                1 => it.1.cancel(),
                _ => it.0.put(),
            }
        });
        future.join(cx);
        let left = u32::from(thread.join(cx) == Err(Cancelled));
        assert_eq!((it.0.items.get(), it.0.queue.waiters()), (left, 0));
    });
}

//! W8: a host whose park panics in the middle of a wait. Whoever waited is in nobody's way, and has taken
//! nothing along.
#![cfg(not(loom))]

#[path = "support/like_std.rs"]
mod like_std;
#[path = "support/patience.rs"]
mod patience;

use layercake_sync::TaskCx;
use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_wait::{Channel, Host, Instant, Semaphore};
use like_std::{LikeStd, Ways};
use patience::until;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

struct FailingWays;

type Failing = LikeStd<FailingWays>;

thread_local! {
    /// What the next park is accompanied by.
    static WITH_PARK: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

impl Ways for FailingWays {
    fn park(cx: &mut TaskCx, deadline: Option<Instant>) {
        if let Some(call) = WITH_PARK.take() {
            call();
        }
        StdHost::park(cx, deadline);
    }
}

/// `waits`, whose park fails after `first`.
fn fails<R>(first: impl FnOnce() + 'static, waits: impl FnOnce(&mut TaskCx) -> R) {
    WITH_PARK.set(Some(Box::new(move || {
        first();
        panic!("the host fails");
    })));
    let ended = catch_unwind(AssertUnwindSafe(|| enter(waits)));
    assert!(ended.is_err(), "it did not park");
}

/// Has the caller wait for so many permits, and its park fail after `first`.
fn fails_to_acquire(permits: &Semaphore<Failing>, n: u32, first: impl FnOnce() + 'static) {
    fails(first, |cx| permits.acquire_many(cx, n));
}

/// W8, for permits: whose park fails is in nobody's way.
#[test]
fn a_park_that_fails_leaves_no_claim_to_permits() {
    let permits = Semaphore::new("permits", 0);
    fails_to_acquire(&permits, 1, || {});
    assert_eq!(permits.waiters(), 0);
    permits.release();
    assert!(
        permits.try_acquire(),
        "the word still says that somebody waits"
    );
}

/// Nor is it when others are behind it, for whom there is enough.
#[test]
fn a_park_that_fails_lets_the_next_have_its_permits() {
    let permits = Arc::new(Semaphore::new("permits", 1));
    let next = Rc::new(Cell::new(None));
    fails_to_acquire(&permits, 2, {
        let (permits, next) = (permits.clone(), next.clone());
        move || {
            let behind = permits.clone();
            next.set(Some(spawn(move |cx| behind.acquire(cx))));
            until("nobody is behind", || permits.waiters() == 2);
        }
    });
    next.take().unwrap().join().unwrap();
    assert_eq!((permits.permits(), permits.waiters()), (0, 0));
}

/// And what it was given by then comes back.
#[test]
fn a_park_that_fails_gives_back_its_permits() {
    let permits = Arc::new(Semaphore::new("permits", 1));
    let gives = permits.clone();
    fails_to_acquire(&permits, 2, move || gives.release_many(2));
    assert_eq!((permits.permits(), permits.waiters()), (3, 0));
}

type Values = Channel<Arc<()>, 1, Failing>;

/// A channel with so many values in it, and one more value for it.
fn channel(values: usize) -> (Arc<Values>, Arc<()>) {
    let channel = Arc::new(Values::new("values"));
    for _ in 0..values {
        assert!(channel.try_send(Arc::new(())).is_ok());
    }
    (channel, Arc::new(()))
}

/// Nobody waits there: what is sent can be received, and the one after it has to wait for that.
fn is_free(channel: &Values) {
    while channel.try_recv().is_ok() {}
    let value = Arc::new(());
    assert!(channel.try_send(value.clone()).is_ok());
    assert!(channel.try_send(value.clone()).is_err(), "somebody took it");
    assert!(channel.try_recv().is_ok());
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_receiver_whose_park_fails_receives_nothing() {
    let (channel, _) = channel(0);
    fails(|| {}, |cx| channel.recv(cx));
    is_free(&channel);
}

/// It was the receiver's by then, and goes with it.
#[test]
fn a_value_that_was_received_goes_with_its_receiver() {
    let (channel, value) = channel(0);
    let (sends, sent) = (channel.clone(), value.clone());
    fails(
        move || assert!(sends.try_send(sent).is_ok()),
        |cx| channel.recv(cx),
    );
    assert_eq!(Arc::strong_count(&value), 1);
    is_free(&channel);
}

/// It had come back to the sender, and goes with it.
#[test]
fn a_value_that_was_not_sent_goes_with_its_sender() {
    let (channel, value) = channel(1);
    fails(|| {}, |cx| channel.send(cx, value.clone()));
    assert_eq!(Arc::strong_count(&value), 1);
    is_free(&channel);
}

#[test]
fn a_value_that_was_sent_is_received() {
    let (channel, value) = channel(1);
    let receives = channel.clone();
    fails(
        move || assert!(receives.try_recv().is_ok()),
        |cx| channel.send(cx, value.clone()),
    );
    assert_eq!(Arc::strong_count(&value), 2);
    let received = channel.try_recv().expect("it is in the channel");
    assert!(Arc::ptr_eq(&received, &value));
    drop(received);
    is_free(&channel);
}

/// Closed by then, the receiver has nothing, and the sender its value.
#[test]
fn what_is_closed_leaves_values_where_they_are() {
    let (empty, value) = channel(0);
    let closes = empty.clone();
    fails(move || closes.close(), |cx| empty.recv(cx));
    let (full, _) = channel(1);
    let closes = full.clone();
    fails(move || closes.close(), |cx| full.send(cx, value.clone()));
    assert_eq!(Arc::strong_count(&value), 1);
    assert!(full.try_recv().is_ok() && full.try_recv().is_err());
}

//! Calling off a wait that has a deadline: one of event, deadline and token ends it, and no other is
//! lost by that.

use crate::explore;
use layercake_wait::host::loom::{LoomHost, advance_to, enter, spawn};
use layercake_wait::{CancelToken, Host, Instant, WaitError, WaitQueue, sleep_until_cancelled};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};

use layercake_sync::facade::AtomicUsize;

const DEADLINE: Instant = Instant::from_nanos(10);

struct World {
    queue: WaitQueue<LoomHost>,
    token: CancelToken<LoomHost>,
    items: AtomicUsize,
}

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            queue: WaitQueue::new("q"),
            token: CancelToken::new("stop"),
            items: AtomicUsize::new(0),
        })
    }

    fn put(&self) {
        self.items.store(1, Release);
        self.queue.wake_one();
    }

    fn wait(&self) -> Result<(), WaitError> {
        let there = || (self.items.load(Acquire) == 1).then_some(());
        enter(|cx| {
            let (queue, token) = (&self.queue, &self.token);
            queue.wait_until_cancelled_deadline(cx, token, DEADLINE, |_| there())
        })
    }
}

fn apart(world: &Arc<World>, f: impl FnOnce(&World) + 'static) -> loom::thread::JoinHandle<()> {
    let world = world.clone();
    loom::thread::spawn(move || f(&world))
}

/// The clock stands still, so the deadline never comes: the token alone ends the wait.
#[test]
fn cancel_ends_a_wait_with_a_deadline() {
    explore(3, || {
        let world = World::new();
        let canceller = apart(&world, |world| world.token.cancel());
        assert_eq!(world.wait(), Err(WaitError::Cancelled));
        canceller.join().unwrap();
        assert_eq!(world.queue.waiters(), 0);
    });
}

/// What was there before it was called off wins.
#[test]
fn an_event_before_the_cancel_wins() {
    explore(3, || {
        let world = World::new();
        let both = apart(&world, |world| {
            world.items.store(1, Release);
            world.token.cancel();
        });
        assert_eq!(world.wait(), Ok(()));
        both.join().unwrap();
        assert_eq!(world.queue.waiters(), 0);
    });
}

/// All three at once: what is told is so.
#[test]
fn event_deadline_and_cancel() {
    explore(2, || {
        let world = World::new();
        let giver = apart(&world, World::put);
        let clock = loom::thread::spawn(|| advance_to(DEADLINE));
        let canceller = apart(&world, |world| world.token.cancel());
        match world.wait() {
            Ok(()) => assert_eq!(world.items.load(Acquire), 1),
            Err(WaitError::Cancelled) => assert!(world.token.is_cancelled()),
            Err(WaitError::TimedOut) => assert!(LoomHost::now() >= DEADLINE),
            Err(WaitError::Closed) => unreachable!("nobody closes it"),
        }
        for thread in [giver, clock, canceller] {
            thread.join().unwrap();
        }
        assert_eq!(world.queue.waiters(), 0);
    });
}

/// Of two who wait one is called off, at the moment at which the only wake-one comes: the other gets it.
#[test]
fn who_is_called_off_hands_on() {
    explore(2, || {
        let world = World::new();
        let other = {
            let world = world.clone();
            spawn(move |cx| {
                let there = || (world.items.load(Acquire) == 1).then_some(());
                world.queue.wait_until(cx, |_| there());
            })
        };
        let canceller = apart(&world, |world| world.token.cancel());
        let giver = apart(&world, World::put);
        let _ = world.wait();
        for thread in [other, canceller, giver] {
            thread.join().unwrap();
        }
        assert_eq!(world.queue.waiters(), 0);
    });
}

/// A sleep has no event: the deadline ends it, or the token.
#[test]
fn cancel_against_the_end_of_a_sleep() {
    explore(3, || {
        let world = World::new();
        let clock = loom::thread::spawn(|| advance_to(DEADLINE));
        let canceller = apart(&world, |world| world.token.cancel());
        match enter(|cx| sleep_until_cancelled(cx, &world.token, DEADLINE)) {
            Ok(()) => assert!(LoomHost::now() >= DEADLINE),
            Err(_) => assert!(world.token.is_cancelled()),
        }
        clock.join().unwrap();
        canceller.join().unwrap();
    });
}

/// The same with a clock that stands still.
#[test]
fn cancel_ends_a_sleep() {
    explore(3, || {
        let world = World::new();
        let canceller = apart(&world, |world| world.token.cancel());
        let slept = enter(|cx| sleep_until_cancelled(cx, &world.token, DEADLINE));
        assert!(slept.is_err());
        canceller.join().unwrap();
    });
}

//! Idling: a wait of its own in the code, so W1 and W3 are checked for it, too, with their mutants.

use crate::{explore, run_apart};
use layercake_wait::WaitQueue;
use layercake_wait::host::loom::{LoomHost, enter, spawn};
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::Arc;

struct Shared {
    queue: WaitQueue<LoomHost>,
    flag: AtomicBool,
    items: AtomicUsize,
}

fn shared() -> Arc<Shared> {
    Arc::new(Shared {
        queue: WaitQueue::new("model"),
        flag: AtomicBool::new(false),
        items: AtomicUsize::new(0),
    })
}

impl Shared {
    fn flag(&self) -> Option<()> {
        self.flag.load(Relaxed).then_some(())
    }

    fn take(&self) -> Option<()> {
        self.items
            .fetch_update(AcqRel, Acquire, |n| n.checked_sub(1))
            .ok()
            .map(drop)
    }
}

/// W1: a condition made true before a wake is seen by those who idle and those who wait.
fn w1(idlers: usize) {
    let it = shared();
    let threads: Vec<_> = (1..idlers)
        .map(|_| {
            let it = it.clone();
            spawn(move |cx| it.queue.idle_until(cx, |_| it.flag()))
        })
        .collect();
    let waker = loom::thread::spawn({
        let it = it.clone();
        move || {
            it.flag.store(true, Relaxed);
            it.queue.wake_all();
        }
    });
    enter(|cx| it.queue.idle_until(cx, |_| it.flag()));
    waker.join().unwrap();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(it.queue.waiters(), 0, "W8: nobody is left on the queue");
}

#[test]
fn w1_idle_2_waiters() {
    explore(3, || w1(2));
}

#[test]
fn w1_idle_3_waiters() {
    explore(2, || w1(3));
}

/// W3: as many wake-ones as items, each taken by one who idles or one who waits.
fn w3() {
    let it = shared();
    let idler = spawn({
        let it = it.clone();
        move |cx| it.queue.idle_until(cx, |_| it.take())
    });
    let waiter = spawn({
        let it = it.clone();
        move |cx| it.queue.wait_until(cx, |_| it.take())
    });
    for _ in 0..2 {
        it.items.fetch_add(1, Release);
        it.queue.wake_one();
    }
    idler.join().unwrap();
    waiter.join().unwrap();
    assert_eq!(it.queue.waiters(), 0);
}

#[test]
fn w3_idle_and_waiting_2_waiters() {
    explore(3, w3);
}

#[test]
fn wrong_versions_are_rejected() {
    for (mutant, model) in [
        ("CheckThenEnqueue", "idle::w1_idle_2_waiters"),
        ("WaiterWithoutFence", "idle::w1_idle_2_waiters"),
        ("WakerWithoutFence", "idle::w1_idle_2_waiters"),
        ("SwallowedWakeOne", "idle::w3_idle_and_waiting_2_waiters"),
    ] {
        let (passed, _) = run_apart(model, Some(mutant));
        assert!(!passed, "{model} passes with {mutant}");
    }
}

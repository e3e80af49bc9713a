//! Items on the stack, and queues that come and go. Under Miri, too: what is on the stack is gone when
//! the scope has ended.
#![cfg(not(loom))]

#[path = "../../wait/tests/support/patience.rs"]
mod patience;

use layercake_sync::TaskCx;
use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_work::{QueueStore, Queued, Running};
use patience::until;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

type Work<T = ()> = layercake_work::Work<StdHost, T>;
type WorkQueue = layercake_work::WorkQueue<StdHost>;

fn count(run: &Running<'_, StdHost, &AtomicU32>, _: &mut TaskCx) {
    run.fetch_add(1, Relaxed);
}

#[test]
fn the_end_waits_for_what_is_on_the_stack() {
    static QUEUE: WorkQueue = WorkQueue::new("stack");
    let workers = [(); 2].map(|()| spawn(|cx| QUEUE.run_worker(cx)));
    enter(|cx| {
        for round in 0..if cfg!(miri) { 10 } else { 2_000 } {
            let runs = AtomicU32::new(0);
            let again = |run: &Running<'_, StdHost, &AtomicU32>, _: &mut TaskCx| {
                if run.fetch_add(1, Relaxed) < 3 {
                    // Refused, if it is being cancelled.
                    let _ = run.again();
                }
            };
            let item = Work::with_data("on the stack", &runs, again);
            let cancelled = QUEUE.scope(cx, |scope, cx| {
                assert_eq!(scope.queue(&item), Queued::New);
                match round % 3 {
                    0 => item.cancel(),
                    1 => item.cancel_sync(cx).unwrap(),
                    _ => false,
                }
            });
            cancelled.unwrap();
            assert!(!item.is_pending() && !item.is_running());
            if round % 3 == 2 {
                assert_eq!(runs.load(Relaxed), 4);
            }
        }
    });
    QUEUE.close();
    workers.into_iter().for_each(|w| w.join().unwrap());
}

/// A panic of the caller waits, too.
#[test]
fn a_panic_waits() {
    static QUEUE: WorkQueue = WorkQueue::new("panic");
    let worker = spawn(|cx| QUEUE.run_worker(cx));
    let runs = AtomicU32::new(0);
    let result = std::panic::catch_unwind(|| {
        let item = Work::with_data("on the stack", &runs, |run, _| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            run.fetch_add(1, Relaxed);
        });
        enter(|cx| {
            let _ = QUEUE.scope(cx, |scope, _| {
                assert_eq!(scope.queue(&item), Queued::New);
                panic!("early");
            });
        });
    });
    assert!(result.is_err());
    assert_eq!(runs.load(Relaxed), 1);
    QUEUE.close();
    worker.join().unwrap();
}

/// An item may have a scope on another queue, and not on its own if that has one worker.
#[test]
fn a_scope_on_ones_own_queue_is_refused() {
    static OWN: WorkQueue = WorkQueue::new("own");
    static OTHER: WorkQueue = WorkQueue::new("other");
    static RUNS: AtomicU32 = AtomicU32::new(0);
    static ITEM: Work = Work::new("item", |_, cx| {
        let refused = OWN.scope(cx, |_, _| panic!("it would wait for ever"));
        assert_eq!(refused.unwrap_err().item, "item");
        let item = Work::with_data("inner", &RUNS, count);
        OTHER
            .scope(cx, |scope, _| _ = scope.queue(&item))
            .expect("another queue");
        assert_eq!(RUNS.load(Relaxed), 1);
    });
    assert_eq!(OWN.queue(&ITEM), Queued::New);
    OWN.close();
    let other = spawn(|cx| OTHER.run_worker(cx));
    spawn(|cx| OWN.run_worker(cx)).join().unwrap();
    OTHER.close();
    other.join().unwrap();
}

#[test]
fn a_destroyed_queue_has_done_all_and_is_used_again() {
    static STORE: QueueStore<StdHost> = QueueStore::new();
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let mut places = Vec::new();
    for round in 1..=5 {
        let owned = enter(|cx| STORE.make("driver", 2, cx));
        let other = enter(|cx| STORE.make("driver", 1, cx));
        let queue = owned.queue();
        places.push(std::ptr::from_ref(queue).addr());
        assert!(!std::ptr::eq(queue, other.queue()));
        let workers = [(); 2].map(|()| spawn(move |cx| queue.run_worker(cx)));
        for _ in 0..10 {
            let item = Work::new("item", |_, _| _ = RUNS.fetch_add(1, Relaxed));
            queue.queue_boxed(Box::pin(item)).unwrap();
        }
        enter(|cx| {
            owned.destroy(cx).expect("this is no worker");
            other.destroy(cx).expect("this is no worker");
        });
        assert_eq!(RUNS.load(Relaxed), round * 10);
        assert_eq!(queue.report().workers, 0);
        workers.into_iter().for_each(|w| w.join().unwrap());
    }
    places.dedup();
    assert_eq!(places.len(), 1, "memory was taken more than once");
}

#[test]
fn a_queue_is_not_destroyed_by_its_own_item() {
    static STORE: QueueStore<StdHost> = QueueStore::new();
    let owned = enter(|cx| STORE.make("own", 1, cx));
    let queue = owned.queue();
    let slot = std::sync::Mutex::new(Some(owned));
    let item = Work::with_data("destroys", slot, |run, cx| {
        let owned = run.lock().unwrap().take().expect("it runs once");
        let (_closed, refused) = owned.destroy(cx).unwrap_err();
        assert_eq!(refused.item, "destroys");
    });
    queue.queue_boxed(Box::pin(item)).unwrap();
    spawn(move |cx| queue.run_worker(cx)).join().unwrap();
    assert!(queue.report().closed);
}

/// A queue that was dropped with something on it is not given to the next, until that is done.
#[test]
fn a_queue_that_is_not_empty_is_not_used_again() {
    static STORE: QueueStore<StdHost> = QueueStore::new();
    let make = || enter(|cx| STORE.make("driver", 2, cx));
    let item = std::sync::Arc::new(Work::new("item", |_, _| {}));
    let owned = make();
    let queue = owned.queue();
    assert!(queue.queue(&item).accepted());
    drop(owned);
    let other = make();
    assert!(!std::ptr::eq(other.queue(), queue));
    assert_eq!(enter(|cx| queue.run_ready(cx)), 1);
    let again = make();
    assert!(std::ptr::eq(again.queue(), queue));
}

/// To be destroyed it needs to have no worker, too, whatever keeps that one.
#[test]
fn destroying_waits_for_the_last_worker() {
    static STORE: QueueStore<StdHost> = QueueStore::new();
    static DESTROYED: AtomicBool = AtomicBool::new(false);
    let owned = enter(|cx| STORE.make("driver", 1, cx));
    let queue = owned.queue();
    let worker = spawn(move |cx| {
        queue.run_worker_seated(cx, |seat| {
            let end = std::time::Instant::now() + Duration::from_millis(50);
            while seat.is_none() && std::time::Instant::now() < end {
                assert!(!DESTROYED.load(Relaxed), "and a worker was there");
                std::thread::yield_now();
            }
        });
    });
    until("the worker does not come", || queue.report().idle == 1);
    enter(|cx| owned.destroy(cx)).expect("this is no worker");
    DESTROYED.store(true, Relaxed);
    worker.join().unwrap();
}

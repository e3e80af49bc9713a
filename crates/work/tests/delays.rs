//! Delayed and periodic work, on threads of the workstation.
#![cfg(not(loom))]

use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_wait::{Host, Instant};
use layercake_work::Queued;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Work<T = ()> = layercake_work::Work<StdHost, T>;
type WorkQueue = layercake_work::WorkQueue<StdHost>;
type Delays = layercake_work::Delays<StdHost>;

const MS: Duration = Duration::from_millis(1);

#[test]
fn items_come_at_their_time_and_in_its_order() {
    static DELAYS: Delays = Delays::new("order");
    static QUEUE: WorkQueue = WorkQueue::new("order");
    type Seen = Arc<Mutex<Vec<(usize, Instant)>>>;
    let seen = Seen::default();
    let item = |n: usize| {
        Arc::new(Work::with_data("n", (n, seen.clone()), |run, _| {
            run.1.lock().unwrap().push((run.0, StdHost::now()));
        }))
    };
    let items = [item(0), item(1), item(2)];
    let start = StdHost::now();
    let times = [30 * MS, 10 * MS, 20 * MS];
    for (item, after) in items.iter().zip(times) {
        assert_eq!(DELAYS.queue_at(&QUEUE, item, start + after), Queued::New);
        assert_eq!(DELAYS.queue_after(&QUEUE, item, MS), Queued::Coalesced);
        assert_eq!(QUEUE.queue(item), Queued::Coalesced);
    }
    assert_eq!(DELAYS.report().delayed, 3);
    assert!(items[0].is_pending());
    let keeper = spawn(|cx| DELAYS.run(cx));
    let worker = spawn(|cx| QUEUE.run_worker(cx));
    while seen.lock().unwrap().len() < 3 {
        std::thread::yield_now();
    }
    let order: Vec<_> = seen.lock().unwrap().iter().map(|(n, _)| *n).collect();
    assert_eq!(order, [1, 2, 0]);
    for (n, at) in seen.lock().unwrap().iter() {
        assert!(*at >= start + times[*n], "item {n} ran before its time");
    }
    DELAYS.close();
    QUEUE.close();
    keeper.join().unwrap();
    worker.join().unwrap();
    let report = DELAYS.report();
    assert_eq!((report.came, report.handed_over, report.delayed), (3, 3, 0));
    let report = QUEUE.report();
    assert_eq!((report.queued, report.coalesced, report.ran), (9, 6, 3));
    let items: Vec<_> = items.into_iter().map(Arc::into_inner).collect();
    assert!(items.iter().all(Option::is_some), "a reference was kept");
}

#[test]
fn cancelling_ends_a_delay() {
    static DELAYS: Delays = Delays::new("cancel");
    static QUEUE: WorkQueue = WorkQueue::new("cancel");
    let item = Arc::new(Work::new("item", |_, _| {
        panic!("cancelled items do not run")
    }));
    let hour = Duration::from_secs(3600);
    assert_eq!(DELAYS.queue_after(&QUEUE, &item, hour), Queued::New);
    assert_eq!(QUEUE.queue(&item), Queued::Coalesced);
    assert!(item.cancel() && !item.is_pending());
    assert_eq!(DELAYS.queue_after(&QUEUE, &item, hour), Queued::New);
    assert!(item.disable());
    assert_eq!(DELAYS.queue_after(&QUEUE, &item, hour), Queued::Disabled);
    item.enable();
    assert_eq!(DELAYS.queue_after(&QUEUE, &item, hour), Queued::New);
    DELAYS.close();
    assert!(!item.is_pending());
    assert_eq!(DELAYS.queue_after(&QUEUE, &item, hour), Queued::Closed);
    let report = DELAYS.report();
    assert_eq!((report.came, report.cancelled), (3, 3));
    assert_eq!((report.delayed, report.coalesced), (0, 1));
    assert!(Arc::into_inner(item).is_some(), "a reference was kept");
    spawn(|cx| DELAYS.run(cx)).join().unwrap();
}

/// A new time replaces the old one, be the item delayed or on a queue already.
#[test]
fn requeue_at_moves_the_time() {
    static DELAYS: Delays = Delays::new("move");
    static QUEUE: WorkQueue = WorkQueue::new("move");
    static OTHER: WorkQueue = WorkQueue::new("other");
    static ITEM: Work = Work::new("item", |_, _| {});
    let now = StdHost::now();
    let hour = now + Duration::from_secs(3600);
    assert_eq!(DELAYS.requeue_at(&OTHER, &ITEM, hour), Queued::New);
    assert_eq!(DELAYS.report().next, Some(hour));
    assert_eq!(DELAYS.requeue_at(&QUEUE, &ITEM, now), Queued::New);
    assert_eq!(DELAYS.expire(), None);
    assert_eq!((QUEUE.report().pending, OTHER.report().pending), (1, 0));
    assert_eq!(DELAYS.requeue_at(&OTHER, &ITEM, hour), Queued::New);
    assert_eq!(QUEUE.report().pending, 0);
    assert_eq!(DELAYS.expire(), Some(hour));
    assert!(ITEM.cancel());
}

/// A flush does not wait for the time: the delay ends with it.
#[test]
fn a_flush_ends_the_delay() {
    static DELAYS: Delays = Delays::new("flush");
    static QUEUE: WorkQueue = WorkQueue::new("flush");
    let item = Arc::new(Work::with_data("item", AtomicU32::new(0), |run, _| {
        run.fetch_add(1, Relaxed);
    }));
    let worker = spawn(|cx| QUEUE.run_worker(cx));
    let hour = Duration::from_secs(3600);
    assert_eq!(DELAYS.queue_after(&QUEUE, &item, hour), Queued::New);
    enter(|cx| item.flush(cx)).unwrap();
    assert_eq!(item.data().load(Relaxed), 1);
    QUEUE.close();
    worker.join().unwrap();
}

#[test]
fn a_closed_queue_takes_nothing_over() {
    static DELAYS: Delays = Delays::new("closed");
    static QUEUE: WorkQueue = WorkQueue::new("closed");
    let item = Arc::new(Work::new("item", |_, _| panic!("the queue is closed")));
    assert_eq!(DELAYS.queue_at(&QUEUE, &item, Instant::ZERO), Queued::New);
    QUEUE.close();
    assert_eq!(DELAYS.expire(), None);
    assert_eq!(DELAYS.report().cancelled, 1);
    assert!(Arc::into_inner(item).is_some(), "a reference was kept");
}

/// Periodic work keeps the beat that it began with: no run comes before its time, and each is for
/// a multiple of the period, however late the one before it was.
#[test]
fn periodic_work_does_not_drift() {
    static DELAYS: Delays = Delays::new("beat");
    static QUEUE: WorkQueue = WorkQueue::new("beat");
    static RUNS: Mutex<Vec<Instant>> = Mutex::new(Vec::new());
    const PERIOD: Duration = Duration::from_millis(4);
    static ITEM: Work = Work::new("beat", |run, _| {
        RUNS.lock().unwrap().push(StdHost::now());
        std::thread::sleep(MS);
        let _ = run.again_every(&DELAYS, PERIOD);
    });
    let keeper = spawn(|cx| DELAYS.run(cx));
    let worker = spawn(|cx| QUEUE.run_worker(cx));
    let start = StdHost::now();
    assert_eq!(DELAYS.queue_at(&QUEUE, &ITEM, start), Queued::New);
    let mut nexts = Vec::new();
    while RUNS.lock().unwrap().len() < 10 {
        nexts.extend(DELAYS.report().next);
        std::thread::sleep(MS);
    }
    enter(|cx| ITEM.cancel_sync(cx)).unwrap();
    for next in nexts {
        let since = next.saturating_duration_since(start).as_nanos();
        assert_eq!(since % PERIOD.as_nanos(), 0, "off the beat");
    }
    DELAYS.close();
    QUEUE.close();
    keeper.join().unwrap();
    worker.join().unwrap();
    assert!(!ITEM.is_pending() && !ITEM.is_running());
}

//! Cancelling, flushing, draining, limits and reports, on threads of the workstation.
#![cfg(not(loom))]

use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_work::Queued;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

type Work<T = ()> = layercake_work::Work<StdHost, T>;
type WorkQueue = layercake_work::WorkQueue<StdHost>;

#[test]
fn cancel_takes_a_pending_item_off() {
    static QUEUE: WorkQueue = WorkQueue::new("cancel");
    static ITEM: Work = Work::new("item", |_, _| panic!("cancelled items do not run"));
    assert!(!ITEM.cancel());
    assert_eq!(QUEUE.queue(&ITEM), Queued::New);
    assert_eq!(QUEUE.queue(&ITEM), Queued::Coalesced);
    assert!(ITEM.cancel());
    assert!(!ITEM.cancel() && !ITEM.is_pending());
    let report = QUEUE.report();
    assert_eq!((report.queued, report.coalesced), (2, 1));
    assert_eq!((report.cancelled, report.pending, report.ran), (1, 0, 0));
    QUEUE.close();
    spawn(|cx| QUEUE.run_worker(cx)).join().unwrap();
}

#[test]
fn cancelling_gives_an_arc_back() {
    static QUEUE: WorkQueue = WorkQueue::new("arc back");
    let work = Arc::new(Work::with_data("arc", 7, |_, _| {}));
    assert_eq!(QUEUE.queue(&work), Queued::New);
    assert!(work.cancel());
    let work = Arc::into_inner(work).expect("the queue has let go of it");
    assert_eq!(*work.data(), 7);
}

#[test]
fn a_disabled_item_is_refused() {
    static QUEUE: WorkQueue = WorkQueue::new("disabled");
    static ITEM: Work = Work::new("item", |_, _| {});
    assert_eq!(QUEUE.queue(&ITEM), Queued::New);
    assert!(ITEM.disable());
    assert!(!ITEM.disable());
    assert_eq!(QUEUE.queue(&ITEM), Queued::Disabled);
    ITEM.enable();
    assert_eq!(QUEUE.queue(&ITEM), Queued::Disabled);
    ITEM.enable();
    assert_eq!(QUEUE.queue(&ITEM), Queued::New);
    assert!(ITEM.cancel());
}

#[test]
#[should_panic(expected = "not disabled")]
fn enabling_needs_a_disable() {
    Work::new("item", |_, _| {}).enable();
}

/// A refused box comes back, and can be queued when its item is enabled again.
#[test]
fn a_disabled_box_comes_back() {
    static QUEUE: WorkQueue = WorkQueue::new("box back");
    let work = Box::pin(Work::new("box", |run, _| run.queue().close()));
    work.disable();
    let work = QUEUE.queue_boxed(work).unwrap_err();
    work.enable();
    QUEUE.queue_boxed(work).unwrap();
    spawn(|cx| QUEUE.run_worker(cx)).join().unwrap();
    assert_eq!(QUEUE.report().ran, 1);
}

#[test]
fn flush_waits_for_what_came_before_and_not_for_what_comes() {
    static QUEUE: WorkQueue = WorkQueue::new("flush");
    static RUNS: AtomicU32 = AtomicU32::new(0);
    static FOREVER: Work = Work::new("forever", |run, _| {
        RUNS.fetch_add(1, Relaxed);
        let _ = run.again();
    });
    let worker = spawn(|cx| QUEUE.run_worker(cx));
    assert_eq!(QUEUE.queue(&FOREVER), Queued::New);
    enter(|cx| {
        FOREVER.flush(cx).unwrap();
        let runs = RUNS.load(Relaxed);
        assert!(runs >= 1);
        QUEUE.flush(cx).unwrap();
        assert!(RUNS.load(Relaxed) > runs);
        FOREVER.cancel_sync(cx).unwrap();
        let runs = RUNS.load(Relaxed);
        QUEUE.drain(cx).unwrap();
        assert_eq!(RUNS.load(Relaxed), runs);
    });
    QUEUE.close();
    worker.join().unwrap();
}

/// A blocked item keeps nobody from the other workers, and the report names it (K6).
#[test]
fn a_blocked_item_does_not_stall_the_others() {
    static QUEUE: WorkQueue = WorkQueue::new("blocked");
    let gate = Arc::new(Barrier::new(2));
    let blocked = Arc::new(Work::with_data("stuck", gate.clone(), |run, _| {
        run.wait();
    }));
    let quick = Arc::new(Work::new("quick", |_, _| {}));
    assert_eq!(QUEUE.queue(&blocked), Queued::New);
    let workers = [(); 2].map(|()| spawn(|cx| QUEUE.run_worker(cx)));
    enter(|cx| {
        for _ in 0..10 {
            assert!(QUEUE.queue(&quick).accepted());
            quick.flush(cx).unwrap();
        }
    });
    while QUEUE.report().running != 1 {
        std::thread::yield_now();
    }
    let longest = QUEUE.longest_run().unwrap();
    assert_eq!(longest.item, "stuck");
    assert!(longest.running_for(longest.since + Duration::from_secs(3)) == Duration::from_secs(3));
    let mut runs = [None; 4];
    assert_eq!(QUEUE.runs(&mut runs), 1);
    assert_eq!(runs, [Some(longest), None, None, None]);
    assert_eq!(QUEUE.runs(&mut []), 1);
    gate.wait();
    QUEUE.close();
    workers.into_iter().for_each(|w| w.join().unwrap());
    assert_eq!(QUEUE.longest_run(), None);
    assert_eq!(QUEUE.report().ran, 11);
}

/// Runs `items` items on `workers` workers; says how many ran at once at most, and their order.
fn crowd(queue: &'static WorkQueue, workers: usize, items: usize) -> (u32, Vec<usize>) {
    #[derive(Default)]
    struct Seen {
        now: AtomicU32,
        most: AtomicU32,
        order: Mutex<Vec<usize>>,
    }
    let seen = Arc::new(Seen::default());
    for n in 0..items {
        let work = Box::pin(Work::with_data("n", (n, seen.clone()), |run, _| {
            let (n, seen) = &**run;
            let now = seen.now.fetch_add(1, Relaxed) + 1;
            seen.most.fetch_max(now, Relaxed);
            seen.order.lock().unwrap().push(*n);
            std::thread::sleep(Duration::from_micros(200));
            seen.now.fetch_sub(1, Relaxed);
        }));
        queue.queue_boxed(work).unwrap();
    }
    queue.close();
    let threads: Vec<_> = (0..workers)
        .map(|_| spawn(|cx| queue.run_worker(cx)))
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    let order = std::mem::take(&mut *seen.order.lock().unwrap());
    (seen.most.load(Relaxed), order)
}

#[test]
fn an_ordered_queue_runs_one_at_a_time_in_order() {
    static QUEUE: WorkQueue = WorkQueue::ordered("ordered");
    let (most, order) = crowd(&QUEUE, 4, 12);
    assert_eq!(most, 1);
    assert_eq!(order, (0..12).collect::<Vec<_>>());
}

#[test]
fn a_limit_is_kept() {
    static QUEUE: WorkQueue = WorkQueue::with_limit("limit", 2);
    let (most, order) = crowd(&QUEUE, 4, 12);
    assert!(most <= 2);
    assert_eq!(order.len(), 12);
    assert_eq!(QUEUE.report().max_active, 2);
}

/// In an ordered queue nothing overtakes an item that still runs on another queue.
#[test]
fn nothing_overtakes_in_an_ordered_queue() {
    static ORDERED: WorkQueue = WorkQueue::ordered("ordered");
    static ELSEWHERE: WorkQueue = WorkQueue::new("elsewhere");
    static GO_ON: AtomicBool = AtomicBool::new(false);
    static ORDER: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    static FIRST: Work = Work::new("first", |run, _| {
        if std::ptr::eq(run.queue(), &ELSEWHERE) {
            assert_eq!(run.again_on(&ORDERED), Queued::WillRunAgain);
            while !GO_ON.load(Relaxed) {
                std::thread::yield_now();
            }
        } else {
            ORDER.lock().unwrap().push("first");
        }
    });
    static SECOND: Work = Work::new("second", |_, _| ORDER.lock().unwrap().push("second"));
    assert_eq!(ELSEWHERE.queue(&FIRST), Queued::New);
    ELSEWHERE.close();
    let elsewhere = spawn(|cx| ELSEWHERE.run_worker(cx));
    while !FIRST.is_running() || !FIRST.is_pending() {
        std::thread::yield_now();
    }
    assert_eq!(ORDERED.queue(&SECOND), Queued::New);
    let ordered = spawn(|cx| ORDERED.run_worker(cx));
    std::thread::sleep(Duration::from_millis(20));
    assert!(ORDER.lock().unwrap().is_empty());
    GO_ON.store(true, Relaxed);
    elsewhere.join().unwrap();
    ORDERED.close();
    ordered.join().unwrap();
    assert_eq!(*ORDER.lock().unwrap(), ["first", "second"]);
}

/// More calls join than the state word can count: none is lost from the books.
#[test]
fn every_joined_call_is_counted() {
    static QUEUE: WorkQueue = WorkQueue::new("joined");
    static ITEM: Work = Work::new("item", |_, _| {});
    // More than the state word can hold, twice.
    let calls = 4_200;
    for n in 0..calls {
        let queued = QUEUE.queue(&ITEM);
        assert_eq!(queued == Queued::New, n == 0);
    }
    QUEUE.close();
    spawn(|cx| QUEUE.run_worker(cx)).join().unwrap();
    let report = QUEUE.report();
    assert_eq!((report.queued, report.coalesced), (calls, calls - 1));
    assert_eq!((report.ran, report.cancelled), (1, 0));
}

//! What a queue does with its items, on threads of the workstation.
#![cfg(not(loom))]

use layercake_sync::TaskCx;
use layercake_wait::host::std::{StdHost, spawn};
use layercake_work::{Queued, Running};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, mpsc};

type Work<T = ()> = layercake_work::Work<StdHost, T>;
type WorkQueue = layercake_work::WorkQueue<StdHost>;

/// Counts its drops.
#[derive(Debug)]
struct Drops(Arc<AtomicU32>);

impl Drop for Drops {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn items_run_in_the_order_of_queueing() {
    static QUEUE: WorkQueue = WorkQueue::new("fifo");
    let order = Arc::new(Mutex::new(Vec::new()));
    for n in 0..100 {
        let work = Box::pin(Work::with_data("n", (n, order.clone()), |run, _| {
            run.1.lock().unwrap().push(run.0);
        }));
        QUEUE.queue_boxed(work).unwrap();
    }
    QUEUE.close();
    spawn(|cx| QUEUE.run_worker(cx)).join().unwrap();
    assert_eq!(*order.lock().unwrap(), (0..100).collect::<Vec<_>>());
}

#[test]
fn the_answers() {
    static QUEUE: WorkQueue = WorkQueue::new("answers");
    static RUNS: AtomicU32 = AtomicU32::new(0);
    static ITEM: Work = Work::new("item", |run, _| {
        if RUNS.fetch_add(1, Relaxed) == 0 {
            assert_eq!(run.again(), Queued::WillRunAgain);
            assert_eq!(run.again(), Queued::Coalesced);
            assert_eq!(QUEUE.queue(&ITEM), Queued::Coalesced);
            QUEUE.close();
        } else {
            assert_eq!(run.again(), Queued::Closed);
        }
    });
    assert_eq!(QUEUE.queue(&ITEM), Queued::New);
    assert_eq!(QUEUE.queue(&ITEM), Queued::Coalesced);
    assert!(ITEM.is_pending() && !ITEM.is_running());
    spawn(|cx| QUEUE.run_worker(cx)).join().unwrap();
    assert_eq!(RUNS.load(Relaxed), 2);
    assert!(!ITEM.is_pending() && !ITEM.is_running());
    assert_eq!(QUEUE.queue(&ITEM), Queued::Closed);
    let accepted = [Queued::New, Queued::Coalesced, Queued::WillRunAgain];
    assert!(accepted.into_iter().all(Queued::accepted));
    assert!(!Queued::Closed.accepted() && !Queued::Disabled.accepted());
}

#[test]
fn an_item_in_an_arc_lives_as_long_as_it_is_busy() {
    static QUEUE: WorkQueue = WorkQueue::new("arc");
    let drops = Arc::new(AtomicU32::new(0));
    let work = Arc::new(Work::with_data("arc", Drops(drops.clone()), |_, _| {}));
    assert_eq!(QUEUE.queue(&work), Queued::New);
    assert_eq!(QUEUE.queue(&work), Queued::Coalesced);
    assert_eq!(Arc::strong_count(&work), 2);
    drop(work);
    assert_eq!(drops.load(Relaxed), 0);
    QUEUE.close();
    spawn(|cx| QUEUE.run_worker(cx)).join().unwrap();
    assert_eq!(drops.load(Relaxed), 1);
}

#[test]
fn a_boxed_item_is_freed_after_its_last_run() {
    static QUEUE: WorkQueue = WorkQueue::new("box");
    let drops = Arc::new(AtomicU32::new(0));
    let data = (Drops(drops.clone()), AtomicU32::new(0));
    let work = Box::pin(Work::with_data(
        "box",
        data,
        |run: &Running<'_, _, (Drops, AtomicU32)>, _| {
            if run.1.fetch_add(1, Relaxed) < 3 {
                assert_eq!(run.0.0.load(Relaxed), 0);
                assert!(run.again().accepted());
            } else {
                run.queue().close();
            }
        },
    ));
    QUEUE.queue_boxed(work).unwrap();
    spawn(|cx| QUEUE.run_worker(cx)).join().unwrap();
    assert_eq!(drops.load(Relaxed), 1);

    let refused = Box::pin(Work::with_data("box", Drops(drops.clone()), |_, _| {}));
    assert!(QUEUE.queue_boxed(refused).is_err());
    assert_eq!(drops.load(Relaxed), 2);
}

#[test]
fn a_worker_sleeps_until_there_is_work() {
    static QUEUE: WorkQueue = WorkQueue::new("sleepy");
    let (done, finished) = mpsc::channel();
    let work = Arc::new(Work::with_data("ping", done, |run, _: &mut TaskCx| {
        run.send(()).unwrap()
    }));
    let worker = spawn(|cx| QUEUE.run_worker(cx));
    for _ in 0..100 {
        assert!(QUEUE.queue(&work).accepted());
        finished.recv().unwrap();
    }
    QUEUE.close();
    worker.join().unwrap();
}

/// Three queues with two workers each, one item that everybody queues everywhere (K2, K3).
#[test]
fn one_item_on_many_queues_never_runs_twice_at_once() {
    static QUEUES: [WorkQueue; 3] = [
        WorkQueue::new("a"),
        WorkQueue::new("b"),
        WorkQueue::new("c"),
    ];
    static INSIDE: AtomicU32 = AtomicU32::new(0);
    static RUNS: AtomicU32 = AtomicU32::new(0);
    static ITEM: Work = Work::new("hot", |_, _| {
        assert_eq!(INSIDE.fetch_add(1, Relaxed), 0);
        RUNS.fetch_add(1, Relaxed);
        assert_eq!(INSIDE.fetch_sub(1, Relaxed), 1);
    });
    let rounds = if cfg!(miri) { 30 } else { 20_000 };
    let workers: Vec<_> = (0..6)
        .map(|n: usize| spawn(move |cx| QUEUES[n % 3].run_worker(cx)))
        .collect();
    let queuers: Vec<_> = (0..3)
        .map(|n: usize| {
            std::thread::spawn(move || {
                (0..rounds)
                    .filter(|i| {
                        let queued = QUEUES[(n + i) % 3].queue(&ITEM);
                        assert!(queued.accepted());
                        queued != Queued::Coalesced
                    })
                    .count()
            })
        })
        .collect();
    let queued: usize = queuers.into_iter().map(|q| q.join().unwrap()).sum();
    QUEUES.iter().for_each(WorkQueue::close);
    workers.into_iter().for_each(|w| w.join().unwrap());
    assert_eq!(RUNS.load(Relaxed) as usize, queued);
}

#[test]
fn a_panic_ends_the_run_and_the_worker_but_not_the_queue() {
    static QUEUE: WorkQueue = WorkQueue::new("panics");
    static BAD: Work = Work::new("bad", |_, _| panic!("on purpose"));
    static GOOD: Work = Work::new("good", |_, _| QUEUE.close());
    assert_eq!(QUEUE.queue(&BAD), Queued::New);
    assert_eq!(QUEUE.queue(&GOOD), Queued::New);
    assert!(spawn(|cx| QUEUE.run_worker(cx)).join().is_err());
    assert!(!BAD.is_running());
    spawn(|cx| QUEUE.run_worker(cx)).join().unwrap();
}

//! Everybody does everything at once, on threads of the workstation; then the books must balance.
//!
//! Luck decides which interleavings happen here; the models try all of few. This tries many.
#![cfg(not(loom))]

use layercake_sync::TaskCx;
use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_work::{Queued, Running};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

type Work<T> = layercake_work::Work<StdHost, T>;
type WorkQueue = layercake_work::WorkQueue<StdHost>;

const QUEUES: usize = 3;
const ITEMS: usize = 4;
const THREADS: usize = 3;

static PLANT: [WorkQueue; QUEUES] = [
    WorkQueue::new("one worker"),
    WorkQueue::new("two workers"),
    WorkQueue::ordered("ordered"),
];

/// A small generator of pseudo-random numbers (xorshift; Marsaglia, 2003).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[derive(Default)]
struct Data {
    inside: AtomicU64,
    runs: AtomicU64,
    again: AtomicU64,
    joined: AtomicU64,
}

impl Data {
    /// Books what a call of `queue` said.
    fn book(&self, queued: Queued) {
        match queued {
            Queued::New | Queued::WillRunAgain => self.again.fetch_add(1, Relaxed),
            Queued::Coalesced => self.joined.fetch_add(1, Relaxed),
            Queued::Disabled | Queued::Closed => 0,
        };
    }
}

fn run(run: &Running<'_, StdHost, Data>, _: &mut TaskCx) {
    assert_eq!(run.inside.fetch_add(1, Relaxed), 0, "K2");
    let n = run.runs.fetch_add(1, Relaxed);
    if n.is_multiple_of(5) {
        run.book(run.again());
    }
    if n.is_multiple_of(7) {
        run.book(run.again_on(&PLANT[n as usize % QUEUES]));
    }
    if n.is_multiple_of(11) {
        std::thread::yield_now();
    }
    assert_eq!(run.inside.fetch_sub(1, Relaxed), 1, "K2");
}

#[test]
fn the_books_balance() {
    let rounds = if cfg!(miri) { 60 } else { 10_000 };
    let items: Arc<[_; ITEMS]> = Arc::new(std::array::from_fn(|_| {
        Arc::new(Work::with_data("item", Data::default(), run))
    }));
    let workers = [0, 1, 1, 2, 2].map(|n: usize| spawn(move |cx| PLANT[n].run_worker(cx)));
    let threads: [_; THREADS] = std::array::from_fn(|n| {
        let items = items.clone();
        spawn(move |cx| {
            let mut dice = Dice(0x9e37_79b9 + n as u64);
            for _ in 0..rounds {
                let item = &items[dice.roll(ITEMS as u64) as usize];
                match dice.roll(40) {
                    0 => _ = item.cancel(),
                    1 => _ = item.cancel_sync(cx).unwrap(),
                    2 => item.flush(cx).unwrap(),
                    3 => {
                        item.disable_sync(cx).unwrap();
                        assert!(!item.is_running() && !item.is_pending(), "K4");
                        assert_eq!(PLANT[0].queue(item), Queued::Disabled);
                        item.enable();
                    }
                    4 => PLANT[dice.roll(QUEUES as u64) as usize].flush(cx).unwrap(),
                    5 => assert!(PLANT[1].report().running <= 2),
                    _ => item
                        .data()
                        .book(PLANT[dice.roll(QUEUES as u64) as usize].queue(item)),
                }
            }
        })
    });
    threads.into_iter().for_each(|t| t.join().unwrap());
    enter(|cx| items.iter().for_each(|item| item.flush(cx).unwrap()));
    PLANT.iter().for_each(WorkQueue::close);
    workers.into_iter().for_each(|w| w.join().unwrap());

    let sum = |f: fn(&Data) -> &AtomicU64| -> u64 {
        items.iter().map(|item| f(item.data()).load(Relaxed)).sum()
    };
    let reports = PLANT.each_ref().map(|queue| queue.report());
    let total = |f: fn(&layercake_work::QueueReport) -> u64| reports.iter().map(f).sum::<u64>();
    assert_eq!(total(|r| r.ran), sum(|data| &data.runs));
    assert_eq!(total(|r| r.coalesced), sum(|data| &data.joined));
    assert_eq!(
        total(|r| r.ran) + total(|r| r.cancelled),
        sum(|data| &data.again)
    );
    for report in reports {
        assert_eq!(
            report.queued,
            report.ran + report.coalesced + report.cancelled
        );
        assert_eq!((report.pending, report.running, report.workers), (0, 0, 0));
    }
    let items = Arc::into_inner(items).unwrap();
    for item in items {
        assert!(Arc::into_inner(item).is_some(), "a queue kept a reference");
    }
}

/// K4: when `cancel_sync` or `flush` has returned, the item may be freed under the worker's eyes.
#[test]
fn what_is_idle_may_be_freed() {
    static QUEUE: WorkQueue = WorkQueue::new("free");
    let worker = spawn(|cx| QUEUE.run_worker(cx));
    enter(|cx| {
        for round in 0..if cfg!(miri) { 20 } else { 4_000 } {
            let item = Box::into_raw(Box::new(Work::with_data(
                "item",
                Data::default(),
                |_, _| {},
            )));
            // SAFETY: freed below only, when no queue has it.
            let it: &'static Work<Data> = unsafe { &*item };
            assert_eq!(QUEUE.queue(it), Queued::New);
            match round % 2 {
                0 => _ = it.cancel_sync(cx).unwrap(),
                _ => it.flush(cx).unwrap(),
            }
            // SAFETY: OWNED: it is idle, so the queue does not touch it any more.
            drop(unsafe { Box::from_raw(item) });
        }
    });
    QUEUE.close();
    worker.join().unwrap();
}

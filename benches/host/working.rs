//! The work queues of `layercake-work` beside what a program does without them: send functions
//! over a channel to a thread that calls them.

use core::hint::black_box;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Once, OnceLock, mpsc};
use std::thread::{self, Thread};
use std::time::Duration;

use layercake_sync::TaskCx;

use crate::host::{Workstation, here};
use crate::operation::{Operation, counted, in_batches, in_turns, one, timed};

type Work = layercake_work::Work<Workstation>;
type WorkQueue = layercake_work::WorkQueue<Workstation>;
type Running<'a> = layercake_work::Running<'a, Workstation, ()>;

/// How many items are queued before any of them runs.
const BATCH: usize = 64;

pub fn add(all: &mut Vec<Operation>) {
    queue_pending(all);
    queue_and_run(all);
    round_trip(all);
}

fn nothing(_: &Running<'_>, _: &mut TaskCx) {}

/// Queue what is queued already. A channel takes a message once more, so who wants the same of it
/// keeps a flag beside it.
fn queue_pending(all: &mut Vec<Operation>) {
    static QUEUE: WorkQueue = WorkQueue::new("pending");
    static ITEM: Work = Work::new("item", nothing);
    static FLAG: AtomicBool = AtomicBool::new(true);

    // It stays pending: the queue has no worker.
    let _ = QUEUE.queue(&ITEM);
    let id = "work.queue_pending";
    one(all, id, "layercake WorkQueue", |_| {
        let _ = black_box(QUEUE.queue(&ITEM));
    });
    one(all, id, "a flag", |_| {
        black_box(FLAG.swap(true, Ordering::AcqRel));
    });
}

/// Queue [`BATCH`] empty items, and run them on the same thread; per item.
fn queue_and_run(all: &mut Vec<Operation>) {
    static QUEUE: WorkQueue = WorkQueue::new("batch");
    static ITEMS: [Work; BATCH] = [const { Work::new("item", nothing) }; BATCH];
    fn job() {
        black_box(());
    }

    let id = "work.queue_and_run";
    counted(all, id, "layercake WorkQueue", |turns| {
        let cx = &mut here();
        in_batches(turns, BATCH as u64, || {
            for item in &ITEMS {
                let _ = QUEUE.queue(item);
            }
            QUEUE.run_ready(cx);
        })
    });
    counted(all, id, "std mpsc channel", |turns| {
        let (to, from) = mpsc::channel::<fn()>();
        in_batches(turns, BATCH as u64, || {
            for _ in 0..BATCH {
                let _ = to.send(black_box(job));
            }
            from.try_iter().for_each(|job| job());
        })
    });
    counted(all, id, "crossbeam-channel unbounded", |turns| {
        let (to, from) = crossbeam_channel::unbounded::<fn()>();
        in_batches(turns, BATCH as u64, || {
            for _ in 0..BATCH {
                let _ = to.send(black_box(job));
            }
            from.try_iter().for_each(|job| job());
        })
    });
}

/// Queue an item to a worker thread that has nothing to do, and sleep until it has run.
fn round_trip(all: &mut Vec<Operation>) {
    static QUEUE: WorkQueue = WorkQueue::new("round trip");
    static ITEM: Work = Work::new("item", |_, _| answer());
    static WORKER: Once = Once::new();

    let id = "work.round_trip";
    in_turns(all, id, "layercake WorkQueue", |turns| {
        // One worker for all runs, which ends with the program.
        WORKER.call_once(|| drop(thread::spawn(|| QUEUE.run_worker(&mut here()))));
        asked(turns, || {
            let _ = black_box(QUEUE.queue(&ITEM));
        })
    });
    in_turns(all, id, "std mpsc channel", |turns| {
        let (to, from) = mpsc::channel::<fn()>();
        thread::spawn(|| from.into_iter().for_each(|job| job()));
        asked(turns, || to.send(answer).expect("the thread waits for it"))
    });
    in_turns(all, id, "crossbeam-channel unbounded", |turns| {
        let (to, from) = crossbeam_channel::unbounded::<fn()>();
        thread::spawn(|| from.into_iter().for_each(|job| job()));
        asked(turns, || to.send(answer).expect("the thread waits for it"))
    });
}

static ANSWERED: AtomicBool = AtomicBool::new(false);
static ASKING: OnceLock<Thread> = OnceLock::new();

/// What the worker does for each of them: tell who asked.
fn answer() {
    ANSWERED.store(true, Ordering::Release);
    ASKING.get().expect("set before the first").unpark();
}

/// How long it takes to ask so many times, and to sleep until the answer each time. All of them ask
/// on the program's first thread.
fn asked(turns: u64, ask: impl Fn()) -> Duration {
    ASKING.get_or_init(thread::current);
    timed(turns, || {
        ask();
        while !ANSWERED.swap(false, Ordering::Acquire) {
            thread::park();
        }
    })
}

//! What happens between a wake and the moment at which the one who was woken looks.
#![cfg(not(loom))]

#[path = "../../wait/tests/support/like_std.rs"]
mod like_std;
#[path = "../../wait/tests/support/patience.rs"]
mod patience;

use layercake_sync::TaskCx;
use layercake_wait::host::std::{StdHost, spawn};
use layercake_wait::{Host, Instant};
use like_std::{LikeStd, Ways};
use patience::until;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::{Thread, ThreadId};

/// `StdHost`, with a count of its wakes, and a gate behind which those who are woken have to stay.
struct GatedWays;

type Gated = LikeStd<GatedWays>;

static WAKES: AtomicUsize = AtomicUsize::new(0);
/// How often a thread had nothing to do.
static IDLES: AtomicUsize = AtomicUsize::new(0);
/// How often one was about to wait for something that must come to an end.
static BLOCKED: AtomicUsize = AtomicUsize::new(0);
static CLOSED: AtomicBool = AtomicBool::new(false);

/// There is one gate: tests take turns.
static TURN: Mutex<()> = Mutex::new(());

impl Ways for GatedWays {
    fn park(cx: &mut TaskCx, deadline: Option<Instant>) {
        StdHost::park(cx, deadline);
        until("the gate stays closed", || !CLOSED.load(SeqCst));
    }
    fn unpark(task: &Thread) {
        WAKES.fetch_add(1, SeqCst);
        StdHost::unpark(task);
    }
    fn blocked_on(_: &'static str) {
        BLOCKED.fetch_add(1, SeqCst);
    }
    fn idle_on(_: &'static str) {
        IDLES.fetch_add(1, SeqCst);
    }
}

type Work<T = ()> = layercake_work::Work<Gated, T>;
type WorkQueue = layercake_work::WorkQueue<Gated>;

/// Those who sleep, and are woken by `f`, do not get up before it has ended.
fn behind_the_gate(f: impl FnOnce()) {
    CLOSED.store(true, SeqCst);
    f();
    CLOSED.store(false, SeqCst);
}

fn until_idle(queue: &WorkQueue, n: usize) {
    until("they do not sleep", || queue.report().idle == n);
}

/// Nobody is called for an item that nobody may run yet, nor if somebody is on his way whose own item has
/// gone. It gets done all the same.
#[test]
fn nobody_is_called_who_is_not_needed() {
    static ORDERED: WorkQueue = WorkQueue::ordered("one at a time");
    static QUEUE: WorkQueue = WorkQueue::new("two");
    static ITEMS: [Work; 2] = [const { Work::new("item", |_, _| {}) }; 2];
    let _turn = TURN.lock();
    let workers =
        [&ORDERED, &ORDERED, &QUEUE, &QUEUE].map(|queue| spawn(move |cx| queue.run_worker(cx)));
    until_idle(&ORDERED, 2);
    until_idle(&QUEUE, 2);

    let meeting = Arc::new(Barrier::new(2));
    let long = Arc::new(Work::with_data("long", meeting.clone(), |run, _| {
        run.wait();
    }));
    assert!(ORDERED.queue(&long).accepted());
    until("it runs", || long.is_running());
    let before = WAKES.load(SeqCst);
    for item in &ITEMS {
        assert!(ORDERED.queue(item).accepted());
    }
    meeting.wait();
    until("all have run", || ORDERED.report().ran == 3);
    assert_eq!(WAKES.load(SeqCst), before, "called with no place free");

    let [first, second] = &ITEMS;
    behind_the_gate(|| {
        assert!(QUEUE.queue(first).accepted());
        assert_eq!(WAKES.load(SeqCst), before + 1);
        assert!(first.cancel());
        assert!(QUEUE.queue(second).accepted());
        assert_eq!(WAKES.load(SeqCst), before + 1, "somebody was on his way");
    });
    until("it has run", || QUEUE.report().ran == 1);

    ORDERED.close();
    QUEUE.close();
    workers.into_iter().for_each(|one| one.join().unwrap());
}

/// Who is called, and finds that his item has gone, sleeps again.
#[test]
fn who_is_called_in_vain_stays() {
    static QUEUE: WorkQueue = WorkQueue::new("one");
    static ITEM: Work = Work::new("item", |_, _| {});
    let _turn = TURN.lock();
    let worker = spawn(|cx| QUEUE.run_worker(cx));
    until_idle(&QUEUE, 1);
    behind_the_gate(|| {
        assert!(QUEUE.queue(&ITEM).accepted());
        assert!(ITEM.cancel());
        assert_eq!(QUEUE.report().idle, 0);
    });
    until_idle(&QUEUE, 1);
    assert!(QUEUE.queue(&ITEM).accepted());
    until("it has run", || QUEUE.report().ran == 1);
    QUEUE.close();
    worker.join().unwrap();
}

/// A rescuer that comes meanwhile leaves the item to the worker that was called for it, whether there
/// are others or not.
#[test]
fn a_rescuer_leaves_items_to_those_who_were_called() {
    static RECRUITER: layercake_work::Recruiter<Gated> =
        layercake_work::Recruiter::new("recruiter");
    static POOLS: [WorkQueue; 2] = [const { WorkQueue::pool("pool", 2, 2, &RECRUITER) }; 2];
    static RAN_ON: Mutex<Option<ThreadId>> = Mutex::new(None);
    static ITEM: Work = Work::new("item", |_, _| {
        *RAN_ON.lock().unwrap() = Some(std::thread::current().id());
    });
    let _turn = TURN.lock();
    for (pool, number) in POOLS.iter().zip(1..) {
        let workers: Vec<_> = (0..number)
            .map(|_| spawn(|cx| pool.run_worker(cx)))
            .collect();
        until_idle(pool, number);
        let mut rescuer = None;
        behind_the_gate(|| {
            assert!(pool.queue(&ITEM).accepted());
            let idles = IDLES.load(SeqCst);
            rescuer = Some(spawn(|cx| pool.run_rescuer(cx, |_| {})));
            until("the rescuer does not sleep", || IDLES.load(SeqCst) > idles);
            assert!(ITEM.is_pending(), "it ran");
        });
        let rescuer = rescuer.unwrap();
        until("it does not run", || pool.report().ran == 1);
        assert_ne!(RAN_ON.lock().unwrap().take(), Some(rescuer.thread().id()));
        pool.close();
        rescuer.join().unwrap();
        workers.into_iter().for_each(|one| one.join().unwrap());
    }
}

/// Who waits for an item goes with it to another queue.
#[test]
fn a_flush_follows_its_item() {
    static FIRST: WorkQueue = WorkQueue::new("first");
    static SECOND: WorkQueue = WorkQueue::new("second");
    static ITEM: Work = Work::new("item", |_, _| {});
    let _turn = TURN.lock();
    assert!(FIRST.queue(&ITEM).accepted());
    let before = BLOCKED.load(SeqCst);
    let flusher = spawn(|cx| ITEM.flush(cx).unwrap());
    until("nobody waits", || BLOCKED.load(SeqCst) > before);
    behind_the_gate(|| {
        assert!(ITEM.cancel());
        assert!(SECOND.queue(&ITEM).accepted());
    });
    let worker = spawn(|cx| SECOND.run_worker(cx));
    flusher.join().unwrap();
    assert_eq!(SECOND.report().ran, 1);
    SECOND.close();
    worker.join().unwrap();
}

/// A flush of a queue waits for what only runs, and for what is only pending.
#[test]
fn a_flush_of_a_queue_waits_for_the_last() {
    static QUEUES: [WorkQueue; 2] = [const { WorkQueue::new("queue") }; 2];
    let _turn = TURN.lock();
    for (queue, runs) in QUEUES.iter().zip([false, true]) {
        let go = Arc::new((Barrier::new(2), AtomicBool::new(false)));
        let item = Arc::new(Work::with_data("item", go.clone(), |run, _| {
            run.0.wait();
            run.1.store(true, SeqCst);
        }));
        assert!(queue.queue(&item).accepted());
        let worker = || spawn(|cx| queue.run_worker(cx));
        let mut worked = None;
        if runs {
            worked = Some(worker());
            until("it does not run", || item.is_running());
        }
        let before = BLOCKED.load(SeqCst);
        let ends = go.clone();
        let flusher = spawn(move |cx| {
            queue.flush(cx).unwrap();
            assert!(ends.1.load(SeqCst), "it has not run");
        });
        until("nobody waits", || {
            BLOCKED.load(SeqCst) > before || flusher.is_finished()
        });
        let worked = worked.unwrap_or_else(worker);
        go.0.wait();
        flusher.join().unwrap();
        queue.close();
        worked.join().unwrap();
    }
}

//! K5: who would wait for himself is refused, with the way round; who would not is not.
#![cfg(not(loom))]

#[path = "../../wait/tests/support/like_std.rs"]
mod like_std;
#[path = "../../wait/tests/support/patience.rs"]
mod patience;

use layercake_sync::TaskCx;
use layercake_wait::host::std::spawn;
use layercake_work::{LONGEST_CYCLE, Queued, Running, WouldDeadlock};
use like_std::{LikeStd, Ways};
use patience::until;
use std::array::from_fn;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

/// `StdHost`, with a note of those who wait for something that must come to an end.
struct TellingWays;

type Telling = LikeStd<TellingWays>;

static BLOCKED: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

impl Ways for TellingWays {
    fn blocked_on(_: &'static str) {
        thread_local!(static ME: u64 = const { 0 });
        let me = ME.with(|me| std::ptr::from_ref(me).addr());
        BLOCKED.lock().unwrap().insert(me);
    }
    fn idle_on(_: &'static str) {}
}

type Work<T = ()> = layercake_work::Work<Telling, T>;
type WorkQueue = layercake_work::WorkQueue<Telling>;

/// Tests that have somebody wait take turns.
static TURN: Mutex<()> = Mutex::new(());

fn wait_for_blocked(n: usize) {
    until("too few wait", || BLOCKED.lock().unwrap().len() >= n);
}

/// Each way to wait for one's own worker is refused, with the names.
#[test]
fn waiting_for_oneself_is_refused() {
    static QUEUE: WorkQueue = WorkQueue::new("own");
    static OTHER: Work = Work::new("other", |_, _| {});
    static ITEM: Work = Work::new("item", |run, cx: &mut TaskCx| {
        let refused: WouldDeadlock = QUEUE.flush(cx).unwrap_err();
        assert_eq!((refused.queue, refused.item), ("own", "item"));
        assert_eq!(refused.through().count(), 0);
        assert_eq!(QUEUE.drain(cx), Err(refused));
        assert_eq!(run.work().flush(cx), Err(refused));
        assert_eq!(run.work().cancel_sync(cx), Err(refused));
        assert_eq!(QUEUE.queue(&OTHER), Queued::New);
        assert_eq!(OTHER.flush(cx), Err(refused), "the only worker is this one");
        assert_eq!(OTHER.cancel_sync(cx), Ok(true));
        assert_eq!(OTHER.flush(cx), Ok(()));
        assert_eq!(
            refused.to_string(),
            "item `item` would wait for its own worker of queue `own`"
        );
        QUEUE.close();
    });
    assert_eq!(QUEUE.queue(&ITEM), Queued::New);
    let worker = spawn(|cx| QUEUE.run_worker(cx));
    worker.join().unwrap();
    assert_eq!(QUEUE.queue(&ITEM), Queued::Closed, "enabled again");
}

/// With another worker there is no deadlock, so an item may wait for another of its own queue, and for
/// what it queues there itself.
#[test]
fn waiting_for_another_worker_of_the_same_queue() {
    static QUEUE: WorkQueue = WorkQueue::new("two");
    static OTHER: Work = Work::new("other", |_, _| {});
    static ITEM: Work = Work::new("item", |_, cx: &mut TaskCx| {
        until("the other does not come", || QUEUE.report().workers == 2);
        assert!(QUEUE.queue(&OTHER).accepted());
        OTHER.flush(cx).unwrap();
        assert!(!OTHER.is_pending() && !OTHER.is_running());
        let ended = QUEUE.scope(cx, |scope, _| scope.queue(&OTHER));
        assert_eq!(ended, Ok(Queued::New));
        assert!(!OTHER.is_pending() && !OTHER.is_running());
        QUEUE.close();
    });
    let _turn = TURN.lock();
    assert_eq!(QUEUE.queue(&ITEM), Queued::New);
    let workers = [(); 2].map(|()| spawn(|cx| QUEUE.run_worker(cx)));
    workers.into_iter().for_each(|w| w.join().unwrap());
}

/// The longest ring below.
const MOST: usize = LONGEST_CYCLE + 1;
const NAMES: [&str; MOST] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
/// Which of them waits by an item that its successor's queue has, and not for that queue.
const ODD: usize = 4;

/// As many items as there are names, each on a queue with one worker, of which the first `len` wait, each
/// for the next, and the last for the first.
struct Ring {
    len: AtomicUsize,
    running: AtomicUsize,
    refused: Mutex<Vec<WouldDeadlock>>,
    queues: [WorkQueue; MOST],
    items: [Work<usize>; MOST],
    extra: Work,
}

static RING: std::sync::LazyLock<Ring> = std::sync::LazyLock::new(|| Ring {
    len: AtomicUsize::new(0),
    running: AtomicUsize::new(0),
    refused: Mutex::new(Vec::new()),
    queues: NAMES.map(WorkQueue::new),
    items: from_fn(|n| Work::with_data(NAMES[n], n, wait_for_next)),
    extra: Work::new("extra", |_, _| panic!("it is cancelled")),
});

fn wait_for_next(run: &Running<'_, Telling, usize>, cx: &mut TaskCx) {
    let (ring, n) = (&*RING, **run);
    let len = ring.len.load(SeqCst);
    // None waits before all run, or a flush finds nothing to wait for; and the last one is the last.
    ring.running.fetch_add(1, SeqCst);
    until("some do not run", || ring.running.load(SeqCst) == len);
    if n == len - 1 {
        wait_for_blocked(len - 1);
    }
    let next = &ring.queues[(n + 1) % len];
    let ended = if len == MOST && n == ODD {
        assert!(next.queue(&ring.extra).accepted());
        ring.extra.flush(cx)
    } else {
        next.flush(cx)
    };
    ring.refused.lock().unwrap().extend(ended.err());
}

/// Items on queues that wait for one another in a circle. The last to wait is refused, with the way
/// round; the others go on. It is found as far as is promised, and no further.
#[test]
fn a_cycle_of_queues_is_refused() {
    let _turn = TURN.lock();
    let ring = &*RING;
    let workers: Vec<_> = ring
        .queues
        .iter()
        .map(|queue| spawn(|cx| queue.run_worker(cx)))
        .collect();
    for len in 2..=MOST {
        ring.len.store(len, SeqCst);
        ring.running.store(0, SeqCst);
        BLOCKED.lock().unwrap().clear();
        for (queue, item) in ring.queues.iter().zip(&ring.items).take(len) {
            assert_eq!(queue.queue(item), Queued::New);
        }
        let refused = || ring.refused.lock().unwrap().pop();
        if len == MOST {
            wait_for_blocked(len);
            assert!(ring.extra.cancel());
        }
        until("one is not over", || {
            ring.items
                .iter()
                .all(|item| !item.is_running() && !item.is_pending())
        });
        let Some(refused) = refused() else {
            assert_eq!(len, MOST, "it is not seen");
            continue;
        };
        assert!(ring.refused.lock().unwrap().is_empty(), "two are refused");
        let last = NAMES[len - 1];
        assert_eq!((refused.item, refused.queue), (last, last));
        let way: Vec<_> = refused.through().map(|link| link.item).collect();
        assert_eq!(way, &NAMES[..(len - 1).min(2)]);
        let text = refused.to_string();
        let start = format!("item `{last}` of queue `{last}` would wait for `a` of `a`,");
        let more = match len {
            2 => String::new(),
            3 => " that waits for `b` of `b`,".into(),
            _ => format!(
                " that waits for `b` of `b`, that waits for {} more,",
                len - 3
            ),
        };
        assert_eq!(text, format!("{start}{more} that waits for it"));
    }
    ring.queues.iter().for_each(WorkQueue::close);
    workers.into_iter().for_each(|w| w.join().unwrap());
}

/// What comes to a queue when somebody waits for it already is not what he waits for.
#[test]
fn who_came_after_a_flush_may_wait_for_its_caller() {
    static FLUSHED: WorkQueue = WorkQueue::new("flushed");
    static OTHER: WorkQueue = WorkQueue::new("other");
    static OPEN: AtomicBool = AtomicBool::new(false);
    static LONG: Work = Work::new("long", |_, _| {
        until("it stays closed", || OPEN.load(SeqCst))
    });
    static FLUSHES: Work = Work::new("flushes", |_, cx| FLUSHED.flush(cx).unwrap());
    static LATER: Work = Work::new("later", |_, cx| OTHER.flush(cx).unwrap());
    let _turn = TURN.lock();
    BLOCKED.lock().unwrap().clear();
    let workers = [&FLUSHED, &FLUSHED, &OTHER].map(|queue| spawn(move |cx| queue.run_worker(cx)));
    for (n, (queue, item)) in [(&FLUSHED, &LONG), (&OTHER, &FLUSHES), (&FLUSHED, &LATER)]
        .into_iter()
        .enumerate()
    {
        // Before the last two, the one before waits.
        wait_for_blocked(n.saturating_sub(1));
        assert_eq!(queue.queue(item), Queued::New);
        until("it does not run", || item.is_running());
    }
    wait_for_blocked(2);
    OPEN.store(true, SeqCst);
    FLUSHED.close();
    OTHER.close();
    workers.into_iter().for_each(|w| w.join().unwrap());
}

/// Two items that cancel each other.
#[test]
fn cancelling_each_other_is_refused() {
    static QUEUES: [WorkQueue; 2] = [WorkQueue::new("one"), WorkQueue::new("two")];
    static REFUSED: AtomicUsize = AtomicUsize::new(0);
    static RUNNING: AtomicUsize = AtomicUsize::new(0);
    fn cancel_other(run: &Running<'_, Telling, usize>, cx: &mut TaskCx) {
        RUNNING.fetch_add(1, SeqCst);
        until("the other does not run", || RUNNING.load(SeqCst) == 2);
        if ITEMS[1 - **run].cancel_sync(cx).is_err() {
            REFUSED.fetch_add(1, SeqCst);
        }
    }
    static ITEMS: [Work<usize>; 2] = [
        Work::with_data("this", 0, cancel_other),
        Work::with_data("that", 1, cancel_other),
    ];
    let _turn = TURN.lock();
    for (queue, item) in QUEUES.iter().zip(&ITEMS) {
        assert_eq!(queue.queue(item), Queued::New);
        queue.close();
    }
    let workers = QUEUES
        .each_ref()
        .map(|queue| spawn(|cx| queue.run_worker(cx)));
    workers.into_iter().for_each(|w| w.join().unwrap());
    assert_eq!(REFUSED.load(SeqCst), 1);
}

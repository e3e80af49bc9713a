//! Work from hard interrupts on every core: what is queued runs, as often as it should, and never
//! twice at a time (K1, K2, K3).
//@ timeout: 90
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

extern crate alloc;

mod support;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use layercake_kernel::work::{self, Queued};
use layercake_kernel::{
    Host, IrqCx, Running, Work, WorkQueue, kprintln, memory, platform, system_work,
};
use support::*;

kernel_tests!(
    an_item_runs_once_for_each_time_it_is_new,
    an_item_queues_itself_again,
    an_item_may_sleep,
    items_from_interrupts_are_all_accounted_for,
    a_queue_ends_when_it_is_closed,
    items_on_the_heap_are_given_back,
);

/// A queue with `workers` threads, which end when the queue is closed.
fn start_workers(queue: &'static WorkQueue, workers: usize) {
    for _ in 0..workers {
        // Above what queues, so that items run while they are queued again.
        let worker = thread::spawn("worker", WORKER, |cx| queue.run_worker(cx));
        worker.expect("a worker").detach();
    }
}

const WORKER: Priority = Priority::round_robin(20);

fn an_item_runs_once_for_each_time_it_is_new(cx: &mut TaskCx) {
    static RAN: AtomicU64 = AtomicU64::new(0);
    static ITEM: Work = Work::new("counts", |_, _| _ = RAN.fetch_add(1, Ordering::Release));
    for n in 1..=100 {
        assert!(system_work::highpri().queue(&ITEM).accepted());
        wait_for(cx, "it runs", || RAN.load(Ordering::Acquire) >= n);
        wait_for(cx, "it is idle", || {
            !ITEM.is_running() && !ITEM.is_pending()
        });
        assert_eq!(RAN.load(Ordering::Acquire), n);
    }
    // Behind an item that keeps the only worker busy (it does not sleep: then there would be
    // another), it is pending once however often it is queued.
    static OPEN: AtomicBool = AtomicBool::new(false);
    static BUSY: AtomicBool = AtomicBool::new(false);
    static FIRST: Work = Work::new("keeps the worker", |_, _| {
        BUSY.store(true, Ordering::Release);
        spin_until("it may end", || OPEN.load(Ordering::Acquire));
    });
    assert_eq!(system_work::highpri().queue(&FIRST), Queued::New);
    wait_for(cx, "it runs", || BUSY.load(Ordering::Acquire));
    assert_eq!(system_work::highpri().queue(&ITEM), Queued::New);
    for _ in 0..10 {
        assert_eq!(system_work::highpri().queue(&ITEM), Queued::Coalesced);
    }
    assert_eq!(system_work::highpri().queue(&FIRST), Queued::WillRunAgain);
    assert_eq!(system_work::highpri().queue(&FIRST), Queued::Coalesced);
    OPEN.store(true, Ordering::Release);
    wait_for(cx, "all is done", || {
        !FIRST.is_running() && !FIRST.is_pending() && !ITEM.is_pending() && !ITEM.is_running()
    });
    assert_eq!(RAN.load(Ordering::Acquire), 101);
}

fn an_item_queues_itself_again(cx: &mut TaskCx) {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    fn again(run: &Running<'_>, _: &mut TaskCx) {
        if RUNS.fetch_add(1, Ordering::Release) < 1000 {
            assert_eq!(run.again(), Queued::WillRunAgain);
        }
    }
    static ITEM: Work = Work::new("again", again);
    let _ = system_work::highpri().queue(&ITEM);
    wait_for(cx, "it runs 1001 times", || {
        RUNS.load(Ordering::Acquire) == 1001
    });
}

fn an_item_may_sleep(cx: &mut TaskCx) {
    static QUEUE: WorkQueue = WorkQueue::new("two workers");
    static SLEPT: AtomicBool = AtomicBool::new(false);
    static OTHERS: AtomicU64 = AtomicU64::new(0);
    static SLEEPER: Work = Work::new("sleeps", |_, cx| {
        // Until the other worker has done something meanwhile.
        wait_for(cx, "others run", || OTHERS.load(Ordering::Acquire) >= 10);
        time::sleep(cx, Duration::from_millis(20));
        SLEPT.store(true, Ordering::Release);
    });
    static OTHER: Work = Work::new("another", |run, _| {
        if OTHERS.fetch_add(1, Ordering::Release) < 20 {
            let _ = run.again();
        }
    });
    start_workers(&QUEUE, 2);
    assert_eq!(QUEUE.queue(&SLEEPER), Queued::New);
    assert_eq!(QUEUE.queue(&OTHER), Queued::New);
    wait_for(cx, "it has slept", || SLEPT.load(Ordering::Acquire));
    QUEUE.close();
}

/// One item for each core that is queued there only, and one that is queued everywhere.
const ITEMS: usize = cpu::MAX + 1;

/// An item's books.
struct Books {
    /// What queueing said.
    new: AtomicU64,
    again: AtomicU64,
    joined: AtomicU64,
    /// Counted before each queueing, and what a run saw of that.
    submitted: AtomicU64,
    seen: AtomicU64,
    runs: AtomicU64,
    inside: AtomicBool,
}

static ITEM: [work::Work<Host, Books>; ITEMS] = [const {
    work::Work::with_data(
        "with books",
        Books {
            new: AtomicU64::new(0),
            again: AtomicU64::new(0),
            joined: AtomicU64::new(0),
            submitted: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            runs: AtomicU64::new(0),
            inside: AtomicBool::new(false),
        },
        run_with_books,
    )
}; ITEMS];
static FIRST_QUEUE: WorkQueue = WorkQueue::new("first");
static SECOND_QUEUE: WorkQueue = WorkQueue::new("second");

fn run_with_books(books: &work::Running<'_, Host, Books>, cx: &mut TaskCx) {
    assert!(
        !books.inside.swap(true, Ordering::Acquire),
        "it runs twice at a time"
    );
    let run = books.runs.fetch_add(1, Ordering::Relaxed);
    books
        .seen
        .store(books.submitted.load(Ordering::Relaxed), Ordering::Relaxed);
    if run.is_multiple_of(64) {
        time::sleep(cx, Duration::from_micros(50));
    }
    assert!(books.inside.swap(false, Ordering::Release));
}

/// Queues an item and notes what came of it.
fn submit(item: &'static work::Work<Host, Books>, queue: &'static WorkQueue) {
    let books = item.data();
    books.submitted.fetch_add(1, Ordering::Relaxed);
    let count = match queue.queue(item) {
        Queued::New => &books.new,
        Queued::WillRunAgain => &books.again,
        Queued::Coalesced => &books.joined,
        refused => panic!("it was refused: {refused:?}"),
    };
    count.fetch_add(1, Ordering::Relaxed);
}

fn items_from_interrupts_are_all_accounted_for(cx: &mut TaskCx) {
    static INTERRUPTS: AtomicU64 = AtomicU64::new(0);
    start_workers(&FIRST_QUEUE, 2);
    start_workers(&SECOND_QUEUE, 2);
    let sgi = register_sgi(cx, 0, |_: IrqCx<'_>| {
        let count = INTERRUPTS.fetch_add(1, Ordering::Relaxed);
        submit(&ITEM[cpu::current()], &FIRST_QUEUE);
        // On one queue and on the other: an item is never on both.
        let queue = if count.is_multiple_of(3) {
            &FIRST_QUEUE
        } else {
            &SECOND_QUEUE
        };
        submit(&ITEM[cpu::MAX], queue);
    });
    in_parallel(cx, 1, move |core, _| {
        let random = Random::new(core as u64 + 9);
        Budget::new(10_000, 10).spend(|_| {
            platform::get().send_sgi(random.below(cpu::count() as u64) as usize, sgi);
            random.dawdle(2000);
        });
    });
    // The last interrupts may still be on their way. A thread that has run on a core with interrupts
    // on has let those in that were sent there before.
    in_parallel(cx, 1, |_, cx| time::sleep(cx, Duration::from_millis(1)));
    let mut asked = 0;
    for item in &ITEM {
        let books = item.data();
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        wait_for(cx, "every run that was promised comes", || {
            !item.is_pending()
                && !item.is_running()
                && get(&books.runs) == get(&books.new) + get(&books.again)
        });
        let answers = || get(&books.new) + get(&books.again) + get(&books.joined);
        wait_for(cx, "the last run sees all that was submitted", || {
            get(&books.seen) == get(&books.submitted) && answers() == get(&books.submitted)
        });
        assert_eq!(get(&books.runs), get(&books.new) + get(&books.again));
        let answers = answers();
        asked += answers;
        kprintln!(
            "  {} times: {} new, {} again, {} joined; {} runs",
            answers,
            get(&books.new),
            get(&books.again),
            get(&books.joined),
            get(&books.runs)
        );
    }
    assert_eq!(asked, 2 * INTERRUPTS.load(Ordering::Relaxed));
}

fn a_queue_ends_when_it_is_closed(cx: &mut TaskCx) {
    static QUEUE: WorkQueue = WorkQueue::new("closed");
    static RAN: AtomicU64 = AtomicU64::new(0);
    static ITEM: Work = Work::new("the last", |_, _| _ = RAN.fetch_add(1, Ordering::Relaxed));
    assert_eq!(QUEUE.queue(&ITEM), Queued::New);
    QUEUE.close();
    assert!(ITEM.is_pending());
    // What was queued before still runs; then the worker returns.
    let worker = thread::spawn("worker", Priority::default(), |cx| QUEUE.run_worker(cx));
    worker.expect("a worker").join(cx);
    assert_eq!(RAN.load(Ordering::Relaxed), 1);
    assert_eq!(QUEUE.queue(&ITEM), Queued::Closed);
}

fn items_on_the_heap_are_given_back(cx: &mut TaskCx) {
    static RAN: AtomicU64 = AtomicU64::new(0);
    let before = memory::usage().heap.used;
    let done = Budget::new(500, 10).spend(|_| {
        let item: work::Work<Host, Box<u64>> =
            work::Work::with_data("on the heap", Box::new(1), |run, _| {
                RAN.fetch_add(**run.work().data(), Ordering::Release);
            });
        let item = Arc::new(item);
        assert_eq!(system_work::highpri().queue(&item), Queued::New);
    });
    wait_for(cx, "all have run and are gone", || {
        RAN.load(Ordering::Acquire) == done && memory::usage().heap.used <= before
    });
}

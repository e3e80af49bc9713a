//! Pools on threads of the workstation: who is called when a worker blocks, who is made, who leaves
//! again, and who comes when nobody can be made.
#![cfg(not(loom))]

#[path = "../../wait/tests/support/patience.rs"]
mod patience;

use layercake_sync::TaskCx;
use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_work::{Queued, Running, Seat};
use patience::until;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

type Work<T = ()> = layercake_work::Work<StdHost, T>;
type WorkQueue = layercake_work::WorkQueue<StdHost>;
type Recruiter = layercake_work::Recruiter<StdHost>;

thread_local! {
    static SEAT: Cell<Option<Seat<StdHost>>> = const { Cell::new(None) };
}

fn sit(seat: Option<Seat<StdHost>>) {
    SEAT.set(seat);
}

/// Around what blocks: what a kernel's host does around its park.
fn asleep<R>(f: impl FnOnce() -> R) -> R {
    let seat = SEAT.get().expect("an item runs on a seat");
    // SAFETY: SEAT: this thread's own.
    unsafe { seat.worker_blocking() };
    let result = f();
    // SAFETY: SEAT, as above.
    unsafe { seat.worker_running() };
    result
}

/// A host: makes workers as they are asked for, as long as `may` says so.
struct Office {
    made: Mutex<Vec<JoinHandle<()>>>,
    may: AtomicBool,
    over: AtomicBool,
}

impl Office {
    const fn new() -> Self {
        Self {
            made: Mutex::new(Vec::new()),
            may: AtomicBool::new(true),
            over: AtomicBool::new(false),
        }
    }

    fn run(
        &'static self,
        pool: &'static WorkQueue,
        recruiter: &'static Recruiter,
    ) -> JoinHandle<()> {
        spawn(move |cx| {
            while !self.over.load(SeqCst) {
                let soon = <StdHost as layercake_wait::Host>::now() + Duration::from_millis(5);
                recruiter.wait(cx, Some(soon));
                while pool.wants_worker() {
                    if !self.may.load(SeqCst) {
                        pool.no_worker();
                        break;
                    }
                    let worker = spawn(move |cx| pool.run_worker_seated(cx, sit));
                    self.made.lock().unwrap().push(worker);
                }
            }
        })
    }

    /// Ends all of it.
    fn close(&'static self, pool: &'static WorkQueue, recruiting: JoinHandle<()>) {
        pool.close();
        enter(|cx| pool.drain(cx)).unwrap();
        self.over.store(true, SeqCst);
        recruiting.join().unwrap();
        for worker in self.made.lock().unwrap().drain(..) {
            worker.join().unwrap();
        }
        let report = pool.report();
        assert_eq!((report.workers, report.idle, report.blocked), (0, 0, 0));
        assert_eq!(
            report.queued,
            report.ran + report.coalesced + report.cancelled
        );
    }
}

/// As many items sleep as there may be workers, and the next one runs all the same; of those that
/// compute there is never more than one.
#[test]
fn sleepers_do_not_hold_up_the_others() {
    static RECRUITER: Recruiter = Recruiter::new("recruiter");
    static POOL: WorkQueue = WorkQueue::pool("pool", 1, 8, &RECRUITER);
    static OFFICE: Office = Office::new();
    static OPEN: AtomicBool = AtomicBool::new(false);
    static COMPUTING: AtomicUsize = AtomicUsize::new(0);
    static DONE: AtomicUsize = AtomicUsize::new(0);
    fn sleep(_: &Running<'_, StdHost, ()>, _: &mut TaskCx) {
        asleep(|| until("the gate opens", || OPEN.load(SeqCst)));
    }
    fn compute(_: &Running<'_, StdHost, ()>, _: &mut TaskCx) {
        assert_eq!(COMPUTING.fetch_add(1, SeqCst), 0, "two at once");
        std::thread::yield_now();
        COMPUTING.fetch_sub(1, SeqCst);
        DONE.fetch_add(1, SeqCst);
    }
    let recruiting = OFFICE.run(&POOL, &RECRUITER);
    for _ in 0..7 {
        POOL.queue_boxed(Box::pin(Work::new("sleeps", sleep)))
            .unwrap();
    }
    for _ in 0..20 {
        POOL.queue_boxed(Box::pin(Work::new("computes", compute)))
            .unwrap();
    }
    until("the others run", || DONE.load(SeqCst) == 20);
    until("all sleepers sleep", || POOL.report().blocked == 7);
    let report = POOL.report();
    assert_eq!((report.running, report.workers), (7, 8));
    OPEN.store(true, SeqCst);
    enter(|cx| POOL.flush(cx)).unwrap();
    // All are idle now: but for one they leave, when nobody has needed them for a while.
    until("all are idle", || POOL.report().idle == 8);
    POOL.trim();
    assert_eq!(POOL.trim(), 7);
    until("the surplus has gone", || POOL.report().workers == 1);
    assert_eq!(POOL.trim(), 0);
    assert_eq!(POOL.trim(), 0);
    OFFICE.close(&POOL, recruiting);
}

/// No worker can be made: the rescuer does what is queued, and only as long as that is so.
#[test]
fn the_rescuer_works_when_no_thread_can_be_made() {
    static RECRUITER: Recruiter = Recruiter::new("recruiter");
    static POOL: WorkQueue = WorkQueue::pool("pool", 1, 4, &RECRUITER);
    static OFFICE: Office = Office::new();
    static RAN_ON: Mutex<Option<std::thread::ThreadId>> = Mutex::new(None);
    static ITEM: Work = Work::new("where", |_, _| {
        *RAN_ON.lock().unwrap() = Some(std::thread::current().id());
    });
    OFFICE.may.store(false, SeqCst);
    let rescuer = spawn(|cx| POOL.run_rescuer(cx, sit));
    let recruiting = OFFICE.run(&POOL, &RECRUITER);
    until("the rescuer is there", || POOL.report().workers == 1);
    for _ in 0..10 {
        assert_eq!(POOL.queue(&ITEM), Queued::New);
        enter(|cx| ITEM.flush(cx)).unwrap();
        assert_eq!(*RAN_ON.lock().unwrap(), Some(rescuer.thread().id()));
    }
    // Now one can be made: it does the work from then on.
    OFFICE.may.store(true, SeqCst);
    until("a worker is made", || {
        let _ = POOL.queue(&ITEM);
        enter(|cx| ITEM.flush(cx)).unwrap();
        POOL.report().workers == 2
    });
    until("the worker is idle", || POOL.report().idle == 1);
    assert_eq!(POOL.queue(&ITEM), Queued::New);
    enter(|cx| ITEM.flush(cx)).unwrap();
    assert_ne!(*RAN_ON.lock().unwrap(), Some(rescuer.thread().id()));
    OFFICE.close(&POOL, recruiting);
    rescuer.join().unwrap();
}

/// Everything at once: items that sleep and items that compute, on pools of several widths.
#[test]
fn the_width_of_a_pool_is_kept() {
    static RECRUITER: Recruiter = Recruiter::new("recruiter");
    static POOL: WorkQueue = WorkQueue::pool("pool", 2, 6, &RECRUITER);
    static OFFICE: Office = Office::new();
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let runs = Arc::new(AtomicUsize::new(0));
    let recruiting = OFFICE.run(&POOL, &RECRUITER);
    let items: usize = if cfg!(miri) { 20 } else { 2_000 };
    for n in 0..items {
        let item = Work::with_data(
            "n",
            (n, runs.clone()),
            |run: &Running<'_, _, (usize, Arc<AtomicUsize>)>, _| {
                let report = POOL.report();
                MOST.fetch_max(report.running - report.blocked, SeqCst);
                if run.0.is_multiple_of(3) {
                    asleep(|| std::thread::sleep(Duration::from_micros(20)));
                }
                run.1.fetch_add(1, SeqCst);
            },
        );
        POOL.queue_boxed(Box::pin(item)).unwrap();
    }
    enter(|cx| POOL.flush(cx)).unwrap();
    assert_eq!(runs.load(SeqCst), items);
    // Those that come back from sleep go on at once, beside the two: for one item each.
    assert!(MOST.load(SeqCst) <= 6);
    OFFICE.close(&POOL, recruiting);
}

//! Pools (K6): when a worker blocks and an item waits, another worker comes: one that is idle, one
//! that is made, or the rescuer.

use crate::{World, explore};
use layercake_sync::TaskCx;
use layercake_wait::host::loom::{LoomHost, advance_to, enter, spawn};
use layercake_wait::{Host, Instant};
use layercake_work::{Queued, Recruiter, Running, Seat};
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::Relaxed;
use std::cell::Cell;

type Work<T> = layercake_work::Work<LoomHost, T>;
type WorkQueue = layercake_work::WorkQueue<LoomHost>;
type WaitQueue = layercake_wait::WaitQueue<LoomHost>;

loom::thread_local! {
    static SEAT: Cell<Option<Seat<LoomHost>>> = Cell::new(None);
}

fn sit(seat: Option<Seat<LoomHost>>) {
    SEAT.with(|mine| mine.set(seat));
}

/// `f` blocks: what the host of a kernel does around its park.
fn asleep<R>(f: impl FnOnce() -> R) -> R {
    let seat = SEAT.with(Cell::get).expect("an item runs on a seat");
    // SAFETY: SEAT: this thread's own.
    unsafe { seat.worker_blocking() };
    let result = f();
    // SAFETY: SEAT, as above.
    unsafe { seat.worker_running() };
    result
}

struct Data {
    pool: &'static WorkQueue,
    /// Opened by the second item, for the first.
    gate: WaitQueue,
    open: AtomicUsize,
    /// How many items compute now.
    computing: AtomicUsize,
    /// Who does what.
    role: usize,
    other: Option<&'static Work<Data>>,
}

fn run(run: &Running<'_, LoomHost, Data>, cx: &mut TaskCx) {
    match run.other {
        // The first: waits for the second.
        None => asleep(|| {
            run.gate
                .wait_until(cx, |_| (run.open.load(Relaxed) == 1).then_some(()))
        }),
        Some(first) => {
            let others = run.computing.fetch_add(1, Relaxed);
            assert_eq!(others, 0, "two run at once");
            first.data().open.store(1, Relaxed);
            first.data().gate.wake_one();
            run.computing.fetch_sub(1, Relaxed);
        }
    }
    if run.role == 1 {
        run.pool.close();
    }
}

struct Scene {
    recruiter: World<Recruiter<LoomHost>>,
    pool: World<WorkQueue>,
    first: World<Work<Data>>,
    second: World<Work<Data>>,
}

impl Scene {
    /// A pool of at most `most` workers, and two items of which the first waits for the second.
    fn new(most: usize) -> Self {
        let recruiter = World::new(Recruiter::new("recruiter"));
        let pool = World::new(WorkQueue::pool("pool", 1, most, recruiter.get()));
        let data = |role, other| Data {
            pool: pool.get(),
            gate: WaitQueue::new("gate"),
            open: AtomicUsize::new(0),
            computing: AtomicUsize::new(0),
            role,
            other,
        };
        let first = World::new(Work::with_data("first", data(0, None), run));
        let second = World::new(Work::with_data("second", data(1, Some(first.get())), run));
        Self {
            recruiter,
            pool,
            first,
            second,
        }
    }

    /// Queues both, in their order.
    fn queue(&self) {
        let pool = self.pool.get();
        assert_eq!(pool.queue(self.first.get()), Queued::New);
        assert_eq!(pool.queue(self.second.get()), Queued::New);
    }

    fn settle(&self) {
        let report = self.pool.get().report();
        assert_eq!((report.ran, report.pending, report.running), (2, 0, 0));
        assert_eq!((report.workers, report.idle, report.blocked), (0, 0, 0));
    }
}

/// Two workers: whichever has the first item blocks, and the other one, idle or on its way, takes
/// the second.
#[test]
fn k6_an_idle_worker_takes_over() {
    explore(2, || {
        let scene = Scene::new(2);
        let pool = scene.pool.get();
        let other = spawn(move |cx| pool.run_worker_seated(cx, sit));
        scene.queue();
        enter(|cx| pool.run_worker_seated(cx, sit));
        other.join().unwrap();
        scene.settle();
    });
}

/// One worker: it blocks, and one more is made because the pool asks for it.
#[test]
fn k6_a_worker_is_made() {
    explore(2, || {
        let scene = Scene::new(2);
        let (pool, recruiter) = (scene.pool.get(), scene.recruiter.get());
        let worker = spawn(move |cx| pool.run_worker_seated(cx, sit));
        scene.queue();
        enter(|cx| {
            while !pool.report().closed {
                recruiter.wait(cx, None);
                if pool.wants_worker() {
                    pool.run_worker_seated(cx, sit);
                }
            }
        });
        worker.join().unwrap();
        scene.settle();
    });
}

/// One worker, which blocks; no other can be made, and the rescuer does what waits.
#[test]
fn k6_the_rescuer_comes() {
    const END: Instant = Instant::from_nanos(1);
    explore(2, || {
        let scene = Scene::new(2);
        let (pool, recruiter) = (scene.pool.get(), scene.recruiter.get());
        let rescuer = spawn(move |cx| pool.run_rescuer(cx, sit));
        scene.queue();
        let refuser = spawn(move |cx| {
            while LoomHost::now() < END {
                recruiter.wait(cx, Some(END));
                if pool.wants_worker() {
                    pool.no_worker();
                }
            }
        });
        enter(|cx| pool.run_worker_seated(cx, sit));
        rescuer.join().unwrap();
        advance_to(END);
        refuser.join().unwrap();
        scene.settle();
    });
}

/// No second worker may be made at all: the rescuer is called without asking anybody.
#[test]
fn k6_the_rescuer_comes_when_there_are_enough() {
    explore(2, || {
        let scene = Scene::new(1);
        let pool = scene.pool.get();
        let rescuer = spawn(move |cx| pool.run_rescuer(cx, sit));
        scene.queue();
        enter(|cx| pool.run_worker_seated(cx, sit));
        rescuer.join().unwrap();
        scene.settle();
    });
}

/// An item comes for which a worker is called, and the rescuer looks before that one does: it leaves
/// the item alone, for the worker is on its way.
#[test]
fn k6_the_rescuer_leaves_it_to_who_was_called() {
    loom::thread_local! {
        static RESCUES: Cell<bool> = Cell::new(false);
    }
    fn note(run: &Running<'_, LoomHost, AtomicUsize>, _: &mut TaskCx) {
        run.fetch_add(1 + usize::from(RESCUES.with(Cell::get)), Relaxed);
        run.queue().close();
    }
    explore(3, || {
        let recruiter = World::new(Recruiter::new("recruiter"));
        // Two may run at once: no want of room keeps the rescuer from it.
        let pool = World::new(WorkQueue::pool("pool", 2, 2, recruiter.get()));
        let item = World::new(Work::with_data("item", AtomicUsize::new(0), note));
        let (pool, item) = (pool.get(), item.get());
        let worker = spawn(move |cx| pool.run_worker_seated(cx, sit));
        while pool.report().idle == 0 {
            loom::thread::yield_now();
        }
        assert_eq!(pool.queue(item), Queued::New);
        RESCUES.with(|rescues| rescues.set(true));
        enter(|cx| pool.run_rescuer(cx, sit));
        worker.join().unwrap();
        assert_eq!(item.data().load(Relaxed), 1, "it ran on the rescuer");
        let report = pool.report();
        assert_eq!((report.ran, report.workers), (1, 0));
    });
}

/// The same, and the worker blocks in the item: what came behind it is the rescuer's, though that had
/// left it all alone.
#[test]
fn k6_the_rescuer_comes_back_for_what_is_left() {
    explore(2, || {
        let scene = Scene::new(1);
        let pool = scene.pool.get();
        let worker = spawn(move |cx| pool.run_worker_seated(cx, sit));
        while pool.report().idle == 0 {
            loom::thread::yield_now();
        }
        scene.queue();
        enter(|cx| pool.run_rescuer(cx, sit));
        worker.join().unwrap();
        scene.settle();
    });
}

//! Pools (K6): items that sleep hold up nobody, whoever blocks, is made, is refused, leaves or comes back
//! when; and of those that compute there is one at a time.

use crate::{MANY, SOME, World, explore};
use layercake_sync::TaskCx;
use layercake_wait::block_on::WordHandle;
use layercake_wait::host::seeded::{JoinHandle, SeededHost, pick, point, spawn};
use layercake_wait::{Host, WaitQueue, sleep};
use layercake_work::{Queued, Recruiter, Running, Seat};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

type Work<T> = crate::Work<T>;
type WorkQueue = crate::WorkQueue;

thread_local! {
    /// Who sits where, by the handle of the thread of the schedule.
    static SEATS: RefCell<HashMap<usize, Seat<SeededHost>>> = RefCell::default();
}

fn me() -> usize {
    SeededHost::into_word(SeededHost::current()).addr()
}

fn sit(seat: Option<Seat<SeededHost>>) {
    let me = me();
    SEATS.with_borrow_mut(|seats| match seat {
        Some(seat) => _ = seats.insert(me, seat),
        None => _ = seats.remove(&me),
    });
}

/// `f` blocks: what a kernel's host does around its park.
fn asleep(f: impl FnOnce()) {
    let me = me();
    let seat = SEATS.with_borrow(|seats| seats[&me]);
    // SAFETY: SEAT: this thread's own.
    unsafe { seat.worker_blocking() };
    f();
    // SAFETY: SEAT, as above.
    unsafe { seat.worker_running() };
}

/// What an item does.
#[derive(Clone, Copy)]
enum Does {
    Sleep,
    Compute,
    /// Sleeps until one that opens the gate has run, which came after it.
    WaitAtGate,
    OpenGate,
}

struct Note {
    pool: &'static Pool,
    does: Does,
    runs: AtomicUsize,
}

struct Pool {
    recruiter: Recruiter<SeededHost>,
    /// How many of those that compute do so now.
    computing: AtomicUsize,
    gate: WaitQueue<SeededHost>,
    open: AtomicBool,
}

impl Pool {
    fn new() -> World<Self> {
        SEATS.with_borrow_mut(HashMap::clear);
        World::new(Self {
            recruiter: Recruiter::new("recruiter"),
            computing: AtomicUsize::new(0),
            gate: WaitQueue::new("gate"),
            open: AtomicBool::new(false),
        })
    }

    fn item(&'static self, does: Does) -> World<Work<Note>> {
        let note = Note {
            pool: self,
            does,
            runs: AtomicUsize::new(0),
        };
        World::new(Work::with_data("item", note, run))
    }
}

fn run(it: &Running<'_, SeededHost, Note>, cx: &mut TaskCx) {
    let pool = it.pool;
    point();
    match it.does {
        Does::Sleep => {
            asleep(|| sleep::<SeededHost>(cx, Duration::from_nanos(pick(20) as u64)));
        }
        Does::WaitAtGate => asleep(|| {
            pool.gate
                .wait_until(cx, |_| pool.open.load(Relaxed).then_some(()));
        }),
        Does::Compute | Does::OpenGate => {
            assert_eq!(pool.computing.fetch_add(1, Relaxed), 0, "two at once");
            point();
            pool.computing.fetch_sub(1, Relaxed);
        }
    }
    if matches!(it.does, Does::OpenGate) {
        pool.open.store(true, Relaxed);
        pool.gate.wake_all();
    }
    it.runs.fetch_add(1, Relaxed);
}

/// Makes the workers that the pool asks for, or says that it cannot, as the seed wills; and lets those
/// go whom nobody needs.
fn recruit(
    cx: &mut TaskCx,
    pool: &'static WorkQueue,
    recruiter: &'static Recruiter<SeededHost>,
    over: &Cell<bool>,
) -> Vec<JoinHandle<()>> {
    let mut made = Vec::new();
    while !over.get() {
        let soon = SeededHost::now() + Duration::from_nanos(15);
        recruiter.wait(cx, Some(soon));
        while pool.wants_worker() {
            if pick(3) == 0 {
                pool.no_worker();
                break;
            }
            made.push(spawn(move |cx| pool.run_worker_seated(cx, sit)));
        }
        if pick(4) == 0 {
            pool.trim();
        }
    }
    made
}

/// A pool of one at a time and three workers at most, with a rescuer or without a host that refuses:
/// each item runs, though half of them sleep until one that came later has run.
#[test]
fn k6_every_item_runs() {
    explore(MANY, |cx| {
        let world = Pool::new();
        let recruiter = &world.get().recruiter;
        let queue = World::new(WorkQueue::pool("pool", 1, 3, recruiter));
        let pool = queue.get();
        let over = Rc::new(Cell::new(false));
        let rescuer = spawn(move |cx| pool.run_rescuer(cx, sit));
        let office = spawn({
            let over = over.clone();
            move |cx| recruit(cx, pool, recruiter, &over)
        });
        let items: Vec<_> = [
            Does::WaitAtGate,
            Does::WaitAtGate,
            Does::Compute,
            Does::WaitAtGate,
            Does::Sleep,
            Does::OpenGate,
        ]
        .into_iter()
        .map(|does| world.get().item(does))
        .collect();
        let queuers: Vec<_> = items
            .chunks(3)
            .map(|items| {
                let items: Vec<_> = items.iter().map(World::get).collect();
                spawn(move |cx| {
                    for item in items {
                        assert_eq!(pool.queue(item), Queued::New);
                        if pick(3) == 0 {
                            sleep::<SeededHost>(cx, Duration::from_nanos(pick(30) as u64));
                        }
                    }
                })
            })
            .collect();
        queuers.into_iter().for_each(|t| t.join(cx));
        for item in &items {
            item.get().flush(cx).unwrap();
            assert_eq!(item.get().data().runs.load(Relaxed), 1);
        }
        // One more, when some have gone and some are idle.
        let last = items[2].get();
        assert_eq!(pool.queue(last), Queued::New);
        last.flush(cx).unwrap();
        assert_eq!(last.data().runs.load(Relaxed), 2);
        pool.close();
        pool.drain(cx).unwrap();
        over.set(true);
        for worker in office.join(cx) {
            worker.join(cx);
        }
        rescuer.join(cx);
        let report = pool.report();
        assert_eq!((report.ran, report.pending, report.running), (7, 0, 0));
        assert_eq!((report.workers, report.idle, report.blocked), (0, 0, 0));
    });
}

/// The rescuer does what the blocked workers cannot, though no other may be made, and leaves what an idle
/// one can do.
#[test]
fn k6_the_rescuer_is_the_last_resort() {
    explore(SOME, |cx| {
        let world = Pool::new();
        let queue = World::new(WorkQueue::pool("pool", 1, 1, &world.get().recruiter));
        let pool = queue.get();
        let worker = spawn(move |cx| pool.run_worker_seated(cx, sit));
        let rescuer = spawn(move |cx| pool.run_rescuer(cx, sit));
        let items =
            [Does::WaitAtGate, Does::Compute, Does::OpenGate].map(|does| world.get().item(does));
        for round in 1..=2 {
            world.get().open.store(false, Relaxed);
            for item in &items {
                assert_eq!(pool.queue(item.get()), Queued::New);
            }
            for item in &items {
                item.get().flush(cx).unwrap();
                assert_eq!(item.get().data().runs.load(Relaxed), round);
            }
        }
        pool.close();
        worker.join(cx);
        rescuer.join(cx);
        assert_eq!(pool.report().ran, 6);
    });
}

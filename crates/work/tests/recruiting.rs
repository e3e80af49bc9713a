//! Who is asked for a worker of a pool, and how often; and who is called instead. Without a thread that
//! makes workers: each step is the test's.
#![cfg(not(loom))]

#[path = "../../wait/tests/support/like_std.rs"]
mod like_std;
#[path = "../../wait/tests/support/patience.rs"]
mod patience;

use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_wait::{Host, Instant};
use layercake_work::Seat;
use like_std::{LikeStd, Ways};
use patience::until;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

/// `StdHost`, with a count of whom a thread woke.
struct CountingWays;

type Counting = LikeStd<CountingWays>;

thread_local! {
    static WAKES: Cell<usize> = const { Cell::new(0) };
    static SEAT: Cell<Option<Seat<Counting>>> = const { Cell::new(None) };
}

impl Ways for CountingWays {
    fn unpark(task: &Thread) {
        WAKES.set(WAKES.get() + 1);
        StdHost::unpark(task);
    }
}

type Work<T = ()> = layercake_work::Work<Counting, T>;
type Pool = layercake_work::WorkQueue<Counting>;
type Recruiter = layercake_work::Recruiter<Counting>;

/// Whom `f` woke.
fn wakes(f: impl FnOnce()) -> usize {
    let before = WAKES.get();
    f();
    WAKES.get() - before
}

fn soon() -> Instant {
    StdHost::now() + Duration::from_millis(5)
}

/// An item that stays until it is let go.
fn stays(go: &Arc<AtomicBool>) -> Arc<Work<Arc<AtomicBool>>> {
    Arc::new(Work::with_data("stays", go.clone(), |run, _| {
        until("nobody lets it go", || run.load(SeqCst));
    }))
}

/// An item that sleeps until it is let go, as its worker's host says.
fn sleeps(go: &Arc<AtomicBool>) -> Arc<Work<Arc<AtomicBool>>> {
    Arc::new(Work::with_data("sleeps", go.clone(), |run, _| {
        let seat = SEAT.get().expect("an item runs on a seat");
        // SAFETY: SEAT: this thread's own.
        unsafe { seat.worker_blocking() };
        until("nobody lets it go", || run.load(SeqCst));
        // SAFETY: SEAT, as above.
        unsafe { seat.worker_running() };
    }))
}

fn worker(pool: &'static Pool) -> JoinHandle<()> {
    spawn(move |cx| pool.run_worker_seated(cx, |seat| SEAT.set(seat)))
}

fn rescuer(pool: &'static Pool) -> JoinHandle<()> {
    let before = pool.report().workers;
    let thread = spawn(move |cx| pool.run_rescuer(cx, |seat| SEAT.set(seat)));
    until("the rescuer does not come", || {
        pool.report().workers > before
    });
    thread
}

fn end(pool: &'static Pool, threads: impl IntoIterator<Item = JoinHandle<()>>) {
    pool.close();
    threads.into_iter().for_each(|one| one.join().unwrap());
}

/// For one that comes the host is asked once, until it has come; who comes and leaves work undone asks
/// for another.
#[test]
fn one_is_asked_for_at_a_time() {
    static RECRUITER: Recruiter = Recruiter::new("recruiter");
    static POOL: Pool = Pool::pool("pool", 3, 4, &RECRUITER);
    let go = Arc::default();
    let items = [(); 3].map(|()| stays(&go));
    assert!(!POOL.wants_worker(), "nothing is queued");
    assert!(POOL.queue(&items[0]).accepted());
    enter(|cx| RECRUITER.wait(cx, None));
    assert!(POOL.wants_worker());
    assert!(!POOL.wants_worker(), "one is on the way");
    assert!(POOL.queue(&items[1]).accepted());
    assert!(POOL.queue(&items[2]).accepted());
    assert!(!POOL.wants_worker(), "still on the way");
    let mut made = Vec::new();
    for n in 1..=3 {
        made.push(worker(&POOL));
        until("it does not begin", || POOL.report().running == n);
        if n < 3 {
            until("no other is wanted", || POOL.wants_worker());
        }
    }
    assert!(!POOL.wants_worker());
    go.store(true, SeqCst);
    end(&POOL, made);
}

/// An answer that came too late is none.
#[test]
fn nobody_is_wanted_for_what_was_withdrawn() {
    static RECRUITER: Recruiter = Recruiter::new("recruiter");
    static POOL: Pool = Pool::pool("pool", 1, 2, &RECRUITER);
    let item = stays(&Arc::default());
    for _ in 0..2 {
        assert!(POOL.queue(&item).accepted());
        // Each time anew.
        enter(|cx| RECRUITER.wait(cx, None));
        assert!(item.cancel());
        assert!(!POOL.wants_worker());
    }
    POOL.close();
}

/// Where there are as many workers as there may be, nobody is asked for another: the rescuer is called,
/// if all of them sleep.
#[test]
fn a_full_pool_calls_its_rescuer() {
    static RECRUITER: Recruiter = Recruiter::new("recruiter");
    static POOL: Pool = Pool::pool("pool", 1, 1, &RECRUITER);
    let go = Arc::default();
    let (first, second) = (sleeps(&go), sleeps(&go));
    assert!(POOL.queue(&first).accepted());
    enter(|cx| RECRUITER.wait(cx, None));
    let made = worker(&POOL);
    until("it does not sleep", || POOL.report().blocked == 1);
    let third = stays(&go);
    // There is no rescuer yet.
    assert!(POOL.queue(&third).accepted());
    let asked = soon();
    enter(|cx| RECRUITER.wait(cx, Some(asked)));
    assert!(StdHost::now() >= asked, "the host was asked");
    POOL.no_worker();
    assert!(!POOL.wants_worker(), "there is one more than there may be");
    assert!(third.cancel());
    let rescuer = rescuer(&POOL);
    assert!(POOL.queue(&second).accepted());
    until("the rescuer does nothing", || POOL.report().blocked == 2);
    go.store(true, SeqCst);
    end(&POOL, [made, rescuer]);
}

/// If the host could make no worker, the next item calls the rescuer at once.
#[test]
fn a_pool_that_was_refused_a_worker_calls_its_rescuer() {
    static RECRUITER: Recruiter = Recruiter::new("recruiter");
    static POOL: Pool = Pool::pool("pool", 1, 2, &RECRUITER);
    static ITEM: Work = Work::new("item", |_, _| {});
    let rescuer = rescuer(&POOL);
    POOL.no_worker();
    assert!(POOL.queue(&ITEM).accepted());
    until("the rescuer does nothing", || POOL.report().ran == 1);
    end(&POOL, [rescuer]);
}

/// Nobody is woken who could do nothing.
#[test]
fn a_rescuer_is_left_alone_when_nothing_could_begin() {
    static RECRUITER: Recruiter = Recruiter::new("recruiter");
    static POOL: Pool = Pool::pool("pool", 1, 2, &RECRUITER);
    let go = Arc::default();
    let items = [(); 2].map(|()| stays(&go));
    let rescuer = rescuer(&POOL);
    assert_eq!(wakes(|| POOL.no_worker()), 0, "nothing is queued");
    let made = worker(&POOL);
    assert!(POOL.queue(&items[0]).accepted());
    until("it does not begin", || items[0].is_running());
    assert!(POOL.queue(&items[1]).accepted());
    assert_eq!(wakes(|| POOL.no_worker()), 0, "one at a time");
    go.store(true, SeqCst);
    end(&POOL, [made, rescuer]);
    assert_eq!(POOL.report().ran, 2);
}

//! Who sleeps when there is nothing to do, and who is called when there is: that work gets done late, or
//! by a thread that spins, is seen by no test that only looks whether it got done.
#![cfg(not(loom))]

#[path = "../../wait/tests/support/like_std.rs"]
mod like_std;
#[path = "../../wait/tests/support/patience.rs"]
mod patience;

use layercake_sync::TaskCx;
use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_wait::{Host, Instant};
use like_std::{LikeStd, Ways};
use patience::until;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread::Thread;
use std::time::Duration;

/// `StdHost`, with a count of its parks.
struct CountingWays;

type Counting = LikeStd<CountingWays>;

static PARKS: AtomicUsize = AtomicUsize::new(0);

impl Ways for CountingWays {
    fn park(cx: &mut TaskCx, deadline: Option<Instant>) {
        PARKS.fetch_add(1, SeqCst);
        StdHost::park(cx, deadline);
    }
}

#[test]
fn the_keeper_of_delays_sleeps_until_the_first() {
    static DELAYS: layercake_work::Delays<Counting> = layercake_work::Delays::new("delays");
    static QUEUE: layercake_work::WorkQueue<Counting> = layercake_work::WorkQueue::new("queue");
    static ITEM: layercake_work::Work<Counting> = layercake_work::Work::new("item", |_, _| {});
    static EARLIER: layercake_work::Work<Counting> =
        layercake_work::Work::new("earlier", |_, _| {});
    let hour = Duration::from_secs(3600);
    assert!(DELAYS.queue_after(&QUEUE, &ITEM, hour).accepted());
    let keeper = spawn(|cx| DELAYS.run(cx));
    until("the keeper never sleeps", || PARKS.load(SeqCst) > 0);
    let soon = Duration::from_millis(1);
    assert!(DELAYS.queue_after(&QUEUE, &EARLIER, soon).accepted());
    until("the keeper sleeps on", || QUEUE.report().pending == 1);
    DELAYS.close();
    keeper.join().unwrap();
    assert!(!ITEM.is_pending());
    enter(|cx| assert_eq!(QUEUE.run_ready(cx), 1));
}

#[test]
fn a_recruiter_whom_nobody_asks_waits_until_its_deadline() {
    static RECRUITER: layercake_work::Recruiter<StdHost> =
        layercake_work::Recruiter::new("recruiter");
    enter(|cx| {
        let deadline = StdHost::now() + Duration::from_millis(5);
        RECRUITER.wait(cx, Some(deadline));
        assert!(StdHost::now() >= deadline);
    });
}

/// Of two workers that sleep, the second is called for the second item, though the first is up.
#[test]
fn each_item_calls_a_worker_as_long_as_one_sleeps() {
    type Work<T> = layercake_work::Work<StdHost, T>;
    static QUEUE: layercake_work::WorkQueue<StdHost> = layercake_work::WorkQueue::new("two");
    let workers = [(); 2].map(|()| spawn(|cx| QUEUE.run_worker(cx)));
    // Each of them waits for the other, which another worker must run.
    let both = Arc::new(Barrier::new(2));
    let items = [(); 2].map(|()| {
        let both = both.clone();
        Arc::new(Work::with_data("one of two", both, |run, _| {
            run.wait();
        }))
    });
    for round in 1..=20 {
        until("both sleep", || QUEUE.report().idle == 2);
        for item in &items {
            assert!(QUEUE.queue(item).accepted());
        }
        until("both run", || QUEUE.report().ran == 2 * round);
    }
    QUEUE.close();
    workers.into_iter().for_each(|one| one.join().unwrap());
}

/// `StdHost`, whose wakes return when the one who was woken sleeps again.
struct PatientWays;

type Patient = LikeStd<PatientWays>;

static PATIENT_WAKES: AtomicUsize = AtomicUsize::new(0);
static LONG: layercake_work::WorkQueue<Patient> = layercake_work::WorkQueue::ordered("ordered");

impl Ways for PatientWays {
    fn unpark(task: &Thread) {
        StdHost::unpark(task);
        if LONG.report().closed && PATIENT_WAKES.fetch_add(1, SeqCst) < 5 {
            until("nobody sleeps", || LONG.report().idle == 1);
        }
    }
}

/// Those who sleep are told of the end of a queue, and sleep on if there is an item that they must not
/// run yet: they are told once, and one for the rescuer.
#[test]
fn those_who_sleep_are_told_of_the_end_once() {
    type Work<T> = layercake_work::Work<Patient, T>;
    static PENDING: Work<()> = Work::new("pending", |_, _| {});
    let meeting = Arc::new(Barrier::new(2));
    let long = Arc::new(Work::with_data("long", meeting.clone(), |run, _| {
        run.wait();
    }));
    let workers = [(); 2].map(|()| spawn(|cx| LONG.run_worker(cx)));
    until("they do not sleep", || LONG.report().idle == 2);
    assert!(LONG.queue(&long).accepted());
    until("it does not begin", || long.is_running());
    assert!(LONG.queue(&PENDING).accepted());
    LONG.close();
    let wakes = PATIENT_WAKES.swap(5, SeqCst);
    assert!((1..=2).contains(&wakes), "{wakes}");
    meeting.wait();
    workers.into_iter().for_each(|one| one.join().unwrap());
    assert_eq!(LONG.report().ran, 2);
}

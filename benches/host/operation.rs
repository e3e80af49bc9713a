//! What an operation is, and the loops around it: on one thread, on two at once, and in turns from
//! one thread to another and back.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use layercake_sync::TaskCx;

use crate::host::here;

/// One operation of one library.
pub struct Operation {
    pub id: &'static str,
    /// Whose.
    pub name: &'static str,
    /// Whether its instructions can be counted: it runs on one thread, so that they are the same
    /// each time.
    pub counts: bool,
    /// Does it so many times; says how long that took, without what was set up before.
    pub run: Run,
}

pub type Run = Box<dyn Fn(u64) -> Duration>;

impl Operation {
    fn new(
        id: &'static str,
        name: &'static str,
        counts: bool,
        run: impl Fn(u64) -> Duration + 'static,
    ) -> Self {
        let run = Box::new(run);
        Self {
            id,
            name,
            counts,
            run,
        }
    }
}

/// `turn`, on one thread.
pub fn one(
    all: &mut Vec<Operation>,
    id: &'static str,
    name: &'static str,
    turn: impl Fn(&mut TaskCx) + 'static,
) {
    counted(all, id, name, move |turns| {
        let cx = &mut here();
        timed(turns, || turn(cx))
    });
}

/// The same for what has to be set up: `run` uses [`timed`] by itself.
pub fn counted(
    all: &mut Vec<Operation>,
    id: &'static str,
    name: &'static str,
    run: impl Fn(u64) -> Duration + 'static,
) {
    all.push(Operation::new(id, name, true, run));
}

/// What threads do at once.
pub fn threads(
    all: &mut Vec<Operation>,
    id: &'static str,
    name: &'static str,
    run: impl Fn(u64) -> Duration + 'static,
) {
    all.push(Operation::new(id, name, false, run));
}

/// What threads do in turns, each of which wakes the next and sleeps: all on one processor, as on one
/// core of the Pi. On several the figure would be that of the system's choice, for each pair and run
/// anew, between this and waking a processor that sleeps, which takes ten times as long.
pub fn in_turns(
    all: &mut Vec<Operation>,
    id: &'static str,
    name: &'static str,
    run: impl Fn(u64) -> Duration + 'static,
) {
    threads(all, id, name, move |turns| on_one_processor(|| run(turns)));
}

/// Runs `body`, and the threads that it makes, on one of the processors that this thread may use.
#[cfg(target_os = "linux")]
fn on_one_processor<R>(body: impl FnOnce() -> R) -> R {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let all = sched_getaffinity(None).expect("the system knows this thread");
    let mut one = CpuSet::new();
    let first = (0..CpuSet::MAX_CPU).find(|&cpu| all.is_set(cpu));
    one.set(first.expect("the thread runs somewhere"));
    sched_setaffinity(None, &one).expect("it may be there already");
    let result = body();
    sched_setaffinity(None, &all).expect("it was there before");
    result
}

/// Other systems choose by themselves.
#[cfg(not(target_os = "linux"))]
fn on_one_processor<R>(body: impl FnOnce() -> R) -> R {
    body()
}

/// How long so many turns take.
pub fn timed(turns: u64, mut turn: impl FnMut()) -> Duration {
    let begin = Instant::now();
    for _ in 0..turns {
        turn();
    }
    begin.elapsed()
}

/// How long so many turns take if each batch is `each` of them; as many batches as that needs.
pub fn in_batches(turns: u64, each: u64, batch: impl FnMut()) -> Duration {
    let batches = turns.div_ceil(each);
    timed(batches, batch).mul_f64(turns as f64 / (batches * each) as f64)
}

/// How long two threads together take for so many turns (one more if it is odd). Making them and
/// ending them is not counted.
pub fn at_once(turns: u64, turn: &(impl Fn(&mut TaskCx) + Sync)) -> Duration {
    let ready = AtomicU32::new(0);
    let half = || {
        let cx = &mut here();
        ready.fetch_add(1, Ordering::Relaxed);
        // Not a barrier that sleeps: one thread would be alone until the other has woken.
        while ready.load(Ordering::Relaxed) < 2 {
            thread::yield_now();
        }
        let begin = Instant::now();
        for _ in 0..turns.div_ceil(2) {
            turn(cx);
        }
        (begin, Instant::now())
    };
    thread::scope(|scope| {
        let other = scope.spawn(half);
        let (begin, end) = half();
        let (other_begin, other_end) = other.join().expect("a turn does not panic");
        end.max(other_end) - begin.min(other_begin)
    })
}

/// How long it takes to go so many times from one thread to the other: to number 1 or back to
/// number 0. `hand_to` says to one of them that it is its turn, `wait` waits for one's own.
pub fn back_and_forth(
    turns: u64,
    hand_to: impl Fn(&mut TaskCx, usize) + Sync,
    wait: impl Fn(&mut TaskCx, usize) + Sync,
) -> Duration {
    let rounds = turns.div_ceil(2);
    let took = thread::scope(|scope| {
        scope.spawn(|| {
            let cx = &mut here();
            for _ in 0..=rounds {
                wait(cx, 1);
                hand_to(cx, 0);
            }
        });
        let cx = &mut here();
        // The first round waits for the other thread to be there.
        hand_to(cx, 1);
        wait(cx, 0);
        timed(rounds, || {
            hand_to(cx, 1);
            wait(cx, 0);
        })
    });
    took.mul_f64(turns as f64 / (rounds * 2) as f64)
}

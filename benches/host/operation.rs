//! What an operation is, and the loops around it: on one thread, on two at once, and from one
//! thread to another and back.

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

/// What more than one thread has a part in.
pub fn threads(
    all: &mut Vec<Operation>,
    id: &'static str,
    name: &'static str,
    run: impl Fn(u64) -> Duration + 'static,
) {
    all.push(Operation::new(id, name, false, run));
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

//! From one thread to another: the cooperative and the preemptive test of Thread-Metric.

use crate::crew;
use crate::meter;
use alloc::vec::Vec;
use layercake_kernel::thread::yield_now;
use layercake_kernel::wait::Host as _;
use layercake_kernel::{Host, SpinLock, TaskCx};

type Task = <Host as layercake_kernel::wait::Host>::Task;

/// From a thread's call of `yield_now` to the next thread's return from its own.
pub fn cooperative(cx: &mut TaskCx, _: u32) {
    meter::use_laps();
    let threads: Vec<_> = (0..5)
        .map(|_| {
            crew::spawn(0, |cx| {
                loop {
                    yield_now(cx);
                    if !meter::lap() {
                        break;
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| _ = thread.join(cx));
}

/// How many threads there are, each one level above the one before.
const TOWER: usize = 5;
static TASKS: [SpinLock<Option<Task>>; TOWER] = [const { SpinLock::new(None) }; TOWER];

/// Once up the tower and down again; each thread resumes (unparks) the next higher one, and
/// suspends (parks) itself when that one has.
pub fn preemptive(cx: &mut TaskCx, _: u32) {
    meter::use_laps();
    meter::plan(1000, TOWER as u64 - 1);
    for floor in (1..TOWER).rev() {
        crew::spawn(1 + floor as i8, move |cx| helper(floor, cx)).detach();
    }
    let lowest = crew::spawn(1, |cx| {
        let next = task(1, cx);
        loop {
            Host::unpark(&next);
            if !meter::lap() {
                break;
            }
        }
    });
    lowest.join(cx);
}

fn helper(floor: usize, cx: &mut TaskCx) {
    *TASKS[floor].lock(cx.atomic()) = Some(Host::current());
    if floor == TOWER - 1 {
        loop {
            Host::park(cx, None);
        }
    }
    let next = task(floor + 1, cx);
    loop {
        Host::park(cx, None);
        Host::unpark(&next);
    }
}

fn task(floor: usize, cx: &mut TaskCx) -> Task {
    TASKS[floor]
        .lock(cx.atomic())
        .expect("the higher threads have run")
}

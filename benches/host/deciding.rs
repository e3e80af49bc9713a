//! What decides, as plain data: the timers of `layercake-timer` and the run queue of
//! `layercake-sched`, beside the ordered collections of `std`.

use core::hint::black_box;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use layercake_sched::{CpuSet, Enqueue, Entity, EntityRef, Priority, PutPrev, RunQueue};
use layercake_timer::{Timer, TimerQueue, TimerRef};

use crate::operation::{Operation, counted, timed};

pub fn add(all: &mut Vec<Operation>) {
    arm_cancel(all, "timer.arm_cancel/16", 16);
    arm_cancel(all, "timer.arm_cancel/1000", 1000);
    arm_expire(all, "timer.arm_expire/16", 16);
    arm_expire(all, "timer.arm_expire/1000", 1000);
    pick_fair(all, "sched.pick_fair/16", 16);
    pick_fair(all, "sched.pick_fair/1024", 1024);
}

/// Deadlines without order, below 2^32: Marsaglia's xorshift with the shifts 13, 7, 17.
struct Deadlines(u64);

impl Deadlines {
    fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 32
    }
}

/// A queue with `armed` timers on it, at deadlines without order and later than `from`, and one more
/// that is not armed.
fn timers(armed: usize, from: u64) -> (TimerQueue, TimerRef) {
    let (mut queue, mut deadlines) = (TimerQueue::new(), Deadlines::new());
    let timer = || {
        let timer = Box::leak(Box::new(Timer::new(|_| {})));
        // SAFETY: TMR-LIVE: leaked. TMR-LOCK: one thread uses it.
        unsafe { TimerRef::from_raw(timer) }
    };
    for _ in 0..armed {
        queue.arm(timer(), from + deadlines.next());
    }
    (queue, timer())
}

/// Arm one more than `armed` at a deadline without order, and cancel it. A heap cannot cancel.
fn arm_cancel(all: &mut Vec<Operation>, id: &'static str, armed: usize) {
    counted(all, id, "layercake TimerQueue", move |turns| {
        let ((mut queue, timer), mut deadlines) = (timers(armed, 0), Deadlines::new());
        timed(turns, || {
            queue.arm(timer.clone(), deadlines.next());
            black_box(queue.cancel(&timer));
        })
    });
    counted(all, id, "std BTreeMap", move |turns| {
        let (mut map, mut deadlines) = (BTreeMap::new(), Deadlines::new());
        // The number makes equal deadlines different.
        map.extend((0..armed).map(|number| ((deadlines.next(), number), ())));
        let mut deadlines = Deadlines::new();
        timed(turns, || {
            let deadline = deadlines.next();
            map.insert((deadline, armed), ());
            black_box(map.remove(&(deadline, armed)));
        })
    });
}

/// Arm one before `armed` others, and take it off as the one that is due.
fn arm_expire(all: &mut Vec<Operation>, id: &'static str, armed: usize) {
    const LATE: u64 = 1 << 33;
    counted(all, id, "layercake TimerQueue", move |turns| {
        let ((mut queue, timer), mut deadlines) = (timers(armed, LATE), Deadlines::new());
        timed(turns, || {
            queue.arm(timer.clone(), deadlines.next());
            black_box(queue.pop_expired(LATE));
        })
    });
    counted(all, id, "std BTreeMap", move |turns| {
        let (mut map, mut deadlines) = (BTreeMap::new(), Deadlines::new());
        map.extend((0..armed).map(|number| ((LATE + deadlines.next(), number), ())));
        timed(turns, || {
            map.insert((deadlines.next(), armed), ());
            black_box(map.pop_first());
        })
    });
    counted(all, id, "std BinaryHeap", move |turns| {
        let (mut heap, mut deadlines) = (BinaryHeap::new(), Deadlines::new());
        (0..armed).for_each(|number| heap.push(Reverse((LATE + deadlines.next(), number))));
        timed(turns, || {
            heap.push(Reverse((deadlines.next(), armed)));
            black_box(heap.pop());
        })
    });
}

/// The running one of `runnable` fair threads of one weight gives way, and the next is picked. A map
/// from deadline to thread knows nothing of weights, of shares, or of who is owed time.
fn pick_fair(all: &mut Vec<Operation>, id: &'static str, runnable: usize) {
    /// How long each runs, ns.
    const RAN: u64 = 1000;
    counted(all, id, "layercake RunQueue", move |turns| {
        let mut queue = RunQueue::new(10_000_000);
        let mut now = RAN;
        for _ in 0..runnable {
            let entity = Entity::new(Priority::NORMAL, CpuSet::one(0));
            // SAFETY: ENT-LIVE: leaked. ENT-LOCK: one thread uses both.
            let entity = unsafe { EntityRef::from_raw(Box::leak(Box::new(entity))) };
            queue.enqueue(entity, now, Enqueue::New);
        }
        queue.pick_next(now);
        timed(turns, || {
            now += RAN;
            queue.put_prev(now, PutPrev::Yielded);
            black_box(queue.pick_next(now));
        })
    });
    counted(all, id, "std BTreeMap", move |turns| {
        let mut map: BTreeMap<_, _> = (0..runnable).map(|n| ((RAN, n), n)).collect();
        timed(turns, || {
            if let Some(((deadline, number), thread)) = map.pop_first() {
                map.insert((deadline + RAN, number), black_box(thread));
            }
        })
    });
}

//! A schedule's state, and what the seed decides in it: who runs, and when time passes.
//!
//! Nothing here switches: the threads, and the host that they see, are in the parent module.

extern crate std;

use crate::time::Instant;
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, Yielder};
use layercake_sync::IrqCx;
use std::format;
use std::rc::Rc;
use std::string::String;
use std::vec::Vec;

/// So many decisions end a schedule that makes no end of itself.
const MOST_STEPS: u32 = 200_000;

pub(super) type Handler = Rc<dyn Fn(IrqCx<'_>)>;
pub(super) type Thread = Coroutine<(), (), (), DefaultStack>;

/// One thread of the schedule, and the core that it has to itself.
pub(super) struct Slot {
    /// `None` while it runs, and when it has ended.
    pub thread: Option<Thread>,
    pub yielder: *const Yielder<(), ()>,
    pub permit: bool,
    pub parked: bool,
    pub ended: bool,
    pub deadline: Option<Instant>,
    pub waits_on: &'static str,
    /// How many `irq_save` are open.
    pub masks: u32,
}

/// Why a schedule is over.
pub(super) enum End {
    AllEnded,
    Wrong(String),
}

/// A schedule under way.
pub(super) struct World {
    /// Tells the handles of one schedule from those of another.
    pub id: u32,
    pub random: u64,
    /// Of 256: how likely the running thread is to go on at a point.
    pub steadiness: u64,
    pub steps: u32,
    pub clock: Instant,
    pub threads: Vec<Slot>,
    pub current: usize,
    /// What the thread that has just suspended itself chose.
    pub next: Option<Result<usize, End>>,
    pub handler: Option<Handler>,
}

impl World {
    /// The next number of the seed (SplitMix64: Steele, Lea, Flood, 2014).
    pub(super) fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// `true` with a chance of `of_256` in 256.
    pub(super) fn chance(&mut self, of_256: u64) -> bool {
        self.draw() % 256 < of_256
    }

    pub(super) fn may_run(&self, thread: usize) -> bool {
        let slot = &self.threads[thread];
        let due = slot.permit || slot.deadline.is_some_and(|at| at <= self.clock);
        !slot.ended && (!slot.parked || due)
    }

    /// Moves the clock to the next deadline of a parked thread. `false` if there is none.
    pub(super) fn pass_time(&mut self) -> bool {
        let deadlines = self
            .threads
            .iter()
            .filter(|slot| slot.parked && !slot.ended);
        let next = deadlines
            .filter_map(|slot| slot.deadline)
            .filter(|at| *at > self.clock)
            .min();
        self.clock = next.unwrap_or(self.clock);
        next.is_some()
    }

    /// Who runs next, of all but `not`; or why nobody does.
    pub(super) fn choose(&mut self, not: Option<usize>) -> Result<usize, End> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(End::Wrong(format!("no end after {MOST_STEPS} steps")));
        }
        if self.chance(4) {
            self.pass_time();
        }
        loop {
            let threads = 0..self.threads.len();
            let able = |world: &Self, i: &usize| Some(*i) != not && world.may_run(*i);
            let count = threads.clone().filter(|i| able(self, i)).count();
            if count > 0 {
                let nth = self.draw() as usize % count;
                let chosen = threads.clone().filter(|i| able(self, i)).nth(nth);
                return Ok(chosen.unwrap_or(self.current));
            }
            if self.threads.iter().all(|slot| slot.ended) {
                return Err(End::AllEnded);
            }
            if !self.pass_time() {
                return Err(End::Wrong(format!("deadlock: {}", self.stuck())));
            }
        }
    }

    /// Who waits on what, for people.
    pub(super) fn stuck(&self) -> String {
        let waiting = self.threads.iter().enumerate();
        let lines = waiting
            .filter(|(_, slot)| !slot.ended)
            .map(|(i, slot)| match slot.parked {
                true => format!("thread {i} waits on {:?}", slot.waits_on),
                false => format!("thread {i} spins"),
            });
        lines.collect::<Vec<_>>().join(", ")
    }
}

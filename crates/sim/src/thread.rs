//! A thread of the machine: what it means to do, and what it got.
//!
//! What belongs here: one thread's plan and account. What does not: where and when it runs, which is
//! [`crate::machine`]'s.

use layercake_sched::{CpuSet, Entity, EntityRef, Priority, weight_of};
use std::rc::Rc;

/// What a thread does with its time, ns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plan {
    /// It runs whenever it can.
    Busy,
    /// It wants to run for `run`, then sleeps for `sleep`, and so on, after a first sleep.
    Cycle {
        /// The first sleep.
        first: u64,
        /// How long it wants to run each time.
        run: u64,
        /// How long it sleeps after that.
        sleep: u64,
    },
    /// It yields whenever it has run for `run`.
    Yield {
        /// How long it runs between two yields.
        run: u64,
    },
    /// As `Cycle`, with times drawn anew each time: from 1 ns to twice these, which so are the means.
    Random {
        /// How long it wants to run, in the mean.
        run: u64,
        /// How long it sleeps, in the mean.
        sleep: u64,
        /// Another seed, other times; the same seed, the same.
        seed: u64,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Runnable,
    Running,
    Asleep { until: u64 },
}

/// A thread of the machine, and what it got.
#[derive(Debug)]
pub struct Thread {
    /// What the policy knows of it.
    pub entity: Rc<Entity>,
    pub(crate) plan: Plan,
    pub(crate) state: State,
    /// What it still wants to run before its plan goes on.
    pub(crate) left: u64,
    pub(crate) core: usize,
    drawn: u64,
    /// For how long it ran, ns.
    pub got: u64,
    /// For how long it wanted to run, ns: it ran, or waited for a core.
    pub asked: u64,
    /// What it would have got by ideal sharing, ns.
    pub ideal: f64,
    /// The most that it was behind the ideal, ns.
    pub behind: f64,
    /// The most that it was ahead of the ideal, ns.
    pub ahead: f64,
    /// How many times it went from one core to another.
    pub moves: u64,
    pub(crate) waits_since: u64,
    /// The longest that it waited for a core, ns.
    pub longest_wait: u64,
}

impl Thread {
    /// How many times it was given a core.
    pub fn switches(&self) -> u64 {
        self.entity.turns() + u64::from(matches!(self.state, State::Running))
    }

    pub(crate) fn new(priority: Priority, affinity: CpuSet, plan: Plan) -> Self {
        let mut thread = Self {
            entity: Rc::new(Entity::new(priority, affinity)),
            plan,
            state: State::Asleep { until: 0 },
            left: u64::MAX,
            core: 0,
            drawn: 0,
            got: 0,
            asked: 0,
            ideal: 0.0,
            behind: 0.0,
            ahead: 0.0,
            moves: 0,
            waits_since: 0,
            longest_wait: 0,
        };
        match plan {
            Plan::Busy => {}
            Plan::Cycle { first, run, .. } => {
                thread.state = State::Asleep { until: first };
                thread.left = run;
            }
            Plan::Yield { run } => thread.left = run,
            Plan::Random { run, seed, .. } => {
                thread.drawn = seed;
                thread.left = thread.draw(run);
            }
        }
        thread
    }

    pub(crate) fn handle(&self) -> EntityRef {
        // SAFETY: ENT-LIVE: the machine drops its queues first; ENT-LOCK: one host thread.
        unsafe { EntityRef::from_raw(Rc::as_ptr(&self.entity)) }
    }

    /// Makes it want to run for `ns` when it runs next.
    pub fn want(&mut self, ns: u64) {
        self.left = ns;
    }

    /// Lets it sleep until `ns` at first. To be called before the machine runs.
    pub fn start_at(&mut self, ns: u64) {
        self.state = State::Asleep { until: ns };
    }

    /// Whether it sleeps.
    pub fn is_asleep(&self) -> bool {
        matches!(self.state, State::Asleep { .. })
    }

    /// How long (ns) it has been waiting for a core by `now`; 0 if it is not.
    pub fn waits_for(&self, now: u64) -> u64 {
        match self.state {
            State::Runnable => now - self.waits_since,
            _ => 0,
        }
    }

    /// Its weight in the fair class; 0 if it is of another.
    pub fn weight(&self) -> f64 {
        match self.entity.priority() {
            Priority::Fair(nice) => f64::from(weight_of(nice)),
            _ => 0.0,
        }
    }

    /// What it does when it has run for what it wanted: sleeps for so long, or with `None` yields.
    pub(crate) fn done(&mut self) -> Option<u64> {
        match self.plan {
            Plan::Busy => {
                self.left = u64::MAX;
                None
            }
            Plan::Cycle { run, sleep, .. } => {
                self.left = run;
                Some(sleep)
            }
            Plan::Yield { run } => {
                self.left = run;
                None
            }
            Plan::Random { run, sleep, .. } => {
                self.left = self.draw(run);
                Some(self.draw(sleep))
            }
        }
    }

    /// 1 to twice `mean`.
    fn draw(&mut self, mean: u64) -> u64 {
        // The constants of D. Knuth's MMIX generator.
        self.drawn = self
            .drawn
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        1 + (self.drawn >> 20) % (2 * mean).max(1)
    }
}

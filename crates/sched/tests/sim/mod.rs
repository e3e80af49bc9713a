//! A machine of 1 to 64 cores over virtual time, which runs the shipped policy on made-up loads.
//!
//! Every core has its own run queue. Threads are placed when they wake, and pulled by cores that
//! would idle. Beside what each thread gets, the machine keeps what it would get if all runnable
//! threads ran at once, each at the speed of its share: the ideal that the fair class approximates.

#![allow(dead_code, reason = "each test file uses a part")]

use layercake_sched::{
    CoreLoad, CpuSet, Enqueue, Entity, EntityRef, Loads, Priority, PutPrev, RunQueue,
    place_on_wake, pull_from, weight_of,
};
use std::rc::Rc;

/// What a thread does with its time, ns.
#[derive(Clone, Copy, Debug)]
pub enum Plan {
    /// It runs whenever it can.
    Busy,
    /// It wants to run for `run`, then sleeps for `sleep`, and so on, after a first sleep.
    Cycle { first: u64, run: u64, sleep: u64 },
    /// It yields whenever it has run for `run`.
    Yield { run: u64 },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Runnable,
    Running,
    Asleep { until: u64 },
}

/// A thread of the machine, and what it got.
pub struct Thread {
    pub entity: Rc<Entity>,
    plan: Plan,
    state: State,
    /// What it still wants to run before its plan goes on.
    left: u64,
    core: usize,
    /// ns that it ran.
    pub got: u64,
    /// ns that it would have run on an ideal machine of one core.
    pub ideal: f64,
    /// The most that it was behind the ideal, and ahead of it.
    pub behind: f64,
    pub ahead: f64,
    waits_since: u64,
    /// The longest that it waited for a core, runnable.
    pub longest_wait: u64,
}

impl Thread {
    fn handle(&self) -> EntityRef {
        // SAFETY: ENT-LIVE: the machine drops its queues first; ENT-LOCK: one host thread.
        unsafe { EntityRef::from_raw(Rc::as_ptr(&self.entity)) }
    }

    /// Makes it want to run for `ns` when it runs next.
    pub fn want(&mut self, ns: u64) {
        self.left = ns;
    }

    pub fn is_asleep(&self) -> bool {
        matches!(self.state, State::Asleep { .. })
    }

    /// How long it has been waiting for a core by now.
    pub fn waits_for(&self, now: u64) -> u64 {
        match self.state {
            State::Runnable => now - self.waits_since,
            _ => 0,
        }
    }

    fn weight(&self) -> f64 {
        match self.entity.priority() {
            Priority::Fair(nice) => f64::from(weight_of(nice)),
            _ => 0.0,
        }
    }
}

/// The machine.
pub struct Machine {
    queues: Vec<RunQueue>,
    pub threads: Vec<Thread>,
    pub now: u64,
    /// How late a timer interrupt may be, ns: each in turn is late by another part of this.
    pub lateness: u64,
    drawn: u64,
}

struct Facts<'a>(&'a [RunQueue]);

impl Loads for Facts<'_> {
    fn load(&self, core: usize) -> CoreLoad {
        self.0[core].load()
    }
}

impl Machine {
    pub fn new(cores: usize, slice: u64) -> Self {
        Self {
            queues: (0..cores).map(|_| RunQueue::new(slice)).collect(),
            threads: Vec::new(),
            now: 0,
            lateness: 0,
            drawn: 1,
        }
    }

    pub fn add(&mut self, priority: Priority, affinity: CpuSet, plan: Plan) -> usize {
        let (state, left) = match plan {
            Plan::Busy => (State::Asleep { until: 0 }, u64::MAX),
            Plan::Cycle { first, run, .. } => (State::Asleep { until: first }, run),
            Plan::Yield { run } => (State::Asleep { until: 0 }, run),
        };
        self.threads.push(Thread {
            entity: Rc::new(Entity::new(priority, affinity)),
            plan,
            state,
            left,
            core: 0,
            got: 0,
            ideal: 0.0,
            behind: 0.0,
            ahead: 0.0,
            waits_since: 0,
            longest_wait: 0,
        });
        self.threads.len() - 1
    }

    fn index_of(&self, e: &EntityRef) -> usize {
        let found = self.threads.iter().position(|t| e.is(&t.entity));
        found.expect("a thread of this machine")
    }

    fn online(&self) -> CpuSet {
        CpuSet::first(self.queues.len())
    }

    fn random(&mut self, below: u64) -> u64 {
        self.drawn = self
            .drawn
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(99);
        if below == 0 {
            0
        } else {
            (self.drawn >> 33) % below
        }
    }

    /// Which thread runs on `core`.
    pub fn running(&self, core: usize) -> Option<usize> {
        self.queues[core].current().map(|e| self.index_of(e))
    }

    /// Runs until `end`.
    pub fn run_until(&mut self, end: u64) {
        while self.now < end {
            self.wake_sleepers();
            for core in 0..self.queues.len() {
                self.fill(core);
            }
            self.check();
            let next = self.next_time(end);
            self.pass(next - self.now);
            for core in 0..self.queues.len() {
                self.look_at(core);
            }
        }
    }

    /// Changes a thread's priority, whatever it does, as a kernel does it.
    pub fn set_priority(&mut self, i: usize, priority: Priority) {
        let (e, core) = (self.threads[i].handle(), self.threads[i].core);
        let waited = self.queues[core].dequeue(&e, self.now).is_some();
        assert!(self.queues[core].set_priority(&e, priority, self.now));
        if waited {
            self.migrate(i);
        }
        self.look_again(core);
    }

    /// Changes the cores that a thread may run on, some of which are up, as a kernel does it.
    pub fn set_affinity(&mut self, i: usize, cores: CpuSet) {
        let (e, core) = (self.threads[i].handle(), self.threads[i].core);
        e.set_affinity(cores);
        if cores.contains(core) {
            return;
        }
        if self.queues[core].dequeue(&e, self.now).is_some() {
            self.migrate(i);
        } else if self.running(core) == Some(i) {
            self.queues[core].block_current(self.now);
            self.migrate(i);
            self.fill(core);
        }
    }

    /// Puts a thread that was taken off a queue on the best one.
    fn migrate(&mut self, i: usize) {
        let t = &self.threads[i];
        let (allowed, priority) = (t.entity.affinity().and(self.online()), t.entity.priority());
        let core = place_on_wake(allowed, t.core, priority, &Facts(&self.queues));
        let core = core.expect("an allowed core");
        let handle = t.handle();
        self.queues[core].enqueue(handle, self.now, Enqueue::Migrate);
        let since = t.waits_for(self.now);
        self.runnable(i, core);
        self.threads[i].waits_since = self.now - since;
        self.look_again(core);
    }

    /// What a core does that was told that something has changed.
    fn look_again(&mut self, core: usize) {
        if self.queues[core].should_preempt(self.now) {
            self.put_back(core, PutPrev::Preempted);
        }
        self.fill(core);
    }

    fn wake_sleepers(&mut self) {
        for i in 0..self.threads.len() {
            let State::Asleep { until } = self.threads[i].state else {
                continue;
            };
            if until > self.now {
                continue;
            }
            let t = &self.threads[i];
            let (allowed, priority) = (t.entity.affinity().and(self.online()), t.entity.priority());
            let core = place_on_wake(allowed, t.core, priority, &Facts(&self.queues));
            let core = core.expect("an allowed core");
            let how = match t.got {
                0 => Enqueue::New,
                _ => Enqueue::Wake,
            };
            let handle = t.handle();
            self.queues[core].enqueue(handle, self.now, how);
            self.runnable(i, core);
            if self.queues[core].should_preempt(self.now) {
                self.put_back(core, PutPrev::Preempted);
                self.fill(core);
            }
        }
    }

    fn runnable(&mut self, i: usize, core: usize) {
        let t = &mut self.threads[i];
        t.state = State::Runnable;
        t.core = core;
        t.waits_since = self.now;
    }

    fn put_back(&mut self, core: usize, why: PutPrev) {
        if let Some(i) = self.running(core) {
            self.queues[core].put_prev(self.now, why);
            self.runnable(i, core);
        }
    }

    /// Gives `core` something to do, from its own queue or another's.
    fn fill(&mut self, core: usize) {
        if self.queues[core].current().is_some() {
            return;
        }
        if self.queues[core].runnable() == 0 {
            self.pull(core);
        }
        if let Some(e) = self.queues[core].pick_next(self.now) {
            let now = self.now;
            let i = self.index_of(&e);
            let t = &mut self.threads[i];
            assert_eq!(t.state, State::Runnable, "picked, but not runnable");
            t.state = State::Running;
            t.longest_wait = t.longest_wait.max(now - t.waits_since);
        }
    }

    fn pull(&mut self, core: usize) {
        let mut candidates = self.online();
        while let Some(from) = pull_from(candidates, core, &Facts(&self.queues)) {
            if let Some(e) = self.queues[from].pull(CpuSet::one(core), self.now) {
                let i = self.index_of(&e);
                self.queues[core].enqueue(e, self.now, Enqueue::Migrate);
                self.threads[i].core = core;
                return;
            }
            candidates = candidates.without(from);
        }
    }

    fn next_time(&mut self, end: u64) -> u64 {
        let mut next = end;
        for core in 0..self.queues.len() {
            if let Some(event) = self.queues[core].next_event() {
                let late = self.random(self.lateness + 1);
                next = next.min(event.max(self.now + 1) + late);
            }
        }
        for t in &self.threads {
            match t.state {
                State::Running => next = next.min(self.now.saturating_add(t.left.max(1))),
                State::Asleep { until } => next = next.min(until.max(self.now + 1)),
                State::Runnable => {}
            }
        }
        next
    }

    /// Lets `dt` pass: who runs gets it, and who is runnable gets its share of the ideal.
    fn pass(&mut self, dt: u64) {
        self.now += dt;
        let awake = |t: &&mut Thread| !matches!(t.state, State::Asleep { .. });
        let total: f64 = self
            .threads
            .iter_mut()
            .filter(awake)
            .map(|t| t.weight())
            .sum();
        for t in self.threads.iter_mut().filter(awake) {
            if t.state == State::Running {
                t.got += dt;
                t.left = t.left.saturating_sub(dt);
            }
            if total > 0.0 {
                t.ideal += dt as f64 * t.weight() / total;
            }
            let off = t.ideal - t.got as f64;
            t.behind = t.behind.max(off);
            t.ahead = t.ahead.max(-off);
        }
    }

    /// What the timer interrupt does on `core`, and the end of what its thread wanted.
    fn look_at(&mut self, core: usize) {
        let Some(i) = self.running(core) else {
            return;
        };
        let t = &mut self.threads[i];
        match t.plan {
            Plan::Cycle { run, sleep, .. } if t.left == 0 => {
                t.left = run;
                t.state = State::Asleep {
                    until: self.now + sleep,
                };
                let blocked = self.queues[core].block_current(self.now);
                assert!(blocked.is_some_and(|e| e.is(&self.threads[i].entity)));
            }
            Plan::Yield { run } if t.left == 0 => {
                t.left = run;
                self.put_back(core, PutPrev::Yielded);
            }
            _ => {
                if self.queues[core].tick(self.now) {
                    self.put_back(core, PutPrev::Preempted);
                }
            }
        }
    }

    /// S2, affinity, and that no core idles while somebody could run there.
    fn check(&mut self) {
        let mut counted = 0;
        for core in 0..self.queues.len() {
            counted += self.queues[core].runnable();
            if let Some(i) = self.running(core) {
                let t = &self.threads[i];
                assert_eq!((t.state, t.core), (State::Running, core));
                assert!(t.entity.affinity().contains(core), "affinity violated");
            } else {
                let could =
                    |t: &Thread| t.state == State::Runnable && t.entity.affinity().contains(core);
                assert!(!self.threads.iter().any(could), "core {core} idles in vain");
            }
        }
        let is = |state| move |t: &&Thread| t.state == state;
        assert_eq!(
            counted,
            self.threads.iter().filter(is(State::Runnable)).count()
        );
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.queues.clear();
    }
}

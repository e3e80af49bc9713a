//! The machine: its cores with their run queues, and time that passes from event to event.
//!
//! What belongs here: what a kernel does with the policy, in the same order. What does not: what
//! threads want ([`crate::thread`]) and what would be ideal ([`crate::ideal`]).

use crate::ideal;
use crate::thread::{Plan, State, Thread};
use crate::timeline::{Run, Timeline};
use layercake_sched::{
    CoreLoad, CpuSet, Enqueue, EntityRef, Loads, Priority, PutPrev, RunQueue, place_on_wake,
    pull_from,
};

/// A machine of 1 to 64 cores over virtual time.
#[derive(Debug)]
pub struct Machine {
    queues: Vec<RunQueue>,
    /// The threads, by the numbers that [`add`](Self::add) gave.
    pub threads: Vec<Thread>,
    /// The time, ns.
    pub now: u64,
    /// How late a timer interrupt may be, ns: each in turn is late by another part of this.
    pub lateness: u64,
    drawn: u64,
    timeline: Option<Timeline>,
    ideal: Ideal,
    /// When each core looks whether others have less to do; `None` while nobody waits there.
    balance_at: Vec<Option<u64>>,
    /// Whether cores that are all busy balance.
    pub balances: bool,
}

/// The speeds of the ideal, as long as they hold.
#[derive(Debug, Default)]
struct Ideal {
    valid: bool,
    /// How many cores real time left when they were found.
    cores: usize,
    weights: Vec<f64>,
    order: Vec<usize>,
    speeds: Vec<f64>,
}

struct Facts<'a>(&'a [RunQueue]);

impl Loads for Facts<'_> {
    fn load(&self, core: usize) -> CoreLoad {
        self.0[core].load()
    }
}

impl Machine {
    /// A machine with nothing to do. `slice`, in ns, is that of every run queue.
    ///
    /// # Panics
    ///
    /// If `cores` is not 1 to 64, or `slice` is none that a [`RunQueue`] takes.
    pub fn new(cores: usize, slice: u64) -> Self {
        assert!(
            (1..=CpuSet::CAPACITY).contains(&cores),
            "a machine has 1 to 64 cores"
        );
        Self {
            queues: (0..cores).map(|_| RunQueue::new(slice)).collect(),
            threads: Vec::new(),
            now: 0,
            lateness: 0,
            drawn: 1,
            timeline: None,
            ideal: Ideal::default(),
            balance_at: vec![None; cores],
            balances: true,
        }
    }

    /// Adds a thread, and gives its number. To be called before the machine runs. It comes to life
    /// at once, or when its plan or [`Thread::start_at`] says.
    ///
    /// # Panics
    ///
    /// If no core of the machine is in `affinity`.
    pub fn add(&mut self, priority: Priority, affinity: CpuSet, plan: Plan) -> usize {
        assert!(
            !affinity.and(self.online()).is_empty(),
            "no core for the thread"
        );
        self.threads.push(Thread::new(priority, affinity, plan));
        self.threads.len() - 1
    }

    /// Keeps a record of who runs where, from now on.
    pub fn record(&mut self) {
        self.timeline = Some(Timeline::new(self.queues.len()));
    }

    /// The record, in the order in which the runs began on each core; empty without
    /// [`record`](Self::record).
    pub fn runs(&self) -> &[Run] {
        self.timeline.as_ref().map_or(&[], |t| &t.runs)
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

    /// Runs until `end`, ns.
    ///
    /// # Panics
    ///
    /// If the policy does what it must not: see the crate documentation.
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
                self.balance(core);
                self.look_at(core);
            }
        }
    }

    /// Changes a thread's priority, whatever it does, as a kernel does it. O(log n).
    ///
    /// # Panics
    ///
    /// If the policy does not know the thread where it is.
    pub fn set_priority(&mut self, i: usize, priority: Priority) {
        let (e, core) = (self.threads[i].handle(), self.threads[i].core);
        let waited = self.queues[core].dequeue(&e, self.now).is_some();
        assert!(self.queues[core].set_priority(&e, priority, self.now));
        self.ideal.valid = false;
        if waited {
            self.place_again(i);
        }
        self.look_again(core);
    }

    /// Changes the cores that a thread may run on, some of which the machine has, as a kernel does it.
    /// O(log n).
    pub fn set_affinity(&mut self, i: usize, cores: CpuSet) {
        let (e, core) = (self.threads[i].handle(), self.threads[i].core);
        e.set_affinity(cores);
        if cores.contains(core) {
            return;
        }
        if self.queues[core].dequeue(&e, self.now).is_some() {
            self.place_again(i);
        } else if self.running(core) == Some(i) {
            self.queues[core].block_current(self.now);
            self.threads[i].waits_since = self.now;
            self.place_again(i);
            self.fill(core);
        }
    }

    /// Puts a thread that was taken off a queue on the best one.
    fn place_again(&mut self, i: usize) {
        let t = &self.threads[i];
        let (allowed, priority) = (t.entity.affinity().and(self.online()), t.entity.priority());
        let core = place_on_wake(allowed, t.core, priority, &Facts(&self.queues));
        let core = core.expect("an allowed core");
        self.migrate(self.threads[i].handle(), core);
        self.look_again(core);
    }

    /// What a core does that was told that something has changed.
    fn look_again(&mut self, core: usize) {
        if self.queues[core].should_preempt(self.now) {
            self.put_back(core, PutPrev::Preempted);
        }
        self.fill(core);
        if self.runs_real_time(core) {
            self.arm_balance(core);
        }
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
            self.ideal.valid = false;
            self.runnable(i, core);
            self.threads[i].waits_since = self.now;
            if self.queues[core].should_preempt(self.now) {
                self.put_back(core, PutPrev::Preempted);
                self.fill(core);
            }
            if self.runs_real_time(core) {
                self.arm_balance(core);
            }
        }
    }

    fn runs_real_time(&self, core: usize) -> bool {
        let running = self.queues[core].current().map(|e| e.priority());
        matches!(running, Some(Priority::RealTime(_)))
    }

    /// Sees to it that `core` will look whether others have less to do, if threads wait there.
    fn arm_balance(&mut self, core: usize) {
        if self.balances && self.balance_at[core].is_none() {
            self.balance_at[core] = self.queues[core].balance_in().map(|ns| self.now + ns);
        }
    }

    /// What the timer that [`arm_balance`](Self::arm_balance) has set does.
    fn balance(&mut self, core: usize) {
        if self.balance_at[core].is_none_or(|at| at > self.now) {
            return;
        }
        let loads: Vec<_> = self.queues.iter().map(RunQueue::load).collect();
        let online = self.online();
        let balance = self.queues[core].balance(core, online, &loads[..], self.now);
        self.balance_at[core] = balance.again_in.map(|ns| self.now + ns);
        if let Some((e, to)) = balance.moved {
            self.migrate(e, to);
            if self.queues[to].should_preempt(self.now) {
                self.put_back(to, PutPrev::Preempted);
            }
        }
    }

    /// Thread `i` is on the queue of `core`.
    fn runnable(&mut self, i: usize, core: usize) {
        let t = &mut self.threads[i];
        t.state = State::Runnable;
        if t.core != core {
            t.core = core;
            t.moves += u64::from(t.got > 0);
        }
    }

    fn put_back(&mut self, core: usize, why: PutPrev) {
        if let Some(i) = self.running(core) {
            self.queues[core].put_prev(self.now, why);
            self.runnable(i, core);
            self.threads[i].waits_since = self.now;
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
                self.migrate(e, core);
                return;
            }
            candidates = candidates.without(from);
        }
    }

    /// Puts a thread that was taken off its queue on that of `core`.
    fn migrate(&mut self, e: EntityRef, core: usize) {
        let i = self.index_of(&e);
        self.queues[core].enqueue(e, self.now, Enqueue::Migrate);
        self.runnable(i, core);
    }

    fn next_time(&mut self, end: u64) -> u64 {
        let mut next = end;
        for core in 0..self.queues.len() {
            if let Some(event) = self.queues[core].next_event() {
                let late = self.random(self.lateness + 1);
                next = next.min(event.max(self.now + 1) + late);
            }
        }
        for at in self.balance_at.iter().flatten() {
            next = next.min((*at).max(self.now + 1));
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
        self.find_ideal();
        for (t, speed) in self.threads.iter_mut().zip(&self.ideal.speeds) {
            if t.is_asleep() {
                continue;
            }
            if t.state == State::Running {
                t.got += dt;
                t.left = t.left.saturating_sub(dt);
            }
            t.asked += dt;
            t.ideal += dt as f64 * speed;
            let off = t.ideal - t.got as f64;
            t.behind = t.behind.max(off);
            t.ahead = t.ahead.max(-off);
        }
        if let Some(mut timeline) = self.timeline.take() {
            for core in 0..self.queues.len() {
                if let Some(i) = self.running(core) {
                    timeline.ran(core, i, self.now - dt, self.now);
                }
            }
            self.timeline = Some(timeline);
        }
    }

    fn find_ideal(&mut self) {
        let all = 0..self.queues.len();
        let cores = all.filter(|&core| !self.runs_real_time(core)).count();
        let ideal = &mut self.ideal;
        if ideal.valid && ideal.cores == cores {
            return;
        }
        (ideal.valid, ideal.cores) = (true, cores);
        ideal.weights.clear();
        let weight = |t: &Thread| if t.is_asleep() { 0.0 } else { t.weight() };
        ideal.weights.extend(self.threads.iter().map(weight));
        ideal::speeds(&ideal.weights, cores, &mut ideal.order, &mut ideal.speeds);
    }

    /// What the timer interrupt does on `core`, and the end of what its thread wanted.
    fn look_at(&mut self, core: usize) {
        let Some(i) = self.running(core) else {
            return;
        };
        if self.threads[i].left > 0 {
            if self.queues[core].tick(self.now) {
                self.arm_balance(core);
                self.put_back(core, PutPrev::Preempted);
            }
            return;
        }
        match self.threads[i].done() {
            Some(sleep) => {
                let until = self.now + sleep;
                self.threads[i].state = State::Asleep { until };
                self.ideal.valid = false;
                let blocked = self.queues[core].block_current(self.now);
                assert!(blocked.is_some_and(|e| e.is(&self.threads[i].entity)));
            }
            None => self.put_back(core, PutPrev::Yielded),
        }
    }

    /// S2, affinity, and that no core idles while somebody could run there.
    fn check(&self) {
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
            self.threads.iter().filter(is(State::Runnable)).count(),
            "a runnable thread is on no queue or on two"
        );
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.queues.clear();
    }
}

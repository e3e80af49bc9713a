//! S2 and the order of the classes, over random histories of calls, in any order that the interface
//! allows: the run queues against a model that knows where each entity is.

use layercake_sched::{CpuSet, Enqueue, Entity, EntityRef, Priority, PutPrev, RunQueue};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::rc::Rc;

/// How long a history is; Miri is slow.
const OPS: usize = if cfg!(miri) { 40 } else { 120 };

const QUEUES: usize = 2;
const ENTITIES: usize = 10;
const SLICE: u64 = 1000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Off,
    Waiting(usize),
    Running(usize),
}

#[derive(Clone, Debug)]
enum Op {
    Enqueue(usize, usize, Enqueue),
    Dequeue(usize, usize),
    Pick(usize),
    Put(usize, PutPrev),
    Yield(usize),
    Block(usize),
    BlockAndPick(usize),
    Preempt(usize),
    Tick(usize),
    Priority(usize, usize, Priority),
    Pull(usize, u64),
    Evict(usize, usize),
    Balance(usize, u64),
    Affinity(usize, u64),
}

fn priority() -> impl Strategy<Value = Priority> {
    prop_oneof![
        (0u8..3).prop_map(Priority::fifo),
        (0u8..3).prop_map(|p| Priority::round_robin(p + 61)),
        (-20i8..20).prop_map(Priority::fair),
        Just(Priority::fair(0)),
        Just(Priority::Idle),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let q = 0..QUEUES;
    let e = 0..ENTITIES;
    let how = prop_oneof![
        Just(Enqueue::New),
        Just(Enqueue::Wake),
        Just(Enqueue::Migrate)
    ];
    let why = prop_oneof![Just(PutPrev::Preempted), Just(PutPrev::Yielded)];
    prop_oneof![
        8 => (q.clone(), e.clone(), how).prop_map(|(q, e, h)| Op::Enqueue(q, e, h)),
        2 => (q.clone(), e.clone()).prop_map(|(q, e)| Op::Dequeue(q, e)),
        6 => q.clone().prop_map(Op::Pick),
        3 => (q.clone(), why).prop_map(|(q, w)| Op::Put(q, w)),
        3 => q.clone().prop_map(Op::Yield),
        2 => q.clone().prop_map(Op::Block),
        2 => q.clone().prop_map(Op::BlockAndPick),
        2 => q.clone().prop_map(Op::Preempt),
        3 => q.clone().prop_map(Op::Tick),
        2 => (q.clone(), e.clone(), priority()).prop_map(|(q, e, p)| Op::Priority(q, e, p)),
        1 => (q.clone(), 0u64..4).prop_map(|(q, c)| Op::Pull(q, c)),
        1 => (q.clone(), 0usize..3).prop_map(|(q, c)| Op::Evict(q, c)),
        2 => (q, 0u64..4).prop_map(|(q, c)| Op::Balance(q, c)),
        1 => (e, 0u64..4).prop_map(|(e, c)| Op::Affinity(e, c)),
    ]
}

/// The real thing and the model, side by side.
struct Pair {
    entities: Vec<Rc<Entity>>,
    queues: Vec<RunQueue>,
    places: Vec<Place>,
    /// Those on each queue that are of a class with an order, in that order within a class.
    order: Vec<VecDeque<usize>>,
}

/// Real time by priority, then fair, then idle.
fn urgency(p: Priority) -> u32 {
    match p {
        Priority::RealTime(rt) => 2 + u32::from(rt.priority()),
        Priority::Fair(_) => 1,
        Priority::Idle => 0,
    }
}

impl Pair {
    fn new() -> Self {
        let entities = (0..ENTITIES).map(|_| Rc::new(Entity::new(Priority::NORMAL, CpuSet::ALL)));
        Self {
            entities: entities.collect(),
            queues: (0..QUEUES).map(|_| RunQueue::new(SLICE)).collect(),
            places: vec![Place::Off; ENTITIES],
            order: vec![VecDeque::new(); QUEUES],
        }
    }

    fn handle(&self, e: usize) -> EntityRef {
        // SAFETY: ENT-LIVE: the queues are dropped first; ENT-LOCK: one host thread.
        unsafe { EntityRef::from_raw(Rc::as_ptr(&self.entities[e])) }
    }

    fn index(&self, e: &EntityRef) -> usize {
        self.entities.iter().position(|x| e.is(x)).unwrap()
    }

    fn current(&self, q: usize) -> Option<usize> {
        self.queues[q].current().map(|e| self.index(e))
    }

    fn urgency(&self, e: usize) -> u32 {
        urgency(self.entities[e].priority())
    }

    /// A pick must be of the most urgent there is, and the first of its equals unless it is fair.
    fn check_pick(&mut self, q: usize, picked: Option<usize>) {
        let most = self.order[q].iter().map(|&e| self.urgency(e)).max();
        assert_eq!(picked.map(|e| self.urgency(e)), most);
        if let Some(e) = picked {
            assert_eq!(self.places[e], Place::Waiting(q));
            let first = self.order[q]
                .iter()
                .find(|&&x| self.urgency(x) == self.urgency(e));
            assert!(
                self.urgency(e) == 1 || first == Some(&e),
                "not the first of its equals"
            );
            self.order[q].retain(|&x| x != e);
            self.places[e] = Place::Running(q);
        }
    }

    /// The current one of `q` goes back; of its equals as the first if `first`.
    fn check_put(&mut self, q: usize, first: bool) {
        if let Some(e) = self.places.iter().position(|p| *p == Place::Running(q)) {
            self.places[e] = Place::Waiting(q);
            if first {
                self.order[q].push_front(e);
            } else {
                self.order[q].push_back(e);
            }
        }
    }

    /// Whether the current one of `q` keeps its place before its equals when preempted now: it does
    /// not if its turn is over.
    fn keeps_place(&self, q: usize, used: &[u64]) -> bool {
        self.current(q)
            .is_none_or(|e| match self.entities[e].priority() {
                Priority::RealTime(rt) => !rt.is_round_robin() || used[e] < SLICE,
                Priority::Fair(_) => true,
                Priority::Idle => used[e] < SLICE,
            })
    }

    fn check(&self) {
        for (e, entity) in self.entities.iter().enumerate() {
            match self.places[e] {
                Place::Off => assert!(!entity.is_linked()),
                Place::Waiting(_) => assert!(entity.is_linked()),
                Place::Running(q) => assert_eq!(self.current(q), Some(e)),
            }
        }
        for q in 0..QUEUES {
            assert_eq!(self.queues[q].runnable(), self.order[q].len());
            let running = self.places.iter().position(|p| *p == Place::Running(q));
            assert_eq!(self.current(q), running);
            assert_eq!(self.queues[q].load().queued, self.order[q].len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 600 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nobody_is_lost_doubled_or_out_of_turn(
        ops in proptest::collection::vec((op(), 0u64..600), 0..OPS),
    ) {
        let mut pair = Pair::new();
        let mut now = 0;
        // What each has run of its turn.
        let mut used = [0u64; ENTITIES];
        for (op, dt) in ops {
            now += dt;
            for e in (0..QUEUES).filter_map(|q| pair.current(q)).collect::<Vec<_>>() {
                used[e] += dt;
            }
            match op {
                Op::Enqueue(q, e, how) if pair.places[e] == Place::Off => {
                    // A turn goes on after a migration, unless it is over.
                    if how != Enqueue::Migrate || used[e] >= SLICE {
                        used[e] = 0;
                    }
                    let handle = pair.handle(e);
                    let was_due = pair.queues[q].should_preempt(now);
                    let short = pair.queues[q].wake_fifo(&handle);
                    if short.is_none() {
                        pair.queues[q].enqueue(handle, now, how);
                    }
                    pair.places[e] = Place::Waiting(q);
                    pair.order[q].push_back(e);
                    let urgent = pair.current(q).map_or(0, |c| pair.urgency(c) + 1);
                    let due = pair.queues[q].should_preempt(now);
                    prop_assert!(due || pair.urgency(e) < urgent, "an urgent one must wait");
                    if let Some(preempts) = short {
                        prop_assert_eq!(preempts || was_due, due);
                    }
                }
                Op::Dequeue(q, e) => {
                    let handle = pair.handle(e);
                    let taken = pair.queues[q].dequeue(&handle, now);
                    prop_assert_eq!(taken.is_some(), pair.places[e] == Place::Waiting(q));
                    if taken.is_some() {
                        pair.places[e] = Place::Off;
                        pair.order[q].retain(|&x| x != e);
                    }
                }
                Op::Pick(q) => {
                    let keeps = pair.keeps_place(q, &used);
                    if let Some(e) = pair.current(q).filter(|_| !keeps) {
                        used[e] = 0;
                    }
                    let picked = pair.queues[q].pick_next(now).map(|e| pair.index(&e));
                    pair.check_put(q, keeps);
                    pair.check_pick(q, picked);
                }
                Op::Put(q, why) => {
                    let keeps = why == PutPrev::Preempted && pair.keeps_place(q, &used);
                    if let Some(e) = pair.current(q).filter(|_| !keeps) {
                        used[e] = 0;
                    }
                    pair.queues[q].put_prev(now, why);
                    pair.check_put(q, keeps);
                }
                Op::Yield(q) => {
                    let before = pair.current(q);
                    if let Some(e) = before {
                        let alone = pair.order[q].is_empty();
                        let next = pair.queues[q].yield_current(now).map(|e| pair.index(&e));
                        prop_assert!(next.is_none() || next != before);
                        prop_assert!(!alone || next.is_none());
                        used[e] = 0;
                        pair.check_put(q, false);
                        pair.check_pick(q, next.or(before));
                    } else {
                        prop_assert!(pair.queues[q].yield_current(now).is_none());
                    }
                }
                Op::Block(q) => {
                    let before = pair.current(q);
                    let blocked = pair.queues[q].block_current(now).map(|e| pair.index(&e));
                    prop_assert_eq!(blocked, before);
                    if let Some(e) = blocked {
                        pair.places[e] = Place::Off;
                    }
                }
                Op::BlockAndPick(q) => {
                    let before = pair.current(q);
                    let next = pair.queues[q].block_and_pick(now).map(|e| pair.index(&e));
                    if let Some(e) = before {
                        pair.places[e] = Place::Off;
                    }
                    pair.check_pick(q, next);
                }
                Op::Preempt(q) => {
                    let keeps = pair.keeps_place(q, &used);
                    if let Some(e) = pair.current(q).filter(|_| !keeps) {
                        used[e] = 0;
                    }
                    let was_fair = pair.current(q).is_some_and(|e| pair.urgency(e) == 1);
                    let mut told = None;
                    let next = pair.queues[q].preempt_current(now, |ns| told = Some(ns));
                    let next = next.map(|e| pair.index(&e));
                    pair.check_put(q, keeps);
                    pair.check_pick(q, next);
                    if was_fair && next.is_some_and(|e| pair.urgency(e) > 1) {
                        prop_assert!(told.is_some() && told == pair.queues[q].balance_in());
                    }
                }
                Op::Tick(q) => {
                    let due = pair.queues[q].tick(now);
                    prop_assert!(!due || !pair.order[q].is_empty());
                    let event = pair.queues[q].next_event();
                    prop_assert!(event.is_none() || pair.current(q).is_some());
                }
                Op::Priority(q, e, p) => {
                    let here = match pair.places[e] {
                        Place::Off => true,
                        Place::Waiting(at) | Place::Running(at) => at == q,
                    };
                    // One that runs elsewhere is for its own queue to change.
                    if here || matches!(pair.places[e], Place::Waiting(_)) {
                        let handle = pair.handle(e);
                        prop_assert_eq!(pair.queues[q].set_priority(&handle, p, now), here);
                        if here {
                            prop_assert_eq!(handle.priority(), p);
                            used[e] = 0;
                            if pair.places[e] == Place::Waiting(q) {
                                pair.order[q].retain(|&x| x != e);
                                pair.order[q].push_back(e);
                            }
                        }
                    }
                }
                Op::Pull(q, cores) => {
                    let cores = CpuSet::from_bits(cores);
                    let pulled = pair.queues[q].pull(cores, now);
                    let may = |&e: &usize| !pair.entities[e].affinity().and(cores).is_empty();
                    let possible = pair.order[q].iter().any(may);
                    prop_assert!(possible || pulled.is_none());
                    if let Some(e) = pulled.map(|e| pair.index(&e)) {
                        prop_assert!(may(&e) && pair.places[e] == Place::Waiting(q));
                        pair.places[e] = Place::Off;
                        pair.order[q].retain(|&x| x != e);
                    }
                }
                Op::Evict(q, core) => {
                    let evicted = pair.queues[q].evict(core, now);
                    let may = |&e: &usize| !pair.entities[e].affinity().contains(core);
                    prop_assert_eq!(evicted.is_some(), pair.order[q].iter().any(may));
                    if let Some(e) = evicted.map(|e| pair.index(&e)) {
                        prop_assert!(may(&e) && pair.places[e] == Place::Waiting(q));
                        pair.places[e] = Place::Off;
                        pair.order[q].retain(|&x| x != e);
                    }
                }
                Op::Balance(q, online) => {
                    let online = CpuSet::from_bits(online);
                    let loads: Vec<_> = pair.queues.iter().map(RunQueue::load).collect();
                    let balance = pair.queues[q].balance(q, online, &loads[..], now);
                    prop_assert_eq!(
                        balance.again_in.is_some(),
                        pair.queues[q].balance_in().is_some()
                    );
                    if let Some((e, to)) = balance.moved {
                        let e = pair.index(&e);
                        prop_assert!(to != q && online.contains(to));
                        prop_assert!(pair.entities[e].affinity().contains(to));
                        prop_assert!(pair.places[e] == Place::Waiting(q) && pair.urgency(e) == 1);
                        pair.places[e] = Place::Off;
                        pair.order[q].retain(|&x| x != e);
                    }
                }
                Op::Affinity(e, cores) => {
                    pair.entities[e].set_affinity(CpuSet::from_bits(cores));
                }
                Op::Enqueue(..) => {}
            }
            pair.check();
        }
        pair.queues.clear();
        prop_assert!(pair.entities.iter().all(|e| !e.is_linked()));
    }
}

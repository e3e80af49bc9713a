//! What any sequence of calls does, against a model so simple that it is right by looking at it:
//! one thread, two queues, three items; items do things while they run, too.
#![cfg(not(loom))]

use layercake_wait::host::std::{StdHost, enter};
use layercake_work::{Queued, Running};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

type Work = layercake_work::Work<StdHost, Data>;
type WorkQueue = layercake_work::WorkQueue<StdHost>;

/// One call. Items and queues by number.
#[derive(Clone, Copy, Debug)]
enum Call {
    Queue { item: usize, on: usize },
    Cancel { item: usize },
    Disable { item: usize },
    Enable { item: usize },
    Run { on: usize },
    Close { on: usize },
}

/// What a call said, and which items ran.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Queued(Queued),
    Was(bool),
    Ran(usize),
}

const ITEMS: usize = 3;
const QUEUES: usize = 2;

#[derive(Default)]
struct ModelItem {
    pending_on: Option<usize>,
    running: bool,
    disabled: u32,
    joined: u64,
    script: VecDeque<Vec<Call>>,
}

#[derive(Default)]
struct ModelQueue {
    list: VecDeque<usize>,
    closed: bool,
    queued: u64,
    ran: u64,
    coalesced: u64,
    cancelled: u64,
}

#[derive(Default)]
struct Model {
    items: [ModelItem; ITEMS],
    queues: [ModelQueue; QUEUES],
    log: Vec<Event>,
}

impl Model {
    fn call(&mut self, call: Call) {
        match call {
            Call::Queue { item, on } => {
                let it = &mut self.items[item];
                let queued = if it.pending_on.is_some() {
                    it.joined += 1;
                    Queued::Coalesced
                } else if it.disabled > 0 {
                    Queued::Disabled
                } else if self.queues[on].closed {
                    Queued::Closed
                } else {
                    it.pending_on = Some(on);
                    self.queues[on].list.push_back(item);
                    self.queues[on].queued += 1;
                    match it.running {
                        true => Queued::WillRunAgain,
                        false => Queued::New,
                    }
                };
                self.log.push(Event::Queued(queued));
            }
            Call::Cancel { item } => {
                let was = self.take_off(item);
                self.log.push(Event::Was(was));
            }
            Call::Disable { item } => {
                self.items[item].disabled += 1;
                let was = self.take_off(item);
                self.log.push(Event::Was(was));
            }
            Call::Enable { item } => {
                if self.items[item].disabled > 0 {
                    self.items[item].disabled -= 1;
                }
            }
            Call::Run { on } => {
                while let Some(item) = self.queues[on].list.pop_front() {
                    self.leave(item);
                    self.items[item].running = true;
                    self.log.push(Event::Ran(item));
                    for call in self.items[item].script.pop_front().unwrap_or_default() {
                        self.call(call);
                    }
                    self.items[item].running = false;
                    self.queues[on].ran += 1;
                }
            }
            Call::Close { on } => self.queues[on].closed = true,
        }
    }

    /// The item leaves the queue that it is on.
    fn leave(&mut self, item: usize) -> Option<usize> {
        let on = self.items[item].pending_on.take()?;
        let joined = std::mem::take(&mut self.items[item].joined);
        self.queues[on].queued += joined;
        self.queues[on].coalesced += joined;
        Some(on)
    }

    fn take_off(&mut self, item: usize) -> bool {
        let Some(on) = self.leave(item) else {
            return false;
        };
        self.queues[on].list.retain(|&other| other != item);
        self.queues[on].cancelled += 1;
        true
    }
}

/// The real thing.
#[derive(Clone)]
struct Real {
    items: Arc<Mutex<Vec<Arc<Work>>>>,
    queues: [&'static WorkQueue; QUEUES],
    log: Arc<Mutex<Vec<Event>>>,
}

struct Data {
    number: usize,
    script: Mutex<VecDeque<Vec<Call>>>,
    disabled: Mutex<u32>,
    real: Real,
}

fn run(run: &Running<'_, StdHost, Data>, cx: &mut layercake_sync::TaskCx) {
    run.real.log.lock().unwrap().push(Event::Ran(run.number));
    let calls = run.script.lock().unwrap().pop_front().unwrap_or_default();
    for call in calls {
        run.real.call(call, cx);
    }
}

/// A queue of its own for one case; queues are `'static`.
fn a_queue() -> &'static WorkQueue {
    /// Within reach, so that a leak checker does not count them.
    static ALL: Mutex<Vec<&WorkQueue>> = Mutex::new(Vec::new());
    let queue = Box::leak(Box::new(WorkQueue::new("q")));
    ALL.lock().unwrap().push(queue);
    queue
}

impl Real {
    fn new(scripts: &[VecDeque<Vec<Call>>]) -> Self {
        let real = Self {
            items: Arc::default(),
            queues: [(); QUEUES].map(|()| a_queue()),
            log: Arc::default(),
        };
        let item = |(number, script): (usize, &VecDeque<_>)| {
            let data = Data {
                number,
                script: Mutex::new(script.clone()),
                disabled: Mutex::new(0),
                real: real.clone(),
            };
            Arc::new(Work::with_data("item", data, run))
        };
        *real.items.lock().unwrap() = scripts.iter().enumerate().map(item).collect();
        real
    }

    fn call(&self, call: Call, cx: &mut layercake_sync::TaskCx) {
        let item = |n: usize| self.items.lock().unwrap()[n].clone();
        let event = match call {
            Call::Queue { item: n, on } => Event::Queued(self.queues[on].queue(&item(n))),
            Call::Cancel { item: n } => Event::Was(item(n).cancel()),
            Call::Disable { item: n } => {
                let item = item(n);
                *item.data().disabled.lock().unwrap() += 1;
                Event::Was(item.disable())
            }
            Call::Enable { item: n } => {
                let item = item(n);
                let mut disabled = item.data().disabled.lock().unwrap();
                if *disabled > 0 {
                    *disabled -= 1;
                    item.enable();
                }
                return;
            }
            Call::Run { on } => {
                self.queues[on].run_ready(cx);
                return;
            }
            Call::Close { on } => return self.queues[on].close(),
        };
        self.log.lock().unwrap().push(event);
    }
}

fn a_call(nested: bool) -> impl Strategy<Value = Call> {
    let (item, on) = (0..ITEMS, 0..QUEUES);
    prop_oneof![
        8 => (item.clone(), on.clone()).prop_map(|(item, on)| Call::Queue { item, on }),
        2 => item.clone().prop_map(|item| Call::Cancel { item }),
        1 => item.clone().prop_map(|item| Call::Disable { item }),
        2 => item.prop_map(|item| Call::Enable { item }),
        (if nested { 0 } else { 3 }) => on.clone().prop_map(|on| Call::Run { on }),
        1 => on.prop_map(|on| Call::Close { on }),
    ]
}

/// For each item, what it does in its first runs.
fn scripts() -> impl Strategy<Value = Vec<VecDeque<Vec<Call>>>> {
    let one_run = prop::collection::vec(a_call(true), 0..4);
    let one_item = prop::collection::vec_deque(one_run, 0..6);
    prop::collection::vec(one_item, ITEMS)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 6 } else { 2_000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_sequence_does_what_the_model_does(
        scripts in scripts(),
        calls in prop::collection::vec(a_call(false), 0..40),
    ) {
        let mut model = Model::default();
        for (item, script) in model.items.iter_mut().zip(&scripts) {
            item.script = script.clone();
        }
        let real = Real::new(&scripts);
        enter(|cx| {
            for call in calls {
                model.call(call);
                real.call(call, cx);
            }
        });
        prop_assert_eq!(&model.log, &*real.log.lock().unwrap());
        for (model, real) in model.queues.iter().zip(real.queues) {
            let report = real.report();
            prop_assert_eq!(report.pending, model.list.len());
            let counts = (report.queued, report.ran, report.coalesced, report.cancelled);
            prop_assert_eq!(counts, (model.queued, model.ran, model.coalesced, model.cancelled));
        }
        let items = std::mem::take(&mut *real.items.lock().unwrap());
        for (model, item) in model.items.iter().zip(items) {
            prop_assert_eq!(model.pending_on.is_some(), item.is_pending());
            item.cancel();
            // Every reference that a queue held was given up.
            prop_assert!(Arc::into_inner(item).is_some());
        }
    }
}

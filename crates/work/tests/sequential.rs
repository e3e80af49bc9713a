//! What any sequence of calls does, against a model so simple that it is right by looking at it:
//! one thread, two queues, three items, delays and a clock; items do things while they run, too.
#![cfg(not(loom))]

use layercake_sync::TaskCx;
use layercake_wait::host::std::{StdHost, enter};
use layercake_wait::{Host, Instant};
use layercake_work::{Queued, Running};
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread::Thread;
use std::time::Duration;

type Work = layercake_work::Work<ClockHost, Data>;
type WorkQueue = layercake_work::WorkQueue<ClockHost>;
type Delays = layercake_work::Delays<ClockHost>;

thread_local! {
    /// The time, in ns: it passes when the test says so.
    static CLOCK: Cell<u64> = const { Cell::new(0) };
}

/// The host of `std` threads, with that clock. Each test is on one thread.
struct ClockHost;

// SAFETY: HOST, by the host of `std` threads; (5): the clock is only moved forward.
unsafe impl Host for ClockHost {
    type Cpu = <StdHost as Host>::Cpu;
    type Task = Thread;

    fn current() -> Thread {
        StdHost::current()
    }

    fn park(_: &mut TaskCx, _: Option<Instant>) {
        panic!("nobody would wake the only thread");
    }

    fn unpark(task: &Thread) {
        StdHost::unpark(task);
    }

    fn now() -> Instant {
        Instant::from_nanos(CLOCK.get())
    }
}

/// One call. Items and queues by number, times in ns.
#[derive(Clone, Copy, Debug)]
enum Call {
    Queue {
        item: usize,
        on: usize,
    },
    Delay {
        item: usize,
        on: usize,
        after: u64,
    },
    PutOff {
        item: usize,
        on: usize,
        after: u64,
    },
    /// By the item that runs, of itself.
    AgainAfter {
        delay: u64,
    },
    AgainEvery {
        period: u64,
    },
    Cancel {
        item: usize,
    },
    Disable {
        item: usize,
    },
    Enable {
        item: usize,
    },
    Pass {
        time: u64,
    },
    Expire,
    Run {
        on: usize,
    },
    Close {
        on: usize,
    },
    CloseDelays,
}

/// What a call said, and which items ran.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Queued(Queued),
    Was(bool),
    Ran(usize),
    Next(Option<u64>),
}

const ITEMS: usize = 3;
const QUEUES: usize = 2;

#[derive(Default)]
struct ModelItem {
    pending_on: Option<usize>,
    /// Until when, and for which queue.
    delayed: Option<(u64, usize)>,
    /// What it was delayed for last.
    last: Option<u64>,
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
struct ModelDelays {
    /// The delayed items, in the order in which they were delayed.
    list: Vec<usize>,
    closed: bool,
    came: u64,
    handed_over: u64,
    coalesced: u64,
    cancelled: u64,
}

#[derive(Default)]
struct Model {
    now: u64,
    items: [ModelItem; ITEMS],
    queues: [ModelQueue; QUEUES],
    delays: ModelDelays,
    /// The item that runs, and on which queue.
    running: Option<(usize, usize)>,
    log: Vec<Event>,
}

impl Model {
    fn call(&mut self, call: Call) {
        match call {
            Call::Queue { item, on } => {
                let closed = self.queues[on].closed;
                let queued = self.claim(item, closed);
                if matches!(queued, Queued::New | Queued::WillRunAgain) {
                    self.append(item, on);
                }
                self.log.push(Event::Queued(queued));
            }
            Call::Delay { item, on, after } => {
                let queued = self.delay(item, on, self.now + after);
                self.log.push(Event::Queued(queued));
            }
            Call::PutOff { item, on, after } => {
                let at = self.now + after;
                let mut queued = self.delay(item, on, at);
                if queued == Queued::Coalesced {
                    self.take_off(item);
                    queued = self.delay(item, on, at);
                }
                self.log.push(Event::Queued(queued));
            }
            Call::AgainAfter { delay } => {
                let (item, on) = self.running.expect("an item runs");
                let queued = self.delay(item, on, self.now + delay);
                self.log.push(Event::Queued(queued));
            }
            Call::AgainEvery { period } => {
                let (item, on) = self.running.expect("an item runs");
                let mut at = self.items[item].last.unwrap_or(self.now) + period;
                while at <= self.now {
                    at += period;
                }
                let queued = self.delay(item, on, at);
                self.log.push(Event::Queued(queued));
            }
            Call::Pass { time } => self.now += time,
            Call::Expire => {
                while let Some((item, at)) = self.first_delayed()
                    && at <= self.now
                {
                    self.hand_over(item);
                }
                let next = self.first_delayed().map(|(_, at)| at);
                self.log.push(Event::Next(next));
            }
            Call::CloseDelays => {
                self.delays.closed = true;
                while let Some((item, _)) = self.first_delayed() {
                    self.take_off(item);
                }
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
                    self.running = Some((item, on));
                    self.log.push(Event::Ran(item));
                    for call in self.items[item].script.pop_front().unwrap_or_default() {
                        self.call(call);
                    }
                    self.running = None;
                    self.items[item].running = false;
                    self.queues[on].ran += 1;
                }
            }
            Call::Close { on } => self.queues[on].closed = true,
        }
    }

    /// The item turns pending, joins, or is refused.
    fn claim(&mut self, item: usize, closed: bool) -> Queued {
        let it = &mut self.items[item];
        if it.pending_on.is_some() || it.delayed.is_some() {
            it.joined += 1;
            Queued::Coalesced
        } else if it.disabled > 0 {
            Queued::Disabled
        } else if closed {
            Queued::Closed
        } else if it.running {
            Queued::WillRunAgain
        } else {
            Queued::New
        }
    }

    fn append(&mut self, item: usize, on: usize) {
        self.items[item].pending_on = Some(on);
        self.queues[on].list.push_back(item);
        self.queues[on].queued += 1;
    }

    fn delay(&mut self, item: usize, on: usize, at: u64) -> Queued {
        let queued = self.claim(item, self.delays.closed);
        if matches!(queued, Queued::New | Queued::WillRunAgain) {
            self.items[item].delayed = Some((at, on));
            self.items[item].last = Some(at);
            self.delays.list.push(item);
            self.delays.came += 1;
        }
        queued
    }

    /// The delayed item whose time comes first; of several, that which was delayed first.
    fn first_delayed(&self) -> Option<(usize, u64)> {
        let delayed = self.delays.list.iter();
        let times = delayed.map(|&item| (item, self.items[item].delayed.expect("it is").0));
        times.min_by_key(|(_, at)| *at)
    }

    /// The delay of the item is over.
    fn hand_over(&mut self, item: usize) {
        let (_, on) = self.items[item].delayed.expect("it is delayed");
        if self.queues[on].closed {
            self.take_off(item);
            return;
        }
        self.items[item].delayed = None;
        self.delays.list.retain(|&other| other != item);
        self.delays.handed_over += 1;
        self.append(item, on);
    }

    /// The item leaves the queue that it is on.
    fn leave(&mut self, item: usize) -> Option<usize> {
        let on = self.items[item].pending_on.take()?;
        let joined = std::mem::take(&mut self.items[item].joined);
        self.queues[on].queued += joined;
        self.queues[on].coalesced += joined;
        Some(on)
    }

    /// The item leaves wherever it is, without a run.
    fn take_off(&mut self, item: usize) -> bool {
        if self.items[item].delayed.take().is_some() {
            self.delays.list.retain(|&other| other != item);
            self.delays.cancelled += 1;
            self.delays.coalesced += std::mem::take(&mut self.items[item].joined);
            return true;
        }
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
    delays: &'static Delays,
    log: Arc<Mutex<Vec<Event>>>,
}

struct Data {
    number: usize,
    script: Mutex<VecDeque<Vec<Call>>>,
    disabled: Mutex<u32>,
    real: Real,
}

fn run(run: &Running<'_, ClockHost, Data>, cx: &mut TaskCx) {
    let (real, ns) = (&run.real, Duration::from_nanos);
    real.say(Event::Ran(run.number));
    let calls = run.script.lock().unwrap().pop_front().unwrap_or_default();
    for call in calls {
        match call {
            Call::AgainAfter { delay } => {
                real.say(Event::Queued(run.again_after(real.delays, ns(delay))));
            }
            Call::AgainEvery { period } => {
                real.say(Event::Queued(run.again_every(real.delays, ns(period))));
            }
            other => real.call(other, cx),
        }
    }
}

/// Something of its own for one case, that is `'static` as queues are.
fn for_good<T: Send + Sync>(thing: T) -> &'static T {
    /// Within reach, so that a leak checker does not count them.
    static ALL: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let thing = Box::leak(Box::new(thing));
    let address = std::ptr::from_ref(thing).expose_provenance();
    ALL.lock().unwrap().push(address);
    thing
}

impl Real {
    fn new(scripts: &[VecDeque<Vec<Call>>]) -> Self {
        let real = Self {
            items: Arc::default(),
            queues: [(); QUEUES].map(|()| for_good(WorkQueue::new("q"))),
            delays: for_good(Delays::new("delays")),
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

    fn say(&self, event: Event) {
        self.log.lock().unwrap().push(event);
    }

    fn call(&self, call: Call, cx: &mut TaskCx) {
        let item = |n: usize| self.items.lock().unwrap()[n].clone();
        let ns = Duration::from_nanos;
        let event = match call {
            Call::Queue { item: n, on } => Event::Queued(self.queues[on].queue(&item(n))),
            Call::Delay { item: n, on, after } => {
                let item = item(n);
                Event::Queued(self.delays.queue_after(self.queues[on], &item, ns(after)))
            }
            Call::PutOff { item: n, on, after } => {
                let (item, at) = (item(n), ClockHost::now() + ns(after));
                Event::Queued(self.delays.requeue_at(self.queues[on], &item, at))
            }
            Call::AgainAfter { .. } | Call::AgainEvery { .. } => {
                unreachable!("only an item that runs calls these")
            }
            Call::Pass { time } => return CLOCK.set(CLOCK.get() + time),
            Call::Expire => Event::Next(self.delays.expire().map(Instant::as_nanos)),
            Call::CloseDelays => return self.delays.close(),
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
        self.say(event);
    }
}

/// What anybody may call.
fn a_call() -> impl Strategy<Value = Call> {
    let (item, on, after) = (0..ITEMS, 0..QUEUES, 0..30_u64);
    let target = (item.clone(), on.clone(), after.clone());
    prop_oneof![
        6 => (item.clone(), on.clone()).prop_map(|(item, on)| Call::Queue { item, on }),
        5 => target.clone().prop_map(|(item, on, after)| Call::Delay { item, on, after }),
        3 => target.prop_map(|(item, on, after)| Call::PutOff { item, on, after }),
        2 => item.clone().prop_map(|item| Call::Cancel { item }),
        1 => item.clone().prop_map(|item| Call::Disable { item }),
        2 => item.prop_map(|item| Call::Enable { item }),
        2 => after.prop_map(|time| Call::Pass { time }),
        3 => Just(Call::Expire),
        1 => on.prop_map(|on| Call::Close { on }),
    ]
}

/// What an item calls while it runs.
fn a_runs_call() -> impl Strategy<Value = Call> {
    prop_oneof![
        6 => a_call(),
        1 => (0..30_u64).prop_map(|delay| Call::AgainAfter { delay }),
        1 => (1..30_u64).prop_map(|period| Call::AgainEvery { period }),
    ]
}

/// What is called from outside.
fn a_callers_call() -> impl Strategy<Value = Call> {
    prop_oneof![
        24 => a_call(),
        4 => (0..QUEUES).prop_map(|on| Call::Run { on }),
        1 => Just(Call::CloseDelays),
    ]
}

/// For each item, what it does in its first runs.
fn scripts() -> impl Strategy<Value = Vec<VecDeque<Vec<Call>>>> {
    let one_run = prop::collection::vec(a_runs_call(), 0..4);
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
        calls in prop::collection::vec(a_callers_call(), 0..40),
    ) {
        let mut model = Model::default();
        for (item, script) in model.items.iter_mut().zip(&scripts) {
            item.script = script.clone();
        }
        let real = Real::new(&scripts);
        // The clock of the case before has not gone back; a deadline of 0 is said as 1.
        let begin = CLOCK.get() + 1;
        CLOCK.set(begin);
        model.now = begin;
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
        let report = real.delays.report();
        let delays = &model.delays;
        prop_assert_eq!(report.delayed, delays.list.len());
        let next = model.first_delayed().map(|(_, at)| Instant::from_nanos(at));
        prop_assert_eq!(report.next, next);
        let counts = (report.came, report.handed_over, report.coalesced, report.cancelled);
        let expected = (delays.came, delays.handed_over, delays.coalesced, delays.cancelled);
        prop_assert_eq!(counts, expected);
        let items = std::mem::take(&mut *real.items.lock().unwrap());
        for (model, item) in model.items.iter().zip(items) {
            let pending = model.pending_on.is_some() || model.delayed.is_some();
            prop_assert_eq!(pending, item.is_pending());
            item.cancel();
            // Every reference that a queue held was given up.
            prop_assert!(Arc::into_inner(item).is_some());
        }
    }
}

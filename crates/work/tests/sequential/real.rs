//! The real thing: queues, delays and items as they ship, on a host whose clock stands until it is told
//! to go on. What must come of a call is the model's to say, in `model.rs`.

use crate::calls::{Call, Event, QUEUES};
use crate::clock::{ClockHost, pass};
use layercake_sync::TaskCx;
use layercake_wait::{Host, Instant};
use layercake_work::Running;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Work = layercake_work::Work<ClockHost, Data>;
type WorkQueue = layercake_work::WorkQueue<ClockHost>;
type Delays = layercake_work::Delays<ClockHost>;

/// The real thing.
#[derive(Clone)]
pub struct Real {
    pub items: Arc<Mutex<Vec<Arc<Work>>>>,
    pub queues: [&'static WorkQueue; QUEUES],
    pub delays: &'static Delays,
    pub log: Arc<Mutex<Vec<Event>>>,
}

pub struct Data {
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
    pub fn new(scripts: &[VecDeque<Vec<Call>>]) -> Self {
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

    pub fn call(&self, call: Call, cx: &mut TaskCx) {
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
            Call::Pass { time } => return pass(ns(time)),
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

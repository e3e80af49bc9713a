//! The model: what each call must do, in the plainest words, for one thread. Nothing here knows the
//! types that ship, but for what their calls return.

use crate::calls::{Call, Event, ITEMS, QUEUES};
use layercake_work::Queued;
use std::collections::VecDeque;

#[derive(Default)]
pub struct ModelItem {
    pub pending_on: Option<usize>,
    /// Until when, and for which queue.
    pub delayed: Option<(u64, usize)>,
    /// What it was delayed for last.
    pub last: Option<u64>,
    pub running: bool,
    pub disabled: u32,
    pub joined: u64,
    pub script: VecDeque<Vec<Call>>,
}

#[derive(Default)]
pub struct ModelQueue {
    pub list: VecDeque<usize>,
    pub closed: bool,
    pub queued: u64,
    pub ran: u64,
    pub coalesced: u64,
    pub cancelled: u64,
}

#[derive(Default)]
pub struct ModelDelays {
    /// The delayed items, in the order in which they were delayed.
    pub list: Vec<usize>,
    pub closed: bool,
    pub came: u64,
    pub handed_over: u64,
    pub coalesced: u64,
    pub cancelled: u64,
}

#[derive(Default)]
pub struct Model {
    pub now: u64,
    pub items: [ModelItem; ITEMS],
    pub queues: [ModelQueue; QUEUES],
    pub delays: ModelDelays,
    /// The item that runs, and on which queue.
    pub running: Option<(usize, usize)>,
    pub log: Vec<Event>,
}

impl Model {
    pub fn call(&mut self, call: Call) {
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
    pub fn first_delayed(&self) -> Option<(usize, u64)> {
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

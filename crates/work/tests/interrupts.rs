//! The steps of an item as a small machine with interrupts, every order of them.
//!
//! Here the protocol is checked, not the code that ships: that masking, the order of the steps, and
//! what is asked again under a lock are all needed, and together enough. The code is checked by the
//! loom models, which know no interrupts, and on the seeded host, which tries some orders and not
//! all. What each step is for is said in `src/item.rs` and `src/delay.rs`.
//!
//! ```text
//!   core 0                   core 1        core 2        core 3
//!   ------                   ------        ------        ------
//!   cancels the item         works on      works on      queues the item on B,
//!   and waits for its end    queue A       queue B       flushes it
//!   -- interrupts: --
//!   a device queues it on A;
//!   the timer: its delay is over, it goes to A
//! ```
//!
//! At first the item is delayed. Its first run queues it again: on B, or with a delay.
#![cfg(all(not(loom), not(miri)))]

use stateright::{Checker, Model, Property};

/// A known wrong version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mutant {
    None,
    /// A queue's lock is taken with interrupts on: W11.
    NeverMasks,
    /// What a worker must know of the item is read when PENDING is off, and the item the next
    /// queuer's: K2.
    ClearThenRead,
    /// A worker takes an item that another one runs: K2.
    RunOnTwoWorkers,
    /// PENDING goes off at the end of the run: who queues meanwhile joins one that has looked: K1.
    PendingUntilTheEnd,
    /// The end of a run forgets that the item was set aside: K3.
    LostRequeue,
    /// Cancelling lets the item be queued again meanwhile, by its own run too: K4.
    CancelMissesRearm,
    /// Cancelling believes where the item was before it had the lock: K4.
    CancelsUnasked,
    /// Cancelling forgets the timer: K4.
    CancelLeavesTimer,
    /// Expiry believes that the item is still delayed, and does not ask under the lock: K4.
    ExpiresUnasked,
    /// A flush waits for the run in progress only: K4.
    FlushForgetsPending,
}

/// Who takes steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Who {
    Canceller,
    Device,
    Timer,
    WorkerA,
    WorkerB,
    Flusher,
}

use Who::{Canceller, Device, Flusher, Timer, WorkerA, WorkerB};

impl Who {
    /// As one of a set.
    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// What can have the item, each with a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    A,
    B,
    Delays,
}

use Place::{A, B, Delays};

/// Where the first run queues the item again.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Again {
    OnB,
    Delayed,
}

/// The next step of a call of `queue`, or of its like with a delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Put {
    Join,
    Lock,
    Claim,
    Link,
    Unlock,
    Done,
}

/// The next step of whoever ends the delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Hand {
    Lock,
    TakeOff,
    LockQueue,
    Link,
    Unlock,
    Done,
}

/// The next step of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Work {
    Idle,
    Lock,
    Pop,
    Start,
    ReadLate,
    Unlock { runs: bool },
    Body,
    Again(Put),
    Finish,
    BackLock(Place),
    Back(Place),
    BackUnlock(Place, bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Cancel {
    Disable,
    Look,
    Mask(Place),
    Lock(Place),
    TakeOff(Place),
    Withdraw(Place),
    Unlock(Place, bool),
    Unmask(bool),
    Wait,
    /// It holds the item to be idle.
    Idle,
    Enable,
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Flush {
    Queue(Put),
    Count,
    Wait(u8),
    Hasten(u8, Hand),
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Worker {
    step: Work,
    /// What it has read of the item that it takes: the place, which says whether it is right.
    read: Option<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    // The item's word.
    pending: bool,
    running: bool,
    parked: bool,
    disabled: bool,
    runs: u8,
    /// What `queue` or `delays` of the item names.
    named: Option<Place>,
    /// What whoever puts it somewhere writes into it for the place: its ticket.
    ticket: Place,

    // The lists, and who holds their locks.
    ready: [bool; 2],
    set_aside: [bool; 2],
    timer: bool,
    locks: [Option<Who>; 3],
    /// Whether core 0 has its interrupts masked by the canceller.
    masked: bool,

    device: Option<Put>,
    expiry: Option<Hand>,
    workers: [Worker; 2],
    canceller: Cancel,
    flusher: Flush,
    /// The first run has queued the item again.
    queued_again: bool,

    // What is owed: whose calls wait for the pending run, and for the one that has begun but has
    // not looked yet.
    owed: u8,
    due: u8,
}

impl State {
    fn take(&mut self, place: Place, who: Who) -> Option<()> {
        let lock = &mut self.locks[place as usize];
        lock.is_none().then(|| *lock = Some(who))
    }

    fn give_back(&mut self, place: Place) {
        self.locks[place as usize] = None;
    }

    /// Puts the item on the list of `place`, and says where it is.
    fn link(&mut self, place: Place) {
        match place {
            Delays => self.timer = true,
            queue => self.ready[queue as usize] = true,
        }
        self.ticket = place;
        self.named = Some(place);
    }

    fn worker(&mut self, place: Place) -> &mut Worker {
        &mut self.workers[place as usize]
    }

    /// On how many lists the item is.
    fn lists(&self) -> usize {
        let [a, b] = self.ready;
        let [c, d] = self.set_aside;
        [a, b, c, d, self.timer]
            .into_iter()
            .filter(|on| *on)
            .count()
    }

    fn in_handler(&self) -> bool {
        !matches!(self.device, None | Some(Put::Done)) || self.expiry.is_some()
    }

    fn over(&self) -> bool {
        self.device == Some(Put::Done)
            && self.expiry.is_none()
            && self.workers.iter().all(|worker| worker.step == Work::Idle)
            && self.canceller == Cancel::Done
            && self.flusher == Flush::Done
            && self.lists() == 0
    }
}

struct Protocol {
    mutant: Mutant,
    again: Again,
}

impl Protocol {
    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == mutant
    }

    /// One step of queueing the item at `place` by `who`; none while it spins for the lock.
    fn put(&self, state: &mut State, who: Who, place: Place, step: Put) -> Option<Put> {
        Some(match step {
            Put::Join if state.pending => {
                state.owed |= who.bit();
                Put::Done
            }
            Put::Join => Put::Lock,
            Put::Lock => {
                state.take(place, who)?;
                Put::Claim
            }
            Put::Claim if state.pending => {
                state.owed |= who.bit();
                Put::Unlock
            }
            Put::Claim if state.disabled => Put::Unlock,
            Put::Claim => {
                state.pending = true;
                state.owed |= who.bit();
                Put::Link
            }
            Put::Link => {
                state.link(place);
                Put::Unlock
            }
            Put::Unlock => {
                state.give_back(place);
                Put::Done
            }
            Put::Done => return None,
        })
    }

    /// One step of ending the delay by `who`, under both locks.
    fn hand_over(&self, state: &mut State, who: Who, step: Hand) -> Option<Hand> {
        Some(match step {
            Hand::Lock => {
                state.take(Delays, who)?;
                Hand::TakeOff
            }
            Hand::TakeOff if !state.timer && !self.is(Mutant::ExpiresUnasked) => Hand::Unlock,
            Hand::TakeOff => {
                state.timer = false;
                state.named = None;
                Hand::LockQueue
            }
            Hand::LockQueue => {
                state.take(A, who)?;
                Hand::Link
            }
            Hand::Link => {
                state.link(A);
                state.give_back(A);
                Hand::Unlock
            }
            Hand::Unlock => {
                state.give_back(Delays);
                Hand::Done
            }
            Hand::Done => return None,
        })
    }

    /// One step of the worker of `queue`; none while there is nothing for it, or it spins.
    fn work(&self, state: &mut State, who: Who, queue: Place) -> Option<()> {
        let n = queue as usize;
        let next = match state.workers[n].step {
            Work::Idle => {
                // Whoever puts an item on calls it: what that takes is not played here.
                state.ready[n].then_some(Work::Lock)?
            }
            Work::Lock => {
                state.take(queue, who)?;
                Work::Pop
            }
            Work::Pop if !state.ready[n] => Work::Unlock { runs: false },
            Work::Pop => {
                state.ready[n] = false;
                if state.running && !self.is(Mutant::RunOnTwoWorkers) {
                    state.parked = true;
                    state.set_aside[n] = true;
                    Work::Unlock { runs: false }
                } else {
                    state.worker(queue).read = Some(state.ticket);
                    state.named = None;
                    Work::Start
                }
            }
            Work::Start => {
                state.pending = self.is(Mutant::PendingUntilTheEnd);
                state.running = true;
                state.due |= state.owed;
                state.owed = 0;
                match self.is(Mutant::ClearThenRead) {
                    true => Work::ReadLate,
                    false => Work::Unlock { runs: true },
                }
            }
            Work::ReadLate => {
                state.worker(queue).read = Some(state.ticket);
                Work::Unlock { runs: true }
            }
            Work::Unlock { runs } => {
                state.give_back(queue);
                state.worker(queue).read = None;
                match runs {
                    true => Work::Body,
                    false => Work::Idle,
                }
            }
            Work::Body => {
                state.due = 0;
                match state.queued_again {
                    true => Work::Finish,
                    false => Work::Again(Put::Join),
                }
            }
            Work::Again(Put::Done) => {
                state.queued_again = true;
                Work::Finish
            }
            Work::Again(step) => {
                let place = match self.again {
                    Again::OnB => B,
                    Again::Delayed => Delays,
                };
                Work::Again(self.put(state, who, place, step)?)
            }
            Work::Finish if state.parked && !self.is(Mutant::LostRequeue) => {
                // Not named by a queue: somebody is withdrawing it, or has put it elsewhere.
                let back = state.named.filter(|place| *place != Delays)?;
                Work::BackLock(back)
            }
            Work::Finish => {
                state.running = false;
                state.runs += 1;
                if self.is(Mutant::PendingUntilTheEnd) {
                    state.pending = false;
                }
                Work::Idle
            }
            Work::BackLock(place) => {
                state.take(place, who)?;
                Work::Back(place)
            }
            Work::Back(place) => {
                let here = state.named == Some(place) && state.parked;
                if here {
                    state.set_aside[place as usize] = false;
                    state.ready[place as usize] = true;
                    state.parked = false;
                    state.running = false;
                    state.runs += 1;
                }
                Work::BackUnlock(place, here)
            }
            Work::BackUnlock(place, done) => {
                state.give_back(place);
                match done {
                    true => Work::Idle,
                    false => Work::Finish,
                }
            }
        };
        state.worker(queue).step = next;
        Some(())
    }

    /// One step of cancelling and waiting; none while it waits or spins.
    fn cancel(&self, state: &mut State) -> Option<()> {
        let masks = !self.is(Mutant::NeverMasks);
        state.canceller = match state.canceller {
            Cancel::Disable => {
                state.disabled = !self.is(Mutant::CancelMissesRearm);
                Cancel::Look
            }
            Cancel::Look if !state.pending => Cancel::Wait,
            // Named by nobody: in the middle of a step on another core.
            Cancel::Look => Cancel::Mask(state.named?),
            Cancel::Mask(place) => {
                state.masked = masks;
                Cancel::Lock(place)
            }
            Cancel::Lock(place) => {
                state.take(place, Canceller)?;
                Cancel::TakeOff(place)
            }
            Cancel::TakeOff(place)
                if state.named != Some(place) && !self.is(Mutant::CancelsUnasked) =>
            {
                Cancel::Unlock(place, false)
            }
            Cancel::TakeOff(place) => {
                match place {
                    Delays => state.timer &= self.is(Mutant::CancelLeavesTimer),
                    queue => {
                        state.ready[queue as usize] = false;
                        state.set_aside[queue as usize] = false;
                    }
                }
                state.named = None;
                Cancel::Withdraw(place)
            }
            Cancel::Withdraw(place) => {
                (state.pending, state.parked) = (false, false);
                state.owed = 0;
                Cancel::Unlock(place, true)
            }
            Cancel::Unlock(place, done) => {
                state.give_back(place);
                Cancel::Unmask(done)
            }
            Cancel::Unmask(done) => {
                state.masked = false;
                match done {
                    true => Cancel::Wait,
                    false => Cancel::Look,
                }
            }
            Cancel::Wait if state.running => return None,
            Cancel::Wait => Cancel::Idle,
            Cancel::Idle => Cancel::Enable,
            Cancel::Enable => {
                state.disabled = false;
                Cancel::Done
            }
            Cancel::Done => return None,
        };
        Some(())
    }

    /// One step of queueing and flushing; none while it waits or spins.
    fn flush(&self, state: &mut State) -> Option<()> {
        state.flusher = match state.flusher {
            Flush::Queue(Put::Done) => Flush::Count,
            Flush::Queue(step) => Flush::Queue(self.put(state, Flusher, B, step)?),
            Flush::Count => {
                let pending = state.pending && !self.is(Mutant::FlushForgetsPending);
                Flush::Wait(state.runs + u8::from(pending) + u8::from(state.running))
            }
            Flush::Wait(number) => {
                let idle = !state.pending && !state.running;
                match () {
                    () if idle || state.runs >= number => Flush::Done,
                    () if !state.running && state.named == Some(Delays) => {
                        Flush::Hasten(number, Hand::Lock)
                    }
                    () => return None,
                }
            }
            Flush::Hasten(number, Hand::Done) => Flush::Wait(number),
            Flush::Hasten(number, step) => {
                Flush::Hasten(number, self.hand_over(state, Flusher, step)?)
            }
            Flush::Done => return None,
        };
        Some(())
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Who;

    fn init_states(&self) -> Vec<State> {
        let worker = Worker {
            step: Work::Idle,
            read: None,
        };
        vec![State {
            pending: true,
            running: false,
            parked: false,
            disabled: false,
            runs: 0,
            named: Some(Delays),
            ticket: Delays,
            ready: [false; 2],
            set_aside: [false; 2],
            timer: true,
            locks: [None; 3],
            masked: false,
            device: None,
            expiry: None,
            workers: [worker; 2],
            canceller: Cancel::Disable,
            flusher: Flush::Queue(Put::Join),
            queued_again: false,
            owed: Timer.bit(),
            due: 0,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Who>) {
        let all = [Canceller, Device, Timer, WorkerA, WorkerB, Flusher];
        actions.extend(
            all.into_iter()
                .filter(|who| self.next_state(state, *who).is_some()),
        );
    }

    fn next_state(&self, state: &State, who: Who) -> Option<State> {
        let mut next = state.clone();
        // Core 0 does one thing at a time, and lets interrupts in between two steps.
        let open = !state.masked && !state.in_handler();
        match who {
            Canceller if state.in_handler() => None,
            Canceller => self.cancel(&mut next),
            Device => match state.device {
                None if open => {
                    next.device = Some(Put::Join);
                    Some(())
                }
                None => None,
                Some(step) => {
                    next.device = Some(self.put(&mut next, Device, A, step)?);
                    Some(())
                }
            },
            Timer => match state.expiry {
                None if open && state.timer => {
                    next.expiry = Some(Hand::Lock);
                    Some(())
                }
                None => None,
                Some(step) => {
                    let step = self.hand_over(&mut next, Timer, step)?;
                    next.expiry = (step != Hand::Done).then_some(step);
                    Some(())
                }
            },
            WorkerA => self.work(&mut next, who, A),
            WorkerB => self.work(&mut next, who, B),
            Flusher => self.flush(&mut next),
        }?;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            // K3, K4, W11: who can go no further has arrived.
            Property::always("nobody is stuck", |model: &Self, state: &State| {
                let mut actions = Vec::new();
                model.actions(state, &mut actions);
                !actions.is_empty() || state.over()
            }),
            // K1, K3.
            Property::always("every call is answered by a run", |_, state: &State| {
                !state.over() || state.owed | state.due == 0
            }),
            // K2.
            Property::always("one run at a time", |_, state: &State| {
                let runs = |worker: &&Worker| {
                    let idle = matches!(worker.step, Work::Idle | Work::Lock | Work::Pop);
                    let begins = matches!(worker.step, Work::Start | Work::Unlock { runs: false });
                    let ended = matches!(worker.step, Work::BackUnlock(_, true));
                    !(idle || begins || ended)
                };
                state.workers.iter().filter(runs).count() <= 1
            }),
            // K2.
            Property::always("a worker knows what it runs", |_, state: &State| {
                let wrong = |place: Place| {
                    let worker = &state.workers[place as usize];
                    let read = matches!(worker.step, Work::Unlock { runs: true });
                    read && worker.read != Some(place)
                };
                !wrong(A) && !wrong(B)
            }),
            Property::always("it is on one list at most", |_, state: &State| {
                state.lists() <= 1
            }),
            // K4.
            Property::always("what was cancelled is idle", |_, state: &State| {
                let held_idle = matches!(state.canceller, Cancel::Idle | Cancel::Enable);
                let idle = !state.pending && !state.running && state.lists() == 0;
                !held_idle || idle
            }),
            // K4.
            Property::always("what was flushed has run", |_, state: &State| {
                let open = (state.owed | state.due) & Flusher.bit() != 0;
                state.flusher != Flush::Done || !open
            }),
            Property::sometimes("(it is set aside)", |_, state: &State| state.parked),
            Property::sometimes("(a call is refused)", |_, state: &State| {
                let claims = state.device == Some(Put::Claim);
                claims && state.disabled && !state.pending
            }),
            Property::sometimes("(it is cancelled while delayed)", |_, state: &State| {
                state.canceller == Cancel::Withdraw(Delays)
            }),
            Property::sometimes("(it is cancelled on a queue)", |_, state: &State| {
                state.canceller == Cancel::Withdraw(A)
            }),
            Property::sometimes("(it is cancelled while set aside)", |_, state: &State| {
                state.canceller == Cancel::Withdraw(B) && state.parked
            }),
            Property::sometimes("(it runs three times)", |_, state: &State| {
                state.over() && state.runs >= 3
            }),
        ]
    }
}

#[test]
fn the_protocol_holds_in_every_order() {
    for again in [Again::OnB, Again::Delayed] {
        let mutant = Mutant::None;
        let checker = Protocol { mutant, again }.checker().spawn_dfs().join();
        println!("{again:?}: {} states", checker.unique_state_count());
        checker.assert_properties();
    }
}

/// Expects that a wrong version breaks `property`, in one scenario at least.
#[track_caller]
fn rejected(mutant: Mutant, property: &'static str) {
    let broken = [Again::OnB, Again::Delayed].into_iter().any(|again| {
        let checker = Protocol { mutant, again }.checker().spawn_bfs().join();
        checker.discovery(property).is_some()
    });
    assert!(broken, "{mutant:?} does not break: {property}");
}

#[test]
fn without_masking_a_handler_waits_for_its_own_core() {
    rejected(Mutant::NeverMasks, "nobody is stuck");
}

#[test]
fn what_is_read_late_is_another_ones() {
    rejected(Mutant::ClearThenRead, "a worker knows what it runs");
}

#[test]
fn two_workers_must_not_run_it() {
    rejected(Mutant::RunOnTwoWorkers, "one run at a time");
}

#[test]
fn pending_must_go_off_before_the_run() {
    rejected(
        Mutant::PendingUntilTheEnd,
        "every call is answered by a run",
    );
}

#[test]
fn what_was_set_aside_must_come_back() {
    rejected(Mutant::LostRequeue, "nobody is stuck");
}

#[test]
fn cancelling_must_keep_others_from_queueing() {
    rejected(Mutant::CancelMissesRearm, "what was cancelled is idle");
}

#[test]
fn cancelling_must_ask_where_it_is() {
    rejected(Mutant::CancelsUnasked, "what was cancelled is idle");
}

#[test]
fn cancelling_must_stop_the_timer() {
    rejected(Mutant::CancelLeavesTimer, "what was cancelled is idle");
}

#[test]
fn expiry_must_ask_whether_it_is_still_delayed() {
    rejected(Mutant::ExpiresUnasked, "what was cancelled is idle");
}

#[test]
fn a_flush_must_count_what_is_pending() {
    rejected(Mutant::FlushForgetsPending, "what was flushed has run");
}

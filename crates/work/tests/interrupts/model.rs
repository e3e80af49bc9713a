//! The machine as stateright goes through it: where it begins, who can take a step when, and what must
//! hold in every state. What a step does is in the modules of the steps.

use crate::cancelling::Cancel;
use crate::flushing::Flush;
use crate::machine::{
    A, B, Canceller, Delays, Device, Flusher, Place, Protocol, State, Timer, Who, Worker, WorkerA,
    WorkerB,
};
use crate::parties::{Parties, able, nobody_is_stuck};
use crate::queueing::{Hand, Put};
use crate::working::Work;
use stateright::{Model, Property};

impl Parties for Protocol {
    const ALL: &'static [Who] = &[Canceller, Device, Timer, WorkerA, WorkerB, Flusher];

    fn over(state: &State) -> bool {
        state.device == Some(Put::Done)
            && state.expiry.is_none()
            && state.workers.iter().all(|worker| worker.step == Work::Idle)
            && state.canceller == Cancel::Done
            && state.flusher == Flush::Done
            && state.lists() == 0
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
        actions.extend(able(self, state));
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
            nobody_is_stuck(),
            // K1, K3.
            Property::always("every call is answered by a run", |_, state: &State| {
                !Self::over(state) || state.owed | state.due == 0
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
                Self::over(state) && state.runs >= 3
            }),
        ]
    }
}

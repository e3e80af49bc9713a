//! The steps of a worker: it takes the item off its queue, runs it, and puts it back if it was set aside
//! meanwhile. How the run queues the item again is in `queueing.rs`.

use crate::machine::{Again, B, Delays, Place, Protocol, State, Who};
use crate::mutant::Mutant;
use crate::queueing::Put;

/// The next step of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
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

impl Protocol {
    /// One step of the worker of `queue`; none while there is nothing for it, or it spins.
    pub fn work(&self, state: &mut State, who: Who, queue: Place) -> Option<()> {
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
}

//! The steps of who cancels the item, waits for its end, and lets it be queued again.

use crate::machine::{Canceller, Delays, Place, Protocol, State};
use crate::mutant::Mutant;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cancel {
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

impl Protocol {
    /// One step of cancelling and waiting; none while it waits or spins.
    pub fn cancel(&self, state: &mut State) -> Option<()> {
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
}

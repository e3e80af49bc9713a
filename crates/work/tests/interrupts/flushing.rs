//! The steps of who queues the item and flushes it. How it comes onto the queue, and how its delay is
//! ended before the time, is in `queueing.rs`.

use crate::machine::{B, Delays, Flusher, Protocol, State};
use crate::mutant::Mutant;
use crate::queueing::{Hand, Put};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flush {
    Queue(Put),
    Count,
    Wait(u8),
    Hasten(u8, Hand),
    Done,
}

impl Protocol {
    /// One step of queueing and flushing; none while it waits or spins.
    pub fn flush(&self, state: &mut State) -> Option<()> {
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

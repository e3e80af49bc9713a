//! What the machine is made of: who takes steps, what can have the item, and the state that they share.
//!
//! What is true of a state is here. Steps are not: those are in the modules that are named after them,
//! with the enums that say which comes next; which of them can be taken when is in `model.rs`.

use crate::cancelling::Cancel;
use crate::flushing::Flush;
use crate::mutant::Mutant;
use crate::queueing::{Hand, Put};
use crate::working::Work;

/// Who takes steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    Canceller,
    Device,
    Timer,
    WorkerA,
    WorkerB,
    Flusher,
}

pub use Who::{Canceller, Device, Flusher, Timer, WorkerA, WorkerB};

impl Who {
    /// As one of a set.
    pub fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// What can have the item, each with a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    A,
    B,
    Delays,
}

pub use Place::{A, B, Delays};

/// Where the first run queues the item again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Again {
    OnB,
    Delayed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Worker {
    pub step: Work,
    /// What it has read of the item that it takes: the place, which says whether it is right.
    pub read: Option<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    // The item's word.
    pub pending: bool,
    pub running: bool,
    pub parked: bool,
    pub disabled: bool,
    pub runs: u8,
    /// What `queue` or `delays` of the item names.
    pub named: Option<Place>,
    /// What whoever puts it somewhere writes into it for the place: its ticket.
    pub ticket: Place,

    // The lists, and who holds their locks.
    pub ready: [bool; 2],
    pub set_aside: [bool; 2],
    pub timer: bool,
    pub locks: [Option<Who>; 3],
    /// Whether core 0 has its interrupts masked by the canceller.
    pub masked: bool,

    pub device: Option<Put>,
    pub expiry: Option<Hand>,
    pub workers: [Worker; 2],
    pub canceller: Cancel,
    pub flusher: Flush,
    /// The first run has queued the item again.
    pub queued_again: bool,

    // What is owed: whose calls wait for the pending run, and for the one that has begun but has
    // not looked yet.
    pub owed: u8,
    pub due: u8,
}

impl State {
    pub fn take(&mut self, place: Place, who: Who) -> Option<()> {
        let lock = &mut self.locks[place as usize];
        lock.is_none().then(|| *lock = Some(who))
    }

    pub fn give_back(&mut self, place: Place) {
        self.locks[place as usize] = None;
    }

    /// Puts the item on the list of `place`, and says where it is.
    pub fn link(&mut self, place: Place) {
        match place {
            Delays => self.timer = true,
            queue => self.ready[queue as usize] = true,
        }
        self.ticket = place;
        self.named = Some(place);
    }

    pub fn worker(&mut self, place: Place) -> &mut Worker {
        &mut self.workers[place as usize]
    }

    /// On how many lists the item is.
    pub fn lists(&self) -> usize {
        let [a, b] = self.ready;
        let [c, d] = self.set_aside;
        [a, b, c, d, self.timer]
            .into_iter()
            .filter(|on| *on)
            .count()
    }

    pub fn in_handler(&self) -> bool {
        !matches!(self.device, None | Some(Put::Done)) || self.expiry.is_some()
    }
}

pub struct Protocol {
    pub mutant: Mutant,
    pub again: Again,
}

impl Protocol {
    pub fn is(&self, mutant: Mutant) -> bool {
        self.mutant == mutant
    }
}

//! Balance among cores that are all busy: which fair thread goes where, and when to look again.
//!
//! What belongs here: the choice. What does not: the moments at which a kernel asks, and the move.
//!
//! A core looks only while fair threads wait on it, and gives away; one on which a thread runs alone
//! is never disturbed to look for more. Idle cores take ([`crate::place::pull_from`]).
//!
//! # What is moved
//!
//! The load of a core is the weight of its fair threads: what each of them gets there is its weight
//! over that. The best move is the one that leaves the larger of the two loads smallest. It is made
//! if the other core's load is less by half of the thread's weight at the least; so also if it only
//! exchanges the loads, or a little more than that: five equal threads on four cores cannot be spread
//! evenly, and what makes them equal over time is that company goes round. For the same reason the
//! thread that has been here the longest goes, and of equal cores the next one by number takes it: so
//! each thread is in company as often as any other.

#![forbid(unsafe_code)]

use crate::cpuset::CpuSet;
use crate::entity::Entity;
use crate::links::EntityRef;
use crate::place::{CoreLoad, Loads};
use crate::priority::{FAIR, Priority};
use crate::runqueue::RunQueue;
use core::cmp::Reverse;

/// How many slices pass between two looks of a core that has more to do than others.
pub const BALANCE_SLICES: u64 = 4;

/// How many of those that wait are looked at for one to move.
const SCAN: usize = 16;

/// How often in a row a look may find that the thread to move is the one that runs, before another
/// goes in its place.
const TRIES: u8 = 4;

/// What [`RunQueue::balance`] decided.
#[derive(Clone, Debug)]
pub struct Balance {
    /// A thread that was taken off the queue, and the core to whose queue it goes, by
    /// [`RunQueue::enqueue`] as [`Enqueue::Migrate`](crate::Enqueue::Migrate).
    pub moved: Option<(EntityRef, usize)>,
    /// In how much time to look again; `None`: not until [`RunQueue::balance_in`] says so.
    pub again_in: Option<u64>,
}

/// The larger of the two loads after a move, and for how long the thread has been here: the less, the
/// better the move.
type Cost = (u64, Reverse<u32>);

/// What a core that looks for a better place for its threads knows.
struct Look<'a, L: ?Sized> {
    here: usize,
    mine: CoreLoad,
    others: CpuSet,
    loads: &'a L,
}

impl<L: Loads + ?Sized> Look<'_, L> {
    /// The best core for `e`, and what the move costs. `None`: it is better off here.
    fn target(&self, e: &Entity, been_here: u32) -> Option<(Cost, usize)> {
        let weight = u64::from(e.weight.get());
        let round = |core: usize| core.wrapping_sub(self.here) % CpuSet::CAPACITY;
        let (load, _, to) = e
            .affinity()
            .and(self.others)
            .iter()
            .map(|core| (self.loads.load(core), core))
            .filter(|(load, _)| !runs_real_time(load))
            .map(|(load, core)| (load.fair_weight, round(core), core))
            .min()?;
        let larger = if runs_real_time(&self.mine) {
            // Who stays gets nothing.
            load + weight
        } else if load + weight.div_ceil(2) <= self.mine.fair_weight {
            (self.mine.fair_weight - weight).max(load + weight)
        } else {
            return None;
        };
        Some(((larger, Reverse(been_here)), to))
    }
}

fn runs_real_time(load: &CoreLoad) -> bool {
    matches!(load.running, Some(Priority::RealTime(_)))
}

impl RunQueue {
    /// In how much time [`balance`](Self::balance) should be called. `None`: no fair thread waits here,
    /// so there is nothing to balance. To be asked when a turn is over, and when a fair thread comes
    /// to wait for one of real time. O(1).
    #[inline]
    pub fn balance_in(&self) -> Option<u64> {
        (self.fair.queued() > 0).then_some(BALANCE_SLICES * self.slice)
    }

    /// Takes off a fair thread that waits on this core, `here`, if it would do better on another of
    /// `online`, given their `loads` (that of `here` is not asked for). O(log n + cores): a fixed
    /// number of those that wait is looked at.
    ///
    /// Cores that run a real-time thread are given nothing; from under one on this core, a thread goes
    /// wherever fair ones run. Which threads share a core changes even if no move makes the loads more
    /// equal, so this is to be called as seldom as the answer says.
    pub fn balance(
        &mut self,
        here: usize,
        online: CpuSet,
        loads: &(impl Loads + ?Sized),
        now: u64,
    ) -> Balance {
        let look = Look {
            here,
            mine: self.load(),
            others: online.without(here),
            loads,
        };
        let target = |e: &Entity| look.target(e, self.fair.comings_since(e));
        let of_waiting = |e: EntityRef| target(&e).map(|(cost, to)| (cost, to, e));
        let waiting = self.queues.fair_ones(SCAN).filter_map(of_waiting);
        let best = waiting.min_by_key(|(cost, ..)| *cost);
        let running = self.current().filter(|e| e.level.get() == FAIR);
        let running = running.and_then(|e| target(e)).map(|(cost, _)| cost);
        let wait = running.is_some_and(|cost| best.as_ref().is_none_or(|best| cost < best.0));
        if wait && self.fair.tries < TRIES {
            // It will wait, too, soon.
            self.fair.tries += 1;
            let again_in = self.balance_in().map(|_| self.slice);
            return Balance {
                moved: None,
                again_in,
            };
        }
        self.fair.tries = 0;
        let moved = best.and_then(|(_, to, e)| Some((self.dequeue(&e, now)?, to)));
        Balance {
            moved,
            again_in: self.balance_in(),
        }
    }
}

//! The fair class: earliest eligible virtual deadline first.
//!
//! What belongs here: the queue's virtual time, who is eligible, what a sleeper is owed. What does
//! not: the classes above and below, and when to switch.
//!
//! Each entity ages by the time that it runs divided by its weight. The queue's virtual time is the
//! mean of its entities' ages, weighted; who is younger has had less than its share ("lag" > 0) and
//! may run, who is older waits. Of those that may run, the one whose request (a slice) is due first
//! runs. (Stoica and Abdel-Wahab, "Earliest eligible virtual deadline first: a flexible and accurate
//! mechanism for proportional share resource allocation", 1995.)
//!
//! # Who may run, in O(log n)
//!
//! All that wait hang in one tree by deadline, each part of which knows the least age in it
//! ([`crate::tree`]); so nothing has to be moved when virtual time goes on, however many become
//! eligible at once. Whoever asks gets the answer for the mean of that moment: it can fall a little
//! when somebody leaves who is ahead, or comes who is behind, and then who was eligible may have to
//! wait.
//!
//! # The mean, exactly
//!
//! `time` is the mean rounded down, and `rest` the sum of `weight * (age - time)`, which is kept in
//! `0..total weight`. So at least one entity is never ahead of `time` (were all of them, the sum
//! would be at least the total weight), and no error builds up. [`crate::vtime`] has the limits.

#![forbid(unsafe_code)]

use crate::entity::Entity;
use crate::links::{EntityRef, Queues};
use crate::vtime::{VirtualTime, from_ns, to_ns};

/// How the age of an entity is found that comes to a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Join {
    /// It is owed nothing and owes nothing.
    Fresh,
    /// It slept, and left this very queue when it did.
    BackHome,
    /// It was owed or owed something elsewhere.
    WithLag,
    /// As `WithLag`, in the middle of its request.
    Moved,
}

/// The virtual time of one run queue's fair entities, including one that runs.
pub(crate) struct Fair {
    /// The weighted mean of the ages, rounded down.
    time: VirtualTime,
    /// What rounding left over, times the total weight.
    rest: i64,
    /// The total weight of the members.
    weight: u64,
    /// How many members hang in the tree.
    queued: usize,
    /// How many came from elsewhere, ever.
    comings: u32,
    /// How often in a row [`crate::balance`] had to wait for the thread that should move.
    pub(crate) tries: u8,
}

impl Fair {
    pub(crate) const fn new() -> Self {
        Self {
            time: VirtualTime::ZERO,
            rest: 0,
            weight: 0,
            queued: 0,
            comings: 0,
            tries: 0,
        }
    }

    /// How many have come from elsewhere since `e`, a member, did.
    pub(crate) fn comings_since(&self, e: &Entity) -> u32 {
        self.comings.wrapping_sub(e.came.get())
    }

    /// How many wait for their turn; the running one is not counted.
    #[inline(always)]
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// The weight of all members.
    pub(crate) fn weight(&self) -> u64 {
        self.weight
    }

    fn settle(&mut self) {
        if self.weight == 0 {
            self.rest = 0;
            return;
        }
        let weight = self.weight as i64;
        if self.rest < 0 || self.rest >= weight {
            let whole = self.rest.div_euclid(weight);
            self.time = self.time.plus(whole);
            self.rest -= whole * weight;
        }
    }

    /// `e` becomes a member: finds its age and its deadline.
    pub(crate) fn join(&mut self, e: &Entity, how: Join, slice: u64) {
        let weight = e.weight.get();
        let request = from_ns(slice, weight);
        let limit = 2 * request;
        let unfinished = e.deadline.get().since(e.vruntime.get());
        let lag = e.lag.get().clamp(-limit, limit);
        let ahead = if self.weight == 0 || how == Join::Fresh {
            0
        } else if how == Join::BackHome && lag < 0 {
            // What it owed is paid as far as the others have caught up with it.
            e.vruntime.get().since(self.time).clamp(0, limit)
        } else {
            // Its coming moves the mean towards it. So that it keeps `lag` to the new mean, it
            // starts that much farther from the old one.
            -(lag + lag * i64::from(weight) / self.weight as i64)
        };
        let age = self.time.plus(ahead);
        e.vruntime.set(age);
        e.deadline.set(age.plus(match how {
            Join::Moved => unfinished.clamp(0, request),
            _ => request,
        }));
        if how != Join::BackHome {
            e.came.set(self.comings);
            self.comings = self.comings.wrapping_add(1);
        }
        self.weight += u64::from(weight);
        self.rest += i64::from(weight) * ahead;
        self.settle();
    }

    /// `e` is no longer a member: notes what it is owed.
    pub(crate) fn leave(&mut self, e: &Entity, slice: u64) {
        let weight = e.weight.get();
        let limit = 2 * from_ns(slice, weight);
        let ahead = e.vruntime.get().since(self.time);
        e.lag.set((-ahead).clamp(-limit, limit));
        self.weight -= u64::from(weight);
        self.rest -= i64::from(weight) * ahead;
        self.settle();
    }

    /// `e`, a member, has run for `ns`.
    #[inline]
    pub(crate) fn charge(&mut self, e: &Entity, ns: u64) {
        let weight = e.weight.get();
        let aged = from_ns(ns, weight);
        e.vruntime.set(e.vruntime.get().plus(aged));
        self.rest += i64::from(weight) * aged;
        self.settle();
    }

    /// Whether `e` has had the slice that it asked for.
    #[inline]
    pub(crate) fn is_served(e: &Entity) -> bool {
        e.vruntime.get() >= e.deadline.get()
    }

    /// The time in ns until `e`, running, has had its slice.
    #[inline]
    pub(crate) fn until_served(e: &Entity) -> u64 {
        to_ns(e.deadline.get().since(e.vruntime.get()), e.weight.get())
    }

    /// `e` asks for another slice, from now on.
    pub(crate) fn ask_again(e: &Entity, slice: u64) {
        let request = from_ns(slice, e.weight.get());
        e.deadline.set(e.vruntime.get().plus(request));
    }

    /// `e`, running, lets others go first: it gives up what it is owed, so that one of them is
    /// eligible and it is not.
    pub(crate) fn give_way(&mut self, e: &Entity, slice: u64) {
        if self.queued > 0 {
            // To just beyond the mean of the others. Beyond that of all would not do: the mean goes
            // along with `e`, and those whom it waited for may still be ahead of it.
            let weight = e.weight.get();
            let behind = self.time.since(e.vruntime.get());
            let others = self.weight as i64 - i64::from(weight);
            let theirs = (self.rest + i64::from(weight) * behind).div_euclid(others);
            let way = behind + theirs + 1;
            if way > 0 {
                e.vruntime.set(e.vruntime.get().plus(way));
                self.rest += i64::from(weight) * way;
                self.settle();
            }
        }
        Self::ask_again(e, slice);
    }

    /// Hangs a member into the tree.
    #[inline]
    pub(crate) fn insert(&mut self, queues: &mut Queues, e: EntityRef) {
        queues.insert_fair(e);
        self.queued += 1;
    }

    /// Notes that a member was taken out of the tree.
    pub(crate) fn removed(&mut self) {
        self.queued -= 1;
    }

    /// Takes out whose turn it is. It stays a member.
    pub(crate) fn pick(&mut self, queues: &mut Queues) -> Option<EntityRef> {
        // With nobody running, one member at least is not ahead of the mean.
        let least = queues.least_age()?;
        debug_assert!(least <= self.time, "nobody is eligible");
        let picked = queues.pop_fair(self.time.max(least))?;
        self.queued -= 1;
        Some(picked)
    }

    /// Whether somebody should have the core rather than `current`, a member that has it.
    pub(crate) fn is_due(&self, queues: &Queues, current: &Entity) -> bool {
        if self.queued == 0 {
            return false;
        }
        Self::is_served(current)
            || queues
                .first_fair(self.time)
                .is_some_and(|e| e.deadline.get() < current.deadline.get())
    }
}

//! Which core a thread goes to: pure functions over a few facts of each core.
//!
//! What belongs here: the choice. What does not: how a kernel keeps the facts (they may be a little
//! out of date; then the choice is a little worse, never wrong: every answer is in the allowed set).

#![forbid(unsafe_code)]

use crate::cpuset::CpuSet;
use crate::priority::{IDLE, Priority};
use core::cmp::Reverse;

/// What is known of one core.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CoreLoad {
    /// How many threads wait there; the running one is not counted.
    pub queued: usize,
    /// The total weight of its fair threads, the running one included.
    pub fair_weight: u64,
    /// The priority of the thread that runs; `None` while the core idles.
    pub running: Option<Priority>,
}

impl CoreLoad {
    /// Whether a thread put here would run at once and push nobody aside.
    pub fn is_idle(&self) -> bool {
        self.running.is_none() && self.queued == 0
    }

    /// Orders cores by what they have to do: threads, then weight.
    fn burden(&self) -> (usize, u64) {
        (
            self.queued + usize::from(self.running.is_some()),
            self.fair_weight,
        )
    }

    /// The level of who runs, one beyond the last for an idle core: the higher, the easier it is to
    /// preempt.
    fn level(&self) -> u8 {
        self.running.map_or(IDLE + 1, Priority::level)
    }
}

/// The facts of all cores.
pub trait Loads {
    /// The facts of `core`.
    fn load(&self, core: usize) -> CoreLoad;
}

impl Loads for [CoreLoad] {
    fn load(&self, core: usize) -> CoreLoad {
        self.get(core).copied().unwrap_or_default()
    }
}

impl<const N: usize> Loads for [CoreLoad; N] {
    fn load(&self, core: usize) -> CoreLoad {
        self[..].load(core)
    }
}

/// The core for a thread that wakes: `previous` if it idles, else one that idles, else (for a
/// real-time thread) the one that runs the least urgent thread below it, else the least loaded.
/// Where cores are equal, `previous`, else the lowest number. `None` if `allowed` is empty.
///
/// `allowed` is what the thread's affinity and the cores that are up have in common. O(cores).
pub fn place_on_wake(
    allowed: CpuSet,
    previous: usize,
    priority: Priority,
    loads: &(impl Loads + ?Sized),
) -> Option<usize> {
    if allowed.contains(previous) && loads.load(previous).is_idle() {
        return Some(previous);
    }
    if let Some(idle) = allowed.iter().find(|&core| loads.load(core).is_idle()) {
        return Some(idle);
    }
    if let Priority::RealTime(_) = priority {
        let softest = best(allowed, previous, |core| {
            let load = loads.load(core);
            (Reverse(load.level()), load.burden())
        })?;
        if loads.load(softest).level() > priority.level() {
            return Some(softest);
        }
    }
    least_loaded(allowed, previous, loads)
}

/// The core of `allowed` with the fewest threads, then the least weight, then `previous`, then the
/// lowest number. For new threads, too. `None` if `allowed` is empty. O(cores).
pub fn least_loaded(
    allowed: CpuSet,
    previous: usize,
    loads: &(impl Loads + ?Sized),
) -> Option<usize> {
    best(allowed, previous, |core| loads.load(core).burden())
}

/// The core of `allowed` with the least `key`; among equals `previous`, then the lowest number.
fn best<K: Ord>(allowed: CpuSet, previous: usize, key: impl Fn(usize) -> K) -> Option<usize> {
    allowed
        .iter()
        .min_by_key(|&core| (key(core), core != previous))
}

/// The core from which `idle`, which has nothing to do, should pull a thread: the one with the most
/// waiting. `None` if nobody waits anywhere. O(cores).
///
/// Whether one of those that wait there may run on `idle` is for
/// [`RunQueue::pull`](crate::RunQueue::pull) to find. If none may, ask again without that core.
pub fn pull_from(online: CpuSet, idle: usize, loads: &(impl Loads + ?Sized)) -> Option<usize> {
    online
        .without(idle)
        .iter()
        .map(|core| (loads.load(core), core))
        .filter(|(load, _)| load.queued > 0)
        .max_by_key(|&(load, core)| (load.queued, load.fair_weight, Reverse(core)))
        .map(|(_, core)| core)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: CoreLoad = CoreLoad {
        queued: 0,
        fair_weight: 0,
        running: None,
    };

    fn busy(queued: usize, priority: Priority) -> CoreLoad {
        CoreLoad {
            queued,
            fair_weight: 1024 * (queued as u64 + 1),
            running: Some(priority),
        }
    }

    #[test]
    fn an_idle_core_is_preferred_and_the_previous_one_first() {
        let n = Priority::NORMAL;
        let all = CpuSet::first(4);
        let loads = [busy(0, n), IDLE, IDLE, busy(3, n)];
        assert_eq!(place_on_wake(all, 2, n, &loads), Some(2));
        assert_eq!(place_on_wake(all, 3, n, &loads), Some(1));
        assert_eq!(place_on_wake(CpuSet::one(3), 1, n, &loads), Some(3));
        assert_eq!(place_on_wake(CpuSet::NONE, 1, n, &loads), None);
    }

    #[test]
    fn without_an_idle_core_the_least_loaded_one_is_taken() {
        let n = Priority::NORMAL;
        let loads = [busy(2, n), busy(1, n), busy(1, n), busy(3, n)];
        assert_eq!(place_on_wake(CpuSet::first(4), 0, n, &loads), Some(1));
        assert_eq!(place_on_wake(CpuSet::first(4), 2, n, &loads), Some(2));
        assert_eq!(
            place_on_wake(CpuSet::from_bits(0b1001), 1, n, &loads),
            Some(0)
        );
    }

    #[test]
    fn a_real_time_thread_goes_where_it_can_preempt() {
        let n = Priority::NORMAL;
        let loads = [busy(0, Priority::fifo(50)), busy(5, n)];
        let both = CpuSet::first(2);
        assert_eq!(place_on_wake(both, 0, Priority::fifo(10), &loads), Some(1));
        assert_eq!(place_on_wake(both, 0, n, &loads), Some(0));
        let hard = [busy(3, Priority::fifo(50)), busy(1, Priority::fifo(60))];
        assert_eq!(place_on_wake(both, 0, Priority::fifo(10), &hard), Some(1));
    }

    #[test]
    fn an_idle_core_pulls_from_the_one_with_the_most_waiting() {
        let n = Priority::NORMAL;
        let loads = [busy(1, n), IDLE, busy(4, n), busy(0, n)];
        assert_eq!(pull_from(CpuSet::first(4), 1, &loads), Some(2));
        assert_eq!(pull_from(CpuSet::from_bits(0b1010), 1, &loads), None);
    }
}

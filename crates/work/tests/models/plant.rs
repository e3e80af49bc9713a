//! What the models work with: two queues, delays, and an item that notes what its runs see.

use crate::{Delays, Work, WorkQueue, World};
use layercake_sync::TaskCx;
use layercake_wait::host::loom::LoomHost;
use layercake_work::{Queued, Running};
use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::Relaxed;

/// What an item finds when it runs, and what it notes.
pub struct Data {
    pub queues: &'static [WorkQueue; 2],
    pub delays: &'static Delays,
    /// Set by queuers before they queue.
    pub set: [AtomicUsize; 2],
    /// Which of them a run has seen.
    pub seen: [AtomicUsize; 2],
    /// How many runs the answers of `queue` have promised.
    pub promised: AtomicUsize,
    pub runs: AtomicUsize,
    /// Written by each run: loom rejects two at once, and a run that does not follow the last.
    pub exclusive: UnsafeCell<usize>,
}

// SAFETY: loom checks each access to the cell; that is what the models are for.
unsafe impl Sync for Data {}
// SAFETY: as above.
unsafe impl Send for Data {}

impl Data {
    fn new(queues: &'static [WorkQueue; 2], delays: &'static Delays) -> Self {
        let zero = || AtomicUsize::new(0);
        Self {
            queues,
            delays,
            set: [zero(), zero()],
            seen: [zero(), zero()],
            promised: zero(),
            runs: zero(),
            exclusive: UnsafeCell::new(0),
        }
    }

    /// A run notes what it sees. `meanwhile` is told which run it is.
    pub fn run(&self, meanwhile: impl FnOnce(usize)) {
        let run = self.runs.fetch_add(1, Relaxed) + 1;
        // SAFETY: K2; loom checks it.
        self.exclusive.with_mut(|n| unsafe { *n += 1 });
        for (set, seen) in self.set.iter().zip(&self.seen) {
            if set.load(Relaxed) == 1 {
                seen.store(1, Relaxed);
            }
        }
        meanwhile(run);
        // SAFETY: K2; loom checks it.
        self.exclusive.with_mut(|n| unsafe { *n += 1 });
    }

    pub fn promise(&self, queued: Queued) {
        assert!(queued.accepted());
        if queued != Queued::Coalesced {
            self.promised.fetch_add(1, Relaxed);
        }
    }
}

/// Two queues, delays and an item.
pub struct Plant {
    pub item: World<Work<Data>>,
    pub queues: World<[WorkQueue; 2]>,
    pub delays: World<Delays>,
}

impl Plant {
    pub fn new() -> Self {
        Self::with_func(|run, _| run.run(|_| {}))
    }

    pub fn with_func(func: fn(&Running<'_, LoomHost, Data>, &mut TaskCx)) -> Self {
        let queues = World::new([WorkQueue::new("a"), WorkQueue::new("b")]);
        let delays = World::new(Delays::new("delays"));
        let item = World::new(Work::with_data(
            "item",
            Data::new(queues.get(), delays.get()),
            func,
        ));
        Self {
            item,
            queues,
            delays,
        }
    }

    /// One more item.
    pub fn another(
        &self,
        func: fn(&Running<'_, LoomHost, Data>, &mut TaskCx),
    ) -> World<Work<Data>> {
        let data = Data::new(self.queues.get(), self.delays.get());
        World::new(Work::with_data("another", data, func))
    }

    pub fn queue(&self, n: usize) -> &'static WorkQueue {
        &self.queues.get()[n]
    }

    /// What stores and queues the item on queue `n`.
    pub fn queuer(&self, who: usize, n: usize) -> impl Fn() + 'static {
        let (item, queue) = (self.item.get(), self.queue(n));
        move || {
            item.data().set[who].store(1, Relaxed);
            item.data().promise(queue.queue(item));
        }
    }

    /// At the end: each queuer's store was seen, and the runs are those that were promised.
    pub fn settle(&self, queuers: usize) {
        let item = self.item.get();
        for seen in &item.data().seen[..queuers] {
            assert_eq!(seen.load(Relaxed), 1, "K1: no run saw a queuer's store");
        }
        let (runs, promised) = (&item.data().runs, &item.data().promised);
        let report = self.delays.get().report();
        assert_eq!(report.came, report.handed_over + report.cancelled);
        assert_eq!(report.delayed, 0);
        let reports = self.queues.get().iter().map(WorkQueue::report);
        let mut cancelled = report.cancelled as usize;
        for report in reports {
            assert_eq!((report.pending, report.running, report.workers), (0, 0, 0));
            assert_eq!(
                report.queued,
                report.ran + report.coalesced + report.cancelled
            );
            cancelled += report.cancelled as usize;
        }
        let runs = runs.load(Relaxed) + cancelled;
        assert_eq!(runs, promised.load(Relaxed), "K3");
        assert!(!item.is_pending() && !item.is_running());
    }
}

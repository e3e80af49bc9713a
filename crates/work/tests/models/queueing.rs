//! Queueing: what a run sees (K1), that there is one at a time (K2), and how many there are (K3).

use crate::{Work, WorkQueue, World, explore};
use layercake_sync::TaskCx;
use layercake_wait::host::loom::{LoomHost, enter, spawn};
use layercake_work::{Queued, Running};
use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::Relaxed;

/// What an item finds when it runs, and what it notes.
struct Data {
    queues: &'static [WorkQueue; 2],
    /// Set by queuers before they queue.
    set: [AtomicUsize; 2],
    /// Which of them a run has seen.
    seen: [AtomicUsize; 2],
    /// How many runs the answers of `queue` have promised.
    promised: AtomicUsize,
    runs: AtomicUsize,
    /// Written by each run: loom rejects two at once, and a run that does not follow the last.
    exclusive: UnsafeCell<usize>,
}

// SAFETY: loom checks each access to the cell; that is what the models are for.
unsafe impl Sync for Data {}
// SAFETY: as above.
unsafe impl Send for Data {}

impl Data {
    /// A run notes what it sees. `meanwhile` is told which run it is.
    fn run(&self, meanwhile: impl FnOnce(usize)) {
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

    fn promise(&self, queued: Queued) {
        assert!(queued.accepted());
        if queued != Queued::Coalesced {
            self.promised.fetch_add(1, Relaxed);
        }
    }
}

/// Two queues and an item.
struct Plant {
    item: World<Work<Data>>,
    queues: World<[WorkQueue; 2]>,
}

impl Plant {
    fn new() -> Self {
        Self::with_func(|run, _| run.run(|_| {}))
    }

    fn with_func(func: fn(&Running<'_, LoomHost, Data>, &mut TaskCx)) -> Self {
        let zero = || AtomicUsize::new(0);
        let queues = World::new([WorkQueue::new("a"), WorkQueue::new("b")]);
        let data = Data {
            queues: queues.get(),
            set: [zero(), zero()],
            seen: [zero(), zero()],
            promised: zero(),
            runs: zero(),
            exclusive: UnsafeCell::new(0),
        };
        let item = World::new(Work::with_data("item", data, func));
        Self { item, queues }
    }

    fn queue(&self, n: usize) -> &'static WorkQueue {
        &self.queues.get()[n]
    }

    /// What stores and queues the item on queue `n`.
    fn queuer(&self, who: usize, n: usize) -> impl Fn() + 'static {
        let (item, queue) = (self.item.get(), self.queue(n));
        move || {
            item.data().set[who].store(1, Relaxed);
            item.data().promise(queue.queue(item));
        }
    }

    /// At the end: each queuer's store was seen, and the runs are those that were promised.
    fn settle(&self, queuers: usize) {
        let item = self.item.get();
        for seen in &item.data().seen[..queuers] {
            assert_eq!(seen.load(Relaxed), 1, "K1: no run saw a queuer's store");
        }
        let (runs, promised) = (&item.data().runs, &item.data().promised);
        assert_eq!(runs.load(Relaxed), promised.load(Relaxed), "K3");
        assert!(!item.is_pending() && !item.is_running());
        assert!(self.queues.get().iter().all(|q| q.pending() == 0));
    }
}

/// Two queuers of one queue, and its worker, which sleeps when it finds nothing.
fn two_queuers() {
    let plant = Plant::new();
    let queue = plant.queue(0);
    let worker = spawn(move |cx| queue.run_worker(cx));
    let other = loom::thread::spawn(plant.queuer(1, 0));
    plant.queuer(0, 0)();
    other.join().unwrap();
    queue.close();
    worker.join().unwrap();
    plant.settle(2);
}

#[test]
fn k1_k3_two_queuers() {
    explore(2, two_queuers);
}

#[test]
#[ignore = "full"]
fn k1_k3_two_queuers_bound_3() {
    explore(3, two_queuers);
}

/// One queuer against the worker, twice: before, during and after the run.
#[test]
fn k1_k3_one_queuer_twice() {
    explore(3, || {
        let plant = Plant::new();
        let queue = plant.queue(0);
        let worker = spawn(move |cx| queue.run_worker(cx));
        plant.queuer(0, 0)();
        plant.queuer(1, 0)();
        queue.close();
        worker.join().unwrap();
        plant.settle(2);
    });
}

/// The item queues itself on another queue, whose worker may meet it while it still runs.
#[test]
fn k2_k3_requeue_elsewhere() {
    explore(3, || {
        let plant = Plant::with_func(|run, _| {
            run.run(|n| {
                if n == 1 {
                    run.promise(run.again_on(&run.queues[1]));
                    run.queues[1].close();
                }
            });
        });
        let (here, there) = (plant.queue(0), plant.queue(1));
        let worker = spawn(move |cx| there.run_worker(cx));
        plant.queuer(0, 0)();
        here.close();
        enter(|cx| here.run_worker(cx));
        worker.join().unwrap();
        plant.settle(1);
    });
}

/// The item queues itself on a queue with two workers.
#[test]
fn k2_k3_requeue_among_two_workers() {
    explore(2, || {
        let plant = Plant::with_func(|run, _| {
            run.run(|n| {
                if n == 1 {
                    run.promise(run.again());
                    run.queue().close();
                }
            });
        });
        let queue = plant.queue(0);
        plant.queuer(0, 0)();
        let worker = spawn(move |cx| queue.run_worker(cx));
        enter(|cx| queue.run_worker(cx));
        worker.join().unwrap();
        plant.settle(1);
    });
}

/// Two queues with a worker each; the item is put on both at once.
fn two_queues() {
    let plant = Plant::new();
    let (here, there) = (plant.queue(0), plant.queue(1));
    let worker = spawn(move |cx| there.run_worker(cx));
    let other = loom::thread::spawn({
        let queuer = plant.queuer(1, 1);
        move || {
            queuer();
            there.close();
        }
    });
    plant.queuer(0, 0)();
    here.close();
    enter(|cx| here.run_worker(cx));
    other.join().unwrap();
    worker.join().unwrap();
    plant.settle(2);
}

#[test]
fn k2_two_queues() {
    explore(2, two_queues);
}

#[test]
#[ignore = "full"]
fn k2_two_queues_bound_3() {
    explore(3, two_queues);
}

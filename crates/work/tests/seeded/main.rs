//! Scenarios under tens of thousands of seeds: interrupts, time and spurious returns included.
//!
//! `LAYERCAKE_SCHEDULES=1000000` runs that many of each, as `cargo xtask test --full` does; a seed that
//! fails is printed, and `LAYERCAKE_SEED=N` runs it again. What is common to the scenarios is here;
//! the scenarios are in the modules, by what they are about.
#![cfg(all(not(loom), not(miri)))]

mod cancelling;
mod delaying;
mod pooling;
mod queueing;
mod waiting;
#[path = "../support/world.rs"]
mod world;

use layercake_sync::TaskCx;
use layercake_wait::host::seeded::{JoinHandle, SeededHost, pick, point, spawn};
use layercake_work::{Queued, Running};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use world::World;

type Work<T = ()> = layercake_work::Work<SeededHost, T>;
type WorkQueue = layercake_work::WorkQueue<SeededHost>;
type Delays = layercake_work::Delays<SeededHost>;

/// How many schedules in the usual run: of the scenarios in which everybody does everything, and of
/// those that are about one thing.
const MANY: u64 = 20_000;
const SOME: u64 = 5_000;

/// Runs `scenario` under so many seeds, or those that the environment asks for.
///
/// One after the other: there is one list of all who wait for work in a program, and a schedule must
/// not find those of another on it.
fn explore(schedules: u64, scenario: impl Fn(&mut TaskCx) + 'static) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME
        .lock()
        .expect("another scenario has failed, and left things as they were: see there");
    layercake_wait::host::seeded::explore(schedules, scenario);
}

const ITEMS: usize = 3;

/// What an item works on: what queuers have stored, what its runs have seen, and its books.
struct Data {
    plant: &'static Plant,
    stored: AtomicU64,
    seen: AtomicU64,
    inside: AtomicU64,
    promised: AtomicU64,
    joined: AtomicU64,
    runs: AtomicU64,
    /// How often its runs are still to queue it again.
    again: AtomicU64,
}

/// Two queues with three workers, and what delays.
struct Plant {
    queues: [WorkQueue; 2],
    delays: Delays,
}

impl Plant {
    fn any_queue(&'static self) -> &'static WorkQueue {
        &self.queues[pick(2)]
    }
}

impl Data {
    fn new(plant: &'static Plant, again: u64) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            plant,
            stored: zero(),
            seen: zero(),
            inside: zero(),
            promised: zero(),
            joined: zero(),
            runs: zero(),
            again: AtomicU64::new(again),
        }
    }

    /// Books what a call of `queue` said; whether it was accepted.
    fn book(&self, queued: Queued) -> bool {
        let count = match queued {
            Queued::New | Queued::WillRunAgain => &self.promised,
            Queued::Coalesced => &self.joined,
            Queued::Disabled | Queued::Closed => return false,
        };
        count.fetch_add(1, Relaxed);
        true
    }

    /// Stores something for the item; says what, to be found in `seen` when a run has looked.
    fn store(&self) -> u64 {
        point();
        self.stored.fetch_add(1, Relaxed) + 1
    }
}

fn run(run: &Running<'_, SeededHost, Data>, _: &mut TaskCx) {
    assert_eq!(run.inside.fetch_add(1, Relaxed), 0, "K2: two runs at once");
    point();
    run.seen.store(run.stored.load(Relaxed), Relaxed);
    run.runs.fetch_add(1, Relaxed);
    point();
    let again = run.again.load(Relaxed);
    if again > 0 && pick(2) == 0 {
        run.again.store(again - 1, Relaxed);
        run.book(match pick(3) {
            0 => run.again(),
            1 => run.again_on(run.plant.any_queue()),
            _ => run.again_on(&run.plant.queues[0]),
        });
    }
    point();
    assert_eq!(run.inside.fetch_sub(1, Relaxed), 1, "K2: two runs at once");
}

/// A plant, items that run [`run`], and workers.
struct Scene {
    items: [World<Work<Data>>; ITEMS],
    plant: World<Plant>,
    workers: Vec<JoinHandle<()>>,
    /// Whether each call that joined a run was told so: not those that put an item off.
    all_told: bool,
}

impl Scene {
    /// The first queue has two workers, the second is ordered; an item queues itself `again` so often.
    fn new(again: u64) -> Self {
        Self::with_func(again, run)
    }

    fn with_func(again: u64, func: fn(&Running<'_, SeededHost, Data>, &mut TaskCx)) -> Self {
        let plant = World::new(Plant {
            queues: [WorkQueue::new("two hands"), WorkQueue::ordered("ordered")],
            delays: Delays::new("delays"),
        });
        let item = |_| {
            let data = Data::new(plant.get(), again);
            World::new(Work::with_data("item", data, func))
        };
        let work = |n: usize| {
            let queue = &plant.get().queues[n];
            spawn(move |cx| queue.run_worker(cx))
        };
        Self {
            items: [0, 1, 2].map(item),
            workers: [0, 0, 1].map(work).into(),
            all_told: true,
            plant,
        }
    }

    fn item(&self, n: usize) -> &'static Work<Data> {
        self.items[n].get()
    }

    fn items(&self) -> [&'static Work<Data>; ITEMS] {
        [0, 1, 2].map(|n| self.item(n))
    }

    fn plant(&self) -> &'static Plant {
        self.plant.get()
    }

    /// Ends the workers when all is done, and checks the books of everything.
    fn settle(self, cx: &mut TaskCx) {
        let plant = self.plant();
        plant.delays.close();
        plant.queues.iter().for_each(WorkQueue::close);
        for worker in self.workers {
            worker.join(cx);
        }
        let delays = plant.delays.report();
        assert_eq!(delays.came, delays.handed_over + delays.cancelled);
        assert_eq!(delays.delayed, 0);
        let (mut ran, mut cancelled, mut joined) = (0, delays.cancelled, delays.coalesced);
        for report in plant.queues.each_ref().map(WorkQueue::report) {
            let gone = report.ran + report.coalesced + report.cancelled;
            assert_eq!(report.queued, gone, "{report:?}");
            assert_eq!((report.pending, report.running, report.workers), (0, 0, 0));
            ran += report.ran;
            cancelled += report.cancelled;
            joined += report.coalesced;
        }
        let items = self.items.each_ref().map(|item| item.get());
        let sum = |count: fn(&Data) -> &AtomicU64| -> u64 {
            let counts = items.iter().map(|item| count(item.data()));
            counts.map(|count| count.load(Relaxed)).sum()
        };
        assert_eq!(ran, sum(|data| &data.runs));
        assert_eq!(ran + cancelled, sum(|data| &data.promised), "K3");
        let told = sum(|data| &data.joined);
        assert!(if self.all_told {
            joined == told
        } else {
            joined >= told
        });
        for item in items {
            assert!(!item.is_pending() && !item.is_running());
        }
    }
}

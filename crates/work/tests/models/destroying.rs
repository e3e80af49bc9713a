//! Destroying (K4): a queue that was destroyed has run all that was on it, and its workers have gone; its
//! memory is the next queue's.

use crate::plant::Plant;
use crate::{World, explore};
use layercake_wait::host::loom::{LoomHost, enter, spawn};
use layercake_work::Queued;
use loom::sync::atomic::Ordering::Relaxed;

type QueueStore = layercake_work::QueueStore<LoomHost>;

/// Somebody still queues while the queue is destroyed: he is refused, or what he queued has run. One made
/// afterwards takes the place of the first and is open.
#[test]
fn k4_destroy_waits() {
    explore(2, || {
        let plant = Plant::new();
        let store = World::new(QueueStore::new());
        let (early, store) = (plant.item.get(), store.get());
        let late = plant.another(|run, _| run.run(|_| {}));
        let late = late.get();

        let made = enter(|cx| store.make("made", 1, cx));
        let queue = made.queue();
        let worker = spawn(move |cx| queue.run_worker(cx));
        assert_eq!(queue.queue(early), Queued::New);
        let queuer = spawn(move |_| queue.queue(late));
        enter(|cx| made.destroy(cx)).unwrap();
        let early_runs = early.data().runs.load(Relaxed);
        assert_eq!(early_runs, 1, "it was destroyed with an item on it");

        let next = enter(|cx| store.make("made", 1, cx));
        let same = std::ptr::eq(next.queue(), queue);
        assert!(same, "somebody works on a queue that was destroyed");
        drop(next);
        let queued = queuer.join().unwrap();
        worker.join().unwrap();
        let report = queue.report();
        let ran = late.data().runs.load(Relaxed) + report.pending;
        assert_eq!(ran, usize::from(queued == Queued::New), "{queued:?}");
        // SAFETY: the store leaked it; all threads have ended, and nobody looks at it any more.
        drop(unsafe { Box::from_raw(std::ptr::from_ref(queue).cast_mut()) });
    });
}

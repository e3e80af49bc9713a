//! Calling (K6): a worker that was called in vain does no harm to those who come after.

use crate::explore;
use crate::plant::Plant;
use layercake_wait::host::loom::{enter, spawn};

/// The item is withdrawn, perhaps when a worker has been called for it and before that looks; what comes
/// then calls a worker all the same.
#[test]
fn k6_a_call_for_what_was_cancelled() {
    explore(3, || {
        let plant = Plant::new();
        let (item, queue) = (plant.item.get(), plant.queue(0));
        let worker = spawn(move |cx| queue.run_worker(cx));
        plant.queuer(0, 0)();
        item.cancel();
        plant.queuer(1, 0)();
        // Nothing but a call brings the worker to it: the queue is still open.
        enter(|cx| item.flush(cx)).unwrap();
        queue.close();
        worker.join().unwrap();
        plant.settle(0);
    });
}

/// The same of two workers, of which one may be called for either item.
#[test]
fn k6_a_call_for_what_another_took() {
    explore(2, || {
        let plant = Plant::new();
        let (item, queue) = (plant.item.get(), plant.queue(0));
        let other = plant.another(|run, _| run.run(|_| {}));
        let workers = [(); 2].map(|()| spawn(move |cx| queue.run_worker(cx)));
        plant.queuer(0, 0)();
        assert!(queue.queue(other.get()).accepted());
        item.cancel();
        enter(|cx| other.get().flush(cx)).unwrap();
        queue.close();
        for worker in workers {
            worker.join().unwrap();
        }
        let report = queue.report();
        assert_eq!((report.pending, report.running, report.idle), (0, 0, 0));
        assert_eq!(report.ran + report.cancelled, 2);
    });
}

//! Flushing (K4): when it returns, what was queued before has run.

use crate::explore;
use crate::plant::{Data, Plant};
use layercake_sync::TaskCx;
use layercake_wait::host::loom::{LoomHost, enter, spawn};
use layercake_work::{Queued, Running};
use loom::sync::atomic::Ordering::Relaxed;

/// Of an item, against its worker.
#[test]
fn k4_flush_of_an_item() {
    explore(3, || {
        let plant = Plant::new();
        let (item, queue) = (plant.item.get(), plant.queue(0));
        let worker = spawn(move |cx| queue.run_worker(cx));
        plant.queuer(0, 0)();
        enter(|cx| item.flush(cx)).unwrap();
        assert_eq!(item.data().seen[0].load(Relaxed), 1, "flushed, but not run");
        // SAFETY: K4; loom checks it.
        item.data().exclusive.with_mut(|n| unsafe { *n += 1 });
        queue.close();
        worker.join().unwrap();
        plant.settle(1);
    });
}

/// Of an item that runs and is pending on another queue: both runs are waited for.
#[test]
fn k4_flush_follows_the_item() {
    explore(2, || {
        let plant = Plant::new();
        let (item, here, there) = (plant.item.get(), plant.queue(0), plant.queue(1));
        plant.queuer(0, 0)();
        here.close();
        let first = spawn(move |cx| here.run_worker(cx));
        let second = spawn(move |cx| there.run_worker(cx));
        plant.queuer(1, 1)();
        enter(|cx| item.flush(cx)).unwrap();
        assert_eq!(item.data().seen[1].load(Relaxed), 1, "flushed, but not run");
        there.close();
        first.join().unwrap();
        second.join().unwrap();
        plant.settle(2);
    });
}

/// Against a canceller: the flush returns, whichever way the item became idle.
#[test]
fn k4_flush_of_a_cancelled_item() {
    explore(2, || {
        let plant = Plant::new();
        let (item, queue) = (plant.item.get(), plant.queue(0));
        let worker = spawn(move |cx| queue.run_worker(cx));
        plant.queuer(0, 0)();
        let canceller = loom::thread::spawn(move || item.cancel());
        enter(|cx| item.flush(cx)).unwrap();
        assert!(!item.is_running());
        canceller.join().unwrap();
        queue.close();
        worker.join().unwrap();
        plant.settle(0);
    });
}

/// Of the queue, and its draining.
#[test]
fn k4_flush_of_a_queue() {
    explore(3, || {
        let plant = Plant::new();
        let (item, queue) = (plant.item.get(), plant.queue(0));
        let worker = spawn(move |cx| queue.run_worker(cx));
        plant.queuer(0, 0)();
        enter(|cx| queue.flush(cx)).unwrap();
        assert_eq!(item.data().seen[0].load(Relaxed), 1, "flushed, but not run");
        queue.close();
        worker.join().unwrap();
        plant.settle(1);
    });
}

#[test]
fn k4_drain_of_a_closed_queue() {
    explore(3, || {
        let plant = Plant::with_func(|run, _| {
            run.run(|n| {
                if n == 1 && run.again().accepted() {
                    run.promised.fetch_add(1, Relaxed);
                }
            });
        });
        let (item, queue) = (plant.item.get(), plant.queue(0));
        let worker = spawn(move |cx| queue.run_worker(cx));
        plant.queuer(0, 0)();
        queue.close();
        enter(|cx| queue.drain(cx)).unwrap();
        // SAFETY: K4; loom checks it.
        item.data().exclusive.with_mut(|n| unsafe { *n += 1 });
        worker.join().unwrap();
        plant.settle(1);
    });
}

/// Two items on two queues flush each other's queue (K5): at most one of them is refused, and none
/// waits for ever.
#[test]
fn k5_a_cycle_of_two_queues() {
    explore(2, || {
        fn flush_other(run: &Running<'_, LoomHost, Data>, cx: &mut TaskCx) {
            let [here, there] = run.queues;
            let other = if std::ptr::eq(run.queue(), here) {
                there
            } else {
                here
            };
            let _ = other.flush(cx);
        }
        let plant = Plant::with_func(flush_other);
        let other = plant.another(flush_other);
        let (here, there) = (plant.queue(0), plant.queue(1));
        assert_eq!(here.queue(plant.item.get()), Queued::New);
        assert_eq!(there.queue(other.get()), Queued::New);
        here.close();
        there.close();
        let worker = spawn(move |cx| there.run_worker(cx));
        enter(|cx| here.run_worker(cx));
        worker.join().unwrap();
        for queue in [here, there] {
            let report = queue.report();
            assert_eq!((report.ran, report.pending, report.running), (1, 0, 0));
        }
    });
}

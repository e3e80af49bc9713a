//! Delays: expiry against everything that can happen to a delayed item (K1, K4).

use crate::explore;
use crate::plant::Plant;
use layercake_wait::Instant;
use layercake_wait::host::loom::{advance_to, enter, spawn};
use layercake_work::Queued;
use loom::sync::atomic::Ordering::Relaxed;

const TIME: Instant = Instant::from_nanos(1);

/// The time comes while somebody cancels: the item runs or is cancelled, and is idle after.
#[test]
fn k4_expiry_against_cancel_sync() {
    explore(2, || {
        let plant = Plant::new();
        let (item, queue, delays) = (plant.item.get(), plant.queue(0), plant.delays.get());
        item.data().promise(delays.queue_at(queue, item, TIME));
        let worker = spawn(move |cx| queue.run_worker(cx));
        let clock = loom::thread::spawn(move || {
            advance_to(TIME);
            delays.expire();
        });
        let cancelled = enter(|cx| item.cancel_sync(cx)).unwrap();
        // SAFETY: K4; loom checks it.
        item.data().exclusive.with_mut(|n| unsafe { *n += 1 });
        let runs = item.data().runs.load(Relaxed);
        assert_eq!(runs + usize::from(cancelled), 1);
        clock.join().unwrap();
        queue.close();
        worker.join().unwrap();
        plant.settle(0);
    });
}

/// The time comes while somebody queues the item: he joins a run that sees his store, or makes
/// another.
#[test]
fn k1_expiry_against_queue() {
    explore(2, || {
        let plant = Plant::new();
        let (item, queue, delays) = (plant.item.get(), plant.queue(0), plant.delays.get());
        item.data().set[1].store(1, Relaxed);
        item.data().promise(delays.queue_at(queue, item, TIME));
        let worker = spawn(move |cx| queue.run_worker(cx));
        let clock = loom::thread::spawn(move || {
            advance_to(TIME);
            delays.expire();
        });
        plant.queuer(0, 0)();
        clock.join().unwrap();
        queue.close();
        worker.join().unwrap();
        plant.settle(2);
    });
}

/// A periodic item delays itself again while somebody cancels it: that is the end of it.
#[test]
fn k4_cancel_sync_of_a_periodic_item() {
    explore(2, || {
        let plant = Plant::with_func(|run, _| {
            run.run(
                |_| match run.again_every(run.delays, core::time::Duration::from_nanos(1)) {
                    Queued::Disabled => {}
                    queued => run.promise(queued),
                },
            );
        });
        let (item, queue, delays) = (plant.item.get(), plant.queue(0), plant.delays.get());
        plant.queuer(0, 0)();
        let worker = spawn(move |cx| queue.run_worker(cx));
        let clock = loom::thread::spawn(move || {
            advance_to(TIME);
            delays.expire();
        });
        enter(|cx| item.cancel_sync(cx)).unwrap();
        // SAFETY: K4; loom checks it.
        item.data().exclusive.with_mut(|n| unsafe { *n += 1 });
        assert!(!item.is_pending() && !item.is_running());
        clock.join().unwrap();
        queue.close();
        worker.join().unwrap();
        plant.settle(0);
    });
}

/// A flush ends the delay, though the time may come at the same moment.
#[test]
fn k4_expiry_against_flush() {
    explore(2, || {
        let plant = Plant::new();
        let (item, queue, delays) = (plant.item.get(), plant.queue(0), plant.delays.get());
        item.data().set[0].store(1, Relaxed);
        item.data().promise(delays.queue_at(queue, item, TIME));
        let worker = spawn(move |cx| queue.run_worker(cx));
        let clock = loom::thread::spawn(move || {
            advance_to(TIME);
            delays.expire();
        });
        enter(|cx| item.flush(cx)).unwrap();
        assert_eq!(item.data().seen[0].load(Relaxed), 1, "flushed, but not run");
        clock.join().unwrap();
        queue.close();
        worker.join().unwrap();
        plant.settle(1);
    });
}

/// The thread in `run` sleeps for ever, or for long, when an earlier time comes up.
#[test]
fn k1_the_keeper_is_told() {
    explore(3, || {
        let plant = Plant::with_func(|run, _| {
            run.run(|_| {
                run.queue().close();
                run.delays.close();
            });
        });
        let (item, queue, delays) = (plant.item.get(), plant.queue(0), plant.delays.get());
        let keeper = spawn(move |cx| delays.run(cx));
        item.data().set[0].store(1, Relaxed);
        item.data().promise(delays.queue_at(queue, item, TIME));
        advance_to(TIME);
        // Nothing but the keeper puts the item on its queue; without it this waits for ever.
        enter(|cx| queue.run_worker(cx));
        keeper.join().unwrap();
        plant.settle(1);
    });
}

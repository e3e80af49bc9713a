//! Cancelling (K4): when it returns the item is idle, and what its runs touched is the caller's.

use crate::explore;
use crate::plant::{Data, Plant};
use layercake_wait::host::loom::{LoomHost, enter, spawn};
use layercake_work::{Queued, Work};
use loom::sync::atomic::Ordering::Relaxed;

/// Touches what only a run touches: loom rejects this if one is in progress or could be.
fn touch(item: &Work<LoomHost, Data>) {
    // SAFETY: K4; loom checks it.
    item.data().exclusive.with_mut(|n| unsafe { *n += 1 });
}

/// Against a worker: before, during and after the run.
#[test]
fn k4_cancel_sync() {
    explore(3, || {
        let plant = Plant::new();
        let (item, queue) = (plant.item.get(), plant.queue(0));
        let worker = spawn(move |cx| queue.run_worker(cx));
        plant.queuer(0, 0)();
        let cancelled = enter(|cx| item.cancel_sync(cx)).unwrap();
        touch(item);
        assert_eq!(item.data().runs.load(Relaxed), usize::from(!cancelled));
        queue.close();
        worker.join().unwrap();
        plant.settle(0);
    });
}

/// Of an item that always queues itself again: the cancelling is the end of it.
#[test]
fn k4_cancel_sync_of_a_self_requeuer() {
    explore(3, || {
        let plant = Plant::with_func(|run, _| {
            run.run(|n| {
                // Twice, or the model has no end.
                if n <= 2 {
                    match run.again() {
                        Queued::Disabled => {}
                        queued => run.promise(queued),
                    }
                }
            });
        });
        let (item, queue) = (plant.item.get(), plant.queue(0));
        let worker = spawn(move |cx| queue.run_worker(cx));
        plant.queuer(0, 0)();
        enter(|cx| item.cancel_sync(cx)).unwrap();
        touch(item);
        queue.close();
        worker.join().unwrap();
        plant.settle(0);
    });
}

/// Two cancellers and a worker: both return, and at most one of them took the item off.
#[test]
fn k4_two_cancellers() {
    explore(2, || {
        let plant = Plant::new();
        let (item, queue) = (plant.item.get(), plant.queue(0));
        let worker = spawn(move |cx| queue.run_worker(cx));
        plant.queuer(0, 0)();
        let other = spawn(move |cx| item.cancel_sync(cx).unwrap());
        let mine = enter(|cx| item.cancel_sync(cx)).unwrap();
        let theirs = other.join().unwrap();
        touch(item);
        let runs = item.data().runs.load(Relaxed);
        assert_eq!(runs + usize::from(mine) + usize::from(theirs), 1);
        queue.close();
        worker.join().unwrap();
        plant.settle(0);
    });
}

/// The item is cancelled before its run, during it, or while it is set aside on the other queue on
/// which that run put it.
#[test]
fn k4_cancel_of_what_was_set_aside() {
    explore(2, || {
        let plant = Plant::with_func(|run, _| {
            run.run(|n| {
                if n == 1 {
                    run.promise(run.again_on(&run.queues[1]));
                }
            });
        });
        let (item, here, there) = (plant.item.get(), plant.queue(0), plant.queue(1));
        plant.queuer(0, 0)();
        here.close();
        let meets = spawn(move |cx| there.run_worker(cx));
        let canceller = loom::thread::spawn(move || item.cancel());
        enter(|cx| here.run_worker(cx));
        canceller.join().unwrap();
        there.close();
        meets.join().unwrap();
        plant.settle(0);
    });
}

/// Disabled, the item neither runs nor is queued; enabled again, it is as before.
#[test]
fn k4_disable_and_enable() {
    explore(3, || {
        let plant = Plant::new();
        let (item, queue) = (plant.item.get(), plant.queue(0));
        let worker = spawn(move |cx| queue.run_worker(cx));
        plant.queuer(0, 0)();
        enter(|cx| item.disable_sync(cx)).unwrap();
        touch(item);
        assert_eq!(queue.queue(item), Queued::Disabled);
        touch(item);
        item.enable();
        plant.queuer(1, 0)();
        queue.close();
        worker.join().unwrap();
        assert_eq!(item.data().seen[1].load(Relaxed), 1);
        plant.settle(0);
    });
}

/// The end of a scope: after it the item, and what its runs touched, are the caller's.
#[test]
fn k4_the_end_of_a_scope() {
    explore(3, || {
        let plant = Plant::new();
        let (item, queue) = (plant.item.get(), plant.queue(0));
        let worker = spawn(move |cx| queue.run_worker(cx));
        enter(|cx| {
            queue
                .scope(cx, |scope, _| item.data().promise(scope.queue(item)))
                .unwrap();
        });
        touch(item);
        assert!(!item.is_pending() && !item.is_running());
        queue.close();
        worker.join().unwrap();
        plant.settle(0);
    });
}

//! Queueing: what a run sees (K1), that there is one at a time (K2), and how many there are (K3).

use crate::explore;
use crate::plant::Plant;
use layercake_wait::host::loom::{enter, spawn};

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

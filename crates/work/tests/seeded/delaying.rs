//! Delays: expiry against everything that happens to a delayed item, on a thread and in a handler.

use crate::{Data, MANY, SOME, Scene, explore};
use layercake_sync::TaskCx;
use layercake_wait::host::seeded::{SeededHost, on_interrupt, pick, point, spawn};
use layercake_wait::{Host, Instant, sleep, sleep_until};
use layercake_work::{Queued, Running};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

fn some_time() -> Duration {
    Duration::from_nanos(pick(40) as u64)
}

/// Queueing with and without a delay, at another time, cancelling, flushing, items that delay
/// themselves again: nothing is lost, and what is cancelled is idle.
fn every_race(cx: &mut TaskCx, expires_in_a_handler: bool) {
    fn periodic(it: &Running<'_, SeededHost, Data>, cx: &mut TaskCx) {
        let again = it.again.load(Relaxed);
        if again > 0 {
            it.again.store(again - 1, Relaxed);
            it.book(match pick(2) {
                0 => it.again_after(&it.plant.delays, some_time()),
                _ => it.again_every(&it.plant.delays, Duration::from_nanos(7)),
            });
            // By now it may be delayed, on a queue, or with a worker that finds it running.
            point();
        }
        it.seen.store(it.stored.load(Relaxed), Relaxed);
        it.runs.fetch_add(1, Relaxed);
        assert_eq!(it.inside.fetch_add(1, Relaxed), 0, "K2: two runs at once");
        sleep::<SeededHost>(cx, Duration::from_nanos(1));
        assert_eq!(it.inside.fetch_sub(1, Relaxed), 1, "K2: two runs at once");
    }
    let mut scene = Scene::with_func(2, periodic);
    scene.all_told = false;
    let (plant, items) = (scene.plant(), scene.items());
    let keeper = if expires_in_a_handler {
        on_interrupt(|_| _ = plant.delays.expire());
        None
    } else {
        Some(spawn(|cx| plant.delays.run(cx)))
    };
    let threads = [(); 3].map(|()| {
        spawn(move |cx| {
            for _ in 0..4 {
                let item = items[pick(items.len())];
                let (queue, delays) = (plant.any_queue(), &plant.delays);
                match pick(10) {
                    0 => _ = item.cancel(),
                    1 => _ = item.cancel_sync(cx).unwrap(),
                    2 => item.flush(cx).unwrap(),
                    3 => {
                        item.disable_sync(cx).unwrap();
                        assert!(!item.is_pending() && !item.is_running(), "K4");
                        let refused = delays.queue_after(queue, item, some_time());
                        assert_eq!(refused, Queued::Disabled);
                        item.enable();
                    }
                    4 => _ = item.data().book(queue.queue(item)),
                    5 => sleep::<SeededHost>(cx, some_time()),
                    6 | 7 => {
                        let at = SeededHost::now() + some_time();
                        let queued = delays.requeue_at(queue, item, at);
                        assert_ne!(queued, Queued::Coalesced);
                        item.data().book(queued);
                    }
                    _ => {
                        _ = item
                            .data()
                            .book(delays.queue_after(queue, item, some_time()))
                    }
                }
            }
        })
    });
    threads.into_iter().for_each(|t| t.join(cx));
    for item in items {
        item.cancel_sync(cx).unwrap();
        assert!(!item.is_pending() && !item.is_running(), "K4");
    }
    plant.delays.close();
    if let Some(keeper) = keeper {
        keeper.join(cx);
    }
    scene.settle(cx);
}

#[test]
fn k4_expiry_on_a_thread_in_every_race() {
    explore(MANY, |cx| every_race(cx, false));
}

#[test]
fn k4_expiry_in_a_handler_in_every_race() {
    explore(MANY, |cx| every_race(cx, true));
}

/// A delayed item runs when its time has come, not before, and without anybody's help; one that is
/// flushed runs at once.
#[test]
fn k1_a_delay_ends_in_its_time() {
    explore(SOME, |cx| {
        let scene = Scene::with_func(0, |it: &Running<'_, _, Data>, cx| {
            it.stored.store(SeededHost::now().as_nanos(), Relaxed);
            crate::run(it, cx);
        });
        let (plant, items) = (scene.plant(), scene.items());
        let keeper = spawn(|cx| plant.delays.run(cx));
        let due = items.map(|item| {
            let at = SeededHost::now() + some_time();
            let queued = plant.delays.queue_at(plant.any_queue(), item, at);
            assert_eq!(queued, Queued::New);
            item.data().book(queued);
            at
        });
        // Nobody but the keeper puts them on their queues.
        let late = due.into_iter().max().unwrap_or(Instant::ZERO) + Duration::from_nanos(1);
        sleep_until::<SeededHost>(cx, late);
        for item in items {
            while item.data().runs.load(Relaxed) == 0 {
                sleep::<SeededHost>(cx, Duration::from_nanos(1));
            }
        }
        for (item, due) in items.into_iter().zip(due) {
            let ran_at = Instant::from_nanos(item.data().stored.load(Relaxed));
            assert!(ran_at >= due, "it ran at {ran_at:?}, before {due:?}");
        }
        let far = SeededHost::now() + Duration::from_secs(1);
        let queued = plant.delays.queue_at(plant.any_queue(), items[0], far);
        items[0].data().book(queued);
        items[0].flush(cx).unwrap();
        assert_eq!(items[0].data().runs.load(Relaxed), 2);
        plant.delays.close();
        keeper.join(cx);
        scene.settle(cx);
    });
}

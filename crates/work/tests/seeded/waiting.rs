//! Flushing and draining (K4), and cycles of those who wait (K5).

use crate::{Data, SOME, Scene, explore};
use layercake_sync::TaskCx;
use layercake_wait::host::seeded::{SeededHost, pick, spawn};
use layercake_work::Running;
use std::sync::atomic::Ordering::Relaxed;

/// Who has queued and flushed finds that what he stored was seen, by an item or by a queue.
#[test]
fn k4_what_is_flushed_has_run() {
    explore(SOME, |cx| {
        let scene = Scene::new(2);
        let (plant, items) = (scene.plant(), scene.items());
        let threads = [(); 3].map(|()| {
            spawn(move |cx| {
                for _ in 0..3 {
                    let item = items[pick(items.len())];
                    let stored = item.data().store();
                    assert!(item.data().book(plant.any_queue().queue(item)));
                    item.flush(cx).unwrap();
                    assert!(
                        item.data().seen.load(Relaxed) >= stored,
                        "flushed, but not run"
                    );
                }
            })
        });
        threads.into_iter().for_each(|t| t.join(cx));
        for queue in &plant.queues {
            queue.close();
            queue.drain(cx).unwrap();
        }
        for item in items {
            assert!(!item.is_running());
        }
        scene.settle(cx);
    });
}

/// Of a queue: all that was on it.
#[test]
fn k4_what_was_on_a_flushed_queue_has_run() {
    explore(SOME, |cx| {
        let scene = Scene::new(0);
        let (plant, items) = (scene.plant(), scene.items());
        let other = spawn(move |_| {
            for item in items {
                item.data().store();
                assert!(item.data().book(plant.any_queue().queue(item)));
            }
        });
        let item = items[0];
        let stored = item.data().store();
        assert!(item.data().book(plant.queues[0].queue(item)));
        // The other may have had it on the other queue, and then it is there that it runs.
        plant
            .queues
            .iter()
            .for_each(|queue| queue.flush(cx).unwrap());
        assert!(
            item.data().seen.load(Relaxed) >= stored,
            "flushed, but not run"
        );
        other.join(cx);
        scene.settle(cx);
    });
}

/// Items that flush queues and items, their own among them: none waits for ever, and who would wait for
/// its own worker is refused.
#[test]
fn k5_nobody_waits_in_a_circle() {
    fn flushes(it: &Running<'_, SeededHost, Data>, cx: &mut TaskCx) {
        let own = it.queue();
        assert!(own.flush(cx).is_err(), "K5");
        assert!(it.work().flush(cx).is_err(), "K5");
        // The other queue's item may do the same to this one: one of the two is refused.
        for queue in &it.plant.queues {
            if !std::ptr::eq(queue, own) {
                let _ = queue.flush(cx);
            }
        }
        it.runs.fetch_add(1, Relaxed);
    }
    explore(SOME, |cx| {
        let scene = Scene::with_func(0, flushes);
        let (plant, items) = (scene.plant(), scene.items());
        for item in items {
            assert!(item.data().book(plant.any_queue().queue(item)));
        }
        for item in items {
            item.flush(cx).unwrap();
        }
        scene.settle(cx);
    });
}

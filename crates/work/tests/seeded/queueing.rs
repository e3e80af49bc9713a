//! Queueing from threads and handlers: what runs see (K1), one at a time (K2), and how many (K3).

use crate::{MANY, SOME, Scene, WorkQueue, World, explore};
use layercake_wait::host::seeded::{on_interrupt, pick, point, spawn};
use layercake_wait::sleep;
use layercake_work::Queued;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

type Work<T> = crate::Work<T>;
type SeededHost = layercake_wait::host::seeded::SeededHost;

/// Queuers on three cores and in interrupt handlers, any item on any queue, and items that queue
/// themselves: each store that came before a call is seen by a run, and the books balance.
#[test]
fn k1_k2_k3_from_everywhere() {
    explore(MANY, |cx| {
        let scene = Scene::new(3);
        let (plant, items) = (scene.plant(), scene.items());
        let put = move || {
            let item = items[pick(items.len())];
            item.data().store();
            assert!(item.data().book(plant.any_queue().queue(item)));
        };
        let (left, came) = (Cell::new(5_u32), Rc::new(Cell::new(0)));
        on_interrupt({
            let came = came.clone();
            move |_| {
                if let Some(fewer) = left.get().checked_sub(1) {
                    left.set(fewer);
                    put();
                    came.set(came.get() + 1);
                }
            }
        });
        let queuers = [(); 3].map(|()| spawn(move |_| (0..4).for_each(|_| put())));
        // Interrupts need somebody to interrupt.
        while came.get() < 5 {
            sleep::<SeededHost>(cx, Duration::from_nanos(10));
        }
        queuers.into_iter().for_each(|t| t.join(cx));
        for item in items {
            item.flush(cx).unwrap();
            let data = item.data();
            assert_eq!(data.seen.load(Relaxed), data.stored.load(Relaxed), "K1");
        }
        for item in items {
            // Until it has stopped to queue itself, or is the last to be closed out.
            item.cancel_sync(cx).unwrap();
        }
        scene.settle(cx);
    });
}

/// On an ordered queue items run in the order of queueing, and none while another one does, though it
/// has two workers and one of the items runs elsewhere when its turn comes.
#[test]
fn an_ordered_queue_keeps_its_order() {
    struct Note {
        number: usize,
        log: &'static World<RefCell<Vec<usize>>>,
        inside: &'static World<Cell<bool>>,
    }
    // SAFETY: all threads of a schedule are on one thread of the workstation.
    unsafe impl Sync for Note {}
    // SAFETY: as above.
    unsafe impl Send for Note {}
    explore(SOME, |cx| {
        let log = World::new(World::new(RefCell::new(Vec::new())));
        let inside = World::new(World::new(Cell::new(false)));
        let [elsewhere, ordered] = [
            World::new(WorkQueue::new("elsewhere")),
            World::new(WorkQueue::ordered("ordered")),
        ];
        let (here, there) = (ordered.get(), elsewhere.get());
        let items: Vec<_> = (0..4)
            .map(|number| {
                let note = Note {
                    number,
                    log: log.get(),
                    inside: inside.get(),
                };
                World::new(Work::with_data("ordered", note, move |run, _| {
                    if run.queue().name() == "elsewhere" {
                        return point();
                    }
                    assert!(!run.inside.get().replace(true), "two at once");
                    point();
                    run.log.get().borrow_mut().push(run.number);
                    point();
                    assert!(run.inside.get().replace(false));
                }))
            })
            .collect();
        let workers = [here, here, there].map(|queue| spawn(move |cx| queue.run_worker(cx)));
        // It may still run there when its turn comes here.
        assert_eq!(there.queue(items[1].get()), Queued::New);
        let mut order = Vec::new();
        for (number, item) in items.iter().enumerate() {
            match here.queue(item.get()) {
                Queued::New | Queued::WillRunAgain => order.push(number),
                // It has not begun elsewhere: it runs there and not here.
                Queued::Coalesced => assert_eq!(number, 1),
                refused => panic!("{refused:?}"),
            }
        }
        [here, there].into_iter().for_each(WorkQueue::close);
        workers.into_iter().for_each(|t| t.join(cx));
        assert_eq!(*log.get().get().borrow(), order);
    });
}

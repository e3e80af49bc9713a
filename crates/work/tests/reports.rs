//! What the crate's types say of themselves, for people.
#![cfg(not(loom))]

use layercake_wait::host::std::{StdHost, enter};
use std::fmt::Debug;

type Work = layercake_work::Work<StdHost>;
type WorkQueue = layercake_work::WorkQueue<StdHost>;

/// It names its type, and has these parts.
fn says(what: &dyn Debug, start: &str, parts: &[&str]) {
    let text = format!("{what:?}");
    assert!(text.starts_with(start), "{text}");
    for part in parts {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn an_item_says_what_is_to_become_of_it() {
    static QUEUE: WorkQueue = WorkQueue::new("queue");
    static ITEM: Work = Work::new("item", |run, _| {
        says(run.work(), "Work {", &["pending: false", "running: true"]);
        says(&QUEUE, "WorkQueue {", &["running: 1"]);
    });
    assert_eq!((ITEM.name(), QUEUE.name()), ("item", "queue"));
    says(&ITEM, "Work {", &["\"item\"", "pending: false"]);
    assert!(QUEUE.queue(&ITEM).accepted());
    says(&ITEM, "Work {", &["pending: true", "running: false"]);
    says(&QUEUE, "WorkQueue {", &["\"queue\"", "pending: 1"]);
    assert_eq!(QUEUE.report().ran, 0);
    assert_eq!(enter(|cx| QUEUE.run_ready(cx)), 1);
}

#[test]
fn those_around_a_queue_say_which() {
    static QUEUE: WorkQueue = WorkQueue::new("scoped");
    static DELAYS: layercake_work::Delays<StdHost> = layercake_work::Delays::new("delays");
    static RECRUITER: layercake_work::Recruiter<StdHost> =
        layercake_work::Recruiter::new("recruiter");
    static STORE: layercake_work::QueueStore<StdHost> = layercake_work::QueueStore::new();
    says(&DELAYS, "Delays(", &["\"delays\""]);
    says(&RECRUITER, "Recruiter(", &["\"recruiter\""]);
    says(&STORE, "QueueStore", &[]);
    enter(|cx| {
        let owned = STORE.make("owned", 2, cx);
        says(&owned, "OwnedQueue(", &["\"owned\""]);
        assert_eq!(owned.name(), "owned");
        let scoped = QUEUE.scope(cx, |scope, _| {
            says(scope, "Scope {", &["\"scoped\"", "busy: 0"]);
        });
        assert!(scoped.is_ok());
        assert!(owned.destroy(cx).is_ok());
    });
}

#[test]
fn a_seat_says_where_it_is() {
    static QUEUE: WorkQueue = WorkQueue::new("queue");
    QUEUE.close();
    enter(|cx| {
        let sits = std::cell::Cell::new(false);
        QUEUE.run_worker_seated(cx, |seat| {
            assert_ne!(sits.replace(seat.is_some()), seat.is_some());
            let Some(seat) = seat else { return };
            let place = format!("{:?}", seat.address());
            says(&seat, "Seat(", &[&place]);
        });
        assert!(!sits.get(), "the seat is not taken back");
    });
}

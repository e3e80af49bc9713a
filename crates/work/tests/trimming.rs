//! Who leaves a queue that has more workers than it needs: those who were idle all the time.
#![cfg(not(loom))]

#[path = "../../wait/tests/support/patience.rs"]
mod patience;

use layercake_wait::host::std::{StdHost, enter, spawn};
use patience::until;

type Work = layercake_work::Work<StdHost>;
type WorkQueue = layercake_work::WorkQueue<StdHost>;

#[test]
fn who_was_needed_since_the_last_look_stays() {
    static QUEUE: WorkQueue = WorkQueue::new("three");
    static ITEM: Work = Work::new("item", |_, _| {});
    let workers = [(); 3].map(|()| spawn(|cx| QUEUE.run_worker(cx)));
    let all_idle = || until("all are idle", || QUEUE.report().idle == 3);
    all_idle();
    // They have come since the last look, of which there was none.
    assert_eq!(QUEUE.trim(), 0);
    for _ in 0..10 {
        // The last to sleep is called for each: two are never needed, and one of these stays.
        assert!(QUEUE.queue(&ITEM).accepted());
        enter(|cx| ITEM.flush(cx)).unwrap();
        all_idle();
    }
    assert_eq!(QUEUE.trim(), 1);
    until("one has left", || QUEUE.report().workers == 2);
    assert_eq!(QUEUE.report().idle, 2);
    // Nobody was needed since: one of the two goes, and the other stays for good.
    assert_eq!(QUEUE.trim(), 1);
    until("another has left", || QUEUE.report().workers == 1);
    assert_eq!(QUEUE.trim(), 0);
    assert!(QUEUE.queue(&ITEM).accepted());
    enter(|cx| ITEM.flush(cx)).unwrap();
    QUEUE.close();
    workers.into_iter().for_each(|one| one.join().unwrap());
    assert_eq!(QUEUE.report().ran, 11);
}

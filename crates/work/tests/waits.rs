//! The histogram of how long items waited, on a clock that stands until it is told to go on.
#![cfg(not(loom))]

#[path = "support/clock.rs"]
mod clock;
#[path = "../../wait/tests/support/like_std.rs"]
mod like_std;

use clock::{ClockHost, pass};
use layercake_wait::host::std::enter;
use layercake_work::{WAIT_LIMITS, WaitCounts};
use std::time::Duration;

type Work = layercake_work::Work<ClockHost>;
type WorkQueue = layercake_work::WorkQueue<ClockHost>;

/// Of so many one is timed.
const EVERY: usize = 32;

/// One more in the class of that time.
fn add(counts: &mut WaitCounts, wait: Duration) {
    let class = WAIT_LIMITS.iter().position(|limit| wait < *limit);
    counts[class.unwrap_or(WAIT_LIMITS.len())] += 1;
}

#[test]
fn the_classes_are_powers_of_four() {
    let micros: Vec<_> = WAIT_LIMITS.iter().map(Duration::as_micros).collect();
    let powers: Vec<_> = (0..11).map(|n| 4_u128.pow(n)).collect();
    assert_eq!(micros, powers);
}

#[test]
fn one_in_so_many_is_timed() {
    static QUEUE: WorkQueue = WorkQueue::new("queue");
    static ITEM: Work = Work::new("item", |_, _| {});
    let mut expected = WaitCounts::default();
    let ns = Duration::from_nanos(1);
    let limits = WAIT_LIMITS.iter().flat_map(|limit| [*limit - ns, *limit]);
    let limits = limits.step_by(if cfg!(miri) { 9 } else { 1 });
    for wait in limits.chain([Duration::ZERO, Duration::from_secs(100)]) {
        for n in 0..EVERY {
            assert!(QUEUE.queue(&ITEM).accepted());
            // Those that are not timed wait for another time.
            pass(if n == 0 {
                wait
            } else {
                Duration::from_millis(30)
            });
            assert_eq!(enter(|cx| QUEUE.run_ready(cx)), 1);
        }
        add(&mut expected, wait);
        assert_eq!(QUEUE.waits(), expected, "{wait:?}");
    }
}

/// One at a time: who comes while another is timed is not, and one that is withdrawn is no sample.
#[test]
fn one_is_timed_at_a_time() {
    static QUEUE: WorkQueue = WorkQueue::new("queue");
    static ITEMS: [Work; 2 * EVERY + 1] = [const { Work::new("item", |_, _| {}) }; 2 * EVERY + 1];
    let queue_all = || {
        ITEMS
            .iter()
            .for_each(|item| assert!(QUEUE.queue(item).accepted()))
    };
    let second = Duration::from_secs(1);
    queue_all();
    pass(second);
    let ran = enter(|cx| QUEUE.run_ready(cx));
    assert_eq!(ran, ITEMS.len());
    let mut expected = WaitCounts::default();
    add(&mut expected, second);
    assert_eq!(QUEUE.waits(), expected, "two others came meanwhile");

    // The next that would be timed, after those that are not.
    for _ in 2 * EVERY + 1..3 * EVERY {
        assert!(QUEUE.queue(&ITEMS[0]).accepted());
        assert!(ITEMS[0].cancel());
    }
    assert!(QUEUE.queue(&ITEMS[0]).accepted());
    assert!(QUEUE.queue(&ITEMS[1]).accepted());
    assert!(ITEMS[1].cancel(), "it is not the one that is timed");
    assert!(ITEMS[0].cancel());
    assert_eq!(QUEUE.waits(), expected, "it has not run");
    for _ in 2..EVERY {
        assert!(QUEUE.queue(&ITEMS[0]).accepted());
        assert!(ITEMS[0].cancel());
    }
    assert!(QUEUE.queue(&ITEMS[0]).accepted());
    assert!(QUEUE.queue(&ITEMS[1]).accepted());
    assert!(ITEMS[1].cancel());
    assert_eq!(enter(|cx| QUEUE.run_ready(cx)), 1);
    add(&mut expected, Duration::ZERO);
    assert_eq!(QUEUE.waits(), expected, "the last one is forgotten");
    QUEUE.close();
}

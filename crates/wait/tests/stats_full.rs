//! More names than the table of figures has room for: all is counted, the last ones as one.
#![cfg(all(feature = "stats", not(loom)))]

use layercake_wait::WaitQueue;
use layercake_wait::host::std::StdHost;
use layercake_wait::stats;

#[test]
fn names_without_room_count_as_one() {
    const NAMES: usize = 200;
    const ROOM: usize = 127;
    for n in 0..NAMES {
        let name: &'static str = Box::leak(format!("queue {n}").into_boxed_str());
        // Twice: found again, or among all others again.
        WaitQueue::<StdHost>::new(name).wake_one();
        WaitQueue::<StdHost>::new(name).wake_one();
    }
    let mut names = Vec::new();
    let mut sent = 0;
    stats::for_each(|queue| {
        names.push(queue.name);
        sent += queue.sent;
        let expected = match queue.name {
            "all others" => 2 * (NAMES - ROOM),
            _ => 2,
        };
        assert_eq!(queue.sent, expected, "{queue:?}");
        assert_eq!(queue.in_flight(), 0);
    });
    assert_eq!((sent, names.len()), (2 * NAMES, ROOM + 1));
    assert_eq!(names[..3], ["all others", "queue 0", "queue 1"]);
}

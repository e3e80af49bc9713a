//! Equal distances. The exact arithmetic is checked on the seeded host, whose clock obeys.

use layercake_wait::host::std::{StdHost, enter};
use layercake_wait::{Host, Instant, Interval};
use std::time::Duration;

#[test]
fn ticks_are_whole_periods_apart() {
    let period = Duration::from_millis(2);
    enter(|cx| {
        let mut interval = Interval::<StdHost>::every(period);
        let first = interval.next_tick();
        let mut ticks = 0;
        while ticks < 3 {
            let due = interval.next_tick();
            ticks += 1 + interval.tick(cx);
            assert!(StdHost::now() >= due);
        }
        assert_eq!(
            interval.next_tick(),
            first + period * u32::try_from(ticks).unwrap()
        );
        assert_eq!(interval.period(), period);
        interval.reset();
        assert!(interval.next_tick() <= StdHost::now() + period);
    });
}

#[test]
fn the_end_of_time_is_the_last_tick() {
    let late = Instant::from_nanos(5);
    let mut interval = Interval::<StdHost>::starting_at(late, Duration::MAX);
    enter(|cx| interval.tick(cx));
    assert_eq!(interval.next_tick(), Instant::MAX);
}

#[test]
#[should_panic(expected = "an interval needs a period")]
fn an_interval_of_nothing_is_refused() {
    Interval::<StdHost>::every(Duration::ZERO);
}

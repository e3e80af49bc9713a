//! Intervals on a clock that moves by known steps.

use layercake_wait::host::seeded::{SeededHost, explore};
use layercake_wait::{Host, Instant, Interval, sleep_until};
use std::time::Duration;

/// Nothing drifts, and what is missed is told.
#[test]
fn ticks_stay_on_their_grid() {
    explore(20_000, |cx| {
        let mut interval =
            Interval::<SeededHost>::starting_at(Instant::from_nanos(100), Duration::from_nanos(10));
        assert_eq!(interval.tick(cx), 0);
        assert_eq!(SeededHost::now(), Instant::from_nanos(100));
        assert_eq!(interval.tick(cx), 0);
        assert_eq!(SeededHost::now(), Instant::from_nanos(110));
        // Due at 120, 130, 140; we come at 145: 120 and 130 are missed, 140 is this one.
        sleep_until::<SeededHost>(cx, Instant::from_nanos(145));
        assert_eq!(interval.tick(cx), 2);
        assert_eq!(SeededHost::now(), Instant::from_nanos(145));
        assert_eq!(interval.tick(cx), 0);
        assert_eq!(SeededHost::now(), Instant::from_nanos(150));
        // To the nanosecond.
        sleep_until::<SeededHost>(cx, Instant::from_nanos(170));
        assert_eq!(interval.tick(cx), 1);
        assert_eq!(interval.next_tick(), Instant::from_nanos(180));
    });
}

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
fn whole_periods_that_have_passed_are_missed() {
    let short = Duration::from_nanos(3);
    let mut interval = Interval::<StdHost>::starting_at(Instant::from_nanos(1), short);
    let missed = enter(|cx| interval.tick(cx));
    let now = StdHost::now().as_nanos();
    assert!(missed > 2 && missed <= now / 3, "{missed} of {now} ns");
    assert_eq!(interval.next_tick().as_nanos(), 1 + (missed + 1) * 3);
}

#[test]
fn reset_it_begins_a_period_from_now() {
    let period = Duration::from_secs(2);
    let mut interval = Interval::<StdHost>::starting_at(Instant::MAX, period);
    let before = StdHost::now();
    interval.reset();
    let next = interval.next_tick();
    assert!(next >= before + period && next <= StdHost::now() + period);
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

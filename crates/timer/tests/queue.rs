//! The queue by hand: two queues, actions, the ends of time.

use layercake_timer::{Timer, TimerQueue, TimerRef};
use std::mem::offset_of;
use std::sync::atomic::{AtomicU32, Ordering};

fn handle(timer: &'static Timer) -> TimerRef {
    // SAFETY: TMR-LIVE: it is static; TMR-LOCK: this test is one thread.
    unsafe { TimerRef::from_raw(timer) }
}

fn leaked(action: fn(TimerRef)) -> &'static Timer {
    Box::leak(Box::new(Timer::new(action)))
}

#[test]
fn a_timer_of_another_queue_is_left_alone() {
    let timer = leaked(|_| ());
    let (mut here, mut there) = (TimerQueue::new(), TimerQueue::new());
    assert!(!here.cancel(timer));
    assert!(here.arm(handle(timer), 5));
    assert!(!there.cancel(timer) && there.pop_expired(u64::MAX).is_none());
    assert!(here.cancel(timer) && !here.cancel(timer));
    assert!(there.arm(handle(timer), 5) && !here.cancel(timer));
}

/// Nor one that has long been on the other, whatever both queues have been through.
#[test]
fn neither_the_young_nor_the_old_of_a_queue_are_anothers() {
    // As many queues as the young have been armed, so that the numbers of both are alike.
    const QUEUES: usize = 20;
    const ARMED: usize = 10;
    let queue_of = |timers: &[&'static Timer]| {
        let mut queue = TimerQueue::new();
        for timer in timers {
            queue.arm(handle(timer), 5);
        }
        queue
    };
    let timers: Vec<_> = (0..QUEUES * ARMED).map(|_| leaked(|_| ())).collect();
    let mut queues: Vec<_> = timers.chunks(ARMED).map(queue_of).collect();
    for (n, queue) in queues.iter_mut().enumerate() {
        for (m, timer) in timers.iter().enumerate() {
            if m / ARMED != n {
                assert!(!queue.cancel(timer), "{n} had {m}");
            }
        }
        assert_eq!(queue.len(), ARMED);
    }
    for (m, timer) in timers.iter().enumerate() {
        assert!(queues[m / ARMED].cancel(timer));
    }
    for queue in &queues {
        assert!(queue.is_empty());
        assert_eq!(queue.len(), 0);
    }
}

#[test]
#[should_panic(expected = "another queue")]
fn arming_on_two_queues_is_refused() {
    let timer = leaked(|_| ());
    let (mut here, mut there) = (TimerQueue::new(), TimerQueue::new());
    here.arm(handle(timer), 5);
    there.arm(handle(timer), 5);
}

#[test]
fn the_past_is_due_and_the_end_of_time_is_not() {
    let (past, never) = (leaked(|_| ()), leaked(|_| ()));
    let mut queue = TimerQueue::new();
    queue.arm(handle(never), u64::MAX);
    assert!(queue.arm(handle(past), 0));
    assert!(queue.pop_expired(1_000_000).unwrap().is(past));
    assert!(queue.pop_expired(u64::MAX - 1).is_none());
    assert_eq!(queue.next_deadline(), Some(u64::MAX));
}

#[test]
fn an_action_finds_its_owner() {
    struct Owner {
        fired: AtomicU32,
        timer: Timer,
    }
    let owner: &'static Owner = Box::leak(Box::new(Owner {
        fired: AtomicU32::new(0),
        timer: Timer::new(|timer| {
            let owner = timer.as_ptr().wrapping_byte_sub(offset_of!(Owner, timer));
            // SAFETY: TMR-LIVE: this action is of the timers of leaked `Owner`s only.
            unsafe { &*owner.cast::<Owner>() }
                .fired
                .fetch_add(1, Ordering::Relaxed);
        }),
    }));
    let mut queue = TimerQueue::new();
    // SAFETY: as in `handle`; made from the owner's address, so that the action may go back to it.
    let timer = unsafe { TimerRef::from_raw(&raw const (*std::ptr::from_ref(owner)).timer) };
    for round in 1..=3 {
        queue.arm(timer.clone(), round);
        queue.pop_expired(round).unwrap().fire();
        assert_eq!(owner.fired.load(Ordering::Relaxed), round as u32);
    }
}

#[test]
fn ten_thousand_come_back_in_order() {
    let n = if cfg!(miri) { 200 } else { 10_000 };
    let timers: Vec<_> = (0..n).map(|_| leaked(|_| ())).collect();
    let mut queue = TimerQueue::new();
    let mut x = 1u64;
    for timer in &timers {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        queue.arm(handle(timer), x >> 40);
    }
    let mut last = 0;
    let mut count = 0;
    while let Some(timer) = queue.pop_expired(u64::MAX) {
        assert!(timer.deadline() >= last);
        last = timer.deadline();
        count += 1;
    }
    assert!(count == n && queue.is_empty());
}

/// Whatever the order in which they are armed, and however near the end of time: what has passed is
/// due, earliest first, and nothing wraps around to come too early.
#[test]
fn deadlines_do_not_wrap_around() {
    let deadlines = [
        u64::MAX - 1,
        0,
        1 << 63,
        (1 << 63) - 1,
        u64::MAX,
        5,
        (1 << 63) + 1,
        u64::MAX - 2,
        1,
        u64::MAX,
    ];
    for turn in 0..deadlines.len() {
        let mut queue = TimerQueue::new();
        for n in 0..deadlines.len() {
            let deadline = deadlines[(n + turn) % deadlines.len()];
            queue.arm(handle(leaked(|_| ())), deadline);
        }
        let mut sorted = deadlines;
        sorted.sort_unstable();
        for deadline in sorted {
            assert_eq!(queue.next_deadline(), Some(deadline));
            if let Some(before) = deadline.checked_sub(1) {
                assert!(queue.pop_expired(before).is_none(), "{deadline} came early");
            }
            // Also long after it.
            let now = deadline.saturating_add(1 << 40);
            assert_eq!(queue.pop_expired(now).unwrap().deadline(), deadline);
        }
        assert!(queue.is_empty());
    }
}

#[test]
fn a_report_says_what_is_armed_and_for_when() {
    let timer = leaked(|_| ());
    let mut queue = TimerQueue::default();
    assert_eq!(
        format!("{queue:?}"),
        "TimerQueue { armed: 0, next: None, .. }"
    );
    queue.arm(handle(timer), 7);
    assert_eq!(
        format!("{queue:?}"),
        "TimerQueue { armed: 1, next: Some(7), .. }"
    );
    let armed = "Timer { armed: true, deadline: 7, .. }";
    assert_eq!(format!("{timer:?}"), armed);
    assert_eq!(format!("{:?}", handle(timer)), armed);
    assert!(handle(timer).is(timer) && !handle(timer).is(leaked(|_| ())));
}

/// A queue that is dropped lets go of its timers: they may be armed elsewhere.
#[test]
fn a_dropped_queue_has_no_timers() {
    let timers: Vec<_> = (0..20).map(|_| leaked(|_| ())).collect();
    let mut queue = TimerQueue::new();
    for timer in &timers {
        queue.arm(handle(timer), 5);
    }
    drop(queue);
    assert!(timers.iter().all(|timer| !timer.is_armed()));
}

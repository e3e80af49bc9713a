//! What is counted of waits and wakes, and under which name.
#![cfg(all(feature = "stats", not(loom)))]

#[path = "support/like_std.rs"]
mod like_std;

use core::pin::pin;
use core::time::Duration;
use layercake_wait::host::std::{StdHost, enter, spawn};
use layercake_wait::stats::{self, Stats};
use layercake_wait::{
    CancelToken, Cancelled, Channel, Closed, Host, Instant, TimedOut, WaitError, Waiter, wait_any,
};
use like_std::{LikeStd, Ways};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst};
use std::thread::Thread;

type WaitQueue = layercake_wait::WaitQueue<StdHost>;

fn find(name: &str) -> Option<Stats> {
    let mut found = None;
    stats::for_each(|stats| {
        if stats.name == name {
            assert!(found.replace(*stats).is_none(), "{name} is there twice");
        }
    });
    found
}

#[track_caller]
fn balanced(name: &str) -> Stats {
    let stats = find(name).expect("it is known");
    assert_eq!(stats.in_flight(), 0, "{stats:?}");
    assert_eq!(stats.waiters, 0, "{stats:?}");
    stats
}

fn wait_until_waiting(queue: &WaitQueue, count: usize) {
    while queue.waiters() < count {
        std::thread::yield_now();
    }
}

#[test]
fn a_wake_without_anybody_is_found_empty() {
    let queue = WaitQueue::new("counted: nobody");
    assert_eq!(find("counted: nobody"), None, "known from the first event");
    queue.wake_one();
    queue.wake_n(3);
    queue.wake_all();
    let stats = balanced("counted: nobody");
    assert_eq!((stats.sent, stats.found_empty, stats.waits), (3, 3, 0));
}

#[test]
fn a_wake_of_several_is_sent_once_for_each() {
    let queue = WaitQueue::new("counted: several");
    let sent = || {
        let stats = find("counted: several").expect("it is known");
        (stats.sent, stats.found_empty)
    };
    let waiters = [(); 3].map(|()| Box::pin(Waiter::new()));
    let prepare = || {
        enter(|cx| {
            for waiter in &waiters {
                waiter.as_ref().prepare(&queue, cx);
            }
        });
    };
    prepare();
    assert_eq!((queue.wake_n(0), sent()), (0, (1, 1)));
    assert_eq!((queue.wake_n(2), sent()), (2, (3, 1)));
    let in_flight = find("counted: several").map(|stats| stats.in_flight());
    assert_eq!(in_flight, Some(2));
    prepare();
    assert_eq!((queue.wake_all(), sent()), (3, (6, 1)));
    for waiter in &waiters {
        waiter.as_ref().accept();
    }
    balanced("counted: several");
}

#[test]
fn so_many_percent_are_of_all_that_were_measured() {
    let queue = WaitQueue::new("counted: percent");
    queue.wake_one();
    let mut stats = find("counted: percent").expect("it is known");
    assert_eq!((stats.measured(), stats.latency_of(100)), (0, 0));
    (stats.latency[3], stats.latency[5], stats.latency[9]) = (90, 9, 1);
    assert_eq!(stats.measured(), 100);
    for (percent, below) in [(1, 16), (50, 16), (90, 16), (91, 64), (99, 64), (100, 1024)] {
        assert_eq!(stats.latency_of(percent), below, "{percent} percent");
    }
}

#[test]
fn a_wake_that_is_used_is_consumed_and_timed() {
    static QUEUE: WaitQueue = WaitQueue::new("counted: used");
    static READY: AtomicBool = AtomicBool::new(false);
    let waiter = spawn(|cx| QUEUE.wait_until(cx, |_| READY.load(SeqCst).then_some(())));
    wait_until_waiting(&QUEUE, 1);
    // It is on the queue a moment before it is counted.
    while find("counted: used").is_none_or(|stats| stats.waiters == 0) {
        std::thread::yield_now();
    }
    assert_eq!(find("counted: used").unwrap().waiters, 1);
    READY.store(true, SeqCst);
    assert!(QUEUE.wake_one());
    waiter.join().unwrap();
    let stats = balanced("counted: used");
    assert_eq!((stats.sent, stats.consumed, stats.waits), (1, 1, 1));
    // It may not have parked yet when the wake came; then there was nothing to time.
    assert!(stats.measured() <= 1);
    assert_eq!(stats.latency_of(50) > 0, stats.measured() == 1);
}

#[test]
fn an_unused_wake_one_is_handed_on_and_sent_again() {
    static QUEUE: WaitQueue = WaitQueue::new("counted: handed on");
    static LOOKED: AtomicU32 = AtomicU32::new(0);
    enter(|cx| {
        let first = pin!(Waiter::new());
        first.as_ref().prepare(&QUEUE, cx);
        let second = spawn(|cx| {
            QUEUE.wait_until(cx, |_| (LOOKED.fetch_add(1, SeqCst) > 1).then_some(()));
        });
        wait_until_waiting(&QUEUE, 2);
        while LOOKED.load(SeqCst) < 2 {
            std::thread::yield_now();
        }
        QUEUE.wake_one();
        first.as_ref().clear();
        second.join().unwrap();
    });
    let stats = balanced("counted: handed on");
    assert_eq!((stats.sent, stats.handed_on, stats.consumed), (2, 1, 1));
}

#[test]
fn deadlines_and_cancels_are_counted() {
    static QUEUE: WaitQueue = WaitQueue::new("counted: in vain");
    static OTHER: WaitQueue = WaitQueue::new("counted: in vain, too");
    static STOP: CancelToken<StdHost> = CancelToken::new("counted: token");
    enter(|cx| {
        let soon = || StdHost::now() + Duration::from_millis(2);
        let none = QUEUE.wait_until_deadline(cx, soon(), |_| None::<()>);
        assert_eq!(none, Err(TimedOut));
        let none = wait_any(cx, [&QUEUE, &OTHER], Some(soon()), |_| None::<()>);
        assert_eq!(none, Err(TimedOut));
        let waiter = pin!(Waiter::new());
        waiter.as_ref().prepare(&QUEUE, cx);
        let ended = waiter.as_ref().maybe_block_until(cx, soon());
        assert_eq!(ended, Err(TimedOut));
        STOP.cancel();
        let none = QUEUE.wait_until_cancelled(cx, &STOP, |_| None::<()>);
        assert_eq!(none, Err(Cancelled));
    });
    let stats = balanced("counted: in vain");
    assert_eq!((stats.timeouts, stats.cancels, stats.sent), (3, 1, 0));
    assert_eq!(balanced("counted: in vain, too").timeouts, 1);
}

/// A channel gives the same account of those who wait at it.
#[test]
fn a_channel_counts_who_waits_at_it() {
    static CHANNEL: Channel<u8, 1, StdHost> = Channel::new("counted: channel");
    let soon = || StdHost::now() + Duration::from_millis(2);
    enter(|cx| {
        let none = CHANNEL.recv_deadline(cx, soon());
        assert_eq!(none, Err(WaitError::TimedOut));
    });
    let receivers = [(); 2].map(|()| spawn(|cx| CHANNEL.recv(cx)));
    while find("counted: channel").is_none_or(|stats| stats.waiters < 2) {
        std::thread::yield_now();
    }
    CHANNEL.try_send(1).unwrap();
    while find("counted: channel").is_some_and(|stats| stats.waiters == 2) {
        std::thread::yield_now();
    }
    CHANNEL.close();
    let mut got = receivers.map(|one| one.join().unwrap());
    got.sort_by_key(Result::is_err);
    assert_eq!(got, [Ok(1), Err(Closed)]);
    let stats = balanced("counted: channel");
    assert_eq!((stats.waits, stats.sent, stats.consumed), (3, 2, 2));
    assert_eq!((stats.timeouts, stats.measured()), (1, 2));
}

/// Time that passes between a wake and the moment at which the one who was woken runs.
struct Late;

static CLOCK: AtomicU64 = AtomicU64::new(0);
static LATENCY: AtomicU64 = AtomicU64::new(0);

impl Ways for Late {
    fn now() -> Instant {
        Instant::from_nanos(CLOCK.load(SeqCst))
    }
    fn unpark(task: &Thread) {
        CLOCK.fetch_add(LATENCY.load(SeqCst), SeqCst);
        StdHost::unpark(task);
    }
}

#[test]
fn how_late_the_woken_run_is_counted_by_powers_of_two() {
    static QUEUE: layercake_wait::WaitQueue<LikeStd<Late>> =
        layercake_wait::WaitQueue::new("counted: late");
    static ROUND: AtomicU32 = AtomicU32::new(0);
    let mut expected = [0; stats::BUCKETS];
    CLOCK.store(1 << 50, SeqCst);
    let late = [
        0,
        1,
        2,
        3,
        4,
        1000,
        1 << 31,
        u32::MAX as u64,
        1 << 32,
        1 << 40,
    ];
    for (round, late) in (1..).zip(late) {
        LATENCY.store(late, SeqCst);
        let waiter = spawn(move |cx| {
            QUEUE.wait_until(cx, |_| (ROUND.load(SeqCst) == round).then_some(()));
        });
        while QUEUE.waiters() == 0 {
            std::thread::yield_now();
        }
        ROUND.store(round, SeqCst);
        // It may have looked just before: then it was not woken, and not late.
        let woken = QUEUE.wake_one();
        waiter.join().unwrap();
        let measured = find("counted: late").expect("it is known").latency;
        if woken && measured != expected {
            expected[(late.max(1).ilog2() as usize).min(stats::BUCKETS - 1)] += 1;
        }
        assert_eq!(measured, expected, "{late} ns");
    }
    assert!(expected.iter().sum::<usize>() > 0, "nobody was ever late");
}

/// Of several queues that of the wake counts it.
#[test]
fn how_late_a_wait_on_several_is_counts_for_one() {
    static QUEUE: WaitQueue = WaitQueue::new("counted: one of two");
    static OTHER: WaitQueue = WaitQueue::new("counted: the other");
    let measured = |name| find(name).map_or(0, |stats| stats.measured());
    // Now and then the wake comes before the park.
    let start = std::time::Instant::now();
    while measured("counted: one of two") == 0 {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "it is not counted"
        );
        let looks = Arc::new(AtomicU32::new(0));
        let waiter = spawn({
            let looks = looks.clone();
            // The two first looks are before it waits.
            let third = move || (looks.fetch_add(1, SeqCst) > 1).then_some(());
            move |cx| wait_any(cx, [&QUEUE, &OTHER], None, |_| third())
        });
        wait_until_waiting(&OTHER, 1);
        while !waiter.is_finished() {
            QUEUE.wake_one();
            std::thread::yield_now();
        }
        waiter.join().unwrap().unwrap();
    }
    assert_eq!(measured("counted: the other"), 0);
}

#[test]
fn what_nothing_happened_to_is_not_there() {
    WaitQueue::new("counted: one").wake_one();
    assert_eq!(find("all others"), None);
}

#[test]
fn queues_of_one_name_count_as_one() {
    for _ in 0..3 {
        WaitQueue::new("counted: one name").wake_one();
    }
    assert_eq!(balanced("counted: one name").sent, 3);
}

#[test]
fn every_wake_of_a_crowd_ends_in_one_way() {
    static QUEUE: WaitQueue = WaitQueue::new("counted: crowd");
    static ITEMS: AtomicU32 = AtomicU32::new(0);
    const ROUNDS: u32 = 2000;
    let take = || {
        let taken = ITEMS.fetch_update(SeqCst, SeqCst, |items| items.checked_sub(1));
        taken.ok().map(|_| ())
    };
    let takers: Vec<_> = (0..4)
        .map(|n| {
            spawn(move |cx| {
                let mut taken = 0;
                while taken < ROUNDS {
                    let soon = StdHost::now() + Duration::from_micros(50);
                    let got = match (n + taken) % 3 {
                        0 => QUEUE.wait_until_deadline(cx, soon, |_| take()).is_ok(),
                        1 => wait_any(cx, [&QUEUE], Some(soon), |_| take()).is_ok(),
                        _ => {
                            QUEUE.idle_until(cx, |_| take());
                            true
                        }
                    };
                    taken += u32::from(got);
                }
            })
        })
        .collect();
    for n in 0..4 * ROUNDS {
        ITEMS.fetch_add(1, SeqCst);
        match n % 5 {
            0 => _ = QUEUE.wake_all(),
            1 => _ = QUEUE.wake_n(2),
            _ => _ = QUEUE.wake_one(),
        }
        // Never counted as ended before it is counted as sent.
        assert!(find("counted: crowd").unwrap().in_flight() < 100);
    }
    takers.into_iter().for_each(|taker| taker.join().unwrap());
    let stats = balanced("counted: crowd");
    assert!(stats.sent >= 4 * ROUNDS as usize && stats.consumed > 0);
}

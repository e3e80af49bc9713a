//! Time never goes back, on whatever core it is read, and no sleep ends early.
//@ timeout: 60
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

mod support;

use core::sync::atomic::{AtomicU64, Ordering};
use layercake_kernel::{SpinLock, kprintln};
use support::*;

kernel_tests!(
    time_never_goes_back,
    no_sleep_ends_early,
    slack_only_makes_later,
    what_fires_is_counted,
    deadlines_come_in_order,
    far_deadlines_do_not_come,
);

fn time_never_goes_back(cx: &mut TaskCx) {
    static LATEST: AtomicU64 = AtomicU64::new(0);
    in_parallel(cx, 1, |core, _| {
        Budget::new(200_000, 8).spend(|_| {
            let before = LATEST.load(Ordering::Acquire);
            let now = time::now().as_nanos();
            assert!(now >= before, "{} ns back, on core {core}", before - now);
            LATEST.fetch_max(now, Ordering::Release);
        });
    });
}

fn no_sleep_ends_early(cx: &mut TaskCx) {
    static LATEST: AtomicU64 = AtomicU64::new(0);
    in_parallel(cx, 4, |core, cx| {
        let random = Random::new(u64::from(thread::current_id()) * 31 + core as u64);
        Budget::new(150, 5).spend(|_| {
            let span = Duration::from_nanos(random.below(10_000_000));
            let start = time::now();
            time::sleep(cx, span);
            let slept = time::now().saturating_duration_since(start);
            assert!(slept >= span, "slept {slept:?} of {span:?}");
            LATEST.fetch_max((slept - span).as_nanos() as u64, Ordering::Relaxed);
        });
    });
    let latest = Duration::from_nanos(LATEST.load(Ordering::Relaxed));
    kprintln!("  the latest was {latest:?} late");
}

fn slack_only_makes_later(cx: &mut TaskCx) {
    for ms in [0, 1, 7, 20] {
        let span = Duration::from_millis(ms);
        let start = time::now();
        time::sleep_within(cx, span, Duration::from_millis(5));
        assert!(time::now().saturating_duration_since(start) >= span);
    }
}

fn what_fires_is_counted(cx: &mut TaskCx) {
    run_on(cx, 1, Priority::fifo(10), |cx| {
        // A sleep whose time has come before it is set sets no timer. That is so now and then where the
        // emulator has to wait for a processor, so twenty in a row are tried more than once.
        let all_fired = (0..10).any(|_| {
            let before = time::timers(1).fired();
            for _ in 0..20 {
                time::sleep(cx, Duration::from_millis(1));
            }
            time::timers(1).fired() >= before + 20
        });
        assert!(all_fired, "{:?}", time::timers(1));
        let after = time::timers(1);
        assert!(after.latest() > Some(Duration::from_nanos(1)), "{after:?}");
        assert_eq!(time::bucket_end(9), Duration::from_nanos(1024));
        // One jitter for each, and none larger than the largest lateness.
        assert_eq!(after.jitter.count(), after.fired(), "{after:?}");
        assert!(after.jitter.below(100) <= after.latest(), "{after:?}");
        let [half, most] = [50, 99].map(|percent| after.late.below(percent));
        assert!(half <= most && most <= after.latest(), "{after:?}");
    });
}

/// On one core, so that nobody overtakes.
fn deadlines_come_in_order(cx: &mut TaskCx) {
    // An emulator that is stopped for a while by a busy machine lets some come to their deadline
    // before they sleep: those say nothing about the order of waking, so it is tried again with more
    // time before the first.
    let leads = [400, 2_000, 10_000].map(Duration::from_millis);
    assert!(
        leads.into_iter().any(|lead| come_in_order(cx, lead)),
        "too slow a machine for this"
    );
}

/// Whether all slept in time, `lead` before the first is to wake.
fn come_in_order(cx: &mut TaskCx, lead: Duration) -> bool {
    const SLEEPERS: u64 = 32;
    static ORDER: SpinLock<heapless::Vec<u64, 64>> = SpinLock::new(heapless::Vec::new());
    static LATE: AtomicU64 = AtomicU64::new(0);
    ORDER.lock(cx.atomic()).clear();
    LATE.store(0, Ordering::Relaxed);
    let base = time::now() + lead;
    for n in 0..SLEEPERS {
        // In an order of their own: 7 has no divisor in common with 32.
        let place = n * 7 % SLEEPERS;
        let deadline = base + Duration::from_millis(10 * place);
        spawn_on(1, Priority::fifo(10), move |cx| {
            if time::now() >= base {
                LATE.fetch_add(1, Ordering::Relaxed);
            }
            time::sleep_until(cx, deadline);
            assert!(time::now() >= deadline);
            let _ = ORDER.lock(cx.atomic()).push(place);
        })
        .detach();
    }
    wait_for(cx, "all are up", || {
        // SAFETY: CX-ATOMIC: nothing sleeps while it is looked at.
        let cx = unsafe { layercake_kernel::TaskAtomic::assume() };
        ORDER.lock(cx).len() == SLEEPERS as usize
    });
    if LATE.load(Ordering::Relaxed) > 0 {
        return false;
    }
    let order = ORDER.lock(cx.atomic());
    assert!(order.is_sorted(), "{order:?}");
    true
}

fn far_deadlines_do_not_come(cx: &mut TaskCx) {
    static WOKEN: AtomicU64 = AtomicU64::new(0);
    for deadline in [
        time::Instant::MAX,
        time::Instant::from_nanos(u64::MAX - 1),
        time::now() + Duration::from_secs(100 * 365 * 24 * 3600),
    ] {
        spawn_on(1, Priority::default(), move |cx| {
            time::sleep_until(cx, deadline);
            WOKEN.fetch_add(1, Ordering::Relaxed);
        })
        .detach();
    }
    time::sleep(cx, Duration::from_millis(100));
    assert_eq!(WOKEN.load(Ordering::Relaxed), 0);
    // Nearer ones still do.
    run_on(cx, 1, Priority::default(), |cx| {
        time::sleep(cx, Duration::from_millis(5))
    });
}

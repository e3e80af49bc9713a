//! Wakes from hard interrupts, on every core and at any moment: none is lost, none blocks (W1,
//! W11).
//@ case: short
//@ timeout: 90
//@ case: long
//@ timeout: 600
//@ full
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

extern crate alloc;

mod support;

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use layercake_kernel::{IrqCx, kprintln, platform};
use support::*;

kernel_cases!(short, long);

fn short(cx: &mut TaskCx) {
    storm(cx, 5_000, 20);
}

/// 100,000 wakes.
fn long(cx: &mut TaskCx) {
    storm(cx, 25_000, 500);
}

/// What belongs to a core.
struct Site {
    queue: WaitQueue,
    /// How many interrupts were asked for, have come, and were seen by the waiting thread.
    asked: AtomicU64,
    came: AtomicU64,
    seen: AtomicU64,
    /// Who asked waits here, if it is told to be patient.
    answer: WaitQueue,
}

static SITES: [Site; cpu::MAX] = [const {
    Site {
        queue: WaitQueue::new("an interrupt"),
        asked: AtomicU64::new(0),
        came: AtomicU64::new(0),
        seen: AtomicU64::new(0),
        answer: WaitQueue::new("an answer"),
    }
}; cpu::MAX];

/// Says to the threads that wait: there will be no more.
const END: u64 = u64::MAX;

/// In the interrupt: what was asked for has come, on this core.
fn handler(_: IrqCx<'_>) {
    let here = &SITES[cpu::current()];
    let asked = here.asked.load(Ordering::Acquire);
    here.came.store(asked, Ordering::Release);
    here.queue.wake_one();
}

fn storm(cx: &mut TaskCx, each: u64, seconds: u64) {
    let sgi = register_sgi(cx, 0, handler);
    // For the interrupts of core n a thread waits on core n or, for odd n, on the one before it.
    let waiters: Vec<_> = cores()
        .map(|site| {
            let core = if site % 2 == 0 { site } else { site - 1 };
            spawn_on(core, Priority::round_robin(8), move |cx| {
                let site = &SITES[site];
                loop {
                    let seen = site.seen.load(Ordering::Relaxed);
                    let came = site.queue.wait_until(cx, |_| {
                        let came = site.came.load(Ordering::Acquire);
                        (came > seen).then_some(came)
                    });
                    if came == END {
                        break;
                    }
                    assert_eq!(came, seen + 1);
                    site.seen.store(came, Ordering::Release);
                    site.answer.wake_one();
                }
            })
        })
        .collect();
    static SENT: AtomicU64 = AtomicU64::new(0);
    // One thread asks for the interrupts of each core, from the core behind it.
    let senders: Vec<_> = cores()
        .map(|target| {
            let from = (target + 1) % cpu::count();
            spawn_on(from, Priority::default(), move |cx| {
                let site = &SITES[target];
                let random = Random::new(target as u64 * 3 + 1);
                let sent = Budget::new(each, seconds).spend(|n| {
                    site.asked.store(n + 1, Ordering::Release);
                    platform::get().send_sgi(target, sgi);
                    // Asleep meanwhile, mostly, so that its core idles when the next one comes.
                    let seen = || site.seen.load(Ordering::Acquire) == n + 1;
                    if random.below(8) == 0 {
                        spin_until("the thread was woken", seen);
                    } else {
                        wait_on(cx, &site.answer, "the thread was woken", seen);
                    }
                    // Now and then it is asleep by then, now and then about to be.
                    random.dawdle(400);
                });
                SENT.fetch_add(sent, Ordering::Relaxed);
            })
        })
        .collect();
    senders.into_iter().for_each(|thread| _ = thread.join(cx));
    for site in &SITES {
        site.came.store(END, Ordering::Release);
        site.queue.wake_one();
    }
    waiters.into_iter().for_each(|thread| _ = thread.join(cx));
    kprintln!("{} wakes from interrupts", SENT.load(Ordering::Relaxed));
}

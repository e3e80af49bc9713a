//! Waiting on the kernel: order of wakes (W4), wake_all (W5), deadlines (W9), the three steps, the
//! sticky permit (W2), wakes that are handed on (W3), and a sleep that uses no core.
//@ timeout: 90
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

extern crate alloc;

mod support;

use alloc::vec::Vec;
use core::pin::pin;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use layercake_kernel::wait::{Host as _, TimedOut};
use layercake_kernel::{Host, SpinLock, Waiter, kprintln};
use support::*;

kernel_tests!(
    a_true_condition_does_not_block,
    what_a_thread_waits_on_is_told,
    wake_one_is_first_in_first_out,
    wake_n_wakes_n,
    wake_all_wakes_all_that_are_there,
    shared_waiters_use_up_no_wake,
    a_deadline_ends_the_wait,
    wakes_in_vain_put_no_deadline_off,
    the_steps_lose_no_wake,
    clear_leaves_nothing_and_hands_on,
    a_permit_is_sticky,
    permits_do_not_add_up,
    a_sleeper_uses_no_core,
    the_past_needs_no_sleep,
    producers_and_consumers_lose_nothing,
);

fn a_true_condition_does_not_block(cx: &mut TaskCx) {
    static QUEUE: WaitQueue = WaitQueue::new("never");
    assert_eq!(QUEUE.wait_until(cx, |_| Some(7)), 7);
    let past = time::Instant::ZERO;
    assert_eq!(QUEUE.wait_until_deadline(cx, past, |_| Some(8)), Ok(8));
    assert_eq!(QUEUE.waiters(), 0);
    assert!(!QUEUE.wake_one());
    assert_eq!((QUEUE.wake_n(3), QUEUE.wake_all()), (0, 0));
}

fn what_a_thread_waits_on_is_told(cx: &mut TaskCx) {
    static QUEUE: WaitQueue = WaitQueue::new("a bus");
    static ANOTHER: WaitQueue = WaitQueue::new("a train");
    // The second one has the number and the memory of the first.
    for _ in 0..2 {
        let thread = spawn_on(1, Priority::default(), |cx| {
            for queue in [&QUEUE, &ANOTHER, &QUEUE] {
                queue.wait_once(cx);
            }
        });
        for queue in [&QUEUE, &ANOTHER, &QUEUE] {
            wait_until_blocked(cx, thread.id(), queue.name());
            assert!(queue.wake_one());
        }
        thread.join(cx);
    }
}

/// Threads that wait one behind the other, each until it was woken and the turn is at it.
struct Row {
    queue: WaitQueue,
    woken: SpinLock<Vec<usize>>,
}

impl Row {
    const fn new() -> Self {
        Self {
            queue: WaitQueue::new("a row"),
            woken: SpinLock::new(Vec::new()),
        }
    }

    /// Adds `count` waiters, in order; each notes its number when it is woken.
    fn add(&'static self, cx: &mut TaskCx, count: usize, shared: bool) -> Vec<JoinHandle> {
        let mut threads = Vec::new();
        for number in 0..count {
            let before = self.queue.waiters();
            threads.push(spawn_on(
                number % cpu::count(),
                Priority::default(),
                move |cx| {
                    let waiter = pin!(if shared {
                        Waiter::shared()
                    } else {
                        Waiter::new()
                    });
                    let waiter = waiter.as_ref();
                    waiter.prepare(&self.queue, cx);
                    waiter.maybe_block(cx);
                    waiter.accept();
                    self.woken.lock(cx.atomic()).push(number);
                },
            ));
            wait_for(cx, "it waits", || self.queue.waiters() == before + 1);
        }
        threads
    }

    /// Waits until `count` were woken in all; returns who.
    fn woken(&self, cx: &mut TaskCx, count: usize) -> Vec<usize> {
        let end = time::now() + PATIENCE;
        loop {
            let woken = self.woken.lock(cx.atomic()).clone();
            if woken.len() >= count {
                return woken;
            }
            assert!(time::now() < end, "only {woken:?} were woken");
            time::sleep(cx, Duration::from_millis(1));
        }
    }
}

fn wake_one_is_first_in_first_out(cx: &mut TaskCx) {
    static ROW: Row = Row::new();
    let threads = ROW.add(cx, 8, false);
    for count in 1..=8 {
        assert!(ROW.queue.wake_one());
        assert_eq!(ROW.queue.waiters(), 8 - count);
        let woken = ROW.woken(cx, count);
        assert_eq!(woken, (0..count).collect::<Vec<_>>());
    }
    assert!(!ROW.queue.wake_one());
    threads.into_iter().for_each(|thread| _ = thread.join(cx));
}

fn wake_n_wakes_n(cx: &mut TaskCx) {
    static ROW: Row = Row::new();
    let threads = ROW.add(cx, 6, false);
    assert_eq!(ROW.queue.wake_n(4), 4);
    let mut woken = ROW.woken(cx, 4);
    woken.sort_unstable();
    assert_eq!(woken, [0, 1, 2, 3]);
    assert_eq!(ROW.queue.waiters(), 2);
    assert_eq!(ROW.queue.wake_n(100), 2);
    threads.into_iter().for_each(|thread| _ = thread.join(cx));
}

fn wake_all_wakes_all_that_are_there(cx: &mut TaskCx) {
    static ROW: Row = Row::new();
    // More than are woken in one go under the lock.
    let threads = ROW.add(cx, 40, false);
    assert_eq!(ROW.queue.wake_all(), 40);
    assert_eq!(ROW.woken(cx, 40).len(), 40);
    assert_eq!(ROW.queue.waiters(), 0);
    threads.into_iter().for_each(|thread| _ = thread.join(cx));
}

fn shared_waiters_use_up_no_wake(cx: &mut TaskCx) {
    static SHARED: Row = Row::new();
    let mut threads = SHARED.add(cx, 3, true);
    assert!(!SHARED.queue.wake_one(), "there was no exclusive waiter");
    SHARED.woken(cx, 3);
    static MIXED: Row = Row::new();
    threads.extend(MIXED.add(cx, 3, true));
    threads.extend(MIXED.add(cx, 2, false));
    assert!(MIXED.queue.wake_one());
    MIXED.woken(cx, 4);
    assert_eq!(MIXED.queue.waiters(), 1);
    assert!(MIXED.queue.wake_one());
    threads.into_iter().for_each(|thread| _ = thread.join(cx));
}

fn a_deadline_ends_the_wait(cx: &mut TaskCx) {
    static QUEUE: WaitQueue = WaitQueue::new("in vain");
    for millis in [0, 1, 5, 20, 60] {
        let deadline = time::now() + Duration::from_millis(millis);
        let end = QUEUE.wait_until_deadline(cx, deadline, |_| None::<()>);
        assert_eq!(end, Err(TimedOut));
        assert!(time::now() >= deadline, "it ended early");
        assert_eq!(QUEUE.waiters(), 0, "it is still on the queue");
    }
    // A wake comes long before the deadline.
    static GO: AtomicBool = AtomicBool::new(false);
    let waker = spawn_on(1, Priority::default(), |cx| {
        wait_for(cx, "somebody waits", || QUEUE.waiters() == 1);
        GO.store(true, Ordering::Relaxed);
        QUEUE.wake_one();
    });
    let deadline = time::now() + Duration::from_secs(3600);
    let end = QUEUE.wait_until_deadline(cx, deadline, |_| GO.load(Ordering::Relaxed).then_some(3));
    assert_eq!(end, Ok(3));
    waker.join(cx);
}

fn wakes_in_vain_put_no_deadline_off(cx: &mut TaskCx) {
    static QUEUE: WaitQueue = WaitQueue::new("noise");
    static END: AtomicBool = AtomicBool::new(false);
    static WAKES: AtomicU32 = AtomicU32::new(0);
    let noise = spawn_on(3, Priority::default(), |_| {
        while !END.load(Ordering::Relaxed) {
            WAKES.fetch_add(u32::from(QUEUE.wake_one()), Ordering::Relaxed);
            time::spin_for(Duration::from_micros(100));
        }
    });
    for _ in 0..5 {
        let deadline = time::now() + Duration::from_millis(50);
        let end = QUEUE.wait_until_deadline(cx, deadline, |_| None::<()>);
        assert_eq!(end, Err(TimedOut));
        assert!(time::now() >= deadline);
    }
    END.store(true, Ordering::Relaxed);
    noise.join(cx);
    kprintln!("  {} wakes in vain", WAKES.load(Ordering::Relaxed));
}

fn the_steps_lose_no_wake(cx: &mut TaskCx) {
    static QUEUE: WaitQueue = WaitQueue::new("the steps");
    let waiter = pin!(Waiter::new());
    let waiter = waiter.as_ref();
    // Not on a queue: nothing to block for.
    waiter.maybe_block(cx);
    for _ in 0..10 {
        waiter.prepare(&QUEUE, cx);
        assert_eq!(QUEUE.waiters(), 1);
        // Again on the same queue changes nothing.
        waiter.prepare(&QUEUE, cx);
        assert_eq!(QUEUE.waiters(), 1);
        assert!(QUEUE.wake_one());
        // Woken between prepare and block: it returns at once, and so does the next one.
        waiter.maybe_block(cx);
        waiter.maybe_block(cx);
        waiter.clear();
        assert_eq!(QUEUE.waiters(), 0);
    }
    waiter.prepare(&QUEUE, cx);
    let deadline = time::now() + Duration::from_millis(5);
    assert_eq!(waiter.maybe_block_until(cx, deadline), Err(TimedOut));
    assert_eq!(QUEUE.waiters(), 0);
}

fn clear_leaves_nothing_and_hands_on(cx: &mut TaskCx) {
    static QUEUE: WaitQueue = WaitQueue::new("handed on");
    static OTHER: WaitQueue = WaitQueue::new("another");
    static WOKEN: AtomicBool = AtomicBool::new(false);
    let first = pin!(Waiter::new());
    let first = first.as_ref();
    first.prepare(&QUEUE, cx);
    let second = spawn_on(1, Priority::default(), |cx| {
        QUEUE.wait_once(cx);
        WOKEN.store(true, Ordering::Release);
    });
    wait_for(cx, "both wait", || QUEUE.waiters() == 2);
    assert!(QUEUE.wake_one());
    assert_eq!(QUEUE.waiters(), 1);
    // The wake was this thread's, which leaves without having used it.
    first.clear();
    wait_for(cx, "it is handed on", || WOKEN.load(Ordering::Acquire));
    second.join(cx);
    // To another queue, and out of scope.
    {
        let waiter = pin!(Waiter::new());
        let waiter = waiter.as_ref();
        waiter.prepare(&QUEUE, cx);
        waiter.prepare(&OTHER, cx);
        assert_eq!((QUEUE.waiters(), OTHER.waiters()), (0, 1));
    }
    assert_eq!(OTHER.waiters(), 0);
}

fn a_permit_is_sticky(cx: &mut TaskCx) {
    let me = Host::current();
    Host::unpark(&me);
    Host::park(cx, None);
    // From another core, well before.
    static DONE: AtomicBool = AtomicBool::new(false);
    let other = spawn_on(3, Priority::default(), move |_| {
        Host::unpark(&me);
        DONE.store(true, Ordering::Release);
    });
    spin_until("it is unparked", || DONE.load(Ordering::Acquire));
    Host::park(cx, None);
    other.join(cx);
}

fn permits_do_not_add_up(cx: &mut TaskCx) {
    let me = Host::current();
    for _ in 0..10 {
        Host::unpark(&me);
    }
    Host::park(cx, None);
    let deadline = time::now() + Duration::from_millis(20);
    Host::park(cx, Some(deadline));
    assert!(time::now() >= deadline, "a second permit was left");
}

fn a_sleeper_uses_no_core(cx: &mut TaskCx) {
    const NAPS: u32 = 20;
    // Not by its switches: on a busy machine a nap may be over before the thread is off its core.
    static HAD: AtomicU32 = AtomicU32::new(0);
    let thread = thread::spawn("sleeper", Priority::default(), |cx| {
        for _ in 0..NAPS {
            time::sleep(cx, Duration::from_millis(30));
            HAD.fetch_add(1, Ordering::Release);
        }
        time::sleep(cx, PATIENCE * 100);
    });
    let thread = thread.expect("a thread");
    let id = thread.id();
    let start = time::now();
    // Asleep, by its own account.
    wait_until_blocked(cx, id, "sleep");
    wait_for(cx, "it has had its naps", || {
        HAD.load(Ordering::Acquire) == NAPS
    });
    let elapsed = time::now().saturating_duration_since(start);
    let info = look_at(id).expect("it lives");
    kprintln!(
        "  ran {:?} of {elapsed:?}, in {} switches",
        info.run_time,
        info.switches
    );
    // One that polls the time would have run all the time.
    assert!(info.run_time < elapsed / 2);
    assert!(info.switches < u64::from(NAPS) * 4);
    thread.detach();
}

fn the_past_needs_no_sleep(cx: &mut TaskCx) {
    time::sleep(cx, Duration::ZERO);
    time::sleep_until(cx, time::Instant::ZERO);
    time::sleep_until(cx, time::now());
}

/// Wake-ones are neither lost nor swallowed (W1, W3): producers on all cores, consumers on all,
/// each thing taken once.
fn producers_and_consumers_lose_nothing(cx: &mut TaskCx) {
    static STORE: SpinLock<(Vec<u64>, bool)> = SpinLock::new((Vec::new(), false));
    static QUEUE: WaitQueue = WaitQueue::new("goods");
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    static MADE: AtomicU64 = AtomicU64::new(0);
    let consumers: Vec<_> = cores()
        .flat_map(|core| [core, core])
        .map(|core| {
            spawn_on(core, Priority::default(), |cx| {
                loop {
                    let next = QUEUE.wait_until(cx, |cx| {
                        let mut store = STORE.lock(cx);
                        match store.0.pop() {
                            Some(thing) => Some(Some(thing)),
                            None => store.1.then_some(None),
                        }
                    });
                    let Some(thing) = next else { break };
                    TAKEN.fetch_add(thing, Ordering::Relaxed);
                }
            })
        })
        .collect();
    in_parallel(cx, 1, |core, cx| {
        let random = Random::new(core as u64 + 5);
        Budget::new(5000, 8).spend(|n| {
            let mut store = STORE.lock(cx.atomic());
            store.0.push(n + 1);
            let full = store.0.len() > 50;
            drop(store);
            MADE.fetch_add(n + 1, Ordering::Relaxed);
            QUEUE.wake_one();
            if full {
                // Else there is much left in the end where the emulator has few processors.
                time::sleep(cx, Duration::from_millis(1));
            }
            random.dawdle(500);
        });
    });
    // One wake for each thing must have been enough.
    wait_for(cx, "all is taken", || {
        TAKEN.load(Ordering::Relaxed) == MADE.load(Ordering::Relaxed)
    });
    STORE.lock(cx.atomic()).1 = true;
    QUEUE.wake_all();
    consumers.into_iter().for_each(|thread| _ = thread.join(cx));
    assert_eq!(QUEUE.waiters(), 0);
}

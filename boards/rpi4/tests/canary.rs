//! The tests can fail: what is wrong on purpose is found. A torture run that could not fail would
//! prove nothing.
//!
//! The wrong wait of the lecture's first attempt, check and then sleep, must lose a wake; a store
//! and a load without a fence between them must be seen out of order, and never with one.
//@ case: a_lost_wake_is_found
//@ timeout: 60
//@ exit: 101
//@ expect: was lost
//@ case: a_missing_lock_is_found
//@ timeout: 60
//@ exit: 101
//@ expect: the counter is not exact
//@ case: a_load_overtakes_a_store_without_a_fence
//@ timeout: 90
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

mod support;

use core::cell::UnsafeCell;
use core::pin::pin;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering, compiler_fence, fence};
use layercake_kernel::{Waiter, kprintln};
use support::*;

kernel_cases!(
    a_lost_wake_is_found,
    a_missing_lock_is_found,
    a_load_overtakes_a_store_without_a_fence,
);

/// Longer than any wake takes, unless it is lost.
const LONG: Duration = Duration::from_secs(8);

/// Looks, and only then goes to sleep: attempt 1.
fn a_lost_wake_is_found(cx: &mut TaskCx) {
    static QUEUE: WaitQueue = WaitQueue::new("attempt 1");
    static TOLD: AtomicU64 = AtomicU64::new(0);
    static HEARD: AtomicU64 = AtomicU64::new(0);
    spawn_on(1, Priority::default(), move |cx| {
        let waiter = pin!(Waiter::new());
        let waiter = waiter.as_ref();
        for n in 1.. {
            while TOLD.load(Ordering::Relaxed) < n {
                // A wake that comes here finds nobody on the queue.
                waiter.prepare(&QUEUE, cx);
                // Here another look is missing.
                waiter.maybe_block(cx);
                waiter.accept();
            }
            HEARD.store(n, Ordering::Relaxed);
        }
    })
    .detach();
    run_on(cx, 2, Priority::default(), |_| {
        let random = Random::new(3);
        for n in 1.. {
            random.dawdle(300);
            TOLD.store(n, Ordering::Relaxed);
            QUEUE.wake_one();
            let end = time::now() + LONG;
            while HEARD.load(Ordering::Relaxed) < n {
                assert!(time::now() < end, "wake {n} was lost");
            }
        }
    });
}

/// Counts on two cores without any lock.
fn a_missing_lock_is_found(cx: &mut TaskCx) {
    struct Unlocked(UnsafeCell<u64>);
    // SAFETY: none: this is what is wrong.
    unsafe impl Sync for Unlocked {}
    static COUNT: Unlocked = Unlocked(UnsafeCell::new(0));
    static DONE: AtomicU64 = AtomicU64::new(0);
    let mut difference = 0;
    for _ in 0..100 {
        in_parallel(cx, 2, |_, _| {
            let done = Budget::new(50_000, 20).spend(|_| {
                let count = &raw const COUNT.0;
                // SAFETY: none: this is what is wrong.
                unsafe {
                    let count = (*count).get();
                    count.write_volatile(count.read_volatile() + 1);
                }
            });
            DONE.fetch_add(done, Ordering::Relaxed);
        });
        // SAFETY: all threads have ended.
        difference = DONE.load(Ordering::Relaxed) - unsafe { *COUNT.0.get() };
        if difference > 0 {
            break;
        }
    }
    assert_eq!(difference, 0, "the counter is not exact");
}

/// The store buffer: each of two cores stores to its own word and then loads the other's. Without
/// a fence both may read the old value; if that could not be seen here, a missing fence could not
/// be found by running.
fn a_load_overtakes_a_store_without_a_fence(cx: &mut TaskCx) {
    let end = time::now() + PATIENCE;
    let mut rounds = 0;
    let mut seen = 0;
    while seen == 0 {
        assert!(time::now() < end, "not in {rounds} rounds");
        rounds += 1;
        seen += both_read_the_old(cx, false);
        let fenced = both_read_the_old(cx, true);
        assert_eq!(fenced, 0, "in spite of the fence");
    }
    kprintln!("  {seen} times, in {rounds} rounds of {TRIALS}");
}

const TRIALS: usize = 2_000;

/// How often both cores read the old value.
fn both_read_the_old(cx: &mut TaskCx, fenced: bool) -> usize {
    /// A word of its own line, so that the two do not travel together.
    #[repr(align(64))]
    struct Word(AtomicUsize);
    static WORDS: [Word; 2] = [const { Word(AtomicUsize::new(0)) }; 2];
    static READ: [[AtomicUsize; TRIALS]; 2] =
        [const { [const { AtomicUsize::new(0) }; TRIALS] }; 2];
    static READY: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];
    WORDS
        .iter()
        .for_each(|word| word.0.store(0, Ordering::Relaxed));
    READY
        .iter()
        .for_each(|ready| ready.store(0, Ordering::Relaxed));
    let threads = [0, 1].map(|me: usize| {
        spawn_on(me + 1, Priority::fifo(5), move |_| {
            for trial in 1..=TRIALS {
                // In step, as far as that can be.
                READY[me].store(trial, Ordering::Release);
                spin_until("the other one is there", || {
                    READY[1 - me].load(Ordering::Acquire) >= trial
                });
                WORDS[me].0.store(trial, Ordering::Relaxed);
                if fenced {
                    fence(Ordering::SeqCst);
                } else {
                    compiler_fence(Ordering::SeqCst);
                }
                READ[me][trial - 1]
                    .store(WORDS[1 - me].0.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        })
    });
    threads.into_iter().for_each(|thread| _ = thread.join(cx));
    let read = |me: usize, trial: usize| READ[me][trial].load(Ordering::Relaxed);
    (0..TRIALS)
        .filter(|trial| read(0, *trial) <= *trial && read(1, *trial) <= *trial)
        .count()
}

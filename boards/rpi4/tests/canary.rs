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
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, compiler_fence, fence};
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
    let (mut rounds, mut trials, mut seen) = (0, 0, 0);
    while seen == 0 {
        assert!(
            time::now() < end,
            "not in {rounds} rounds, {trials} meetings"
        );
        rounds += 1;
        let (met, both_old) = both_read_the_old(cx, false);
        (trials, seen) = (trials + met, seen + both_old);
        let (_, fenced) = both_read_the_old(cx, true);
        assert_eq!(fenced, 0, "in spite of the fence");
    }
    kprintln!("  {seen} times, in {rounds} rounds, {trials} meetings of {PAIRS} pairs");
}

/// How often the two cores meet in a round, at the most, and for how long.
const TRIALS: usize = 1_000;
const LONGEST: Duration = Duration::from_secs(1);
/// Pairs of words at each meeting: the two are in step only for a moment.
const PAIRS: usize = 16;

/// How often the cores met, and how often both read the old value of a pair.
fn both_read_the_old(cx: &mut TaskCx, fenced: bool) -> (usize, usize) {
    /// A word of its own line, so that the two do not travel together.
    #[repr(align(64))]
    struct Word(AtomicUsize);
    static WORDS: [[Word; PAIRS]; 2] = [const { [const { Word(AtomicUsize::new(0)) }; PAIRS] }; 2];
    static READ: [[[AtomicUsize; PAIRS]; TRIALS]; 2] =
        [const { [const { [const { AtomicUsize::new(0) }; PAIRS] }; TRIALS] }; 2];
    static READY: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];
    static OVER: AtomicBool = AtomicBool::new(false);
    let reset = |word: &AtomicUsize| word.store(0, Ordering::Relaxed);
    WORDS.iter().flatten().for_each(|word| reset(&word.0));
    READY.iter().for_each(reset);
    OVER.store(false, Ordering::Relaxed);
    let end = time::now() + LONGEST;
    let threads = [0, 1].map(|me: usize| {
        spawn_on(me + 1, Priority::fifo(5), move |_| {
            let random = Random::new(me as u64 + 1);
            for trial in 1..=TRIALS {
                // In step, as far as that can be: no clock is read in between, that takes too long.
                READY[me].store(trial, Ordering::Release);
                while READY[1 - me].load(Ordering::Acquire) < trial {
                    if OVER.load(Ordering::Relaxed) {
                        return;
                    }
                    core::hint::spin_loop();
                }
                random.dawdle(3);
                for pair in 0..PAIRS {
                    WORDS[me][pair].0.store(trial, Ordering::Relaxed);
                    if fenced {
                        fence(Ordering::SeqCst);
                    } else {
                        compiler_fence(Ordering::SeqCst);
                    }
                    let read = WORDS[1 - me][pair].0.load(Ordering::Relaxed);
                    READ[me][trial - 1][pair].store(read, Ordering::Relaxed);
                }
                if time::now() > end {
                    OVER.store(true, Ordering::Relaxed);
                }
            }
        })
    });
    threads.into_iter().for_each(|thread| _ = thread.join(cx));
    // Who is there in the next one has read all of the last.
    let ready = READY.each_ref().map(|ready| ready.load(Ordering::Relaxed));
    let met = match ready[0].min(ready[1]) {
        TRIALS => TRIALS,
        last => last.saturating_sub(1),
    };
    let old = |me: usize, trial: usize, pair: usize| {
        READ[me][trial][pair].load(Ordering::Relaxed) <= trial
    };
    let both = (0..met)
        .flat_map(|trial| (0..PAIRS).map(move |pair| (trial, pair)))
        .filter(|&(trial, pair)| old(0, trial, pair) && old(1, trial, pair))
        .count();
    (met, both)
}

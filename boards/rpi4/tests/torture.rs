//! Threads that wake one another as fast as they can, on all cores: no wake is lost (W1, W2), and
//! nobody ever runs on a stack that another core still uses (W10).
//!
//! Tokens travel among twelve threads. Who gets one checks that its stack is its own and passes
//! the token to another, parked or not. A lost wake stops a token; one stack used twice spoils a
//! pattern.
//@ case: short
//@ timeout: 90
//@ case: long
//@ timeout: 900
//@ full
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

extern crate alloc;

mod support;

use alloc::vec::Vec;
use core::hint::black_box;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use layercake_kernel::wait::Host as _;
use layercake_kernel::{Host, kprintln};
use support::*;

kernel_cases!(short, long);

fn short(cx: &mut TaskCx) {
    run(cx, 100_000, 20);
}

/// A million wakes.
fn long(cx: &mut TaskCx) {
    run(cx, 1_000_000, 800);
}

const THREADS: usize = 12;
const TOKENS: usize = 5;

type Task = <Host as layercake_kernel::wait::Host>::Task;

/// A place that tokens come to.
struct Seat {
    tokens: AtomicU64,
    /// The thread that sits there, once it does; a `Task` is a reference to something static.
    thread: AtomicPtr<()>,
}

static SEATS: [Seat; THREADS] = [const {
    Seat {
        tokens: AtomicU64::new(0),
        thread: AtomicPtr::new(core::ptr::null_mut()),
    }
}; THREADS];
static PASSED: AtomicU64 = AtomicU64::new(0);
static END: AtomicBool = AtomicBool::new(false);
static SEATED: AtomicUsize = AtomicUsize::new(0);

/// Passes a token to seat `to`.
fn pass(to: usize) {
    let seat = &SEATS[to];
    seat.tokens.fetch_add(1, Ordering::Release);
    unpark(seat);
}

fn unpark(seat: &Seat) {
    let thread = seat.thread.load(Ordering::Acquire);
    // SAFETY: THREAD-STABLE: the seat holds what `sit` put there, a reference to a thread, and
    // threads are never freed.
    let task: Task = unsafe { &*thread.cast() };
    Host::unpark(&task);
}

/// What fills a stack: different for every thread and every depth.
fn pattern(seat: usize, n: usize) -> u64 {
    (seat as u64 + 1) << 32 | n as u64
}

fn sit(cx: &mut TaskCx, seat: usize) {
    let task: Task = Host::current();
    let me = thread::current_id();
    SEATS[seat].thread.store(
        core::ptr::from_ref(task).cast_mut().cast(),
        Ordering::Release,
    );
    SEATED.fetch_add(1, Ordering::Release);
    let random = Random::new(seat as u64 * 97 + 13);
    let mut canary = [0; 64];
    for (n, place) in canary.iter_mut().enumerate() {
        *place = pattern(seat, n);
    }
    let canary = black_box(&mut canary);
    while !END.load(Ordering::Relaxed) {
        Host::park(cx, None);
        let kept = canary
            .iter()
            .enumerate()
            .all(|(n, value)| *value == pattern(seat, n));
        assert!(kept, "the stack of seat {seat} was used by another");
        assert_eq!(thread::current_id(), me);
        let tokens = SEATS[seat].tokens.swap(0, Ordering::Acquire);
        for _ in 0..tokens {
            // Most go to the next seat at once, so that it is just about to park.
            let step = if random.below(4) == 0 {
                random.below(THREADS as u64)
            } else {
                1
            };
            PASSED.fetch_add(1, Ordering::Relaxed);
            pass((seat + step as usize) % THREADS);
            if random.below(16) == 0 {
                random.dawdle(200);
            }
        }
    }
}

fn run(cx: &mut TaskCx, passes: u64, seconds: u64) {
    let threads: Vec<_> = (0..THREADS)
        .map(|seat| {
            // Some stay where they are, some go where there is room; in all classes.
            let cores = match seat % 3 {
                0 => CpuSet::one(seat % cpu::count()),
                _ => CpuSet::first(cpu::count()),
            };
            let priority = match seat % 4 {
                0 => Priority::round_robin(7),
                _ => Priority::fair((seat as i8 - 6) * 3),
            };
            let thread = Builder::new("seat").affinity(cores).priority(priority);
            thread.spawn(move |cx| sit(cx, seat)).expect("a thread")
        })
        .collect();
    wait_for(cx, "all are seated", || {
        SEATED.load(Ordering::Acquire) == THREADS
    });
    for token in 0..TOKENS {
        pass(token * 2);
    }
    let end = time::now() + Duration::from_secs(seconds);
    let mut last = 0;
    while PASSED.load(Ordering::Relaxed) < passes && time::now() < end {
        time::sleep(cx, Duration::from_millis(100));
        // Tokens never rest: no progress means that a wake was lost.
        wait_for(cx, "the tokens travel", || {
            PASSED.load(Ordering::Relaxed) > last
        });
        last = PASSED.load(Ordering::Relaxed);
    }
    // All tokens are still there: stop one passing and count.
    END.store(true, Ordering::Relaxed);
    SEATS.iter().for_each(unpark);
    threads.into_iter().for_each(|thread| _ = thread.join(cx));
    let left: u64 = SEATS
        .iter()
        .map(|seat| seat.tokens.load(Ordering::Relaxed))
        .sum();
    assert_eq!(left, TOKENS as u64, "tokens were lost");
    kprintln!("{} passes", PASSED.load(Ordering::Relaxed));
    assert!(PASSED.load(Ordering::Relaxed) > 1000);
}

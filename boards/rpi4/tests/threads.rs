//! Threads begin, end, are joined and leave nothing behind: no memory, no number (S3).
//@ timeout: 120
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

extern crate alloc;

mod support;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use layercake_kernel::thread::{MAX_THREADS, NAME_LEN, SpawnError};
use layercake_kernel::{SpinLock, kprintln, memory};
use support::*;

kernel_tests!(
    a_thread_runs_and_is_joined,
    a_return_is_an_exit,
    names_are_cut_at_a_character,
    a_handle_outlives_its_thread,
    what_cannot_be_made_leaves_nothing,
    what_a_closure_owns_is_dropped,
    ten_thousand_leave_nothing,
    cores_make_threads_at_the_same_time,
    numbers_run_out_and_come_back,
    memory_runs_out_and_comes_back,
);

/// Bytes in use and threads alive, once everything has settled.
#[derive(Debug, PartialEq, Eq)]
struct Usage {
    heap: usize,
    frames: usize,
    threads: usize,
}

fn usage() -> Usage {
    let usage = memory::usage();
    Usage {
        heap: usage.heap.used,
        frames: usage.frames.used,
        threads: thread::snapshot().len(),
    }
}

/// Waits until all is as it was.
#[track_caller]
fn assert_back(cx: &mut TaskCx, before: &Usage) {
    wait_for(cx, "memory and threads are as they were", || {
        usage() == *before
    });
}

fn a_thread_runs_and_is_joined(cx: &mut TaskCx) {
    let ran = Arc::new(AtomicU32::new(0));
    let theirs = Arc::clone(&ran);
    let thread = thread::spawn("runs", Priority::default(), move |cx| {
        time::sleep(cx, Duration::from_millis(20));
        theirs.store(thread::current_id(), Ordering::Relaxed);
    });
    let thread = thread.expect("a thread");
    let id = thread.id();
    thread.join(cx);
    assert_eq!(ran.load(Ordering::Relaxed), id);
    assert!(look_at(id).is_none(), "it is still listed");
}

fn a_return_is_an_exit(cx: &mut TaskCx) {
    static AFTER: AtomicBool = AtomicBool::new(false);
    for leaves in [false, true] {
        let thread = thread::spawn("ends", Priority::default(), move |cx| {
            if leaves {
                // SAFETY: EXIT: its frames own nothing.
                unsafe { thread::exit(cx) };
            }
            AFTER.store(leaves, Ordering::Relaxed);
        });
        thread.expect("a thread").join(cx);
    }
    assert!(!AFTER.load(Ordering::Relaxed), "`exit` returned");
}

fn names_are_cut_at_a_character(cx: &mut TaskCx) {
    for (given, kept) in [
        ("short", "short"),
        ("", ""),
        ("exactly twenty-four long", "exactly twenty-four long"),
        ("a name of more than that, cut", "a name of more than that"),
        (
            "the crab does not fit: \u{1f980}",
            "the crab does not fit: ",
        ),
    ] {
        assert!(kept.len() <= NAME_LEN);
        static END: AtomicBool = AtomicBool::new(false);
        END.store(false, Ordering::Relaxed);
        let thread = thread::spawn(given, Priority::default(), |cx| {
            wait_for(cx, "it may end", || END.load(Ordering::Relaxed));
        });
        let thread = thread.expect("a thread");
        let info = look_at(thread.id()).expect("it lives");
        assert_eq!(info.name.as_str(), kept);
        END.store(true, Ordering::Relaxed);
        thread.join(cx);
    }
}

fn a_handle_outlives_its_thread(cx: &mut TaskCx) {
    let first = thread::spawn("first", Priority::default(), |_| {}).expect("a thread");
    wait_for(cx, "it ends", || first.is_finished());
    // Its number is its own as long as the handle lives.
    let second = thread::spawn("second", Priority::default(), |_| {}).expect("a thread");
    assert_ne!(first.id(), second.id());
    second.join(cx);
    assert!(first.is_finished());
    first.join(cx);
}

fn what_cannot_be_made_leaves_nothing(cx: &mut TaskCx) {
    let before = usage();
    let owned = Arc::new(());
    for (size, cores, why) in [
        (0, 0b1, SpawnError::StackSize),
        (4096, 0b1, SpawnError::StackSize),
        (1 << 40, 0b1, SpawnError::StackSize),
        (usize::MAX - 8191, 0b1, SpawnError::StackSize),
        (16384, 0b0, SpawnError::Affinity),
        (16384, 0b1111_0000, SpawnError::Affinity),
    ] {
        let owned = Arc::clone(&owned);
        let thread = Builder::new("not to be")
            .stack_size(size)
            .affinity(CpuSet::from_bits(cores))
            .spawn(move |_| drop(owned));
        assert_eq!(thread.map(|_| ()).unwrap_err(), why);
        kprintln!("  {why}");
    }
    assert_eq!(Arc::strong_count(&owned), 1);
    drop(owned);
    assert_back(cx, &before);
}

fn what_a_closure_owns_is_dropped(cx: &mut TaskCx) {
    let owned = Arc::new(());
    for _ in 0..10 {
        let theirs = Arc::clone(&owned);
        let thread = thread::spawn("owner", Priority::default(), move |_| drop(theirs));
        thread.expect("a thread").join(cx);
    }
    assert_eq!(Arc::strong_count(&owned), 1);
}

fn ten_thousand_leave_nothing(cx: &mut TaskCx) {
    static RAN: AtomicU64 = AtomicU64::new(0);
    static HIGHEST: AtomicU32 = AtomicU32::new(0);
    /// Between two of these all threads end. So at most a quarter as many live at once: on a busy
    /// machine a core can stand still for a while with the detached ones that were put there.
    const PAUSE: u64 = 64;
    let living = usage().threads;
    let run = |cx: &mut TaskCx, n: u64| {
        let thread = thread::spawn("one of many", Priority::default(), |_| {
            RAN.fetch_add(1, Ordering::Relaxed);
            HIGHEST.fetch_max(thread::current_id(), Ordering::Relaxed);
        });
        let thread = thread.expect("a thread");
        if n.is_multiple_of(4) {
            thread.detach();
        } else {
            thread.join(cx);
        }
        if n.is_multiple_of(PAUSE) {
            // A thread that has run may not have ended yet.
            wait_for(cx, "the threads are gone", || usage().threads == living);
        }
    };
    for n in 0..=2 * PAUSE {
        run(cx, n);
    }
    let before = usage();
    let done = Budget::new(10_000, 20).spend(|n| run(cx, n));
    wait_for(cx, "the threads are gone", || usage().threads == living);
    assert_eq!(RAN.load(Ordering::Relaxed), 2 * PAUSE + 1 + done);
    let highest = HIGHEST.load(Ordering::Relaxed);
    kprintln!("  {done} threads, numbers up to {highest}");
    // Numbers keep a thread's memory; a few more than in the beginning may have been needed.
    let grown = usage().heap.saturating_sub(before.heap);
    assert!(grown < 100 * 1024, "the heap has {grown} bytes more in use");
    let most = living as u64 + 2 * PAUSE;
    assert!(u64::from(highest) < most, "numbers are not used again");
}

fn cores_make_threads_at_the_same_time(cx: &mut TaskCx) {
    static RAN: AtomicU64 = AtomicU64::new(0);
    static MADE: AtomicU64 = AtomicU64::new(0);
    let before = thread::snapshot().len();
    in_parallel(cx, 1, |core, cx| {
        let made = Budget::new(1000, 10).spend(|n| {
            let cores = CpuSet::one((core + n as usize) % cpu::count());
            let child = Builder::new("child").stack_size(16 * 1024).affinity(cores);
            let child = child.spawn(|_| _ = RAN.fetch_add(1, Ordering::Relaxed));
            child.expect("a thread").join(cx);
        });
        MADE.fetch_add(made, Ordering::Relaxed);
    });
    assert_eq!(RAN.load(Ordering::Relaxed), MADE.load(Ordering::Relaxed));
    wait_for(cx, "the threads are gone", || {
        thread::snapshot().len() == before
    });
}

/// Makes threads that wait, until one cannot be made. Returns why, and how many there were.
///
/// All of it on one core: between cores that an emulator shares among too few of its host's,
/// four thousand switches take half a minute.
fn as_many_as_possible(cx: &mut TaskCx, stack: usize) -> (SpawnError, usize) {
    static RESULT: SpinLock<Option<(SpawnError, usize)>> = SpinLock::new(None);
    run_on(cx, 0, Priority::default(), move |cx| {
        let result = as_many_as_possible_here(cx, stack);
        *RESULT.lock(cx.atomic()) = Some(result);
    });
    RESULT.lock(cx.atomic()).take().expect("a result")
}

fn as_many_as_possible_here(cx: &mut TaskCx, stack: usize) -> (SpawnError, usize) {
    static GATE: WaitQueue = WaitQueue::new("the gate");
    static OPEN: AtomicBool = AtomicBool::new(false);
    OPEN.store(false, Ordering::Relaxed);
    let mut made = Vec::with_capacity(MAX_THREADS);
    let why = loop {
        let waits = Builder::new("waits")
            .stack_size(stack)
            .affinity(CpuSet::one(0));
        let thread = waits.spawn(|cx| {
            GATE.wait_until(cx, |_| OPEN.load(Ordering::Relaxed).then_some(()));
        });
        match thread {
            Ok(thread) => made.push(thread),
            Err(why) => break why,
        }
    };
    let count = made.len();
    OPEN.store(true, Ordering::Relaxed);
    GATE.wake_all();
    made.into_iter().for_each(|thread| _ = thread.join(cx));
    (why, count)
}

fn numbers_run_out_and_come_back(cx: &mut TaskCx) {
    let living = thread::snapshot().len();
    let before = usage();
    let (why, count) = as_many_as_possible(cx, 8 * 1024);
    assert_eq!(why, SpawnError::OutOfMemory);
    // One number is that of the thread that makes them.
    assert_eq!(count + living + 1, MAX_THREADS, "some number cannot be had");
    // Numbers keep their thread's memory and its stack for the next one.
    let settled = usage();
    kprintln!("  {count} threads; {before:?}, then {settled:?}");
    let (_, again) = as_many_as_possible(cx, 8 * 1024);
    assert_eq!(again, count);
    assert_back(cx, &settled);
}

fn memory_runs_out_and_comes_back(cx: &mut TaskCx) {
    let (why, count) = as_many_as_possible(cx, 248 * 1024);
    assert_eq!(why, SpawnError::OutOfMemory);
    let settled = usage();
    kprintln!("  {count} threads; then {settled:?}");
    assert!(count > 100, "hardly a thread could be made");
    for _ in 0..2 {
        let (_, again) = as_many_as_possible(cx, 248 * 1024);
        assert_eq!(again, count);
        // A thread of another size takes the place of one that was kept.
        a_thread_runs_and_is_joined(cx);
    }
    let now = usage();
    assert!(now.frames <= settled.frames, "{now:?}");
    assert_eq!(now.threads, settled.threads);
}

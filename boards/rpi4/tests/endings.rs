//! How threads end, and what they leave: values, kills, thread-local values, counts.
//@ timeout: 60
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

extern crate alloc;

mod support;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use layercake_kernel::thread::{ChangeError, Exit, NoValue};
use layercake_kernel::wait::{Interval, WaitError};
use layercake_kernel::{memory, thread_local};
use support::*;

kernel_tests!(
    a_join_has_the_value,
    a_value_nobody_wants_is_dropped,
    an_exit_leaves_no_value,
    a_join_reaps,
    a_kill_ends_a_sleep,
    a_kill_ends_a_wait,
    a_kill_ends_a_wait_with_a_deadline,
    a_deadline_is_kept_until_a_kill,
    a_kill_waits_for_the_next_wait,
    a_kill_does_not_outlive_the_thread,
    who_cannot_be_killed,
    locals_are_each_threads_own,
    locals_are_dropped_at_the_end,
    what_happens_is_counted,
);

const LONG: Duration = Duration::from_secs(3600);

fn a_join_has_the_value(cx: &mut TaskCx) {
    let text = thread::spawn("text", Priority::default(), |_| String::from("a value"));
    let text = text.expect("a thread").join(cx);
    assert_eq!(text, Exit::Returned(String::from("a value")));
    // Larger than what made it, and the other way round.
    let large = thread::spawn("large", Priority::default(), |_| [7_u64; 100]);
    let large = large.expect("a thread").join(cx);
    assert_eq!(large.into_result(), Ok([7; 100]));
    let given = [9_u64; 100];
    let small = thread::spawn("small", Priority::default(), move |_| given[99] as u8);
    assert_eq!(small.expect("a thread").join(cx).returned(), Some(9));
}

fn a_value_nobody_wants_is_dropped(cx: &mut TaskCx) {
    static GATE: WaitQueue = WaitQueue::new("the gate");
    static OPEN: AtomicBool = AtomicBool::new(false);
    let owned = Arc::new(());
    for early in [false, true] {
        OPEN.store(!early, Ordering::Relaxed);
        let theirs = Arc::clone(&owned);
        let handle = thread::spawn("value", Priority::default(), move |cx| {
            GATE.wait_until(cx, |_| OPEN.load(Ordering::Relaxed).then_some(()));
            theirs
        });
        let handle = handle.expect("a thread");
        if !early {
            wait_for(cx, "it ends", || handle.is_finished());
            assert_eq!(Arc::strong_count(&owned), 2, "the value is not kept");
        }
        handle.detach();
        OPEN.store(true, Ordering::Relaxed);
        GATE.wake_all();
        wait_for(cx, "the value is dropped", || {
            Arc::strong_count(&owned) == 1
        });
    }
}

fn an_exit_leaves_no_value(cx: &mut TaskCx) {
    let leaves = thread::spawn("leaves", Priority::default(), |cx| {
        if cpu::count() > 0 {
            // SAFETY: EXIT: its frames own nothing.
            unsafe { thread::exit(cx) };
        }
        5
    });
    let exit = leaves.expect("a thread").join(cx);
    assert_eq!(exit, Exit::Exited);
    assert_eq!(exit.into_result(), Err(NoValue::Exited));
}

/// Number, stack and memory are free when a join returns, not some time later.
fn a_join_reaps(cx: &mut TaskCx) {
    let spawn = || {
        let body = Box::new([1_u8; 3000]);
        let thread = Builder::new("one after the other").stack_size(32 * 1024);
        thread.spawn(move |_| body[2999]).expect("a thread")
    };
    let first = spawn();
    let id = first.id();
    let _ = first.join(cx);
    let used = memory::usage().heap.used;
    for _ in 0..500 {
        let next = spawn();
        assert_eq!(next.id(), id, "the number was not free");
        assert_eq!(next.join(cx), Exit::Returned(1));
        assert_eq!(memory::usage().heap.used, used, "memory was kept");
    }
}

fn a_kill_ends_a_sleep(cx: &mut TaskCx) {
    let owned = Arc::new(());
    let theirs = Arc::clone(&owned);
    let sleeper = thread::spawn("sleeps", Priority::default(), move |cx| {
        let slept = thread::sleep(cx, LONG);
        assert!(slept.is_err() && thread::sleep(cx, LONG).is_err());
        drop(theirs);
    });
    let sleeper = sleeper.expect("a thread");
    wait_until_blocked(cx, sleeper.id(), "sleep");
    assert_eq!(sleeper.kill(), Ok(()));
    assert_eq!(sleeper.join(cx), Exit::Killed);
    assert_eq!(Arc::strong_count(&owned), 1, "its frames were not left");
    // One that was killed before it began.
    let sleeper = spawn_on(0, Priority::default(), |cx| _ = thread::sleep(cx, LONG));
    let _ = thread::kill(sleeper.id());
    assert_eq!(sleeper.join(cx), Exit::Killed);
}

fn a_kill_ends_a_wait(cx: &mut TaskCx) {
    static NEVER: WaitQueue = WaitQueue::new("never");
    for uses_token in [false, true] {
        let waiter = thread::spawn("waits", Priority::default(), move |cx| {
            if uses_token {
                thread::with_cancel(cx, |cx, token| {
                    NEVER.wait_until_cancelled(cx, token, |_| None::<()>)
                })
            } else {
                thread::wait_until(cx, &NEVER, |_| None::<()>)
            }
        });
        let waiter = waiter.expect("a thread");
        wait_until_blocked(cx, waiter.id(), "never");
        assert_eq!(thread::kill(waiter.id()), Ok(()));
        assert_eq!(waiter.join(cx), Exit::Killed);
        assert_eq!(NEVER.waiters(), 0);
    }
}

/// However far the deadline: an hour here, and a tick that is an hour away.
fn a_kill_ends_a_wait_with_a_deadline(cx: &mut TaskCx) {
    static NEVER: WaitQueue = WaitQueue::new("never, or in an hour");
    let waits = || {
        let waiter = thread::spawn("waits", Priority::default(), |cx| {
            let hour = time::now() + LONG;
            let waited = thread::wait_until_deadline(cx, &NEVER, hour, |_| None::<()>);
            assert_eq!(waited, Err(WaitError::Cancelled));
            // Those to come end at once, too, but for a condition that is true.
            let again = thread::wait_until_deadline(cx, &NEVER, hour, |_| None::<()>);
            assert_eq!(again, Err(WaitError::Cancelled));
            let there = thread::wait_until_deadline(cx, &NEVER, hour, |_| Some(5));
            assert_eq!(there, Ok(5));
        });
        waiter.expect("a thread")
    };
    let waiter = waits();
    wait_until_blocked(cx, waiter.id(), "never, or in an hour");
    assert_eq!(waiter.kill(), Ok(()));
    assert_eq!(waiter.join(cx), Exit::Killed);
    assert_eq!(NEVER.waiters(), 0);
    // One that is killed on its way there, or before it began.
    let waiter = waits();
    assert_eq!(waiter.kill(), Ok(()));
    assert_eq!(waiter.join(cx), Exit::Killed);
    let ticker = thread::spawn("ticks", Priority::default(), |cx| {
        let mut interval = Interval::starting_at(time::now(), LONG);
        assert!(thread::tick(cx, &mut interval).is_ok(), "the first is due");
        assert!(thread::tick(cx, &mut interval).is_err());
    });
    let ticker = ticker.expect("a thread");
    wait_until_blocked(cx, ticker.id(), "sleep");
    assert_eq!(ticker.kill(), Ok(()));
    assert_eq!(ticker.join(cx), Exit::Killed);
}

/// Without a kill the deadline is what ends the wait, and a wake in vain does not.
fn a_deadline_is_kept_until_a_kill(cx: &mut TaskCx) {
    static QUIET: WaitQueue = WaitQueue::new("woken in vain");
    let waiter = thread::spawn("waits", Priority::default(), |cx| {
        let deadline = time::now() + Duration::from_millis(30);
        let waited = thread::wait_until_deadline(cx, &QUIET, deadline, |_| None::<()>);
        assert_eq!(waited, Err(WaitError::TimedOut));
        assert!(time::now() >= deadline, "it came early");
        let mut interval = Interval::every(Duration::from_millis(1));
        let due = interval.next_tick();
        assert!(thread::tick(cx, &mut interval).is_ok() && time::now() >= due);
        thread::is_killed(cx)
    });
    let waiter = waiter.expect("a thread");
    while !waiter.is_finished() {
        QUIET.wake_all();
        time::sleep(cx, Duration::from_millis(1));
    }
    assert_eq!(waiter.join(cx), Exit::Returned(false));
}

/// A wait that cannot be called off goes on; the one after it ends the thread.
fn a_kill_waits_for_the_next_wait(cx: &mut TaskCx) {
    static GATE: WaitQueue = WaitQueue::new("the other gate");
    static OPEN: AtomicBool = AtomicBool::new(false);
    let thread = thread::spawn("busy", Priority::default(), |cx| {
        GATE.wait_until(cx, |_| OPEN.load(Ordering::Relaxed).then_some(()));
        assert!(OPEN.load(Ordering::Relaxed), "the wait was called off");
        while thread::sleep(cx, LONG).is_ok() {}
    });
    let thread = thread.expect("a thread");
    wait_until_blocked(cx, thread.id(), "the other gate");
    assert_eq!(thread.kill(), Ok(()));
    time::sleep(cx, Duration::from_millis(50));
    assert!(!thread.is_finished(), "it was taken out of a wait by force");
    OPEN.store(true, Ordering::Relaxed);
    GATE.wake_all();
    assert_eq!(thread.join(cx), Exit::Killed);
    // One that is done before it asks has its value.
    let deaf = thread::spawn("deaf", Priority::default(), |cx| {
        wait_for(cx, "it is killed", || KILLED.load(Ordering::Relaxed));
        17
    });
    static KILLED: AtomicBool = AtomicBool::new(false);
    let deaf = deaf.expect("a thread");
    assert_eq!(deaf.kill(), Ok(()));
    KILLED.store(true, Ordering::Relaxed);
    assert_eq!(deaf.join(cx), Exit::Returned(17));
}

fn a_kill_does_not_outlive_the_thread(cx: &mut TaskCx) {
    let spawn = || {
        thread::spawn("short", Priority::default(), |cx| {
            (thread::current_id(), thread::is_killed(cx))
        })
        .expect("a thread")
    };
    let first = spawn();
    let id = first.id();
    let _ = first.kill();
    let _ = first.join(cx);
    assert_eq!(thread::kill(id), Err(ChangeError::NoSuchThread));
    let second = spawn().join(cx);
    assert_eq!(second, Exit::Returned((id, false)), "it was born dead");
}

fn who_cannot_be_killed(_: &mut TaskCx) {
    assert_eq!(thread::kill(0), Err(ChangeError::Idle));
    assert_eq!(thread::kill(4000), Err(ChangeError::NoSuchThread));
    assert_eq!(thread::kill(u32::MAX), Err(ChangeError::NoSuchThread));
    for name in ["watchdog", "delays", "main", "worker/highpri"] {
        let all = thread::snapshot();
        let thread = all.iter().find(|info| info.name == name);
        let id = thread.expect("a thread of the kernel").id;
        assert_eq!(thread::kill(id), Err(ChangeError::Essential), "{name}");
    }
}

thread_local! {
    /// A number of each thread's own.
    static OWN: Cell<u64> = Cell::new(u64::from(thread::current_id()));
    static DROPS: Dropped = Dropped(Cell::new(0));
}

/// Adds up what there was when it is dropped.
struct Dropped(Cell<u64>);

static DROPPED: AtomicU64 = AtomicU64::new(0);

impl Drop for Dropped {
    fn drop(&mut self) {
        DROPPED.fetch_add(self.0.get(), Ordering::Relaxed);
    }
}

fn locals_are_each_threads_own(cx: &mut TaskCx) {
    in_parallel(cx, 3, |_, cx| {
        let me = u64::from(thread::current_id());
        for n in 0..50 {
            OWN.with(cx, |own, cx| {
                assert_eq!(own.get(), me + n, "the value of another thread");
                thread::yield_now(cx);
                own.set(own.get() + 1);
            });
        }
    });
}

fn locals_are_dropped_at_the_end(cx: &mut TaskCx) {
    let used = memory::usage().heap.used;
    for exits in [false, true] {
        DROPPED.store(0, Ordering::Relaxed);
        let thread = spawn_on(1 % cpu::count(), Priority::default(), move |cx| {
            DROPS.with(cx, |drops, _| drops.0.set(40));
            DROPS.with(cx, |drops, _| drops.0.set(drops.0.get() + 2));
            if exits {
                // SAFETY: EXIT: its frames own nothing.
                unsafe { thread::exit(cx) };
            }
        });
        let _ = thread.join(cx);
        assert_eq!(DROPPED.load(Ordering::Relaxed), 42);
        assert_eq!(memory::usage().heap.used, used, "the slots were kept");
    }
}

fn what_happens_is_counted(cx: &mut TaskCx) {
    static QUEUE: WaitQueue = WaitQueue::new("counted");
    static ROUND: AtomicU32 = AtomicU32::new(0);
    static END: AtomicBool = AtomicBool::new(false);
    let thread = thread::spawn("counted", Priority::default(), |cx| {
        time::spin_for(Duration::from_millis(20));
        for n in 1..=10 {
            QUEUE.wait_until(cx, |_| (ROUND.load(Ordering::Relaxed) >= n).then_some(()));
        }
        wait_for(cx, "the end", || END.load(Ordering::Relaxed));
    });
    let thread = thread.expect("a thread");
    let id = thread.id();
    for n in 1..=10 {
        wait_until_blocked(cx, id, "counted");
        ROUND.store(n, Ordering::Relaxed);
        QUEUE.wake_one();
    }
    let info = look_at(id).expect("it lives");
    assert!(info.run_time >= Duration::from_millis(20), "{info:?}");
    assert!(info.wakes >= 10 && info.switches >= 10, "{info:?}");
    for core in cores().chain(cores()) {
        thread.set_affinity(CpuSet::one(core)).expect("a core");
        wait_for(cx, "it is there", || {
            look_at(id).is_some_and(|info| info.core == core)
        });
    }
    let moved = look_at(id).expect("it lives");
    let least = 2 * cpu::count() as u64 - 1;
    assert!(moved.migrations >= info.migrations + least, "{moved:?}");
    END.store(true, Ordering::Relaxed);
    let _: Vec<()> = thread.join(cx).returned().into_iter().collect();
}

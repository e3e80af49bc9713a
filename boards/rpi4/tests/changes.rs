//! Priority and affinity of a thread are changed from outside, whatever it does: at once, and
//! without a tick.
//@ timeout: 60
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

extern crate alloc;

mod support;

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use layercake_kernel::SpinLock;
use layercake_kernel::thread::ChangeError;
use support::*;

kernel_tests!(
    a_raised_thread_runs_at_once,
    a_lowered_thread_makes_way,
    a_blocked_thread_wakes_with_its_new_priority,
    round_robin_begins_to_rotate,
    a_running_thread_is_moved,
    a_thread_moves_itself,
    a_waiting_thread_is_moved,
    a_blocked_thread_wakes_where_it_may,
    a_move_waits_for_a_lock,
    what_cannot_be_changed,
    weights_take_effect,
);

/// The core that the checks fill; `main` is kept away from it.
const CORE: usize = 2;
const OTHER: usize = 3;

const LOW: Priority = Priority::fifo(10);
const MIDDLE: Priority = Priority::fifo(20);
const HIGH: Priority = Priority::fifo(30);

/// Runs `main`'s part of a check away from `CORE`, above all that the check makes.
fn aside(cx: &mut TaskCx, body: impl FnOnce(&mut TaskCx) + Send + 'static) {
    run_on(cx, CORE - 1, Priority::fifo(60), body);
}

/// A thread of `priority` on `core` that spins until the flag says so.
fn spinner(core: usize, priority: Priority, end: &'static AtomicBool) -> JoinHandle {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    RUNS.store(u32::MAX, Ordering::Release);
    let thread = spawn_on(core, priority, move |_| {
        RUNS.store(thread::current_id(), Ordering::Release);
        spin_until("it may end", || end.load(Ordering::Acquire));
    });
    spin_until("it spins", || RUNS.load(Ordering::Acquire) == thread.id());
    thread
}

/// Lets `change` bring in a thread of `low` that waits for a core with one of `hog`, and sees to it
/// that this needs no interrupt of the timer.
///
/// One that was set for something else before may come meanwhile, and does so late if the emulator
/// has to wait for a processor. So one attempt of some is enough: what needs the timer needs it in
/// each of them.
fn brings_in(
    cx: &mut TaskCx,
    hog: Priority,
    low: Priority,
    change: fn(hog: &JoinHandle, low: &JoinHandle),
) {
    static END: AtomicBool = AtomicBool::new(false);
    /// How many interrupts of the timer there had been when the waiting thread ran.
    static RAN: AtomicU64 = AtomicU64::new(NOT_YET);
    const NOT_YET: u64 = u64::MAX;
    aside(cx, move |cx| {
        let alone = (0..10).any(|_| {
            END.store(false, Ordering::Release);
            RAN.store(NOT_YET, Ordering::Release);
            let hog = spinner(CORE, hog, &END);
            let low = spawn_on(CORE, low, |_| {
                RAN.store(timer_interrupts(CORE), Ordering::Release);
            });
            time::spin_for(Duration::from_millis(20));
            assert_eq!(RAN.load(Ordering::Acquire), NOT_YET, "the less urgent ran");
            // First-in first-out threads take no tick: only the change can bring it in.
            let before = timer_interrupts(CORE);
            change(&hog, &low);
            spin_until("the other runs", || RAN.load(Ordering::Acquire) != NOT_YET);
            END.store(true, Ordering::Release);
            low.join(cx);
            hog.join(cx);
            RAN.load(Ordering::Acquire) == before
        });
        assert!(alone, "the timer helped each time");
    });
}

fn a_raised_thread_runs_at_once(cx: &mut TaskCx) {
    brings_in(cx, MIDDLE, LOW, |_, low| {
        low.set_priority(HIGH).expect("it lives");
    });
}

fn a_lowered_thread_makes_way(cx: &mut TaskCx) {
    brings_in(cx, HIGH, MIDDLE, |hog, _| {
        hog.set_nice(5).expect("it lives");
        let info = look_at(hog.id()).expect("it lives");
        assert_eq!(info.priority, Priority::fair(5));
    });
}

fn a_blocked_thread_wakes_with_its_new_priority(cx: &mut TaskCx) {
    static QUEUE: WaitQueue = WaitQueue::new("a change");
    static OPEN: AtomicBool = AtomicBool::new(false);
    static END: AtomicBool = AtomicBool::new(false);
    static RAN: AtomicBool = AtomicBool::new(false);
    aside(cx, |cx| {
        let sleeper = spawn_on(CORE, LOW, |cx| {
            QUEUE.wait_until(cx, |_| OPEN.load(Ordering::Relaxed).then_some(()));
            RAN.store(true, Ordering::Release);
        });
        wait_until_blocked(cx, sleeper.id(), "a change");
        let hog = spinner(CORE, MIDDLE, &END);
        sleeper.set_priority(HIGH).expect("it lives");
        OPEN.store(true, Ordering::Relaxed);
        QUEUE.wake_one();
        spin_until("it runs above the other", || RAN.load(Ordering::Acquire));
        END.store(true, Ordering::Release);
        sleeper.join(cx);
        hog.join(cx);
    });
}

/// Of two equals that never yield the second runs once the first takes turns.
fn round_robin_begins_to_rotate(cx: &mut TaskCx) {
    static END: AtomicBool = AtomicBool::new(false);
    static RAN: AtomicBool = AtomicBool::new(false);
    aside(cx, |cx| {
        let first = spinner(CORE, LOW, &END);
        let second = spawn_on(CORE, LOW, |_| RAN.store(true, Ordering::Release));
        time::spin_for(Duration::from_millis(50));
        assert!(!RAN.load(Ordering::Acquire), "first in, first out");
        first
            .set_priority(Priority::round_robin(10))
            .expect("it lives");
        spin_until("turns are taken", || RAN.load(Ordering::Acquire));
        END.store(true, Ordering::Release);
        first.join(cx);
        second.join(cx);
    });
}

fn a_running_thread_is_moved(cx: &mut TaskCx) {
    static SEEN: AtomicU32 = AtomicU32::new(0);
    static END: AtomicBool = AtomicBool::new(false);
    aside(cx, |cx| {
        for priority in [HIGH, Priority::round_robin(5), Priority::fair(-3)] {
            END.store(false, Ordering::Release);
            let thread = spawn_on(CORE, priority, |_| {
                spin_until("it may end", || {
                    SEEN.store(cpu::current() as u32, Ordering::Release);
                    END.load(Ordering::Acquire)
                });
            });
            // Between two cores that have nothing else to do, it never sleeps.
            for n in 0..40 {
                let core = [CORE, OTHER][n % 2];
                thread.set_affinity(CpuSet::one(core)).expect("a core");
                spin_until("it is there", || {
                    SEEN.load(Ordering::Acquire) == core as u32
                });
                time::spin_for(Duration::from_micros(100));
                let seen = SEEN.load(Ordering::Acquire);
                assert_eq!(seen, core as u32, "it came back");
            }
            END.store(true, Ordering::Release);
            thread.join(cx);
        }
    });
}

fn a_thread_moves_itself(cx: &mut TaskCx) {
    let thread = Builder::new("moves").spawn(|_| {
        let me = thread::current_id();
        (0..100_usize).map(|n| n % cpu::count()).find(|&core| {
            thread::set_affinity(me, CpuSet::one(core)).expect("a core");
            cpu::current() != core
        })
    });
    let strayed = thread.expect("a thread").join(cx).returned();
    assert_eq!(strayed, Some(None), "it went on on a core that it had left");
}

fn a_waiting_thread_is_moved(cx: &mut TaskCx) {
    static END: AtomicBool = AtomicBool::new(false);
    static RAN_ON: AtomicU32 = AtomicU32::new(u32::MAX);
    aside(cx, |cx| {
        let hog = spinner(CORE, HIGH, &END);
        let waits = spawn_on(CORE, Priority::default(), |_| {
            RAN_ON.store(cpu::current() as u32, Ordering::Release);
        });
        time::spin_for(Duration::from_millis(10));
        assert_eq!(RAN_ON.load(Ordering::Acquire), u32::MAX);
        // More cores, too, are an offer that is taken.
        let cores = CpuSet::one(CORE).with(OTHER);
        waits.set_affinity(cores).expect("a core");
        spin_until("it runs elsewhere", || {
            RAN_ON.load(Ordering::Acquire) == OTHER as u32
        });
        END.store(true, Ordering::Release);
        waits.join(cx);
        hog.join(cx);
    });
}

/// Also if the core where it ran idles; and by the short way of first-in first-out threads, too.
fn a_blocked_thread_wakes_where_it_may(cx: &mut TaskCx) {
    static QUEUE: WaitQueue = WaitQueue::new("to be elsewhere");
    static OPEN: AtomicBool = AtomicBool::new(false);
    for priority in [Priority::default(), Priority::fifo(5)] {
        OPEN.store(false, Ordering::Relaxed);
        let thread = Builder::new("sleeps").affinity(CpuSet::one(CORE));
        let thread = thread.priority(priority).spawn(|cx| {
            QUEUE.wait_until(cx, |_| OPEN.load(Ordering::Relaxed).then_some(()));
            cpu::current()
        });
        let thread = thread.expect("a thread");
        wait_until_blocked(cx, thread.id(), "to be elsewhere");
        thread.set_affinity(CpuSet::one(OTHER)).expect("a core");
        OPEN.store(true, Ordering::Relaxed);
        QUEUE.wake_one();
        assert_eq!(thread.join(cx).returned(), Some(OTHER));
    }
}

/// A core lets go of a thread that holds a spinlock when it no longer does.
fn a_move_waits_for_a_lock(cx: &mut TaskCx) {
    static LOCK: SpinLock<()> = SpinLock::new(());
    static HELD: AtomicBool = AtomicBool::new(false);
    static MOVED: AtomicBool = AtomicBool::new(false);
    let thread = Builder::new("holds").affinity(CpuSet::one(CORE));
    let thread = thread.spawn(|cx| {
        let guard = LOCK.lock(cx.atomic());
        HELD.store(true, Ordering::Release);
        spin_until("it is to move", || MOVED.load(Ordering::Acquire));
        time::spin_for(Duration::from_millis(5));
        let held_on = cpu::current();
        drop(guard);
        (held_on, cpu::current())
    });
    let thread = thread.expect("a thread");
    wait_for(cx, "it holds the lock", || HELD.load(Ordering::Acquire));
    thread.set_affinity(CpuSet::one(OTHER)).expect("a core");
    MOVED.store(true, Ordering::Release);
    assert_eq!(thread.join(cx).returned(), Some((CORE, OTHER)));
}

fn what_cannot_be_changed(cx: &mut TaskCx) {
    assert_eq!(thread::set_priority(1, HIGH), Err(ChangeError::Idle));
    assert_eq!(thread::set_nice(4001, 1), Err(ChangeError::NoSuchThread));
    let thread = thread::spawn("ends", Priority::default(), |_| {}).expect("a thread");
    for cores in [0, 1 << 40] {
        let changed = thread.set_affinity(CpuSet::from_bits(cores));
        assert!(
            changed == Err(ChangeError::Affinity) || thread.is_finished(),
            "{changed:?}"
        );
    }
    wait_for(cx, "it ends", || thread.is_finished());
    // It is nobody else's number yet, and nothing is left to change.
    assert_eq!(thread.set_nice(3), Ok(()));
    assert_eq!(
        thread::set_nice(thread.id(), 3),
        Err(ChangeError::NoSuchThread)
    );
    thread.join(cx);
}

/// Two busy threads on one core share it by the weights that they are given on the way.
fn weights_take_effect(cx: &mut TaskCx) {
    static END: AtomicBool = AtomicBool::new(false);
    static WORK: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
    aside(cx, |cx| {
        let threads: Vec<_> = (0..2)
            .map(|n| {
                let builder = Builder::new("shares").nice(5).affinity(CpuSet::one(CORE));
                let thread = builder.spawn(move |_| {
                    while !END.load(Ordering::Relaxed) {
                        WORK[n].fetch_add(1, Ordering::Relaxed);
                    }
                });
                thread.expect("a thread")
            })
            .collect();
        threads[0].set_nice(-5).expect("it lives");
        let run_time = |n: usize| look_at(threads[n].id()).map(|info| info.run_time);
        let run_time = |n| run_time(n).expect("it lives").as_nanos();
        let before = [run_time(0), run_time(1)];
        // Counted in what they have run, so the machine under the emulator does not matter.
        wait_for(cx, "they have run", || {
            run_time(0) - before[0] > 800_000_000
        });
        let (heavy, light) = (run_time(0) - before[0], run_time(1) - before[1]);
        END.store(true, Ordering::Relaxed);
        threads.into_iter().for_each(|thread| _ = thread.join(cx));
        // Ten steps are a factor of 9.3.
        assert!(light > 0 && heavy / light >= 4, "{heavy} ns and {light} ns");
    });
}

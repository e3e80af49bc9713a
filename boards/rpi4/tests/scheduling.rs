//! Who runs, where and when: turns, priorities, affinity (S2), wakes that need no tick, preemption
//! that no lock swallows, cores that idle without a tick.
//@ timeout: 120
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

extern crate alloc;

mod support;

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use layercake_kernel::sync::{irq_off, preempt_off};
use layercake_kernel::{Host, IrqSpinLock, SpinLock, kprintln};
use support::*;

kernel_tests!(
    equal_threads_take_turns,
    round_robin_rotates,
    first_in_first_out_does_not_rotate,
    the_more_urgent_preempts_at_once,
    the_less_urgent_waits,
    a_yield_lets_an_equal_run,
    unmasking_preempts,
    dropping_the_last_lock_preempts,
    preemption_while_masked_is_not_lost,
    affinity_is_kept,
    idle_cores_take_no_tick,
    a_thread_alone_takes_no_tick,
    a_wake_reaches_an_idle_core_without_a_tick,
    registers_survive_preemption,
);

/// The core that the checks use for themselves, so that `main` stays out of their way.
const CORE: usize = 2;

const LOW: Priority = Priority::fifo(10);
const HIGH: Priority = Priority::fifo(20);

/// Runs `main`'s part of a check away from `CORE`, above all that the check makes.
fn aside(cx: &mut TaskCx, body: impl FnOnce(&mut TaskCx) + Send + 'static) {
    run_on(cx, CORE - 1, Priority::fifo(60), body);
}

/// Two threads of priority `priority` on one core, neither of which yields; whether each of them
/// saw the other go on, several times.
fn alternate(cx: &mut TaskCx, priority: Priority) {
    static COUNTS: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
    let threads = [0, 1].map(|me: usize| {
        spawn_on(CORE, priority, move |_| {
            for _ in 0..5 {
                let seen = COUNTS[1 - me].load(Ordering::Relaxed);
                COUNTS[me].fetch_add(1, Ordering::Relaxed);
                spin_until("the other one has a turn", || {
                    COUNTS[me].fetch_add(1, Ordering::Relaxed);
                    COUNTS[1 - me].load(Ordering::Relaxed) != seen
                });
            }
            // The other one's last turns.
            let end = time::now() + Duration::from_millis(100);
            while time::now() < end {
                COUNTS[me].fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    threads.into_iter().for_each(|thread| _ = thread.join(cx));
}

fn equal_threads_take_turns(cx: &mut TaskCx) {
    aside(cx, |cx| alternate(cx, Priority::default()));
}

fn round_robin_rotates(cx: &mut TaskCx) {
    aside(cx, |cx| alternate(cx, Priority::round_robin(10)));
}

fn first_in_first_out_does_not_rotate(cx: &mut TaskCx) {
    static SECOND: AtomicBool = AtomicBool::new(false);
    aside(cx, |cx| {
        let first = spawn_on(CORE, LOW, |_| {
            time::spin_for(Duration::from_millis(200));
            assert!(!SECOND.load(Ordering::Relaxed), "an equal took the core");
        });
        let second = spawn_on(CORE, LOW, |_| SECOND.store(true, Ordering::Relaxed));
        first.join(cx);
        second.join(cx);
    });
}

fn the_more_urgent_preempts_at_once(cx: &mut TaskCx) {
    static SPINS: AtomicBool = AtomicBool::new(false);
    static RAN: AtomicBool = AtomicBool::new(false);
    aside(cx, |cx| {
        // First in, first out: no turn ends, no timer is set. Only the wake can bring the other in.
        let low = spawn_on(CORE, LOW, |_| {
            SPINS.store(true, Ordering::Release);
            spin_until("the more urgent one ran", || RAN.load(Ordering::Acquire));
        });
        wait_for(cx, "it spins", || SPINS.load(Ordering::Acquire));
        let before = timer_interrupts(CORE);
        let high = spawn_on(CORE, HIGH, |_| RAN.store(true, Ordering::Release));
        low.join(cx);
        high.join(cx);
        assert!(timer_interrupts(CORE) <= before + 1, "the timer helped");
    });
}

fn the_less_urgent_waits(cx: &mut TaskCx) {
    static RAN: AtomicBool = AtomicBool::new(false);
    aside(cx, |cx| {
        let high = spawn_on(CORE, HIGH, |_| {
            let low = spawn_on(CORE, LOW, |_| RAN.store(true, Ordering::Relaxed));
            let fair = spawn_on(CORE, Priority::fair(-20), |_| {
                RAN.store(true, Ordering::Relaxed)
            });
            time::spin_for(Duration::from_millis(100));
            assert!(!RAN.load(Ordering::Relaxed), "the less urgent ran");
            low.detach();
            fair.detach();
        });
        high.join(cx);
        wait_for(cx, "the less urgent runs then", || {
            RAN.load(Ordering::Relaxed)
        });
    });
}

fn a_yield_lets_an_equal_run(cx: &mut TaskCx) {
    static ORDER: AtomicU64 = AtomicU64::new(0);
    aside(cx, |cx| {
        static START: Meeting = Meeting::new(1);
        let threads: Vec<_> = (1..=3)
            .map(|me| {
                spawn_on(CORE, LOW, move |cx| {
                    START.meet();
                    for _ in 0..2 {
                        ORDER.store(ORDER.load(Ordering::Relaxed) * 10 + me, Ordering::Relaxed);
                        thread::yield_now(cx);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| _ = thread.join(cx));
        let order = ORDER.load(Ordering::Relaxed);
        assert!(order.is_multiple_of(10) || order > 111_111, "{order}");
        for me in 1..=3_u64 {
            let turns = (0..6)
                .filter(|at| order / 10_u64.pow(*at) % 10 == me)
                .count();
            assert_eq!(turns, 2, "{order}");
        }
    });
}

/// A more urgent thread waits; a less urgent one on the same core wakes it by `wake`, which gets
/// the waker and a look at whether it ran.
fn wake_on_same_core(
    cx: &mut TaskCx,
    waker: impl FnOnce(&mut TaskCx, &'static WaitQueue, &'static AtomicU32) + Send + 'static,
) {
    static QUEUE: WaitQueue = WaitQueue::new("the more urgent");
    static GO: AtomicBool = AtomicBool::new(false);
    static RAN: AtomicU32 = AtomicU32::new(0);
    GO.store(false, Ordering::Relaxed);
    RAN.store(0, Ordering::Relaxed);
    aside(cx, move |cx| {
        let high = spawn_on(CORE, HIGH, |cx| {
            QUEUE.wait_until(cx, |_| GO.load(Ordering::Relaxed).then_some(()));
            RAN.fetch_add(1, Ordering::Relaxed);
        });
        wait_until_blocked(cx, high.id(), "the more urgent");
        let low = spawn_on(CORE, LOW, move |cx| {
            GO.store(true, Ordering::Relaxed);
            waker(cx, &QUEUE, &RAN);
        });
        low.join(cx);
        high.join(cx);
    });
}

/// Spins until the more urgent thread ran. The timer is off: only what was kept back brings it.
#[track_caller]
fn runs_now(ran: &AtomicU32) {
    let before = timer_interrupts(CORE);
    spin_until("it runs", || ran.load(Ordering::Relaxed) == 1);
    assert_eq!(timer_interrupts(CORE), before, "the timer helped");
}

fn unmasking_preempts(cx: &mut TaskCx) {
    wake_on_same_core(cx, |cx, queue, ran| {
        irq_off::<Host, _>(cx.atomic(), |_| {
            assert!(queue.wake_one());
            assert_eq!(ran.load(Ordering::Relaxed), 0, "it ran in between");
        });
        runs_now(ran);
    });
    wake_on_same_core(cx, |cx, queue, ran| {
        static LOCK: IrqSpinLock<()> = IrqSpinLock::new(());
        let guard = LOCK.lock(cx.atomic());
        irq_off::<Host, _>(guard.atomic(), |_| queue.wake_all());
        assert_eq!(ran.load(Ordering::Relaxed), 0, "it ran in between");
        drop(guard);
        runs_now(ran);
    });
}

fn dropping_the_last_lock_preempts(cx: &mut TaskCx) {
    wake_on_same_core(cx, |cx, queue, ran| {
        static LOCK: SpinLock<()> = SpinLock::new(());
        let mut guard = LOCK.lock(cx.atomic());
        preempt_off::<Host, _>(guard.atomic(), |_, _| assert!(queue.wake_one()));
        assert_eq!(ran.load(Ordering::Relaxed), 0, "it ran in between");
        drop(guard);
        assert_eq!(ran.load(Ordering::Relaxed), 1, "not in that moment");
    });
}

/// The wake comes with interrupts masked inside of a lock, so that neither end of the two alone
/// would do.
fn preemption_while_masked_is_not_lost(cx: &mut TaskCx) {
    wake_on_same_core(cx, |cx, queue, ran| {
        static OUTER: SpinLock<()> = SpinLock::new(());
        static INNER: IrqSpinLock<()> = IrqSpinLock::new(());
        let mut outer = OUTER.lock(cx.atomic());
        let inner = INNER.lock(outer.atomic());
        assert!(queue.wake_one());
        drop(inner);
        time::spin_for(Duration::from_millis(2));
        assert_eq!(ran.load(Ordering::Relaxed), 0, "it ran with a lock held");
        drop(outer);
        runs_now(ran);
    });
    // From another core, while this one is masked.
    wake_on_same_core(cx, |cx, queue, ran| {
        static MASKED: AtomicBool = AtomicBool::new(false);
        static WOKEN: AtomicBool = AtomicBool::new(false);
        let waker = spawn_on(3, Priority::default(), move |_| {
            spin_until("the other core is masked", || {
                MASKED.load(Ordering::Acquire)
            });
            assert!(queue.wake_one());
            WOKEN.store(true, Ordering::Release);
        });
        irq_off::<Host, _>(cx.atomic(), |_| {
            MASKED.store(true, Ordering::Release);
            spin_until("the other core wakes it", || WOKEN.load(Ordering::Acquire));
            assert_eq!(ran.load(Ordering::Relaxed), 0, "it ran in between");
        });
        runs_now(ran);
        waker.join(cx);
    });
}

/// Sixteen threads that may run here and there sleep, yield, wait and work.
fn affinity_is_kept(cx: &mut TaskCx) {
    static QUEUE: WaitQueue = WaitQueue::new("anything");
    static ROUNDS: AtomicU64 = AtomicU64::new(0);
    static SEEN: [AtomicU32; 16] = [const { AtomicU32::new(0) }; 16];
    let threads: Vec<_> = (0..16_usize)
        .map(|n| {
            // Every set of cores, and all of them twice.
            let mask = if n == 0 { 0b1111 } else { n as u64 };
            let priority = match n % 3 {
                0 => Priority::round_robin(5),
                _ => Priority::fair(n as i8 - 8),
            };
            let builder = Builder::new("roams").affinity(CpuSet::from_bits(mask));
            let thread = builder.priority(priority).spawn(move |cx| {
                let random = Random::new(n as u64 + 77);
                let rounds = Budget::new(2000, 8).spend(|_| {
                    let here = cpu::current();
                    assert!(mask & (1 << here) != 0, "on core {here}, not in {mask:#b}");
                    SEEN[n].fetch_or(1 << here, Ordering::Relaxed);
                    match random.below(6) {
                        0 => time::sleep(cx, Duration::from_micros(random.below(300))),
                        1 => thread::yield_now(cx),
                        2 => _ = QUEUE.wake_one(),
                        3 => {
                            let end = time::now() + Duration::from_micros(200);
                            let _ = QUEUE.wait_until_deadline(cx, end, |_| None::<()>);
                        }
                        _ => random.dawdle(2000),
                    }
                });
                ROUNDS.fetch_add(rounds, Ordering::Relaxed);
            });
            thread.expect("a thread")
        })
        .collect();
    threads.into_iter().for_each(|thread| _ = thread.join(cx));
    let spread = SEEN
        .iter()
        .filter(|s| s.load(Ordering::Relaxed).count_ones() > 1);
    let rounds = ROUNDS.load(Ordering::Relaxed);
    kprintln!(
        "  {rounds} rounds, {} threads changed cores",
        spread.count()
    );
}

fn idle_cores_take_no_tick(cx: &mut TaskCx) {
    let count = || cores().map(timer_interrupts).sum::<u64>();
    let before = count();
    time::sleep(cx, Duration::from_secs(1));
    let ticks = count() - before;
    kprintln!(
        "  {ticks} timer interrupts on {} cores in a second",
        cpu::count()
    );
    // The one that ends this sleep, and something to spare; a tick would make hundreds.
    assert!(ticks <= 8, "{ticks} timer interrupts");
}

fn a_thread_alone_takes_no_tick(cx: &mut TaskCx) {
    for priority in [Priority::default(), Priority::round_robin(3)] {
        run_on(cx, CORE, priority, |_| {
            let before = timer_interrupts(CORE);
            time::spin_for(Duration::from_millis(500));
            let ticks = timer_interrupts(CORE) - before;
            assert!(ticks <= 4, "{ticks} timer interrupts");
        });
    }
}

fn a_wake_reaches_an_idle_core_without_a_tick(cx: &mut TaskCx) {
    static QUEUE: WaitQueue = WaitQueue::new("a far wake");
    static SENT: AtomicU64 = AtomicU64::new(0);
    static GOT: AtomicU64 = AtomicU64::new(0);
    const TIMES: u64 = 200;
    aside(cx, |cx| {
        for core in cores().filter(|core| *core != CORE - 1) {
            SENT.store(0, Ordering::Relaxed);
            GOT.store(0, Ordering::Relaxed);
            let before = timer_interrupts(core);
            let thread = spawn_on(core, Priority::default(), |cx| {
                for n in 1..=TIMES {
                    QUEUE.wait_until(cx, |_| (SENT.load(Ordering::Relaxed) >= n).then_some(()));
                    GOT.store(n, Ordering::Release);
                }
            });
            for n in 1..=TIMES {
                // Most of the time it is asleep by then, and its core too.
                spin_until("it waits", || QUEUE.waiters() == 1);
                time::spin_for(Duration::from_micros(50));
                SENT.store(n, Ordering::Relaxed);
                QUEUE.wake_one();
                spin_until("the wake arrives", || GOT.load(Ordering::Acquire) == n);
            }
            thread.join(cx);
            let ticks = timer_interrupts(core) - before;
            assert!(ticks <= 4, "core {core}: {ticks} timer interrupts");
        }
    });
}

core::arch::global_asm!(
    // Fills every register that is free to use with numbers, spins, and counts those that changed.
    // u64 registers_kept(u64 seed, u64 turns)
    ".pushsection .text.registers_kept, \"ax\"",
    ".global registers_kept",
    "registers_kept:",
    "stp x29, x30, [sp, #-112]!",
    "mov x29, sp",
    "stp x19, x20, [sp, #16]",
    "stp x21, x22, [sp, #32]",
    "stp x23, x24, [sp, #48]",
    "stp x25, x26, [sp, #64]",
    "stp x27, x28, [sp, #80]",
    "str x0, [sp, #96]",
    // x0: the seed, x1: turns left; x30 too.
    ".irp n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,30",
    "add x\\n, x0, #\\n",
    ".endr",
    "msr nzcv, xzr",
    "cmp x0, x0", // Z and C, to be found again at the end
    "1: sub x1, x1, #1",
    "cbnz x1, 1b",
    "b.ne 3f",
    "b.cc 3f",
    "ldr x1, [sp, #96]",
    "cmp x0, x1",
    "b.ne 3f",
    ".irp n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,30",
    "sub x\\n, x\\n, #\\n",
    "cmp x\\n, x1",
    "b.ne 3f",
    ".endr",
    "mov x0, xzr",
    "b 4f",
    "3: mov x0, #1",
    "4: ldp x19, x20, [sp, #16]",
    "ldp x21, x22, [sp, #32]",
    "ldp x23, x24, [sp, #48]",
    "ldp x25, x26, [sp, #64]",
    "ldp x27, x28, [sp, #80]",
    "ldp x29, x30, [sp], #112",
    "ret",
    ".size registers_kept, . - registers_kept",
    ".type registers_kept, %function",
    ".popsection",
);

unsafe extern "C" {
    fn registers_kept(seed: u64, turns: u64) -> u64;
}

fn registers_survive_preemption(cx: &mut TaskCx) {
    static SWITCHES: AtomicU64 = AtomicU64::new(0);
    in_parallel(cx, 2, |core, _| {
        let me = thread::current_id();
        let seed = 0x0123_4567_0000_0000 + u64::from(me) * 0x10_0000 + core as u64;
        let switches = || look_at(me).map_or(0, |info| info.switches);
        let begin = switches();
        Budget::new(u64::MAX, 3).spend(|_| {
            // SAFETY: the function keeps to the calling convention.
            let changed = unsafe { registers_kept(seed, 100_000) };
            assert_eq!(changed, 0, "a register changed");
        });
        SWITCHES.fetch_add(switches() - begin, Ordering::Relaxed);
    });
    let switches = SWITCHES.load(Ordering::Relaxed);
    kprintln!("  {switches} switches");
    assert!(
        switches >= 2 * cpu::count() as u64,
        "hardly anybody was preempted"
    );
}

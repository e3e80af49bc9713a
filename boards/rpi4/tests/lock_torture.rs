//! Locks of every kind on four cores for a long time, while the timer and software interrupts
//! come, and handlers take the locks too: nobody is ever inside beside another, and in the end
//! every lock's own count is what was counted outside (L1).
//@ timeout: 180
//@ case: a_million
//@ case: ten_million
//@ full
//@ timeout: 1200
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

mod support;

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use layercake_kernel::platform;
use layercake_kernel::sync::queued::QueuedLock;
use layercake_kernel::sync::{self, IrqOff, NoMask, PreemptOff, RwSpinLock, SeqLock, irq_off};
use layercake_kernel::{Host, IrqCx, IrqSpinLock, SpinLock, kprintln};
use support::*;

kernel_cases!(a_million, ten_million);

fn a_million(cx: &mut TaskCx) {
    torture(cx, 1_000_000);
}

fn ten_million(cx: &mut TaskCx) {
    torture(cx, 10_000_000);
}

/// Two numbers that are the same, except to whoever is inside.
struct Pair(u64, u64);

impl Pair {
    fn count(&mut self) {
        self.0 += 1;
        assert_eq!(self.0, self.1 + 1, "somebody is inside already");
        self.1 += 1;
    }

    fn look(&self) -> u64 {
        assert_eq!(self.0, self.1, "a writer is inside");
        self.0
    }
}

/// So many locks of each kind: few enough that cores meet.
const EACH: usize = 32;
const NEW: Pair = Pair(0, 0);

type Locks<M, R> = [sync::SpinLock<Pair, M, R>; EACH];
static TICKET: [SpinLock<Pair>; EACH] = [const { SpinLock::new(NEW) }; EACH];
static TICKET_IRQ: [IrqSpinLock<Pair>; EACH] = [const { IrqSpinLock::new(NEW) }; EACH];
static QUEUED: Locks<PreemptOff<Host>, QueuedLock> = [const { sync::SpinLock::new(NEW) }; EACH];
static QUEUED_IRQ: Locks<IrqOff<Host>, QueuedLock> = [const { sync::SpinLock::new(NEW) }; EACH];
static QUEUED_MASKED: Locks<NoMask<Host>, QueuedLock> = [const { sync::SpinLock::new(NEW) }; EACH];
static RW: [RwSpinLock<Pair, PreemptOff<Host>>; EACH] = [const { RwSpinLock::new(NEW) }; EACH];
static RW_IRQ: [RwSpinLock<Pair, IrqOff<Host>>; EACH] = [const { RwSpinLock::new(NEW) }; EACH];
static SEQ: [SeqLock<[usize; 3], IrqOff<Host>>; EACH] = [const { SeqLock::new([0; 3]) }; EACH];

/// How many kinds of locks are counted apart.
const KINDS: usize = 8;
/// What was counted outside, by kind; and how often a lock was taken without counting in it.
static COUNTED: [AtomicU64; KINDS] = [const { AtomicU64::new(0) }; KINDS];
static LOOKED: AtomicU64 = AtomicU64::new(0);
static INTERRUPTS: AtomicUsize = AtomicUsize::new(0);

/// A thread's own counts, added to the common ones at its end.
#[derive(Default)]
struct Counts {
    counted: [u64; KINDS],
    looked: u64,
}

impl Counts {
    fn total(&self) -> u64 {
        self.counted.iter().sum::<u64>() + self.looked
    }
}

fn torture(cx: &mut TaskCx, acquisitions: u64) {
    let sgi = register_sgi(cx, 0, handler);
    let timers = || cores().map(timer_interrupts).sum::<u64>();
    let (begun, timers_before) = (time::now(), timers());
    let each = acquisitions.div_ceil(2 * cpu::count() as u64);
    static SEEDS: AtomicU64 = AtomicU64::new(1);
    in_parallel(cx, 2, move |_, cx| {
        let random = Random::new(SEEDS.fetch_add(0x9e37_79b9, Ordering::Relaxed));
        let mut counts = Counts::default();
        while counts.total() < each {
            turn(cx, &random, &mut counts);
            if random.below(50) == 0 {
                let target = random.below(cpu::count() as u64) as usize;
                platform::get().send_sgi(target, sgi);
            }
        }
        for (all, mine) in COUNTED.iter().zip(counts.counted) {
            all.fetch_add(mine, Ordering::Relaxed);
        }
        LOOKED.fetch_add(counts.looked, Ordering::Relaxed);
    });
    // No more interrupts are sent; the last may still be on its way.
    time::sleep(cx, Duration::from_millis(10));
    let inside = count_inside(cx);
    let outside = COUNTED.each_ref().map(|n| n.load(Ordering::Relaxed));
    let all = outside.iter().sum::<u64>() + LOOKED.load(Ordering::Relaxed);
    kprintln!(
        "{all} acquisitions in {} ms; {} software interrupts, {} of the timer",
        time::now().saturating_duration_since(begun).as_millis(),
        INTERRUPTS.load(Ordering::Relaxed),
        timers() - timers_before,
    );
    kprintln!("inside {inside:?}");
    assert_eq!(inside, outside);
    assert!(all >= acquisitions);
    assert!(INTERRUPTS.load(Ordering::Relaxed) > 0 && timers() > timers_before);
}

/// One lock, or one in another.
fn turn(cx: &mut TaskCx, random: &Random, counts: &mut Counts) {
    let n = random.below(EACH as u64) as usize;
    let mut count = |kind: usize| counts.counted[kind] += 1;
    match random.below(12) {
        0 => {
            TICKET[n].lock(cx).count();
            count(0);
        }
        1 => {
            TICKET_IRQ[n].lock(cx).count();
            count(1);
        }
        2 => {
            QUEUED[n].lock(cx).count();
            count(2);
        }
        3 => {
            QUEUED_IRQ[n].lock(cx).count();
            count(3);
        }
        4 => {
            irq_off::<Host, _>(cx, |masked| QUEUED_MASKED[n].lock(masked).count());
            count(4);
        }
        5 => {
            RW[n].write(cx).count();
            count(5);
        }
        6 => {
            RW_IRQ[n].write(cx).count();
            count(6);
        }
        7 => {
            SEQ[n].update(cx, |[count, ..]| [count + 1; 3]);
            count(7);
        }
        8 => {
            let guard = RW[n].read(cx);
            random.dawdle(4);
            guard.look();
            counts.looked += 1;
        }
        9 => {
            RW_IRQ[n].read(cx.atomic()).look();
            let [a, b, c] = SEQ[n].read(cx);
            assert!(a == b && b == c, "a record of two writes: {a} {b} {c}");
            counts.looked += 1;
        }
        10 => {
            // Three deep: each masks no less than the one around it.
            let mut outer = TICKET[n].lock(cx);
            let (pair, inside) = outer.split();
            let middle = TICKET_IRQ[n].lock(inside);
            QUEUED_IRQ[n].lock_masked(middle.atomic()).count();
            drop(middle);
            pair.count();
            count(0);
            count(3);
            counts.looked += 1;
        }
        _ => match TICKET_IRQ[n].try_lock(cx) {
            Some(mut pair) => {
                pair.count();
                count(1);
            }
            None => time::spin_for(Duration::from_nanos(100)),
        },
    }
}

fn handler(cx: IrqCx<'_>) {
    let n = INTERRUPTS.fetch_add(1, Ordering::Relaxed) % EACH;
    TICKET_IRQ[n].lock(cx).count();
    QUEUED_IRQ[n].lock(cx).count();
    QUEUED_MASKED[n].lock(cx).count();
    RW_IRQ[n].write(cx).count();
    SEQ[n].update(cx, |[count, ..]| [count + 1; 3]);
    for kind in [1, 3, 4, 6, 7] {
        COUNTED[kind].fetch_add(1, Ordering::Relaxed);
    }
}

fn count_inside(cx: &mut TaskCx) -> [u64; KINDS] {
    let all = |look: &mut dyn FnMut(usize) -> u64| (0..EACH).map(look).sum();
    [
        all(&mut |n| TICKET[n].lock(&mut *cx).look()),
        all(&mut |n| TICKET_IRQ[n].lock(&mut *cx).look()),
        all(&mut |n| QUEUED[n].lock(&mut *cx).look()),
        all(&mut |n| QUEUED_IRQ[n].lock(&mut *cx).look()),
        all(&mut |n| irq_off::<Host, _>(&mut *cx, |m| QUEUED_MASKED[n].lock(m).look())),
        all(&mut |n| RW[n].read(&mut *cx).look()),
        all(&mut |n| RW_IRQ[n].read(&mut *cx).look()),
        all(&mut |n| SEQ[n].read(&mut *cx)[0] as u64),
    ]
}

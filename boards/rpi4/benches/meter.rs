//! The meter: takes counter readings, and keeps sum, least and most of what lies between them.
//!
//! One benchmark at a time uses it; the ways from and to the counter are functions that are never
//! inlined, so what they cost is the same everywhere, is measured once, and is taken off.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use layercake_arch_arm64::{counter, cycles};

/// Counted unless a benchmark asks for other numbers, after as many to warm up.
const COUNTED: u64 = 1000;
const WARM_UP: u64 = 100;

/// Instructions, that is nanoseconds, from one tick of the shared counter to the next.
const TICK: u64 = 16;

static BEGUN: AtomicU64 = AtomicU64::new(0);
/// What is between two readings with nothing in between.
static OVERHEAD: AtomicU64 = AtomicU64::new(0);
static PAIR: AtomicU64 = AtomicU64::new(0);
static LAP: AtomicU64 = AtomicU64::new(0);

/// Readings to be thrown away, and to be counted after that.
static WARMING: AtomicU64 = AtomicU64::new(0);
static LEFT: AtomicU64 = AtomicU64::new(0);
static TAKEN: AtomicU64 = AtomicU64::new(0);
static SUM: AtomicU64 = AtomicU64::new(0);
static LEAST: AtomicU64 = AtomicU64::new(0);
static MOST: AtomicU64 = AtomicU64::new(0);
/// How many operations a reading is about.
static EACH: AtomicU64 = AtomicU64::new(1);

/// What came of a benchmark. All figures are of readings; each reading is about `each` operations.
pub struct Reading {
    pub taken: u64,
    pub each: u64,
    pub sum: u64,
    pub least: u64,
    pub most: u64,
}

/// From here on it counts, until [`end`].
#[inline(never)]
pub fn begin() {
    BEGUN.store(cycles::now(), Relaxed);
}

/// Up to here it counts, from [`begin`]: perhaps on another thread, or in a handler. False when
/// there are readings enough.
#[inline(never)]
pub fn end() -> bool {
    record(cycles::now())
}

/// [`end`] and [`begin`] in one, for loops. False when there are readings enough.
#[inline(never)]
pub fn lap() -> bool {
    let more = record(cycles::now());
    BEGUN.store(cycles::now(), Relaxed);
    more
}

/// A reading that was put together elsewhere: a number of instructions, nothing to be taken off.
pub fn take(count: u64) -> bool {
    record(count + BEGUN.load(Relaxed) + OVERHEAD.load(Relaxed))
}

/// Whether there are readings to be taken, for loops around [`begin`] and [`end`].
pub fn wants_more() -> bool {
    LEFT.load(Relaxed) > 0
}

#[inline(always)]
fn record(now: u64) -> bool {
    let count = now
        .wrapping_sub(BEGUN.load(Relaxed))
        .wrapping_sub(OVERHEAD.load(Relaxed));
    if WARMING.load(Relaxed) > 0 {
        WARMING.store(WARMING.load(Relaxed) - 1, Relaxed);
        return true;
    }
    let left = LEFT.load(Relaxed);
    if left == 0 {
        return false;
    }
    LEFT.store(left - 1, Relaxed);
    TAKEN.store(TAKEN.load(Relaxed) + 1, Relaxed);
    SUM.store(SUM.load(Relaxed) + count, Relaxed);
    LEAST.store(LEAST.load(Relaxed).min(count), Relaxed);
    MOST.store(MOST.load(Relaxed).max(count), Relaxed);
    left > 1
}

/// Before a benchmark: as many readings as usual, each about one operation.
pub fn reset() {
    for counter in [&TAKEN, &SUM, &MOST] {
        counter.store(0, Relaxed);
    }
    LEAST.store(u64::MAX, Relaxed);
    plan(COUNTED, 1);
    use_pairs();
}

/// How many readings to take, and how many operations each is about.
pub fn plan(readings: u64, each: u64) {
    LEFT.store(readings, Relaxed);
    WARMING.store(WARM_UP.min(readings / 4 + 1), Relaxed);
    EACH.store(each, Relaxed);
}

/// As many readings as make 1000 operations, but 4 at the least.
pub fn plan_for(each: u64) {
    plan((COUNTED.div_ceil(each)).max(4), each);
}

/// The benchmark uses [`begin`] and [`end`].
fn use_pairs() {
    OVERHEAD.store(PAIR.load(Relaxed), Relaxed);
}

/// The benchmark uses [`lap`], as the last thing in the body of a loop.
pub fn use_laps() {
    OVERHEAD.store(LAP.load(Relaxed), Relaxed);
}

/// How far this core's counter is ahead of the time that all cores share, give or take nothing:
/// under `-icount` both are one clock, of which the shared one shows every 16th tick. Enables the
/// counter if `fresh`.
pub fn ahead(fresh: bool) -> u64 {
    assert_eq!(counter::frequency(), 1_000_000_000 / TICK);
    if fresh {
        cycles::enable();
    }
    // Each turn takes another number of instructions than a tick does, so all phases come up.
    (0..8 * TICK)
        .map(|_| {
            let shared = counter::now() * TICK;
            cycles::now().wrapping_sub(shared).cast_signed()
        })
        .min()
        .unwrap_or(0)
        .cast_unsigned()
}

/// The benchmark calls [`begin`] on one core and [`end`] on another, whose counter is ahead by so
/// much more than the first one's.
pub fn use_two_cores(more: u64) {
    OVERHEAD.store(PAIR.load(Relaxed).wrapping_add(more), Relaxed);
}

/// What came of it.
pub fn reading() -> Reading {
    Reading {
        taken: TAKEN.load(Relaxed),
        each: EACH.load(Relaxed),
        sum: SUM.load(Relaxed),
        least: LEAST.load(Relaxed),
        most: MOST.load(Relaxed),
    }
}

/// Finds out what the meter itself costs, and whether the counter counts instructions. Once,
/// first of all.
///
/// # Errors
///
/// What is wrong with the counter.
pub fn calibrate() -> Result<(), &'static str> {
    if !cycles::is_present() {
        return Err("this emulator's core has no cycle counter (PMCCNTR_EL0)");
    }
    cycles::enable();
    reset();
    while wants_more() {
        begin();
        end();
    }
    let pair = reading();
    reset();
    while lap() {}
    let laps = reading();
    if pair.least == 0 || pair.least != pair.most || laps.least != laps.most {
        return Err("the cycle counter does not count one for each instruction");
    }
    PAIR.store(pair.least, Relaxed);
    LAP.store(laps.least, Relaxed);
    reset();
    while wants_more() {
        begin();
        hundred_instructions();
        end();
    }
    let hundred = reading();
    if hundred.least != 100 || hundred.most != 100 {
        return Err("the cycle counter does not count one for each instruction");
    }
    Ok(())
}

#[inline(always)]
fn hundred_instructions() {
    // SAFETY: instructions without any effect.
    unsafe {
        core::arch::asm!(
            ".rept 100",
            "nop",
            ".endr",
            options(nostack, preserves_flags)
        )
    }
}

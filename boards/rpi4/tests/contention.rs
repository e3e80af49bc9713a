//! What a lock costs that two and four cores fight for, and how evenly they get it, beside the
//! ticket lock of the crate `spin` in the same image.
//!
//! The emulator counts instructions here, and lets one core run at a time, until it says that it
//! waits (WFE, YIELD) or its slice is over. So each holder yields once inside: then all others
//! come and find the lock taken, and every release is a hand-over. A figure is the number of
//! instructions that all cores together execute for each; it is the same in every run. The
//! lock of `spin` waits by YIELD here; by its own default, ISB, a waiter would spin for its
//! whole slice, which says nothing about the lock.
//@ icount
//@ unchecked
//@ timeout: 120
//@ expect: @contention
#![cfg_attr(target_os = "none", no_std)]
#![no_main]
#![cfg(target_os = "none")]

extern crate alloc;
mod support;

use alloc::vec::Vec;
use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use layercake_kernel::sync::queued::QueuedLock;
use layercake_kernel::sync::{self, PreemptOff, RwSpinLock};
use layercake_kernel::{Host, IrqSpinLock, SpinLock, kprintln};
use spin::mutex::ticket::TicketMutex;
use spin::relax::RelaxStrategy;
use support::*;

kernel_tests!(figures);

/// How often each core takes the lock, unless another is done first.
const TURNS: u64 = 2000;

/// Waits as the locks of this project do, as far as the emulator can tell.
struct Yield;

impl RelaxStrategy for Yield {
    fn relax() {
        yields();
    }
}

/// Lets another core run.
#[inline(always)]
fn yields() {
    // SAFETY: a hint, without any effect that a program sees.
    unsafe { asm!("yield", options(nomem, nostack, preserves_flags)) }
}

static TICKET: SpinLock<u64> = SpinLock::new(0);
static TICKET_IRQ: IrqSpinLock<u64> = IrqSpinLock::new(0);
static QUEUED: sync::SpinLock<u64, PreemptOff<Host>, QueuedLock> = sync::SpinLock::new(0);
static WRITE: RwSpinLock<u64, PreemptOff<Host>> = RwSpinLock::new(0);
static SPIN: TicketMutex<u64, Yield> = TicketMutex::new(0);

fn ticket(cx: &mut TaskCx, inside: fn(&mut u64)) {
    inside(&mut TICKET.lock(cx));
}

fn ticket_irq(cx: &mut TaskCx, inside: fn(&mut u64)) {
    inside(&mut TICKET_IRQ.lock(cx));
}

fn queued(cx: &mut TaskCx, inside: fn(&mut u64)) {
    inside(&mut QUEUED.lock(cx));
}

fn write(cx: &mut TaskCx, inside: fn(&mut u64)) {
    inside(&mut WRITE.write(cx));
}

/// With preemption off, as whoever uses it in a kernel has to see to.
fn of_spin(cx: &mut TaskCx, inside: fn(&mut u64)) {
    sync::preempt_off::<Host, _>(cx, |_, _| inside(&mut SPIN.lock()));
}

/// Adds one, with time for the others to come.
#[inline(never)]
fn inside(count: &mut u64) {
    yields();
    *count += 1;
}

struct Figure {
    /// Instructions of all cores for each hand-over.
    each: u64,
    /// The most and the fewest turns of a core until one had all of its.
    most: u64,
    fewest: u64,
}

fn figures(cx: &mut TaskCx) {
    for cores in [2, 4] {
        let spin = measure(cx, cores, "spin::TicketMutex", of_spin);
        let ticket = measure(cx, cores, "SpinLock, PreemptOff", ticket);
        let irq = measure(cx, cores, "SpinLock, IrqOff", ticket_irq);
        let queued = measure(cx, cores, "SpinLock, QueuedLock", queued);
        let write = measure(cx, cores, "RwSpinLock, write", write);
        for ours in [&ticket, &irq] {
            assert!(ours.each <= spin.each, "dearer than the lock of `spin`");
        }
        for ours in [&ticket, &irq, &queued, &write] {
            assert!(ours.most - ours.fewest <= 2, "some cores get it more often");
        }
    }
}

fn measure(
    cx: &mut TaskCx,
    cores: usize,
    name: &str,
    lock: fn(&mut TaskCx, fn(&mut u64)),
) -> Figure {
    static TOOK: [AtomicU64; cpu::MAX] = [const { AtomicU64::new(0) }; cpu::MAX];
    static BEGUN: AtomicU64 = AtomicU64::new(0);
    static ENDED: AtomicU64 = AtomicU64::new(0);
    static DONE: AtomicBool = AtomicBool::new(false);
    static ARRIVED: AtomicU64 = AtomicU64::new(0);
    DONE.store(false, Ordering::Relaxed);
    ARRIVED.store(0, Ordering::Relaxed);
    let body = move |core: usize, cx: &mut TaskCx| {
        ARRIVED.fetch_add(1, Ordering::AcqRel);
        while ARRIVED.load(Ordering::Acquire) < cores as u64 {
            yields();
        }
        // Some turns until all are in the queue.
        for turn in 0..TURNS + 10 {
            lock(cx, inside);
            if turn == 10 && core == 0 {
                BEGUN.store(time::now().as_nanos(), Ordering::Relaxed);
                TOOK.iter()
                    .for_each(|took| took.store(0, Ordering::Relaxed));
            }
            if DONE.load(Ordering::Relaxed) {
                return;
            }
            TOOK[core].fetch_add(1, Ordering::Relaxed);
        }
        if !DONE.swap(true, Ordering::Relaxed) {
            ENDED.store(time::now().as_nanos(), Ordering::Relaxed);
        }
    };
    let threads: Vec<_> = (0..cores)
        .map(|core| spawn_on(core, Priority::default(), move |cx| body(core, cx)))
        .collect();
    threads.into_iter().for_each(|thread| _ = thread.join(cx));
    let took = || {
        TOOK[..cores]
            .iter()
            .map(|took| took.load(Ordering::Relaxed))
    };
    let time = ENDED.load(Ordering::Relaxed) - BEGUN.load(Ordering::Relaxed);
    let figure = Figure {
        each: time / took().sum::<u64>(),
        most: took().max().unwrap_or(0),
        fewest: took().min().unwrap_or(0),
    };
    kprintln!(
        "@contention {cores} cores, {name}: {} instructions for each hand-over; a core had it {} \
         to {} times",
        figure.each,
        figure.fewest,
        figure.most
    );
    figure
}

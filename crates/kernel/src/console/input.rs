//! What is typed: the interrupt puts bytes into a ring and queues a work item; the worker moves
//! them to the reader's buffer and wakes the reader.
//!
//! When a ring is full, the port's interrupt is turned off until there is room again: then bytes
//! wait in the port and, where the line has flow control or is an emulator's, at the sender. What
//! the port itself loses is counted.

use super::set_interrupts;
use crate::platform::{self, Uart};
use crate::sync::{IrqCx, TaskCx};
use crate::wait::{Instant, TimedOut};
use crate::{Atomic, IrqSpinLock, Running, SpinLock, TaskAtomic, WaitQueue, Work, system_work};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use heapless::Deque;

/// Bytes between the interrupt and the worker.
const RING: usize = 4096;
/// Bytes between the worker and the reader.
const BUFFER: usize = 4096;

static RECEIVED: IrqSpinLock<Deque<u8, RING>> =
    IrqSpinLock::new(Deque::new()).named("console received");
static TYPED: SpinLock<Deque<u8, BUFFER>> = SpinLock::new(Deque::new()).named("console typed");
/// Whoever reads waits here.
static READERS: WaitQueue = WaitQueue::new("console input");
static MOVE: Work = Work::new("console input", move_bytes);
/// Set while the port's interrupt is off because `RECEIVED` was full.
static HELD_BACK: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicU64 = AtomicU64::new(0);
static LOST: AtomicU64 = AtomicU64::new(0);
static HELD: AtomicU64 = AtomicU64::new(0);

/// What has come in so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Bytes received.
    pub received: u64,
    /// Bytes that the port lost, at the least: the kernel was too slow to take them.
    pub lost: u64,
    /// Times that the sender was made to wait.
    pub held_back: u64,
}

/// What has come in so far. From any context. O(1).
pub fn stats() -> Stats {
    Stats {
        received: COUNT.load(Ordering::Relaxed),
        lost: LOST.load(Ordering::Relaxed),
        held_back: HELD.load(Ordering::Relaxed),
    }
}

/// Puts what was typed before there were interrupts in front of the rest.
pub(super) fn begin_with(early: &[u8]) {
    // SAFETY: CX-ATOMIC: nothing sleeps while the ring is held.
    let mut received = RECEIVED.lock(unsafe { Atomic::assume() });
    for &byte in early {
        // There is room: the ring is empty and larger than what a port holds.
        let _ = received.push_back(byte);
    }
    COUNT.fetch_add(early.len() as u64, Ordering::Relaxed);
    drop(received);
    if !early.is_empty() {
        let _ = system_work::highpri().queue(&MOVE);
    }
}

/// In the port's interrupt: takes what has come.
pub(super) fn receive(cx: IrqCx<'_>, uart: &dyn Uart) {
    let mut received = RECEIVED.lock(cx);
    let mut count = 0;
    while !received.is_full() {
        let Some(byte) = uart.get() else { break };
        // There is room, as just asked.
        let _ = received.push_back(byte);
        count += 1;
    }
    if received.is_full() && !HELD_BACK.swap(true, Ordering::Relaxed) {
        HELD.fetch_add(1, Ordering::Relaxed);
        set_interrupts(uart, |port| port.receive = false);
    }
    drop(received);
    LOST.fetch_add(u64::from(uart.take_lost()), Ordering::Relaxed);
    if count > 0 {
        COUNT.fetch_add(count, Ordering::Relaxed);
        // Whatever the answer: the queue is never closed, so a run follows.
        let _ = system_work::highpri().queue(&MOVE);
    }
}

/// In the worker: moves what has come to where the reader finds it.
fn move_bytes(_run: &Running<'_>, cx: &mut TaskCx) {
    let mut guard = TYPED.lock(cx.atomic());
    let (typed, inner) = guard.split();
    let mut received = RECEIVED.lock(inner);
    while !typed.is_full() {
        let Some(byte) = received.pop_front() else {
            break;
        };
        let _ = typed.push_back(byte);
    }
    // Under the ring's lock, so that the interrupt cannot fill the ring and turn itself off between
    // the two.
    if received.len() <= RING / 2 && HELD_BACK.swap(false, Ordering::Relaxed) {
        set_interrupts(platform::get().uart(), |port| port.receive = true);
    }
    drop(received);
    drop(guard);
    READERS.wake_one();
}

/// Takes what has been typed, up to `buffer.len()` bytes; blocks until there is at least one.
/// Returns how many.
pub fn read(cx: &mut TaskCx, buffer: &mut [u8]) -> usize {
    READERS.idle_until(cx, |cx| take(cx, buffer))
}

/// [`read`] that gives up at `deadline`.
///
/// # Errors
///
/// Nothing was typed until `deadline`.
pub fn read_deadline(
    cx: &mut TaskCx,
    buffer: &mut [u8],
    deadline: Instant,
) -> Result<usize, TimedOut> {
    READERS.wait_until_deadline(cx, deadline, |cx| take(cx, buffer))
}

fn take(cx: TaskAtomic<'_>, buffer: &mut [u8]) -> Option<usize> {
    let mut typed = TYPED.lock(cx);
    let count = typed.len().min(buffer.len());
    for place in &mut buffer[..count] {
        *place = typed.pop_front()?;
    }
    drop(typed);
    // More may have had no room here until now.
    // SAFETY: CX-ATOMIC: nothing sleeps while the ring is looked at.
    if count > 0 && !RECEIVED.lock(unsafe { Atomic::assume() }).is_empty() {
        // Whatever the answer: the queue is never closed, so a run follows.
        let _ = system_work::highpri().queue(&MOVE);
    }
    (count > 0 || buffer.is_empty()).then_some(count)
}

//! Waking a thread that is blocked on another, idle core; queueing an item whose worker sleeps there.
//!
//! The counter runs for all cores together. So while the waker's own instructions are counted the
//! interrupt distributor is off: the software interrupt waits in it, and the other core sleeps on.

use crate::crew::{self, Flag};
use crate::meter;
use board_rpi4::memory_map::GICD;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use layercake_kernel::{TaskCx, Work, WorkQueue, time};

/// Long enough for the other core to be idle again.
const SETTLE: Duration = Duration::from_micros(50);

/// The waker's instructions.
pub fn waker(cx: &mut TaskCx, _: u32) {
    static FLAG: Flag = Flag::new();
    crew::spawn_on(1, 0, |cx| {
        loop {
            FLAG.wait(cx);
        }
    })
    .detach();
    while meter::wants_more() {
        time::sleep(cx, SETTLE);
        forward_interrupts(false);
        meter::begin();
        FLAG.raise();
        meter::end();
        forward_interrupts(true);
    }
}

/// Everything that both cores execute from the wake to the woken thread's next line.
pub fn total(cx: &mut TaskCx, _: u32) {
    static FLAG: Flag = Flag::new();
    align_cores(cx);
    crew::spawn_on(1, 0, |cx| {
        loop {
            FLAG.wait(cx);
            meter::end();
        }
    })
    .detach();
    while meter::wants_more() {
        time::sleep(cx, SETTLE);
        meter::begin();
        FLAG.raise();
    }
}

/// The instructions of who queues an item whose worker sleeps on the other core.
pub fn queuer(cx: &mut TaskCx, _: u32) {
    static QUEUE: WorkQueue = WorkQueue::new("bench");
    static ITEM: Work = Work::new("nothing", |_, _| {});
    crew::spawn_on(1, 0, |cx| QUEUE.run_worker(cx)).detach();
    while meter::wants_more() {
        time::sleep(cx, SETTLE);
        forward_interrupts(false);
        meter::begin();
        let _ = QUEUE.queue(&ITEM);
        meter::end();
        forward_interrupts(true);
    }
}

/// Everything that both cores execute from the queueing to the item's first line.
pub fn queue_total(cx: &mut TaskCx, _: u32) {
    static QUEUE: WorkQueue = WorkQueue::new("bench");
    static ITEM: Work = Work::new("the end", |_, _| _ = meter::end());
    align_cores(cx);
    crew::spawn_on(1, 0, |cx| QUEUE.run_worker(cx)).detach();
    while meter::wants_more() {
        time::sleep(cx, SETTLE);
        meter::begin();
        let _ = QUEUE.queue(&ITEM);
    }
}

/// Tells the meter how far the counters of the two cores are apart.
fn align_cores(cx: &mut TaskCx) {
    static AHEAD: AtomicU64 = AtomicU64::new(0);
    crew::spawn_on(1, 0, |_| AHEAD.store(meter::ahead(true), Relaxed)).join(cx);
    meter::use_two_cores(AHEAD.load(Relaxed).wrapping_sub(meter::ahead(false)));
}

/// Whether the distributor gives interrupts to the cores (GICD_CTLR.EnableGrp0, at offset 0).
fn forward_interrupts(on: bool) {
    let control = GICD as *mut u32;
    // SAFETY: MMIO-MAPPED: the distributor's first register; interrupts that come meanwhile stay
    // pending in it.
    unsafe { control.write_volatile(u32::from(on)) };
}

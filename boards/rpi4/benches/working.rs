//! Work queues: one item to an idle worker, an item twice, many items.

use crate::{crew, meter};
use alloc::vec::Vec;
use layercake_kernel::wait::Host as _;
use layercake_kernel::{Host, Running, SpinLock, TaskCx, Work, WorkQueue};

fn nothing(_: &Running<'_>, _: &mut TaskCx) {}

/// Makes a worker for `queue`, `above` the benchmark's own thread.
fn start_worker(queue: &'static WorkQueue, above: i8) {
    crew::spawn(above, |cx| queue.run_worker(cx)).detach();
}

/// Queue to an idle worker of higher priority on this core; it runs the item and sleeps again.
pub fn round_trip(_: &mut TaskCx, _: u32) {
    static QUEUE: WorkQueue = WorkQueue::new("bench");
    static ITEM: Work = Work::new("nothing", nothing);
    start_worker(&QUEUE, 1);
    while meter::wants_more() {
        meter::begin();
        let _ = QUEUE.queue(&ITEM);
        meter::end();
    }
}

/// Queue an item that is pending.
pub fn queue_pending(_: &mut TaskCx, _: u32) {
    static QUEUE: WorkQueue = WorkQueue::new("bench");
    static ITEM: Work = Work::new("nothing", nothing);
    // No worker: it stays pending.
    let _ = QUEUE.queue(&ITEM);
    while meter::wants_more() {
        meter::begin();
        let _ = QUEUE.queue(&ITEM);
        meter::end();
    }
}

/// Queue `size` items to an idle worker of lower priority, and block until the last has run.
pub fn item(cx: &mut TaskCx, size: u32) {
    static QUEUE: WorkQueue = WorkQueue::new("bench");
    static LAST: Work = Work::new("last", |_, cx| {
        let driver = *DRIVER.lock(cx.atomic());
        Host::unpark(&driver.expect("set before the first item"));
    });
    static DRIVER: SpinLock<Option<<Host as layercake_kernel::wait::Host>::Task>> =
        SpinLock::new(None);
    if DRIVER.lock(cx.atomic()).replace(Host::current()).is_none() {
        start_worker(&QUEUE, -1);
    }
    let items: Vec<Work> = (1..size).map(|_| Work::new("nothing", nothing)).collect();
    let items: &'static [Work] = items.leak();
    meter::plan_for(size.into());
    while meter::wants_more() {
        meter::begin();
        for item in items {
            let _ = QUEUE.queue(item);
        }
        let _ = QUEUE.queue(&LAST);
        Host::park(cx, None);
        meter::end();
    }
}

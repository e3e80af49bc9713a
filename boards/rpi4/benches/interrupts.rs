//! From a software interrupt to its handler, to a waiting thread, and back.

use crate::crew::{self, Flag};
use crate::meter;
use core::sync::atomic::{AtomicU32, Ordering};
use layercake_kernel::irq::{self, Handler};
use layercake_kernel::platform::IrqId;
use layercake_kernel::wait::Semaphore;
use layercake_kernel::{Host, IrqCx, TaskCx};

/// The next software interrupt that nobody uses.
static NEXT: AtomicU32 = AtomicU32::new(irq::SGI_FREE);

/// Gives `handler` a software interrupt of its own on this core.
fn register(handler: Handler) -> u32 {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    irq::register(IrqId(number), handler).expect("a free software interrupt");
    number
}

/// Raise, handle, and take the permit that the handler gave, in one thread.
pub fn processing(cx: &mut TaskCx, _: u32) {
    static GIVEN: Semaphore<Host> = Semaphore::new("bench", 0);
    fn handler(_: IrqCx<'_>) {
        GIVEN.release();
    }
    let number = register(handler);
    while meter::wants_more() {
        meter::begin();
        irq::send_sgi(0, number);
        GIVEN.acquire(cx);
        meter::end();
    }
}

/// Raise; the handler wakes a higher thread, which runs and blocks again; back.
pub fn preemption(_: &mut TaskCx, _: u32) {
    static GIVEN: Flag = Flag::new();
    fn handler(_: IrqCx<'_>) {
        GIVEN.raise();
    }
    crew::spawn(1, |cx| {
        loop {
            GIVEN.wait(cx);
        }
    })
    .detach();
    let number = register(handler);
    while meter::wants_more() {
        meter::begin();
        irq::send_sgi(0, number);
        meter::end();
    }
}

/// Raise; the first line of the handler.
pub fn to_entry(_: &mut TaskCx, _: u32) {
    fn handler(_: IrqCx<'_>) {
        meter::end();
    }
    let number = register(handler);
    while meter::wants_more() {
        meter::begin();
        irq::send_sgi(0, number);
    }
}

/// Raise; the handler wakes a higher thread; that one's next line.
pub fn to_thread(_: &mut TaskCx, _: u32) {
    static GIVEN: Flag = Flag::new();
    fn handler(_: IrqCx<'_>) {
        GIVEN.raise();
    }
    crew::spawn(1, |cx| {
        loop {
            GIVEN.wait(cx);
            meter::end();
        }
    })
    .detach();
    let number = register(handler);
    while meter::wants_more() {
        meter::begin();
        irq::send_sgi(0, number);
    }
}

//! W11: wakes from interrupt handlers.
//!
//! loom knows no interrupts, so they are put in: a device raises a line, and whichever core comes
//! by a point first, with its interrupts unmasked, runs the handler there and then. Points are each
//! park, where a core is about to sleep, and each clone of a handle: that one is inside the queue's
//! lock, and so the place where masking counts.

use crate::run_apart;
use crate::support::{Shared, sized};
use layercake_sync::{Cpu, TaskCx};
use layercake_wait::host::loom::{LoomHost, enter, spawn};
use layercake_wait::{Host, Instant, Waiter};
use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use std::cell::Cell;
use std::pin::pin;

sized!(w11_wakes_from_handlers: w11);

/// A device: what it brings things to, and its line.
struct Device {
    things: Shared<IrqHost>,
    line: AtomicBool,
}

loom::lazy_static! {
    static ref DEVICE: Device = Device {
        things: Shared::new("device"),
        line: AtomicBool::new(false),
    };
}

loom::thread_local! {
    /// Of the core that this thread has to itself.
    static MASKED: Cell<bool> = Cell::new(false);
}

/// Runs the handler if the line is up, here, and not masked.
fn point() {
    if MASKED.with(Cell::get) {
        return;
    }
    if (DEVICE.line)
        .compare_exchange(true, false, AcqRel, Relaxed)
        .is_ok()
    {
        MASKED.with(|masked| masked.set(true));
        DEVICE.things.put();
        MASKED.with(|masked| masked.set(false));
    }
}

/// Whether `irq_save` is to mask nothing.
fn never_masks() -> bool {
    std::env::var("LAYERCAKE_MUTANT").is_ok_and(|name| name == "NeverMasks")
}

struct IrqCpu;

// SAFETY: CPU-MASK. Handlers run at points only, and there only on a core that is not masked.
// (The mutant is *not* what it asks for; a model expects the worst of it.)
unsafe impl Cpu for IrqCpu {
    type IrqState = bool;

    fn irq_save() -> bool {
        MASKED.with(|masked| masked.replace(masked.get() || !never_masks()))
    }

    unsafe fn irq_restore(state: bool) {
        MASKED.with(|masked| masked.set(state));
    }

    fn preempt_disable() {}

    unsafe fn preempt_enable() {}
}

/// loom's host, on such cores.
struct IrqHost;

struct Task(<LoomHost as Host>::Task);

impl Clone for Task {
    fn clone(&self) -> Self {
        point();
        Self(self.0.clone())
    }
}

// SAFETY: HOST, by loom's host.
unsafe impl Host for IrqHost {
    type Cpu = IrqCpu;
    type Task = Task;

    fn current() -> Task {
        Task(LoomHost::current())
    }

    fn park(cx: &mut TaskCx, deadline: Option<Instant>) {
        point();
        LoomHost::park(cx, deadline);
    }

    fn unpark(task: &Task) {
        LoomHost::unpark(&task.0);
    }

    fn now() -> Instant {
        LoomHost::now()
    }
}

/// One item, brought by an interrupt on whichever core; one who takes it, and others who leave
/// without looking. Another wake comes in vain, and that interrupt may break in on it, on the wake
/// of one who leaves, and on whoever is about to sleep.
fn w11(waiters: usize) {
    let leavers: Vec<_> = (1..waiters)
        .map(|_| {
            spawn(|cx| {
                let waiter = pin!(Waiter::new());
                waiter.as_ref().prepare(&DEVICE.things.queue, cx);
                waiter.as_ref().clear();
            })
        })
        .collect();
    let giver = loom::thread::spawn(|| {
        DEVICE.line.store(true, Release);
        DEVICE.things.queue.wake_one();
        point(); // at the latest here
    });
    enter(|cx| DEVICE.things.queue.wait_until(cx, |_| DEVICE.things.take()));
    giver.join().unwrap();
    leavers.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(DEVICE.things.queue.waiters(), 0);
}

/// Without masking the handler breaks in on the holder of the queue's lock, and waits for it.
#[test]
fn w11_without_masking_is_rejected() {
    let model = "interrupts::w11_wakes_from_handlers::waiters_2_bound_3";
    let (passed, _) = run_apart(model, Some("NeverMasks"));
    assert!(!passed, "{model} passes with NeverMasks");
}

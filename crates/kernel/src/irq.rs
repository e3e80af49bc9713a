//! Interrupts: which handler each one has, and the way from the vector to it and back.

use crate::cpu::{self, Core, Counts};
use crate::platform::{self, Claim, IrqId};
use crate::sync::IrqCx;
use crate::{run_queue, stop, time};
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use layercake_arch_arm64::counter;
use layercake_arch_arm64::exception::IrqFrame;

/// The software interrupt that asks a core to look at its run queue.
pub(crate) const SGI_RESCHEDULE: u32 = 0;
/// The software interrupt that stops a core for good.
pub(crate) const SGI_STOP: u32 = 1;
/// The software interrupt that asks a core to let go of a thread that may not run there.
pub(crate) const SGI_MOVE: u32 = 2;
/// The software interrupt that asks a core to look in a while whether others have less to do.
pub(crate) const SGI_BALANCE: u32 = 3;
/// Software interrupts from here to 15 are free for [`register`].
pub const SGI_FREE: u32 = 8;

/// One more than the largest number of an interrupt: as many as a GIC can have.
// A claim has checked that, so that the table need not.
pub const MAX_IRQS: usize = 1020;

/// Handlers by the numbers of their interrupts.
pub(crate) type Handlers = [AtomicPtr<()>; MAX_IRQS];

/// What runs when an interrupt comes: on the core that took it, with interrupts masked, on the
/// interrupted thread's stack. It must not sleep, and it must silence the device.
pub type Handler = fn(IrqCx<'_>);

pub(crate) static HANDLERS: Handlers = [const { AtomicPtr::new(core::ptr::null_mut()) }; MAX_IRQS];
/// Interrupts that came and nobody handles. Each is turned off when it comes, so it comes once.
static UNHANDLED: AtomicU64 = AtomicU64::new(0);

// SAFETY: LINKED: `entry!` defines these three, with these types, for the image's board.
unsafe extern "Rust" {
    safe fn __kernel_irq_claim() -> Option<Claim>;
    safe fn __kernel_irq_complete(claim: Claim);
    safe fn __kernel_irq_send_sgi(core: usize, number: u32);
}

/// Raises software interrupt `number` (0 to 15) on `core`, be it the calling one; what the caller
/// stored before is visible to the handler. From any context. O(1).
#[inline]
pub fn send_sgi(core: usize, number: u32) {
    __kernel_irq_send_sgi(core, number);
}

/// Why an interrupt cannot have a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegisterError {
    /// There is no interrupt of this number.
    NoSuchIrq,
    /// It has a handler, or belongs to the kernel itself.
    Taken,
}

/// Makes `handler` the handler of `irq`, and lets the interrupt through: a private one on the
/// calling core, a shared one to the first core. From any context. O(1).
///
/// # Errors
///
/// See [`RegisterError`].
pub fn register(irq: IrqId, handler: Handler) -> Result<(), RegisterError> {
    let slot = HANDLERS
        .get(irq.0 as usize)
        .ok_or(RegisterError::NoSuchIrq)?;
    if irq.0 < SGI_FREE || irq.0 == counter::PPI {
        return Err(RegisterError::Taken);
    }
    slot.compare_exchange(
        core::ptr::null_mut(),
        handler as *mut (),
        Ordering::AcqRel,
        Ordering::Relaxed,
    )
    .map_err(|_| RegisterError::Taken)?;
    platform::get().enable(irq);
    Ok(())
}

/// Interrupts that came and had no handler.
pub fn unhandled() -> u64 {
    UNHANDLED.load(Ordering::Relaxed)
}

/// Sets up what every core needs: its part of the controller, its software interrupts, its timer.
pub(crate) fn init_core() {
    let platform = platform::get();
    platform.init_core_irqs();
    // The same on each core; the first one has the others wait until it is done.
    HANDLERS[SGI_RESCHEDULE as usize].store(on_reschedule as Handler as *mut (), Ordering::Relaxed);
    HANDLERS[counter::PPI as usize].store(on_timer as Handler as *mut (), Ordering::Relaxed);
    let on_move: Handler = run_queue::on_move_sgi;
    HANDLERS[SGI_MOVE as usize].store(on_move as *mut (), Ordering::Relaxed);
    platform.enable(IrqId(SGI_RESCHEDULE));
    let on_balance: Handler = run_queue::on_balance_sgi;
    HANDLERS[SGI_BALANCE as usize].store(on_balance as *mut (), Ordering::Relaxed);
    platform.enable(IrqId(SGI_STOP));
    platform.enable(IrqId(SGI_MOVE));
    platform.enable(IrqId(SGI_BALANCE));
    time::init_core();
}

/// Every interrupt comes this way. Called by the vector with interrupts masked.
#[unsafe(no_mangle)]
extern "C" fn __kernel_irq(frame: &IrqFrame) {
    let core = cpu::this();
    core.irq_depth.set(1);
    if let Some(claim) = __kernel_irq_claim() {
        // Relaxed: a handler is there before its interrupt is enabled, and the claim orders the two.
        let handler = core
            .handlers
            .get(claim.irq.0 as usize)
            .map_or(core::ptr::null_mut(), |slot| slot.load(Ordering::Relaxed));
        if handler.is_null() {
            core::hint::cold_path();
            without_handler(core, claim, frame);
        } else {
            // SAFETY: HANDLER: the slots are written with a `Handler` only.
            let handler = unsafe { core::mem::transmute::<*mut (), Handler>(handler) };
            // SAFETY: CX-IRQ: this is the interrupt entry; interrupts stay masked throughout.
            handler(unsafe { IrqCx::new() });
        }
        __kernel_irq_complete(claim);
        Counts::add(&core.counts.irqs);
    }
    core.irq_depth.set(0);
    run_queue::preempt_on_irq_exit(core);
}

/// The handler of [`SGI_RESCHEDULE`].
fn on_reschedule(_: IrqCx<'_>) {
    let core = cpu::this();
    Counts::add(&core.counts.sgis);
    run_queue::on_reschedule_sgi(core);
}

/// The timer's handler.
fn on_timer(_: IrqCx<'_>) {
    time::on_interrupt(cpu::this());
}

/// An interrupt that is in no slot: the one that stops the core, or one that nobody wants.
#[cold]
#[inline(never)]
fn without_handler(core: &'static Core, claim: Claim, frame: &IrqFrame) {
    if claim.irq.0 == SGI_STOP {
        __kernel_irq_complete(claim);
        stop::stopped_here(core, frame);
    }
    let irq = claim.irq.0;
    UNHANDLED.fetch_add(1, Ordering::Relaxed);
    platform::get().disable(claim.irq);
    log::warn!("interrupt {irq} has no handler and is turned off");
}

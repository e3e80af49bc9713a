//! What a lock masks while it is held, and what its caller must show to take it.
//!
//! A lock that an interrupt handler takes must be taken with interrupts masked everywhere, or a
//! handler could spin for a lock that its own core holds. So [`PreemptOff`] locks demand a
//! [`TaskAtomic`], which no handler has and no IRQ-safe guard gives; [`IrqOff`] locks take any
//! [`Atomic`]; [`NoMask`] locks demand that interrupts are [`Masked`] already.

use crate::context::{Atomic, Masked, TaskAtomic};
use crate::cpu::Cpu;
use core::marker::PhantomData;

/// A way to keep others off this core while a lock is held.
///
/// # Safety
///
/// Invariant **MASK-PAIR**: between `enter` and the matching `leave` whoever could show a
/// `Token` of this mask cannot run on this core, except the caller; and `Inner` proves no more
/// than holds between them.
pub unsafe trait Mask: 'static {
    /// The core that it masks.
    type Cpu: Cpu;
    /// What the caller shows.
    type Token<'a>;
    /// What the guard hands on, for nested locks.
    type Inner<'a>;
    /// What `enter` found.
    type State: Copy;

    /// Masks.
    fn enter() -> Self::State;

    /// Unmasks to what `state` says.
    ///
    /// # Safety
    ///
    /// `state` is of an `enter` of this core that has not been left yet, in an order that
    /// [`Cpu::irq_restore`] allows: so a guard goes before what its token was lent by.
    unsafe fn leave(state: Self::State);

    /// The token for what may be done inside.
    ///
    /// # Safety
    ///
    /// The caller is between `enter` and `leave` for `'a`, and showed a `Token<'a>` for it or
    /// keeps invariant **CX-ATOMIC** for `'a`. An `Inner` that is not `Copy` is made once at a
    /// time.
    unsafe fn inner<'a>() -> Self::Inner<'a>;
}

/// Masks preemption: for data that only threads touch.
#[derive(Debug)]
pub struct PreemptOff<C>(PhantomData<fn() -> C>);

// SAFETY: MASK-PAIR. A `TaskAtomic` is shown by threads only, and no other thread runs on this
// core while preemption is off (CPU-MASK).
unsafe impl<C: Cpu> Mask for PreemptOff<C> {
    type Cpu = C;
    type Token<'a> = TaskAtomic<'a>;
    type Inner<'a> = TaskAtomic<'a>;
    type State = ();

    #[inline(always)]
    fn enter() {
        C::preempt_disable();
    }

    #[inline(always)]
    unsafe fn leave((): ()) {
        // SAFETY: CPU-MASK; the caller pairs it with `enter`.
        unsafe { C::preempt_enable() }
    }

    #[inline(always)]
    unsafe fn inner<'a>() -> TaskAtomic<'a> {
        // SAFETY: CX-ATOMIC, by the caller's promise: a `Token` is a thread's, with interrupts on.
        unsafe { TaskAtomic::assume() }
    }
}

/// Masks interrupts: for data that interrupt handlers touch too.
#[derive(Debug)]
pub struct IrqOff<C>(PhantomData<fn() -> C>);

// SAFETY: MASK-PAIR. With interrupts masked neither a handler nor, since preemption comes from
// handlers, another thread runs on this core (CPU-MASK).
unsafe impl<C: Cpu> Mask for IrqOff<C> {
    type Cpu = C;
    type Token<'a> = Atomic<'a>;
    type Inner<'a> = Masked<'a>;
    type State = C::IrqState;

    #[inline(always)]
    fn enter() -> C::IrqState {
        C::irq_save()
    }

    #[inline(always)]
    unsafe fn leave(state: C::IrqState) {
        // SAFETY: CPU-MASK; the caller pairs it with `enter`. Who begins to mask used up a token
        // that comes back after this (CX-ATOMIC), so the others have gone.
        unsafe { C::irq_restore(state) }
    }

    #[inline(always)]
    unsafe fn inner<'a>() -> Masked<'a> {
        // SAFETY: CX-MASKED, by the caller's promise.
        unsafe { Masked::assume() }
    }
}

/// Masks nothing: for data that is only ever touched with interrupts [`Masked`] already, such as
/// what the scheduler keeps for each core.
#[derive(Debug)]
pub struct NoMask<C>(PhantomData<fn() -> C>);

// SAFETY: MASK-PAIR. Who shows a `Masked` has the core to itself for as long as the guard may
// live (CX-MASKED).
unsafe impl<C: Cpu> Mask for NoMask<C> {
    type Cpu = C;
    type Token<'a> = Masked<'a>;
    type Inner<'a> = Masked<'a>;
    type State = ();

    #[inline(always)]
    fn enter() {}

    #[inline(always)]
    unsafe fn leave((): ()) {}

    #[inline(always)]
    unsafe fn inner<'a>() -> Masked<'a> {
        // SAFETY: CX-MASKED, by the token that the caller showed.
        unsafe { Masked::assume() }
    }
}

//! Masking without a lock, for the length of a closure.

use crate::context::{Atomic, Masked, Pinned, TaskAtomic};
use crate::cpu::Cpu;
use crate::mask::{IrqOff, Mask, PreemptOff};

/// Leaves what was entered, also when the closure panics.
struct Section<M: Mask> {
    state: M::State,
}

impl<M: Mask> Drop for Section<M> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: MASK-PAIR: `state` is from the `enter` of whoever made this.
        unsafe { M::leave(self.state) }
    }
}

/// Runs `f` with interrupts masked on this core; then they are again as they were.
///
/// May be called from any context.
#[inline(always)]
pub fn irq_off<'a, C: Cpu, R>(
    cx: impl Into<Atomic<'a>>,
    f: impl for<'m> FnOnce(Masked<'m>) -> R,
) -> R {
    let _ = cx.into();
    let _section = Section::<IrqOff<C>> {
        state: IrqOff::<C>::enter(),
    };
    // SAFETY: MASK-PAIR, to the end of this function; the token above was shown, and whoever
    // lent it is borrowed for the call, so that no older guard can go inside of it.
    f(unsafe { IrqOff::<C>::inner() })
}

/// Runs `f` with preemption off: on one core, with no other thread in between. Interrupts stay
/// on.
///
/// May be called from threads.
#[inline(always)]
pub fn preempt_off<'a, C: Cpu, R>(
    cx: impl Into<TaskAtomic<'a>>,
    f: impl for<'p> FnOnce(Pinned<'p>, TaskAtomic<'p>) -> R,
) -> R {
    let _ = cx.into();
    PreemptOff::<C>::enter();
    let _section = Section::<PreemptOff<C>> { state: () };
    // SAFETY: CX-PINNED and MASK-PAIR, to the end of this function; the token above was shown.
    unsafe { f(Pinned::assume(), PreemptOff::<C>::inner()) }
}

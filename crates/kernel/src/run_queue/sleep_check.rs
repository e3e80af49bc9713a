//! The run-time check behind the types: whether the calling thread may sleep.

use crate::Host;
use crate::cpu;
use crate::thread::{self, Thread};
use layercake_arch_arm64 as arch;
use layercake_sync::check::{self, WhyNot};

/// Whether the calling thread may sleep, as far as this kernel counts it. In every build; where the
/// locks are noted down, too (`layercake_sync::check`), they are asked first.
#[inline]
pub(crate) fn may_sleep() -> Result<(), WhyNot> {
    let current = thread::current();
    let count = current.preempt_count();
    if arch::irq::masked() {
        let in_handler = cpu::this().irq_depth.get() > 0;
        return Err(if in_handler {
            WhyNot::InHandler
        } else {
            WhyNot::IrqsMasked
        });
    }
    if count != 0 {
        return Err(WhyNot::PreemptOff(count));
    }
    Ok(())
}

/// Stops what came in through `unsafe`: sleeping where nobody may.
#[inline]
#[track_caller]
pub(super) fn check_may_sleep(current: &Thread) {
    let checked = if check::ON {
        check::may_sleep::<Host>()
    } else {
        may_sleep()
    };
    if let Err(why) = checked {
        refuse_sleep(current, why);
    }
}

/// Stops a thread that was about to block with interrupts masked.
#[cold]
#[inline(never)]
pub(super) fn refuse_masked(current: &Thread) {
    // It does not say that it does not return, so that its caller can end in it as in a jump.
    refuse_sleep(current, may_sleep().err().unwrap_or(WhyNot::IrqsMasked))
}

#[cold]
#[inline(never)]
#[track_caller]
fn refuse_sleep(current: &Thread, why: WhyNot) -> ! {
    panic!(
        "thread {} \"{}\" was about to sleep, but {why}",
        current.id(),
        current.name()
    );
}

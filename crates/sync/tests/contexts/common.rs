// Included by each case: a kernel's aliases, and something that sleeps.
#[allow(unused_imports)]
use layercake_sync::{
    Atomic, Cpu, IrqCx, IrqOff, Masked, PerCpu, PreemptOff, SpinLock, TaskAtomic, TaskCx,
    host::StdCpu, irq_off, preempt_off,
};

#[allow(dead_code)]
type Lock<T> = SpinLock<T, PreemptOff<StdCpu>>;
#[allow(dead_code)]
type IrqLock<T> = SpinLock<T, IrqOff<StdCpu>>;

/// A blocking call.
#[allow(dead_code)]
fn sleep(_: &mut TaskCx) {}

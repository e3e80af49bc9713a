//! A thread's beginning and end.

use super::{ALIVE, ALL_CORES, EXITING, GONE, JoinHandle, Name, Stack, Thread, reap, stack, table};
use crate::sync::TaskCx;
use crate::{Atomic, config, cpu, run_queue};
use alloc::boxed::Box;
use core::fmt;
use core::sync::atomic::Ordering;
use layercake_arch_arm64::{irq, layout::PAGE, switch};
use layercake_sched::{CpuSet, Entity, Priority};

/// What a thread runs.
pub(crate) type Closure = dyn FnOnce(&mut TaskCx) + Send;

/// Why there is no new thread. Nothing was kept of the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpawnError {
    /// No memory for the stack or the thread itself, or no number is free.
    OutOfMemory,
    /// The stack is to be smaller or larger than a stack can be.
    StackSize,
    /// The thread may run on no core that is up.
    Affinity,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory => f.write_str("no memory or no number is left for another thread"),
            Self::StackSize => {
                write!(f, "a stack has {} to {} bytes", stack::LEAST, stack::MOST)
            }
            Self::Affinity => f.write_str("none of the thread's cores is up"),
        }
    }
}

impl core::error::Error for SpawnError {}

/// A thread about to be made: its name, and what it may be told besides.
#[derive(Debug, Clone)]
pub struct Builder {
    name: Name,
    priority: Priority,
    affinity: CpuSet,
    stack_size: usize,
}

impl Builder {
    /// A thread called `name` (cut after [`NAME_LEN`](super::NAME_LEN) bytes), of ordinary
    /// priority, on any core, with the configured stack.
    pub fn new(name: &str) -> Self {
        let mut kept = Name::new();
        for c in name.chars() {
            if kept.push(c).is_err() {
                break;
            }
        }
        Self {
            name: kept,
            priority: Priority::default(),
            affinity: ALL_CORES,
            stack_size: config::STACK_SIZE,
        }
    }

    /// How urgent it is.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// The cores that it may run on.
    pub fn affinity(mut self, cores: CpuSet) -> Self {
        self.affinity = cores;
        self
    }

    /// Bytes of its stack, rounded up to whole pages.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = bytes;
        self
    }

    /// Makes the thread, runnable at once. From threads only: it allocates.
    ///
    /// # Errors
    ///
    /// See [`SpawnError`].
    pub fn spawn(
        self,
        body: impl FnOnce(&mut TaskCx) + Send + 'static,
    ) -> Result<JoinHandle, SpawnError> {
        let size = self.stack_size.next_multiple_of(PAGE);
        if !(stack::LEAST..=stack::MOST).contains(&size) {
            return Err(SpawnError::StackSize);
        }
        if self.affinity.bits() & u64::from(cpu::online_mask()) == 0 {
            return Err(SpawnError::Affinity);
        }
        let thread = table::take(size).ok_or(SpawnError::OutOfMemory)?;
        let closure: Box<Closure> = Box::new(body);
        // SAFETY: CX-ATOMIC: nothing sleeps while the thread is filled in.
        let mut own = thread.own.lock(unsafe { Atomic::assume() });
        own.name = self.name;
        own.closure = Some(closure);
        let top = own
            .stack
            .as_ref()
            .map(Stack::range)
            .expect("taken with a stack")
            .end;
        drop(own);
        // SAFETY: ENT-LIVE, ENT-LOCK: the thread is on no run queue and nobody's yet.
        unsafe {
            thread
                .entity
                .get()
                .write(Entity::new(self.priority, self.affinity))
        };
        thread.set_policy(self.priority, self.affinity);
        thread.preempt_count.store(0, Ordering::Relaxed);
        thread.need_resched.store(false, Ordering::Relaxed);
        thread.permit.store(run_queue::RUNNING, Ordering::Relaxed);
        thread.hung.store(0, Ordering::Relaxed);
        thread.forget_blocked_on();
        thread.owners.store(2, Ordering::Relaxed);
        thread.life.store(ALIVE, Ordering::Relaxed);
        // SAFETY: SWITCH: the stack is mapped, and the thread is nobody's yet.
        let sp = unsafe { switch::prepare(top, first, (&raw const *thread) as usize) };
        thread.saved_sp.set(sp);
        let handle = JoinHandle::new(thread);
        run_queue::start(thread);
        Ok(handle)
    }
}

/// Makes a thread called `name` of priority `priority` that runs `body`.
///
/// # Errors
///
/// See [`SpawnError`].
pub fn spawn(
    name: &str,
    priority: Priority,
    body: impl FnOnce(&mut TaskCx) + Send + 'static,
) -> Result<JoinHandle, SpawnError> {
    Builder::new(name).priority(priority).spawn(body)
}

/// Where every thread begins: interrupts masked, just switched to.
extern "C" fn first(ended: usize, thread: usize) -> ! {
    // SAFETY: SWITCH: `ended` is what `switch` carried; interrupts are masked.
    unsafe { run_queue::finish_switch(ended) };
    // SAFETY: IRQ-NEST: a new thread begins with interrupts on; nothing waits for a restore.
    unsafe { irq::unmask() };
    // SAFETY: THREAD-STABLE: the address of the thread that `spawn` prepared.
    let thread = unsafe { &*(thread as *const Thread) };
    // SAFETY: CX-ATOMIC: nothing sleeps while the closure is taken out.
    let closure = thread.own.lock(unsafe { Atomic::assume() }).closure.take();
    // SAFETY: CX-TASK: a thread at its beginning holds nothing, and this is its only `TaskCx`.
    let mut cx = unsafe { TaskCx::new() };
    if let Some(closure) = closure {
        closure(&mut cx);
    }
    exit(&mut cx)
}

/// Ends the calling thread. What its frames own is not dropped: return from the thread's function
/// where that matters. Whoever joins it goes on.
pub fn exit(_cx: &mut TaskCx) -> ! {
    let thread = super::current();
    thread.life.store(EXITING, Ordering::Relaxed);
    run_queue::leave_for_ever()
}

/// What is left to do for a thread that has ended and is off its stack: called by whatever runs
/// next on its core, with interrupts masked and no lock held.
#[cold]
pub(crate) fn after_end_of(thread: &'static Thread) {
    thread.life.store(GONE, Ordering::Release);
    thread.joiners.wake_all();
    reap(thread);
}

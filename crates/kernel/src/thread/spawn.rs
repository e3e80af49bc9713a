//! A thread's beginning.

use super::body::Body;
use super::end::{VALUE, end};
use super::{ALIVE, ALL_CORES, HANDLE, JoinHandle, Name, Stack, Thread, stack, table};
use crate::sync::TaskCx;
use crate::wait::CancelToken;
use crate::{Atomic, config, cpu, run_queue};
use core::fmt;
use core::sync::atomic::Ordering;
use layercake_arch_arm64::{layout::PAGE, switch};
use layercake_sched::{CpuSet, Priority};

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
    essential: bool,
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
            essential: false,
        }
    }

    /// How urgent it is.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Its weight in the fair class, -20..=19 (held to that range); lower is more. It stands for
    /// [`priority`](Self::priority) with [`Priority::fair`].
    pub fn nice(self, nice: i8) -> Self {
        self.priority(Priority::fair(nice))
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

    /// The machine cannot do without it: it cannot be [killed](super::kill).
    pub fn essential(mut self) -> Self {
        self.essential = true;
        self
    }

    /// Makes the thread, runnable at once. What `body` returns goes to whoever joins it. From threads
    /// only: it allocates.
    ///
    /// # Errors
    ///
    /// See [`SpawnError`].
    pub fn spawn<T: Send + 'static>(
        self,
        body: impl FnOnce(&mut TaskCx) -> T + Send + 'static,
    ) -> Result<JoinHandle<T>, SpawnError> {
        let size = self.stack_size.next_multiple_of(PAGE);
        if !(stack::LEAST..=stack::MOST).contains(&size) {
            return Err(SpawnError::StackSize);
        }
        if self.affinity.bits() & u64::from(cpu::online_mask()) == 0 {
            return Err(SpawnError::Affinity);
        }
        let thread = table::take(size).ok_or(SpawnError::OutOfMemory)?;
        thread.body.set(Some(Body::new(body)));
        self.start(thread);
        Ok(JoinHandle::new(thread))
    }

    /// Fills in `thread`, which has a stack and a body, and lets it go.
    fn start(self, thread: &'static Thread) {
        // SAFETY: CX-ATOMIC: nothing sleeps while the thread is filled in.
        let mut own = thread.own.lock(unsafe { Atomic::assume() });
        own.name = self.name;
        own.essential = self.essential;
        let top = own
            .stack
            .as_ref()
            .map(Stack::range)
            .expect("taken with a stack")
            .end;
        // SAFETY: ENT-LIVE, ENT-LOCK: the thread is on no run queue and nobody's yet.
        unsafe { (*thread.entity.get()).renew(self.priority, self.affinity) };
        thread.set_policy(self.priority, self.affinity);
        thread.set_own_priority(self.priority);
        thread.gate.store(0, Ordering::Relaxed);
        thread.need_resched.store(false, Ordering::Relaxed);
        thread.must_move.store(false, Ordering::Relaxed);
        thread.permit.store(run_queue::RUNNING, Ordering::Relaxed);
        thread.migrations.store(0, Ordering::Relaxed);
        thread.ended.store(0, Ordering::Relaxed);
        thread.hung.store(0, Ordering::Relaxed);
        thread.seat.store(core::ptr::null_mut(), Ordering::Relaxed);
        thread.forget_blocked_on();
        thread.latency.clear();
        // SAFETY: THREAD-OWN: the lock of `own` is held, and the thread is nobody's yet.
        let cancel = unsafe { &mut *thread.cancel.get() };
        if cancel.is_cancelled() {
            *cancel = CancelToken::new("kill");
        }
        // SAFETY: SWITCH: the stack is mapped, and the thread is nobody's yet.
        let sp = unsafe { switch::prepare(top, first, (&raw const *thread) as usize) };
        thread.saved_sp.set(sp);
        thread.life.store(ALIVE | HANDLE, Ordering::Release);
        drop(own);
        run_queue::start(thread);
    }
}

/// Makes a thread called `name` of priority `priority` that runs `body`.
///
/// # Errors
///
/// See [`SpawnError`].
pub fn spawn<T: Send + 'static>(
    name: &str,
    priority: Priority,
    body: impl FnOnce(&mut TaskCx) -> T + Send + 'static,
) -> Result<JoinHandle<T>, SpawnError> {
    Builder::new(name).priority(priority).spawn(body)
}

/// Where every thread begins: just switched to, with interrupts on.
extern "C" fn first(thread: usize) -> ! {
    // SAFETY: THREAD-STABLE: the address of the thread that `spawn` prepared.
    let thread = unsafe { &*(thread as *const Thread) };
    // SAFETY: CX-TASK: a thread at its beginning holds nothing, and this is its only `TaskCx`.
    let mut cx = unsafe { TaskCx::new() };
    if let Some(body) = thread.body.get() {
        // SAFETY: BODY: the thread's own as long as it lives, and it holds the function.
        unsafe { body.run(&mut cx) };
        let told = thread.ended.load(Ordering::Relaxed);
        thread.ended.store(told | VALUE, Ordering::Relaxed);
    }
    end(thread)
}

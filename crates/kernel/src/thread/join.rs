//! Waiting for a thread's end, and what it left.

use super::change::{self, ChangeError};
use super::end::{KILLED, VALUE, drop_body};
use super::{ALIVE, CpuSet, GONE, HANDLE, Priority, Thread, table};
use crate::sync::TaskCx;
use core::fmt;
use core::marker::PhantomData;
use core::mem;
use core::sync::atomic::Ordering;

/// How a thread ended.
///
/// Not `must_use`: whoever joins a thread that returns nothing mostly wants to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit<T> {
    /// Its function returned this.
    Returned(T),
    /// It called [`exit`](super::exit): there is no value.
    Exited,
    /// It was [killed](super::kill), was told so by one of its waits, and ended. What its function
    /// returned after that is dropped.
    Killed,
}

impl<T> Exit<T> {
    /// What it returned, if it did.
    pub fn returned(self) -> Option<T> {
        match self {
            Self::Returned(value) => Some(value),
            Self::Exited | Self::Killed => None,
        }
    }

    /// What it returned, or why there is nothing: for `?`.
    ///
    /// # Errors
    ///
    /// [`NoValue`], unless it returned.
    pub fn into_result(self) -> Result<T, NoValue> {
        match self {
            Self::Returned(value) => Ok(value),
            Self::Exited => Err(NoValue::Exited),
            Self::Killed => Err(NoValue::Killed),
        }
    }
}

/// Why a thread left no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoValue {
    /// It called [`exit`](super::exit).
    Exited,
    /// It was [killed](super::kill).
    Killed,
}

impl fmt::Display for NoValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exited => "the thread ended without returning from its function",
            Self::Killed => "the thread was killed",
        })
    }
}

impl core::error::Error for NoValue {}

/// The right to wait for a thread's end, once, and to have what it returned. Dropping it lets the
/// thread go its way: it is reaped when it ends, and what it returns is dropped.
#[must_use = "dropping the handle detaches the thread; say `detach` if that is meant"]
pub struct JoinHandle<T = ()> {
    thread: &'static Thread,
    _value: PhantomData<T>,
}

impl<T> JoinHandle<T> {
    pub(super) fn new(thread: &'static Thread) -> Self {
        Self {
            thread,
            _value: PhantomData,
        }
    }

    /// The thread's number, its own as long as this handle lives.
    pub fn id(&self) -> u32 {
        self.thread.id()
    }

    /// Whether the thread has ended. From any context. O(1).
    pub fn is_finished(&self) -> bool {
        self.thread.life.load(Ordering::Acquire) & !HANDLE == GONE
    }

    /// Blocks until the thread has ended and is off its stack, and reaps it: when this returns, its
    /// number, its stack and the memory of what it ran are free for others.
    pub fn join(self, cx: &mut TaskCx) -> Exit<T> {
        self.thread
            .joiners
            .wait_until(cx, |_| self.is_finished().then_some(()));
        let thread = self.thread;
        mem::forget(self);
        let exit = match thread.ended.load(Ordering::Relaxed) {
            VALUE => match thread.body.take() {
                Some(body) => {
                    // SAFETY: BODY: the thread is gone, so the body is its handle's; `VALUE`: it
                    // holds what the function returned, a `T` by the handle's type.
                    let value = unsafe { body.take::<T>() };
                    // SAFETY: BODY: as above; the value has moved out.
                    unsafe { body.free() };
                    Exit::Returned(value)
                }
                None => unreachable!("a thread's value was taken twice"),
            },
            ended => {
                drop_body(thread);
                if ended & KILLED != 0 {
                    Exit::Killed
                } else {
                    Exit::Exited
                }
            }
        };
        table::push_free(thread);
        exit
    }

    /// Lets the thread go its way.
    pub fn detach(self) {}

    /// As [`kill`](super::kill), of just this thread. Nothing happens if it has ended.
    ///
    /// # Errors
    ///
    /// [`ChangeError::Essential`].
    pub fn kill(&self) -> Result<(), ChangeError> {
        or_ended(change::kill(self.id()))
    }

    /// As [`set_priority`](super::set_priority). Nothing happens if it has ended.
    ///
    /// # Errors
    ///
    /// None for a thread that was spawned.
    pub fn set_priority(&self, priority: Priority) -> Result<(), ChangeError> {
        or_ended(change::set_priority(self.id(), priority))
    }

    /// As [`set_nice`](super::set_nice). Nothing happens if it has ended.
    ///
    /// # Errors
    ///
    /// None for a thread that was spawned.
    pub fn set_nice(&self, nice: i8) -> Result<(), ChangeError> {
        self.set_priority(Priority::fair(nice))
    }

    /// As [`set_affinity`](super::set_affinity). Nothing happens if it has ended.
    ///
    /// # Errors
    ///
    /// [`ChangeError::Affinity`].
    pub fn set_affinity(&self, cores: CpuSet) -> Result<(), ChangeError> {
        or_ended(change::set_affinity(self.id(), cores))
    }
}

/// For the holder of a handle a thread that has ended is nothing wrong.
fn or_ended(changed: Result<(), ChangeError>) -> Result<(), ChangeError> {
    match changed {
        Err(ChangeError::NoSuchThread) => Ok(()),
        other => other,
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        let life = &self.thread.life;
        // While it lives the body is its own, and it frees itself.
        let still =
            life.compare_exchange(ALIVE | HANDLE, ALIVE, Ordering::AcqRel, Ordering::Acquire);
        if still.is_ok() {
            return;
        }
        drop_body(self.thread);
        if life.fetch_and(!HANDLE, Ordering::AcqRel) & !HANDLE == GONE {
            table::push_free(self.thread);
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .field("finished", &self.is_finished())
            .finish()
    }
}

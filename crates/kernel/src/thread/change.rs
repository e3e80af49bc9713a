//! Changes to a thread from outside, by its number: priority, cores, its end.

use super::{ALIVE, HANDLE, Own, Priority, Thread, table};
use crate::{Atomic, cpu, inherit, run_queue};
use core::fmt;
use core::sync::atomic::Ordering;
use layercake_sched::CpuSet;

/// Why a thread was not changed. Nothing has happened then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeError {
    /// No thread that lives has this number.
    NoSuchThread,
    /// It is a core's idle thread, which is as it is.
    Idle,
    /// The machine cannot do without it: it cannot be killed.
    Essential,
    /// None of the cores is up.
    Affinity,
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchThread => "there is no thread of this number",
            Self::Idle => "this is a core's idle thread, which cannot be changed",
            Self::Essential => "the machine cannot do without this thread",
            Self::Affinity => "none of these cores is up",
        })
    }
}

impl core::error::Error for ChangeError {}

/// Gives thread `id` another priority. It takes effect at once, whatever the thread does and on
/// whichever core: who is more urgent now runs now. A thread that waits for a core goes behind its
/// new equals; what the fair class owes it, it is owed still. From any context. O(log n).
///
/// While others wait for what the thread holds it keeps the highest of their priorities and this.
///
/// # Errors
///
/// [`ChangeError::NoSuchThread`], [`ChangeError::Idle`].
pub fn set_priority(id: u32, priority: Priority) -> Result<(), ChangeError> {
    if_alive(id, |thread, _| {
        inherit::set_own_priority(thread, priority);
        Ok(())
    })
}

/// Makes thread `id` one of the fair class with `nice`, -20..=19 (held to that range): as
/// [`set_priority`].
///
/// # Errors
///
/// As [`set_priority`].
pub fn set_nice(id: u32, nice: i8) -> Result<(), ChangeError> {
    set_priority(id, Priority::fair(nice))
}

/// Lets thread `id` run on `cores` alone. It takes effect at once: if it waits for another core it
/// goes to one of these; if it runs on another, that core lets go of it as soon as it can be
/// preempted there. From any context. O(log n).
///
/// # Errors
///
/// [`ChangeError::Affinity`] if none of `cores` is up, [`ChangeError::NoSuchThread`],
/// [`ChangeError::Idle`].
pub fn set_affinity(id: u32, cores: CpuSet) -> Result<(), ChangeError> {
    if_alive(id, |thread, _| {
        if cores.bits() & u64::from(cpu::online_mask()) == 0 {
            return Err(ChangeError::Affinity);
        }
        run_queue::set_affinity(thread, cores);
        Ok(())
    })
}

/// Tells thread `id` to end. From any context. O(waits of the thread).
///
/// Nothing is taken from a thread by force, for nobody could clean up after it: what it holds, it
/// gives back itself. From now on each of its waits that can be called off ([`sleep`](super::sleep),
/// [`wait_until`](super::wait_until), [`wait_until_deadline`](super::wait_until_deadline),
/// [`tick`](super::tick), and whatever takes the token of
/// [`with_cancel`](super::with_cancel)) returns an error at once, the one that it is in, too; the
/// thread then returns from its function, which is its end. Other waits go on as if nothing had
/// happened: a killed thread waits for its mutex, takes it, and ends at its next wait that can be
/// called off. One that never waits, or ignores the error, lives on.
///
/// # Errors
///
/// [`ChangeError::Essential`] for the kernel's own threads, [`ChangeError::NoSuchThread`],
/// [`ChangeError::Idle`].
pub fn kill(id: u32) -> Result<(), ChangeError> {
    if_alive(id, |thread, own| {
        if own.essential {
            return Err(ChangeError::Essential);
        }
        // SAFETY: THREAD-OWN: the lock of `own` is held, and the thread lives.
        unsafe { &*thread.cancel.get() }.cancel();
        // For a wait that is on no queue.
        run_queue::unpark(thread);
        Ok(())
    })
}

/// Calls `f` with thread `id`, which is no other before `f` has returned.
fn if_alive<R>(
    id: u32,
    f: impl FnOnce(&'static Thread, &Own) -> Result<R, ChangeError>,
) -> Result<R, ChangeError> {
    if (id as usize) < cpu::MAX {
        return Err(ChangeError::Idle);
    }
    let thread = table::get(id as usize).ok_or(ChangeError::NoSuchThread)?;
    // SAFETY: CX-ATOMIC: nothing sleeps while the lock is held.
    let own = thread.own.lock(unsafe { Atomic::assume() });
    if thread.life.load(Ordering::Acquire) & !HANDLE != ALIVE {
        return Err(ChangeError::NoSuchThread);
    }
    f(thread, &own)
}

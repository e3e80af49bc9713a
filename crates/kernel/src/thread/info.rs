//! What can be seen of the threads from outside.

use super::{ALIVE, CpuSet, DONE, HANDLE, Name, Priority, Thread, table};
use crate::wait::Instant;
use crate::{cpu, run_queue, time};
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use core::time::Duration;

/// What a thread is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It has a core.
    Running,
    /// It waits for a core.
    Ready,
    /// It waits for something to happen.
    Blocked,
    /// It is a core's idle thread, and the core has something else to run.
    Idle,
    /// It is about to end.
    Exiting,
}

/// A thread as it was a moment ago.
#[derive(Debug, Clone)]
pub struct ThreadInfo {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: Name,
    /// What it was doing.
    pub state: State,
    /// The core that it ran on, now or last.
    pub core: usize,
    /// How urgent it is; while others wait for what it holds, that may be their priority.
    pub priority: Priority,
    /// The cores that it may run on.
    pub affinity: CpuSet,
    /// How long it has run.
    pub run_time: Duration,
    /// How many times it was given a core.
    pub switches: u64,
    /// How many times it was woken.
    pub wakes: u64,
    /// How many times it went to another core.
    pub migrations: u64,
    /// What it waits on, if it is blocked.
    pub waits_on: Option<&'static str>,
    /// Since when, if it is blocked.
    pub blocked_since: Option<Instant>,
    /// Whether that may last for ever: it waits for work or a key, or can be called off.
    pub idles: bool,
}

/// All threads that live, in the order of their numbers. From threads only: it allocates.
/// O(threads).
pub fn snapshot() -> Vec<ThreadInfo> {
    let mut list = Vec::new();
    for thread in table::all() {
        if let Some(info) = look_at(thread) {
            list.push(info);
        }
    }
    list
}

/// Calls `f` with each thread of a [`snapshot`].
pub fn for_each(mut f: impl FnMut(&ThreadInfo)) {
    snapshot().iter().for_each(&mut f);
}

/// The thread of number `id`, if it lives. From any context. O(1).
pub fn look_up(id: u32) -> Option<ThreadInfo> {
    table::get(id as usize).and_then(look_at)
}

/// The thread whose work queue's worker is at the address `seat`. From any context. O(threads).
pub(crate) fn on_seat(seat: usize) -> Option<&'static Thread> {
    let mut threads = table::all();
    threads.find(|thread| thread.seat.load(Ordering::Relaxed).addr() == seat)
}

fn look_at(thread: &'static Thread) -> Option<ThreadInfo> {
    let name = thread.is_idle().then(|| thread.name());
    // SAFETY: CX-ATOMIC: nothing sleeps while the thread is looked at.
    let own = thread.own.lock(unsafe { crate::Atomic::assume() });
    // As long as the lock is held it does not become another.
    let life = thread.life.load(Ordering::Acquire) & !HANDLE;
    if life != ALIVE && life != DONE {
        return None;
    }
    let core = thread.core().id();
    if thread.is_idle() && cpu::online_mask() & (1 << core) == 0 {
        return None;
    }
    let running = core::ptr::eq(cpu::core(core).current.load(Ordering::Relaxed), thread);
    let parked = thread.permit.load(Ordering::Relaxed) == run_queue::PARKED;
    let state = match () {
        () if running => State::Running,
        () if life == DONE => State::Exiting,
        () if thread.is_idle() => State::Idle,
        () if parked => State::Blocked,
        () => State::Ready,
    };
    let blocked = state == State::Blocked;
    let since = Instant::from_nanos(time::to_ns(thread.blocked_since.load(Ordering::Relaxed)));
    let seen = run_queue::look_at(thread);
    Some(ThreadInfo {
        id: thread.id(),
        name: name.unwrap_or_else(|| own.name.clone()),
        state,
        core,
        priority: seen.priority,
        affinity: seen.affinity,
        run_time: Duration::from_nanos(seen.run_time),
        switches: seen.switches,
        wakes: seen.wakes,
        migrations: thread.migrations.load(Ordering::Relaxed),
        waits_on: blocked.then(|| thread.blocked_on()).flatten(),
        blocked_since: blocked.then_some(since),
        idles: blocked && thread.idles(),
    })
}

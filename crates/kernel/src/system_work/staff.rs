//! The workers: how they are made, when they leave, and what the scheduler tells their pools.
//!
//! When an item blocks, its thread's park says so to the pool, before and after: that is
//! [`park_worker`]. Other threads pay a load and a branch for it. If the pool then has nobody to
//! call, it asks the thread `recruiter`, which makes one. That cannot be done on the spot: whoever
//! queues may be an interrupt handler.
//!
//! A surplus leaves: as long as some pool has more than one idle worker, the recruiter looks every
//! [`TERM`], and those whom nobody has needed since the last look go. Otherwise it sleeps until it is
//! asked. When no thread can be made it tries again every [`RETRY`], as long as one is wanted.

use super::{KEEPER, SYSTEMS, System};
use crate::thread::{self, Builder, CpuSet, Name, SpawnError, Thread};
use crate::wait::Instant;
use crate::work::{Recruiter, RunReport, Seat};
use crate::{Host, TaskCx, run_queue, time};
use core::fmt::Write;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering;
use core::time::Duration;

pub(super) static RECRUITER: Recruiter<Host> = Recruiter::new("recruiter");

/// A worker that nobody has needed for between one and two of these leaves.
const TERM: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(100);

/// The calling thread takes its seat, or leaves it.
fn sit(seat: Option<Seat<Host>>) {
    let address = seat.map_or(ptr::null_mut(), |seat| seat.address().as_ptr());
    let current = thread::current();
    current.seat.store(address, Ordering::Relaxed);
    current.set_tells(seat.is_some());
}

fn seat_of(thread: &Thread) -> Option<Seat<Host>> {
    let address = NonNull::new(thread.seat.load(Ordering::Relaxed))?;
    // SAFETY: SEAT: `sit` wrote it.
    Some(unsafe { Seat::at(address) })
}

/// Parks the calling thread, a worker that has not told so: its pool may let another one run
/// meanwhile.
#[cold]
pub(crate) fn park_worker(cx: &mut TaskCx, deadline: Option<Instant>) {
    let current = thread::current();
    let Some(seat) = seat_of(current) else { return };
    current.set_tells(false);
    // SAFETY: SEAT: this thread's own.
    unsafe { seat.worker_blocking() };
    run_queue::park(cx, deadline);
    // SAFETY: SEAT, as above.
    unsafe { seat.worker_running() };
    current.set_tells(true);
}

/// The queue and the item that `thread` runs, without waiting for a lock.
///
/// # Safety
///
/// SEAT: `thread` is the calling one, or is stopped for good with its interrupts not masked by
/// itself.
pub(crate) unsafe fn item_of(thread: &Thread) -> Option<(&'static str, RunReport)> {
    let seat = seat_of(thread)?;
    // SAFETY: SEAT, by the caller's promise.
    unsafe { seat.run() }
}

impl System {
    /// Makes a worker.
    fn hire(&'static self) -> Result<(), SpawnError> {
        self.spawn("worker", move |cx| self.queue.run_worker_seated(cx, sit))
    }

    fn spawn(
        &'static self,
        what: &str,
        body: impl FnOnce(&mut TaskCx) + Send + 'static,
    ) -> Result<(), SpawnError> {
        let mut name = Name::new();
        // Cut, if it were too long.
        let _ = write!(name, "{what}/{}", self.queue.name());
        let mut builder = Builder::new(&name).priority(self.priority).essential();
        if let Some(core) = self.core {
            builder = builder.affinity(CpuSet::one(core));
        }
        builder.spawn(body)?.detach();
        Ok(())
    }
}

/// Makes the first workers, the rescuers, and the thread that makes the others.
pub(super) fn init() -> Result<(), SpawnError> {
    for system in served() {
        system.hire()?;
        if system.rescued {
            system.spawn("rescuer", |cx| system.queue.run_rescuer(cx, sit))?;
        }
    }
    let recruiter = Builder::new("recruiter").priority(KEEPER).essential();
    recruiter.spawn(recruit).map(|handle| handle.detach())
}

fn served() -> impl Iterator<Item = &'static System> {
    SYSTEMS.iter().filter(|system| system.is_served())
}

fn recruit(cx: &mut TaskCx) {
    let mut term_ends: Option<Instant> = None;
    let mut retry: Option<Instant> = None;
    loop {
        RECRUITER.wait(cx, [term_ends, retry].into_iter().flatten().min());
        retry = None;
        for system in served().filter(|system| system.queue.wants_worker()) {
            if system.hire().is_err() {
                system.queue.no_worker();
                retry = Some(time::now() + RETRY);
            }
        }
        let over = term_ends.is_some_and(|end| time::now() >= end);
        if over {
            served().for_each(|system| _ = system.queue.trim());
        }
        if over || term_ends.is_none() {
            let surplus = served().any(|system| system.queue.report().workers > 1);
            term_ends = surplus.then(|| time::now() + TERM);
        }
    }
}

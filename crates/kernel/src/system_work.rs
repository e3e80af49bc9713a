//! The kernel's own work queue and its worker thread.

use crate::WorkQueue;
use crate::thread::{Priority, SpawnError, spawn};

/// More urgent than ordinary threads: what interrupts hand over is short and wanted soon.
const PRIORITY: Priority = Priority::round_robin(40);

static SYSTEM: WorkQueue = WorkQueue::new("system");

/// The system's work queue: unbound, first in first out, one worker. For short items; one that
/// blocks for long keeps the others waiting.
#[inline]
pub fn queue() -> &'static WorkQueue {
    &SYSTEM
}

/// Makes the worker thread.
pub(crate) fn init() -> Result<(), SpawnError> {
    spawn("worker/system", PRIORITY, |cx| SYSTEM.run_worker(cx)).map(|handle| handle.detach())
}

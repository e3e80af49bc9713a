//! The threads of a demonstration: made together, joined together.

use crate::failure::Failure;
use alloc::vec::Vec;
use core::time::Duration;
use layercake_kernel::{
    TaskCx,
    thread::{self, Builder, JoinHandle},
};

/// Threads that have not been joined yet.
#[derive(Debug, Default)]
pub struct Crew {
    handles: Vec<JoinHandle>,
}

impl Crew {
    /// Makes a thread.
    ///
    /// # Errors
    ///
    /// There is no room for another thread; those that were made before still run.
    pub fn spawn(
        &mut self,
        builder: Builder,
        body: impl FnOnce(&mut TaskCx) + Send + 'static,
    ) -> Result<(), Failure<'static>> {
        self.handles
            .push(builder.spawn(body).map_err(Failure::because)?);
        Ok(())
    }

    /// Whether one of the threads has not ended.
    pub fn still_runs(&self) -> bool {
        self.handles.iter().any(|handle| !handle.is_finished())
    }

    /// Waits for the end of all threads.
    pub fn join(self, cx: &mut TaskCx) {
        for handle in self.handles {
            handle.join(cx);
        }
    }
}

/// How long the calling thread has run, and how many times it was given a core.
pub fn own_record() -> (Duration, u64) {
    let (id, mut record) = (thread::current_id(), (Duration::ZERO, 0));
    thread::for_each(|info| {
        if info.id == id {
            record = (info.run_time, info.switches);
        }
    });
    record
}

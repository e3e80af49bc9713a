//! loom models of the types that ship: every interleaving up to a bound on preemptions, with
//! weak memory.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release -p layercake-work --test models`. Each
//! model is named after the invariant that it checks; `mutants.rs` shows that each would notice.
//!
//! `LAYERCAKE_MUTANT=LostRequeue` (any name of `mutants.rs`) in the environment makes the shipped
//! code do one thing wrong.
#![cfg(loom)]

mod cancelling;
mod delaying;
mod flushing;
mod mutants;
mod plant;
mod pooling;
mod queueing;

use layercake_wait::host::loom::LoomHost;
use std::ptr::NonNull;

type Work<T> = layercake_work::Work<LoomHost, T>;
type WorkQueue = layercake_work::WorkQueue<LoomHost>;
type Delays = layercake_work::Delays<LoomHost>;

/// Explores `model` with up to `bound` preemptions in each execution.
fn explore(bound: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(bound);
    builder.max_branches = 10_000;
    builder.check(model);
}

/// Something that lives as long as one execution of a model: `'static` as far as that goes.
struct World<T: 'static>(NonNull<T>);

impl<T> World<T> {
    fn new(value: T) -> Self {
        Self(NonNull::from(Box::leak(Box::new(value))))
    }

    /// The thing itself, for code that runs before this `World` is dropped: a model joins all its
    /// threads before it ends.
    fn get(&self) -> &'static T {
        // SAFETY: freed by the drop only, and see above.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Drop for World<T> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: the pointer is from `Box::leak`; all threads of the model have ended.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }
}

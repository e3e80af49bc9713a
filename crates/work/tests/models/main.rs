//! loom models of the types that ship: every interleaving up to a bound on preemptions, with
//! weak memory.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release -p layercake-work --test models`. Each
//! model is named after the invariant that it checks; `mutants.rs` shows that each would notice.
//!
//! `LAYERCAKE_MUTANT=LostRequeue` (any name of `mutants.rs`) in the environment makes the shipped
//! code do one thing wrong.
#![cfg(loom)]

mod calling;
mod cancelling;
mod delaying;
mod destroying;
mod flushing;
mod mutants;
mod plant;
mod pooling;
mod queueing;
#[path = "../support/world.rs"]
mod world;

use layercake_wait::host::loom::LoomHost;
use world::World;

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

//! loom models of the types that ship: every interleaving up to a bound on preemptions, with
//! weak memory.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p layercake-wait --test models`. Each model is
//! named after the invariant that it checks; `mutants.rs` shows that each would notice.
//!
//! `LAYERCAKE_MUTANT=SwallowedWakeOne` (any name of `mutants.rs`) in the environment makes the
//! shipped code do one thing wrong.
#![cfg(loom)]

mod barrier;
mod cancelling;
mod channel;
mod closing;
mod deadlines;
mod futures;
mod interrupts;
mod leaving;
mod lecture;
mod mutants;
mod order;
mod permits;
mod primitives;
mod queue;
mod rwlock;
mod support;

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Explores `model` with up to `bound` preemptions in each execution.
fn explore(bound: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(bound);
    builder.max_branches = 10_000;
    builder.check(model);
}

/// Runs one test of this file in a process of its own; says whether it passed, and what it wrote.
///
/// Models that are meant to fail run like this: a deadlock can end the process, not only the test.
fn run_apart(name: &str, mutant: Option<&str>) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", name, "--include-ignored", "--nocapture"])
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(mutant) = mutant {
        command.env("LAYERCAKE_MUTANT", mutant);
    }
    let mut child = command.spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text
    });
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > Duration::from_secs(120) {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let text = reader.join().unwrap();
    assert!(text.contains("running 1 test"), "no model {name}: {text}");
    (status.success(), text)
}

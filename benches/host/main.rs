//! The portable crates beside what people would use in their place, on this machine:
//! `cargo bench -p layercake-host-bench`.
//!
//! Times, so they differ from run to run and from machine to machine, and nothing is asserted.
//! What must not change by accident is counted in instructions instead, in `boards/rpi4/benches`.
//!
//! `cargo xtask bench --host` runs the same program, and counts the instructions of the same
//! operations: it asks for their names (`--operations`), and runs each so many times under
//! callgrind (`--turns N ID NAME`).
//!
//! What is measured is in the other files, one for each crate or two; here is only how.

mod deciding;
mod host;
mod locks;
mod operation;
mod waiting;
mod working;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use criterion::Criterion;
use operation::Operation;

fn main() -> ExitCode {
    let operations = operations();
    let args: Vec<_> = env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["--operations"] => list(&operations),
        ["--turns", turns, id, name] => return turn(&operations, turns, id, name),
        _ => time(&operations),
    }
    ExitCode::SUCCESS
}

fn operations() -> Vec<Operation> {
    let mut all = Vec::new();
    locks::add(&mut all);
    waiting::add(&mut all);
    working::add(&mut all);
    deciding::add(&mut all);
    all
}

/// A line for each: whether its instructions can be counted, its id, and whose it is.
fn list(operations: &[Operation]) {
    for one in operations {
        let how = if one.counts { "counts" } else { "times" };
        println!("{how}\t{}\t{}", one.id, one.name);
    }
}

/// Runs one of them, and no other code that depends on how often.
fn turn(operations: &[Operation], turns: &str, id: &str, name: &str) -> ExitCode {
    let found = operations.iter().find(|o| o.id == id && o.name == name);
    let (Some(operation), Ok(turns)) = (found, turns.parse()) else {
        eprintln!("error: there is no `{id}` of `{name}` to run {turns} times; see --operations");
        return ExitCode::FAILURE;
    };
    (operation.run)(turns);
    ExitCode::SUCCESS
}

fn time(operations: &[Operation]) {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(700))
        .configure_from_args();
    for same in operations.chunk_by(|a, b| a.id == b.id) {
        let mut group = criterion.benchmark_group(same[0].id);
        for one in same {
            group.bench_function(one.name, |bencher| bencher.iter_custom(&one.run));
        }
    }
    criterion.final_summary();
}

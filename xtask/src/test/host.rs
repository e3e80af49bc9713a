//! The tests of everything that builds on the host, with the examples of its documentation.

use super::{Effort, Options, Tally, libtest};
use crate::{cargo, error::Result, workspace};

/// What is built and tested again with every feature of the locks: the tests that are about the
/// features, and those of the locks themselves.
pub const LOCKS: [&str; 16] = [
    "--package",
    "layercake-sync",
    "--all-features",
    "--lib",
    "--test",
    "adapters",
    "--test",
    "masks",
    "--test",
    "order",
    "--test",
    "runtime_check",
    "--test",
    "stats",
    "--test",
    "threads",
];

/// The same for the wait queues: what their feature counts, and that they do with it what they do
/// without.
const WAITS: [&str; 10] = [
    "--package",
    "layercake-wait",
    "--features",
    "stats",
    "--test",
    "stats",
    "--test",
    "stats_full",
    "--test",
    "queue",
];

/// The scenarios on the seeded host, and under how many seeds each with `--full`.
const SEEDED: [&str; 6] = [
    "--package",
    "layercake-wait",
    "--package",
    "layercake-work",
    "--test",
    "seeded",
];
const SCHEDULES: u64 = 1_000_000;

pub fn run(options: &Options, tally: &mut Tally) -> Result<()> {
    // The board's drivers are tested here as well; its image and its own tests are for the Pi.
    let board = ["--package", cargo::BOARD, "--lib"];
    for packages in [&[][..], &board, &LOCKS, &WAITS] {
        let mut command = cargo::cargo("test");
        command.arg("--no-fail-fast").args(packages);
        if let Some(filter) = &options.filter {
            command.args(["--", filter]);
        }
        libtest::run("host", command, tally)?;
    }
    if options.effort == Effort::Full {
        many_schedules(options, tally)?;
    }
    Ok(())
}

/// The scenarios on the seeded host again, optimised, under many more seeds.
fn many_schedules(options: &Options, tally: &mut Tally) -> Result<()> {
    let mut command = cargo::cargo("test");
    command.arg("--no-fail-fast").args(SEEDED);
    cargo::optimise_for_host(&mut command);
    command
        .arg("--target-dir")
        .arg(workspace::target_dir()?.join("seeded"));
    command.env("LAYERCAKE_SCHEDULES", SCHEDULES.to_string());
    if let Some(filter) = &options.filter {
        command.args(["--", filter]);
    }
    libtest::run("host (many seeds)", command, tally)
}

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

/// Scenarios of which every schedule comes from a seed, and how many seeds each has in full runs;
/// else as many as the scenario says. In release, where a million take minutes.
const SEEDED: [&str; 5] = [
    "--package",
    "layercake-wait",
    "--test",
    "seeded",
    "--release",
];
const FULL_SEEDS: &str = "1000000";

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
        let mut command = cargo::cargo("test");
        command.arg("--no-fail-fast").args(SEEDED);
        command.env("LAYERCAKE_SCHEDULES", FULL_SEEDS);
        // Not the profile of the image, so in a directory of their own.
        command
            .arg("--target-dir")
            .arg(workspace::target_dir()?.join("seeds"));
        command.env("CARGO_PROFILE_RELEASE_LTO", "off");
        command.env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
        if let Some(filter) = &options.filter {
            command.args(["--", filter]);
        }
        libtest::run("host::a_million_seeds", command, tally)?;
    }
    Ok(())
}

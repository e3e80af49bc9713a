//! The portable crates, and the simulator of one of them, under Miri, which sees undefined behaviour that tests do not.
//!
//! Miri comes with a nightly Rust only. Where that cannot be had, this is skipped: the rest
//! of the tests must not depend on it.

use std::{
    env,
    process::{Command, Stdio},
    time::Duration,
};

use super::{
    Effort, Options, Tally, libtest,
    pool::{self, Verdict},
    session,
};
use crate::{
    check::layers,
    error::Result,
    models,
    workspace::{self, Scope},
};

/// Files may be read (proptest keeps its failures in one) and the host's clock used; tests leak
/// what must live for ever; the trees of intrusive-collections keep a colour in a pointer.
const FLAGS: &str = "-Zmiri-disable-isolation -Zmiri-ignore-leaks -Zmiri-permissive-provenance";
/// More schedules of the same test.
const MANY_SEEDS: &str = "-Zmiri-many-seeds=0..16";

/// The locks, with everything about them that can be switched on.
const LOCKS: [&str; 3] = ["--package", "layercake-sync", "--all-features"];
/// Their tests that are about a feature.
const WITH_FEATURES: [&str; 3] = ["adapters", "order", "runtime_check"];
/// Another machine: with words of 32 bits, as those of most firmware.
const NARROW: &str = "i686-unknown-linux-gnu";
/// What is run on that one: what splits numbers into words, or counts in them.
const ON_NARROW: [(&str, &[&str]); 6] = [
    ("layercake-mem", &["frames"]),
    ("layercake-sched", &["classes", "edges", "short_ways"]),
    ("layercake-sync", &["alone", "cells", "defaults"]),
    ("layercake-timer", &["queue"]),
    ("layercake-wait", &["queue"]),
    ("layercake-work", &["queue"]),
];

/// The work queues: whose workers come and go, and whose items may be on a stack that goes.
const WORK: [&str; 2] = ["--package", "layercake-work"];

/// The wait queues, whose nodes are on the stacks of others.
const WAITS: [&str; 2] = ["--package", "layercake-wait"];

/// Tests that are about threads that meet: for many schedules.
struct Seeded {
    package: &'static [&'static str],
    target: &'static str,
    /// Those of that target that are picked; all, if none is named.
    tests: &'static [&'static str],
    /// How many schedules in the usual run (none: the test is run once, with all others), and how
    /// many with `--full`.
    usual: u32,
    full: u32,
}

const SEEDED: [Seeded; 5] = [
    Seeded {
        package: &LOCKS,
        target: "stats",
        tests: &[],
        usual: 8,
        full: 64,
    },
    Seeded {
        package: &LOCKS,
        target: "threads",
        tests: &["queued_counts", "readers_see", "tries_are"],
        usual: 8,
        full: 64,
    },
    Seeded {
        package: &WAITS,
        target: "queue",
        tests: &["a_wake_ends", "w3_", "w8_", "w9_", "items_pass"],
        usual: 16,
        full: 64,
    },
    Seeded {
        package: &WORK,
        target: "pools",
        tests: &["the_width_of_a_pool", "the_rescuer_works"],
        usual: 0,
        full: 32,
    },
    Seeded {
        package: &WORK,
        target: "scopes",
        tests: &["the_end_waits", "a_scope_on"],
        usual: 0,
        full: 32,
    },
];
/// For all schedules of one of them. A lock that hangs spins, and prints nothing.
const LIMIT: Duration = Duration::from_secs(1800);

pub fn run(options: &Options, tally: &mut Tally) -> Result<()> {
    if !available() {
        println!("miri ... skipped (there is no nightly Rust with Miri, and it is not needed)");
        tally.skip();
        return Ok(());
    }
    let metadata = workspace::metadata(Scope::Members)?;
    let more = match options.effort {
        Effort::Full => MANY_SEEDS,
        _ => "",
    };
    let mut command = miri_test(more)?;
    command.args(["--no-fail-fast", "--lib"]);
    for package in layers::PORTABLE.into_iter().chain([layers::SIM]) {
        command.args(["--package", package]);
        for (test, _) in workspace::targets(&metadata, package, "test") {
            if !models::is_model(&test) {
                command.args(["--test", &test]);
            }
        }
    }
    filtered(&mut command, options);
    libtest::run("miri", command, tally)?;

    // The parts of the locks that only features have.
    let mut command = miri_test(more)?;
    command
        .arg("--no-fail-fast")
        .args(LOCKS)
        .args(tests(&WITH_FEATURES));
    filtered(&mut command, options);
    libtest::run("miri", command, tally)?;

    narrow(options, tally);
    seeds(options, tally);
    Ok(())
}

/// Runs some of it on a machine with narrow words. All of a package's is one test: the names are those
/// of tests that were run on this machine.
fn narrow(options: &Options, tally: &mut Tally) {
    let name = |package: &str| format!("miri::{package} ({NARROW})");
    let picked = ON_NARROW
        .into_iter()
        .filter(|(package, _)| options.picks(&name(package)));
    let run = |(package, targets): (&str, &[&str])| {
        let verdict = alone("", |command| {
            command.args(["--target", NARROW, "--package", package]);
            command.args(tests(targets));
        });
        (name(package), verdict)
    };
    pool::run(picked.collect(), 1, run, tally);
}

/// Runs what is about threads that meet under many schedules. All schedules of a test binary are
/// one test, as Miri runs several at a time and mixes what they print.
fn seeds(options: &Options, tally: &mut Tally) {
    let seeds = |seeded: &Seeded| match options.effort {
        Effort::Full => seeded.full,
        _ => seeded.usual,
    };
    let name = |seeded: &Seeded| {
        let [package, target] = [seeded.package[1], seeded.target];
        format!("miri::{package}::{target} ({} seeds)", seeds(seeded))
    };
    let picked = SEEDED
        .iter()
        .filter(|seeded| seeds(seeded) > 0 && options.picks(&name(seeded)));
    let run = |seeded| (name(seeded), under_seeds(seeded, seeds(seeded)));
    // One at a time: each takes all cores.
    pool::run(picked.collect(), 1, run, tally);
}

fn under_seeds(seeded: &Seeded, seeds: u32) -> Verdict {
    alone(&format!("-Zmiri-many-seeds=0..{seeds}"), |command| {
        command
            .args(seeded.package)
            .args(["--test", seeded.target, "--"])
            .args(seeded.tests);
    })
}

/// What `chosen` adds to `cargo miri test`, with these further flags, as one test.
fn alone(more: &str, chosen: impl FnOnce(&mut Command)) -> Verdict {
    let outcome = miri_test(more).and_then(|mut command| {
        chosen(&mut command);
        command.stdin(Stdio::null());
        session::run(command, &[], LIMIT)
    });
    match outcome {
        Ok(outcome) if matches!(outcome.end, session::End::Exited(0)) => Verdict::Pass,
        Ok(outcome) => Verdict::Fail(outcome.report()),
        Err(error) => Verdict::Fail(error.to_string()),
    }
}

/// `cargo miri test`, with the usual flags and `more`, unless the caller of this has set others.
fn miri_test(more: &str) -> Result<Command> {
    let mut command = nightly();
    command
        .args(["miri", "test", "--target-dir"])
        .arg(workspace::target_dir()?.join("miri"));
    if env::var_os("MIRIFLAGS").is_none() {
        command.env("MIRIFLAGS", format!("{FLAGS} {more}"));
    }
    // Miri is a thousand times slower than the machine; how often is not what it is for. And to
    // walk its stack for a panic that a test expects takes seconds.
    command
        .env("PROPTEST_CASES", "4")
        .env("RUST_BACKTRACE", "0");
    Ok(command)
}

fn tests<'a>(names: &'a [&str]) -> impl Iterator<Item = &'a str> {
    names.iter().flat_map(|name| ["--test", name])
}

fn filtered(command: &mut Command, options: &Options) {
    if let Some(filter) = &options.filter {
        command.args(["--", filter]);
    }
}

/// The nightly cargo, free of what ties this process to the workspace's toolchain.
fn nightly() -> Command {
    let mut command = Command::new("rustup");
    command
        .args(["run", "nightly", "cargo"])
        .current_dir(workspace::root());
    command
        .env_remove("CARGO")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTC");
    command
}

/// Whether Miri runs here, after an attempt to get it where packages are installed unasked.
fn available() -> bool {
    if works() {
        return true;
    }
    let unasked = rustix::process::geteuid().is_root() || env::var_os("CI").is_some();
    if !unasked {
        return false;
    }
    println!("setup: adding a nightly Rust with Miri (rustup toolchain install nightly)");
    let install = ["toolchain", "install", "nightly", "--profile", "minimal"];
    let components = ["--component", "miri", "--component", "rust-src"];
    quietly(Command::new("rustup").args(install).args(components)) && works()
}

/// Building its own standard library is the part that fails without a network.
fn works() -> bool {
    quietly(nightly().args(["miri", "setup"]))
}

fn quietly(command: &mut Command) -> bool {
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

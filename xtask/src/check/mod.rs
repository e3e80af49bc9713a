//! `cargo xtask check`: what a reviewer should not have to look for.

pub mod layers;

use std::{process::Command, time::Instant};

use crate::{
    cargo,
    config::Config,
    error::{Context, Error, Result},
    models, setup,
    workspace::{self, Scope},
};

/// One thing to check; what it finds wrong it prints.
pub struct Step {
    pub name: &'static str,
    /// Among the steps of `cargo xtask test --quick`.
    pub quick: bool,
    run: fn(&Config) -> Result<bool>,
}

pub const STEPS: [Step; 5] = [
    Step {
        name: "formatting",
        quick: true,
        run: formatting,
    },
    Step {
        name: "layers",
        quick: true,
        run: layers,
    },
    Step {
        name: "clippy",
        quick: false,
        run: clippy,
    },
    Step {
        name: "docs",
        quick: false,
        run: docs,
    },
    Step {
        name: "portable",
        quick: false,
        run: portable,
    },
];

impl Step {
    /// Runs it and says how it went; whether it found nothing wrong.
    pub fn run(&self, config: &Config) -> Result<bool> {
        let start = Instant::now();
        let good = (self.run)(config)?;
        let verdict = if good { "ok" } else { "FAILED" };
        println!(
            "check::{} ... {verdict} ({:.1} s)",
            self.name,
            start.elapsed().as_secs_f64()
        );
        Ok(good)
    }
}

/// What all steps together need.
pub fn set_up() -> Result<()> {
    workspace::output_dir("")?; // what cannot be written to is said once, not by every step
    setup::rust::ensure_components()?;
    setup::rust::ensure_targets(&[cargo::PI_TARGET])?;
    setup::rust::ensure_targets(&setup::rust::FOREIGN_TARGETS)
}

/// Runs every step, also after one that failed.
pub fn run(config: &Config) -> Result<()> {
    set_up()?;
    let mut failed = Vec::new();
    for step in &STEPS {
        if !step.run(config)? {
            failed.push(step.name);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!("check failed: {}", failed.join(", "))))
}

fn formatting(_: &Config) -> Result<bool> {
    // The names of the files are enough: rustfmt itself puts them right.
    let good = run_command(cargo::cargo("fmt").args(["--all", "--", "--check", "-l"]))?;
    if !good {
        eprintln!("formatting: `cargo fmt --all` puts these files right");
    }
    Ok(good)
}

fn layers(_: &Config) -> Result<bool> {
    let breaches = layers::breaches(&workspace::metadata(Scope::Graph)?);
    breaches
        .iter()
        .for_each(|breach| eprintln!("layers: {breach}"));
    Ok(breaches.is_empty())
}

/// On the host everything that builds there, with its tests; for the Pi the rest.
fn clippy(config: &Config) -> Result<bool> {
    let deny = ["--", "--deny", "warnings"];
    let host = run_command(
        cargo::cargo("clippy")
            .args(["--quiet", "--all-targets"])
            .args(deny),
    )?;
    let features = run_command(
        cargo::cargo("clippy")
            .args(["--quiet", "--package", "layercake-sync"])
            .args(["--package", "layercake-wait"])
            .args(["--all-targets", "--all-features"])
            .args(deny),
    )?;
    let mut models = cargo::cargo("clippy");
    models.args(["--quiet", "--lib"]);
    models::choose(&mut models)?;
    let models = run_command(models.args(deny))?;
    let bench = run_command(
        cargo::cargo("clippy")
            .args(["--quiet", "--package", layers::HOST_BENCH])
            .arg("--all-targets")
            .args(deny),
    )?;
    let mut pi = cargo::for_pi("clippy", config);
    pi.arg("--quiet")
        .args(packages(&layers::FOR_THE_PI))
        .args(["--lib", "--bins"])
        .args(deny);
    let pi = run_command(&mut pi)?;
    let metadata = workspace::metadata(Scope::Members)?;
    let tests = if workspace::targets(&metadata, cargo::BOARD, "test").is_empty() {
        true
    } else {
        let mut tests = cargo::for_pi("clippy", config);
        tests
            .args(["--quiet", "--package", cargo::BOARD])
            .args(["--test", "*", "--bench", "*"])
            // One of them is for drivers over the crate of that name.
            .args(["--features", "critical-section"])
            .args(deny);
        run_command(&mut tests)?
    };
    Ok(host && features && models && bench && pi && tests)
}

fn docs(config: &Config) -> Result<bool> {
    let document = |mut command: Command| {
        run_command(
            command
                .args(["--quiet", "--no-deps"])
                .env("RUSTDOCFLAGS", "--deny warnings"),
        )
    };
    let host = document(cargo::cargo("doc"))?;
    let mut pi = cargo::for_pi("doc", config);
    pi.args(packages(&layers::FOR_THE_PI)).arg("--lib");
    Ok(document(pi)? && host)
}

/// All features of `layercake-sync` that need no operating system.
const LOCK_FEATURES: &str = "--features=stats,order,lock-api,mutex-traits,critical-section";

/// The portable crates are used elsewhere too, so they build for machines that share nothing
/// with the Pi: 32 bits without 64-bit atomics, another 64-bit instruction set, x86.
fn portable(config: &Config) -> Result<bool> {
    let build = |mut command: Command, what: &[String]| {
        run_command(command.args(["--quiet", "--lib"]).args(what))
    };
    let all = packages(&layers::PORTABLE);
    // The features of the locks have no other build for such machines.
    let locks = ["--package=layercake-sync", LOCK_FEATURES].map(str::to_owned);
    let waits = ["--package=layercake-wait", "--features=stats"].map(str::to_owned);
    let mut good = build(cargo::for_pi("build", config), &all)?;
    for target in setup::rust::FOREIGN_TARGETS {
        let command = || {
            let mut command = cargo::cargo("build");
            command.args(["--target", target]);
            command
        };
        for what in [&all[..], &locks, &waits] {
            if !build(command(), what)? {
                eprintln!("portable: does not build for {target}");
                good = false;
            }
        }
    }
    Ok(good)
}

fn packages(names: &[&str]) -> Vec<String> {
    names
        .iter()
        .map(|name| format!("--package={name}"))
        .collect()
}

fn run_command(command: &mut Command) -> Result<bool> {
    Ok(command.status().cannot("start", "cargo")?.success())
}

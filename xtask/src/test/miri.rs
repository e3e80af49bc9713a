//! The portable crates, and the simulator of one of them, under Miri, which sees undefined behaviour that tests do not.
//!
//! Miri comes with a nightly Rust only. Where that cannot be had, this is skipped: the rest
//! of the tests must not depend on it.

use std::{
    env,
    process::{Command, Stdio},
};

use super::{Effort, Options, Tally, libtest, loom};
use crate::{
    check::layers,
    error::Result,
    workspace::{self, Scope},
};

/// Files may be read (proptest keeps its failures in one) and the host's clock used; tests leak
/// what must live for ever; the trees of intrusive-collections keep a colour in a pointer.
const FLAGS: &str = "-Zmiri-disable-isolation -Zmiri-ignore-leaks -Zmiri-permissive-provenance";
/// More schedules of the same test.
const MANY_SEEDS: &str = "-Zmiri-many-seeds=0..16";

pub fn run(options: &Options, tally: &mut Tally) -> Result<()> {
    if !available() {
        println!("miri ... skipped (there is no nightly Rust with Miri, and it is not needed)");
        tally.skip();
        return Ok(());
    }
    let metadata = workspace::metadata(Scope::Members)?;
    let mut command = nightly();
    command.args(["miri", "test", "--no-fail-fast", "--lib"]);
    command
        .arg("--target-dir")
        .arg(workspace::target_dir()?.join("miri"));
    for package in layers::PORTABLE.into_iter().chain([layers::SIM]) {
        command.args(["--package", package]);
        for (test, _) in workspace::targets(&metadata, package, "test") {
            if !loom::is_model(&test) {
                command.args(["--test", &test]);
            }
        }
    }
    if env::var_os("MIRIFLAGS").is_none() {
        let more = if options.effort == Effort::Full {
            MANY_SEEDS
        } else {
            ""
        };
        command.env("MIRIFLAGS", format!("{FLAGS} {more}"));
    }
    // Miri is a thousand times slower than the machine; how often is not what it is for.
    command.env("PROPTEST_CASES", "4");
    if let Some(filter) = &options.filter {
        command.args(["--", filter]);
    }
    libtest::run("miri", command, tally)
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

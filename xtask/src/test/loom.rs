//! The models of the lock-free protocols, in which loom tries every interleaving.
//!
//! Each runs in a process of its own with a time limit: a model that deadlocks may abort its
//! process, and one that is too large would hold up all others.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use super::{
    Options, Tally,
    pool::{self, Verdict},
    session,
};
use crate::{
    cargo,
    check::layers,
    error::{Context, Error, Result},
    workspace::{self, Scope},
};

const LIMIT: Duration = Duration::from_secs(600);

/// How to start a model.
struct Model {
    name: String,
    binary: PathBuf,
    test: String,
}

pub fn run(options: &Options, tally: &mut Tally) -> Result<()> {
    let Some(mut build) = build_command()? else {
        return Ok(());
    };
    let Some(binaries) = cargo::executables(&mut build)? else {
        tally.fail("loom (does not build)");
        return Ok(());
    };
    let mut models = Vec::new();
    for built in binaries.iter().filter(|built| is_model(&built.target)) {
        for test in list(&built.path)? {
            let name = format!("loom::{}::{}::{test}", built.package, built.target);
            if options.picks(&name) {
                models.push(Model {
                    name,
                    binary: built.path.clone(),
                    test,
                });
            }
        }
    }
    let run = |model: Model| (model.name.clone(), check(&model));
    pool::run(models, options.jobs, run, tally);
    Ok(())
}

/// Builds every model; `None` if there is none.
fn build_command() -> Result<Option<Command>> {
    let metadata = workspace::metadata(Scope::Members)?;
    let mut command = cargo::cargo("test");
    let mut any = false;
    for package in layers::PORTABLE {
        let targets = workspace::targets(&metadata, package, "test");
        let models: Vec<_> = targets.iter().filter(|(name, _)| is_model(name)).collect();
        if !models.is_empty() {
            any = true;
            command.args(["--package", package]);
            models.iter().for_each(|(name, _)| {
                command.args(["--test", name]);
            });
        }
    }
    // Optimised, because models are large, but without the kernel's whole-program pass.
    command.args(["--no-run", "--release"]);
    command.env("CARGO_PROFILE_RELEASE_LTO", "off");
    command.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    command.env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only");
    command.env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
    command
        .arg("--target-dir")
        .arg(workspace::target_dir()?.join("loom"));
    cargo::add_rustflags(&mut command, "--cfg loom");
    Ok(any.then_some(command))
}

/// Whether a test target holds models, by its name; without `--cfg loom` it is empty.
pub fn is_model(target: &str) -> bool {
    target.starts_with("loom") || target == "models"
}

/// The models of a binary. Those that are ignored are wrong on purpose: another one starts
/// them and sees to it that they fail.
fn list(binary: &Path) -> Result<Vec<String>> {
    let ask = |more: &[&str]| {
        let mut command = Command::new(binary);
        command.args(["--list", "--format", "terse"]).args(more);
        let output = command.output().cannot("start", binary)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
        Ok::<Vec<_>, Error>(names.map(str::to_owned).collect())
    };
    let ignored = ask(&["--ignored"])?;
    let all = ask(&[])?;
    Ok(all
        .into_iter()
        .filter(|name| !ignored.contains(name))
        .collect())
}

fn check(model: &Model) -> Verdict {
    let mut command = Command::new(&model.binary);
    command.args([&model.test, "--exact"]).stdin(Stdio::null());
    // A backtrace through loom says nothing, and would push what does off the report.
    command.env("RUST_BACKTRACE", "0");
    let outcome = match session::run(command, &[], LIMIT) {
        Ok(outcome) => outcome,
        Err(error) => return Verdict::Fail(error.to_string()),
    };
    match outcome.end {
        session::End::Exited(0) => Verdict::Pass,
        _ => Verdict::Fail(outcome.report()),
    }
}

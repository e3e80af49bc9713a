//! The models of the lock-free protocols, in which loom tries every interleaving.
//!
//! Each runs in a process of its own with a time limit: a model that deadlocks may abort its
//! process, and one that is too large would hold up all others.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use super::{
    Effort, Options, Tally,
    pool::{self, Verdict},
    session,
};
use crate::{
    cargo::{self, Executable},
    check::layers,
    error::{Context, Result},
    workspace::{self, Scope},
};

const LIMIT: Duration = Duration::from_secs(600);

/// How to start a model.
struct Model {
    name: String,
    binary: Executable,
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
    for binary in binaries
        .into_iter()
        .filter(|binary| binary.target.starts_with("loom"))
    {
        for test in list(&binary.path)? {
            let name = format!("loom::{}::{}::{test}", binary.package, binary.target);
            if options.picks(&name) {
                let Executable {
                    package,
                    target,
                    path,
                } = &binary;
                let binary = Executable {
                    package: package.clone(),
                    target: target.clone(),
                    path: path.clone(),
                };
                models.push(Model { name, binary, test });
            }
        }
    }
    let full = options.effort == Effort::Full;
    pool::run(
        models,
        options.jobs,
        |model| (model.name.clone(), check(&model, full)),
        tally,
    );
    Ok(())
}

/// Builds every test whose name begins with `loom`; `None` if there is none.
fn build_command() -> Result<Option<Command>> {
    let metadata = workspace::metadata(Scope::Members)?;
    let mut command = cargo::cargo("test");
    let mut any = false;
    for package in layers::PORTABLE {
        let targets = workspace::targets(&metadata, package, "test");
        let models: Vec<_> = targets
            .iter()
            .filter(|(name, _)| name.starts_with("loom"))
            .collect();
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
    command.env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
    command
        .arg("--target-dir")
        .arg(workspace::target_dir()?.join("loom"));
    cargo::add_rustflags(&mut command, "--cfg loom");
    Ok(any.then_some(command))
}

fn list(binary: &Path) -> Result<Vec<String>> {
    let output = Command::new(binary)
        .args(["--list", "--format", "terse"])
        .output();
    let output = output.cannot("start", binary)?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned)
        .collect())
}

fn check(model: &Model, full: bool) -> Verdict {
    let mut command = Command::new(&model.binary.path);
    command.args([&model.test, "--exact"]).stdin(Stdio::null());
    if full {
        command.arg("--include-ignored");
    }
    let outcome = match session::run(command, &[], LIMIT) {
        Ok(outcome) => outcome,
        Err(error) => return Verdict::Fail(error.to_string()),
    };
    match outcome.end {
        session::End::Exited(0) if outcome.text().contains("1 ignored") => Verdict::Skip,
        session::End::Exited(0) => Verdict::Pass,
        _ => Verdict::Fail(outcome.report()),
    }
}

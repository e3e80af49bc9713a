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
    Effort, Options, Tally,
    pool::{self, Verdict},
    session,
};
use crate::{
    cargo,
    error::{Context, Error, Result},
    models,
};

const LIMIT: Duration = Duration::from_secs(600);
/// For those that only a full run has time for.
const FULL_LIMIT: Duration = Duration::from_secs(3 * 3600);

/// The reason, in `#[ignore = "..."]`, of a model that is right but large.
const FULL: &str = "full";

/// How to start a model.
struct Model {
    name: String,
    binary: PathBuf,
    test: String,
    limit: Duration,
}

pub fn run(options: &Options, tally: &mut Tally) -> Result<()> {
    let Some(mut build) = build_command()? else {
        return Ok(());
    };
    let Some(binaries) = cargo::executables(&mut build)? else {
        tally.fail("loom (does not build)");
        return Ok(());
    };
    let mut picked = Vec::new();
    for built in binaries
        .iter()
        .filter(|built| models::is_model(&built.target))
    {
        for (test, limit) in list(&built.path, options.effort)? {
            let name = format!("loom::{}::{}::{test}", built.package, built.target);
            if options.picks(&name) {
                picked.push(Model {
                    name,
                    binary: built.path.clone(),
                    test,
                    limit,
                });
            }
        }
    }
    let run = |model: Model| (model.name.clone(), check(&model));
    pool::run(picked, options.jobs, run, tally);
    Ok(())
}

/// Builds every model; `None` if there is none.
fn build_command() -> Result<Option<Command>> {
    let mut command = cargo::cargo("test");
    let any = models::choose(&mut command)?;
    // Optimised, because models are large.
    command.arg("--no-run");
    cargo::optimise_for_host(&mut command);
    Ok(any.then_some(command))
}

/// The models of a binary, and how long each may take. Of those that are ignored the large ones
/// are for full runs; the others are wrong on purpose: another one starts them and sees to it that
/// they fail.
fn list(binary: &Path, effort: Effort) -> Result<Vec<(String, Duration)>> {
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
    let mut models: Vec<_> = (all.into_iter())
        .filter(|name| !ignored.contains(name))
        .map(|name| (name, LIMIT))
        .collect();
    if effort == Effort::Full {
        let large = large(binary, ignored)?;
        models.extend(large.into_iter().map(|name| (name, FULL_LIMIT)));
    }
    Ok(models)
}

/// Those of the `ignored` that are marked as large.
fn large(binary: &Path, ignored: Vec<String>) -> Result<Vec<String>> {
    if ignored.is_empty() {
        return Ok(ignored);
    }
    // Lists do not say why a test is ignored; a run that ignores it does.
    let mut command = Command::new(binary);
    command.args(["--exact", "--color", "never"]).args(&ignored);
    let output = command.output().cannot("start", binary)?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(marked(&text, ignored))
}

/// Those of the `ignored` of which the output of a run says that they are ignored as large.
fn marked(output: &str, mut ignored: Vec<String>) -> Vec<String> {
    let said: Vec<_> = output
        .lines()
        .filter_map(|line| line.strip_prefix("test ")?.split_once(" ... ignored, "))
        .collect();
    ignored.retain(|name| said.contains(&(name.as_str(), FULL)));
    ignored
}

fn check(model: &Model) -> Verdict {
    let mut command = Command::new(&model.binary);
    command
        .args([&model.test, "--exact", "--include-ignored"])
        .stdin(Stdio::null());
    // A backtrace through loom says nothing, and would push what does off the report.
    command.env("RUST_BACKTRACE", "0");
    let outcome = match session::run(command, &[], model.limit) {
        Ok(outcome) => outcome,
        Err(error) => return Verdict::Fail(error.to_string()),
    };
    match outcome.end {
        session::End::Exited(0) => Verdict::Pass,
        _ => Verdict::Fail(outcome.report()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_models_are_for_full_runs() {
        let output = "\
running 3 tests
test lecture::attempt_1 ... ignored, loses
test queue::large ... ignored, full
test queue::larger ... ignored, full of mistakes

test result: ok. 0 passed; 0 failed; 3 ignored";
        let ignored = ["lecture::attempt_1", "queue::large", "queue::larger"];
        let ignored = ignored.map(str::to_owned).into();
        assert_eq!(marked(output, ignored), ["queue::large"]);
    }
}

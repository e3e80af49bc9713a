//! Carries out a plan, where the process may: as root, or in CI by `sudo` without a password.

use std::{
    env,
    fs::{self, File},
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use super::{
    os::Os,
    plan::{self, As, Plan, Tool},
    sources,
};
use crate::{
    error::{Context, Result, fail},
    workspace,
};

/// By which right packages may be installed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Right {
    Root,
    Sudo,
    User,
}

/// Installs the tool or ends with the sentence that says how a person does. `problem` says
/// why it is needed: "there is no QEMU".
pub fn install(tool: Tool, problem: &str) -> Result<()> {
    let plan = match plan::plan(tool, &Os::of_this_machine(), &sources::of_this_machine()) {
        Ok(plan) => plan,
        Err(impossible) => return fail(format!("{problem}: {impossible}")),
    };
    let Some(right) = right(plan.run_as) else {
        return fail(format!(
            "{problem}: to get it, run: {}",
            plan.for_a_person()
        ));
    };
    carry_out(&plan, right, problem)
}

fn right(run_as: As) -> Option<Right> {
    let root = rustix::process::geteuid().is_root();
    let ci = env::var("CI").is_ok_and(|ci| !matches!(ci.as_str(), "" | "0" | "false"));
    match run_as {
        As::Root if root => Some(Right::Root),
        As::Root if ci && sudo_works() => Some(Right::Sudo),
        As::User if ci && !root => Some(Right::User),
        _ => None,
    }
}

fn sudo_works() -> bool {
    let sudo = Command::new("sudo")
        .args(["-n", "true"])
        .stderr(Stdio::null())
        .status();
    sudo.is_ok_and(|status| status.success())
}

fn carry_out(plan: &Plan, right: Right, problem: &str) -> Result<()> {
    let log_path = workspace::output_dir("")?.join("setup.log");
    let mut log = File::create(&log_path).cannot("write", &log_path)?;
    eprintln!(
        "setup: {problem}; installing {} (this takes a minute or so)",
        plan.what
    );
    if let Some((path, text)) = &plan.new_source {
        eprintln!("setup: adding the package source {}:", path.display());
        text.lines().for_each(|line| eprintln!("setup:     {line}"));
        if let Err(error) = write_as(right, path, text) {
            let _ = remove_as(right, path);
            return Err(error);
        }
    }
    for words in &plan.commands {
        eprintln!("setup: {}", words.join(" "));
        // apt-get update succeeds or fails with whatever other sources the machine has; what
        // counts is whether the package can be installed afterwards.
        let decides = !words.iter().any(|word| word == "update");
        let done = run_as(right, words, &mut log)?;
        if decides && !done {
            let undone = match &plan.new_source {
                Some((path, _)) if remove_as(right, path).is_err() => {
                    format!("; please remove {}", path.display())
                }
                _ => String::new(),
            };
            return fail(format!(
                "{problem}, and {} cannot be installed: {} (see {}){undone}",
                plan.what,
                reason(&log_path),
                log_path.display(),
            ));
        }
    }
    Ok(())
}

/// Why the package manager failed, as far as its output is understood.
fn reason(log: &Path) -> &'static str {
    let log = fs::read_to_string(log).unwrap_or_default();
    let unreachable = [
        "Temporary failure resolving",
        "Could not resolve",
        "Could not connect",
        "Unable to connect",
        "Network is unreachable",
    ];
    match unreachable.iter().any(|sign| log.contains(sign)) {
        true => "the network does not reach the package mirror; run this again when it does",
        false => "the package manager failed",
    }
}

/// Runs a package manager with its output in the log; whether it succeeded.
fn run_as(right: Right, words: &[String], log: &mut File) -> Result<bool> {
    let _ = writeln!(log, "$ {}", words.join(" "));
    let mut command = elevated(right, &words[0]);
    command.args(&words[1..]);
    if words[0] == "apt-get" {
        // A mirror that does not answer must not hold things up for many minutes; another
        // apt that is at work may.
        command.args([
            "-o",
            "Acquire::http::Timeout=20",
            "-o",
            "Acquire::Retries=1",
        ]);
        command.args(["-o", "DPkg::Lock::Timeout=300"]);
    }
    let output = |log: &File| log.try_clone().cannot("write", "the log of the set-up");
    command
        .stdin(Stdio::null())
        .stdout(output(log)?)
        .stderr(output(log)?);
    Ok(command.status().cannot("start", &words[0])?.success())
}

/// A command by the right, without questions from the package manager.
fn elevated(right: Right, program: &str) -> Command {
    if right == Right::Sudo {
        let mut command = Command::new("sudo");
        command.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", program]);
        return command;
    }
    let mut command = Command::new(program);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn write_as(right: Right, path: &Path, text: &str) -> Result<()> {
    if right != Right::Sudo {
        return fs::write(path, text).cannot("write", path);
    }
    let mut command = elevated(right, "tee");
    let tee = command
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn();
    let mut tee = tee.cannot("write", path)?;
    let written = tee
        .stdin
        .take()
        .map_or(Ok(()), |mut pipe| pipe.write_all(text.as_bytes()));
    let status = tee.wait().cannot("write", path)?;
    written.cannot("write", path)?;
    if status.success() {
        Ok(())
    } else {
        fail(format!("cannot write {}", path.display()))
    }
}

fn remove_as(right: Right, path: &Path) -> Result<()> {
    if right != Right::Sudo {
        return fs::remove_file(path).cannot("remove", path);
    }
    let status = elevated(right, "rm")
        .arg("-f")
        .arg(path)
        .status()
        .cannot("remove", path)?;
    if status.success() {
        Ok(())
    } else {
        fail(format!("cannot remove {}", path.display()))
    }
}

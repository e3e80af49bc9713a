//! How cargo is called: for the host, for the Pi, and to learn which files it made.

use std::{
    env,
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
};

use serde_json::Value;

use crate::{
    config::Config,
    error::{Context, Result},
    process::{Group, Process},
    workspace,
};

/// The target of the Pi 4: no operating system, no floating-point registers.
pub const PI_TARGET: &str = "aarch64-unknown-none-softfloat";

/// The package whose binary is the kernel image.
pub const BOARD: &str = "board-rpi4";

/// A backtrace walks the chain of frame pointers, so every function must keep one.
const PI_RUSTFLAGS: &str = "-Cforce-frame-pointers=yes";

/// `cargo SUBCOMMAND` in the workspace's root, by the cargo that runs xtask.
pub fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(subcommand).current_dir(workspace::root());
    command
}

/// `cargo SUBCOMMAND` for the Pi's target with the build configuration in its environment.
pub fn for_pi(subcommand: &str, config: &Config) -> Command {
    let mut command = cargo(subcommand);
    command.args(["--target", PI_TARGET]).envs(config.env());
    add_rustflags(&mut command, PI_RUSTFLAGS);
    command
}

/// Runs a command that the person sees the output of; whatever ends xtask ends it, with all that it
/// started.
pub fn status(command: &mut Command) -> Result<ExitStatus> {
    let mut process = Process::spawn(command, Group::Own).cannot("start", "cargo")?;
    let status = process.wait_until(None).cannot("wait for", "cargo")?;
    Ok(status.expect("there is no deadline"))
}

/// A `--release` for tests that run long on the host: without the kernel's whole-program pass, and with
/// the assertions.
pub fn optimise_for_host(command: &mut Command) {
    command
        .arg("--release")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only")
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
}

/// Adds to whatever flags the person has set.
pub fn add_rustflags(command: &mut Command, flags: &str) {
    let theirs = env::var("RUSTFLAGS").unwrap_or_default();
    command.env("RUSTFLAGS", format!("{flags} {theirs}").trim_end());
}

/// An executable that a build made, or found up to date.
pub struct Executable {
    pub package: String,
    pub target: String,
    pub path: PathBuf,
}

/// Runs a build whose messages and progress the person sees, and lists its executables.
///
/// `None`: the build failed, and cargo has said why.
pub fn executables(command: &mut Command) -> Result<Option<Vec<Executable>>> {
    command
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit());
    let output = command.output().cannot("start", "cargo")?;
    if !output.status.success() {
        return Ok(None);
    }
    Ok(Some(parse_messages(&String::from_utf8_lossy(
        &output.stdout,
    ))))
}

fn parse_messages(messages: &str) -> Vec<Executable> {
    let executable = |message: Value| {
        Some(Executable {
            path: message["executable"].as_str()?.into(),
            package: package_name(message["package_id"].as_str()?),
            target: message["target"]["name"].as_str()?.to_owned(),
        })
    };
    messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter_map(executable)
        .collect()
}

/// The name in a package id: `path+file:///repo/crates/sync#layercake-sync@0.1.0`, or
/// `path+file:///repo/xtask#0.1.0` when the folder has the package's name.
fn package_name(id: &str) -> String {
    let (url, fragment) = id.rsplit_once('#').unwrap_or((id, ""));
    let name = match fragment.split_once('@') {
        Some((name, _version)) => name,
        None => url.rsplit('/').next().unwrap_or(url),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_ids_of_both_forms_are_read() {
        assert_eq!(
            package_name("path+file:///r/crates/sync#layercake-sync@0.1.0"),
            "layercake-sync"
        );
        assert_eq!(package_name("path+file:///r/xtask#0.1.0"), "xtask");
    }

    #[test]
    fn only_messages_with_an_executable_count() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","package_id":"path+file:///r/b#board-rpi4@0.1.0","target":{"name":"kernel8"},"executable":"/t/kernel8"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","package_id":"path+file:///r/b#board-rpi4@0.1.0","target":{"name":"board_rpi4"},"executable":null}"#,
            "\nnot json\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        let found = parse_messages(messages);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].package.as_str(), found[0].target.as_str()),
            ("board-rpi4", "kernel8")
        );
    }
}

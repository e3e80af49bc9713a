//! Rust's own parts: targets and components, added by rustup.

use std::{
    fs, io,
    path::PathBuf,
    process::{Command, Stdio},
};

use super::Found;
use crate::{
    cargo,
    error::{Context, Error, Result, fail},
    workspace,
};

/// Every target that `check` builds the portable crates for, besides the Pi's.
pub const FOREIGN_TARGETS: [&str; 3] = [
    "thumbv7em-none-eabi",
    "riscv64gc-unknown-none-elf",
    "x86_64-unknown-none",
];

/// The components that `check` needs, each with the cargo subcommand it brings.
pub const COMPONENTS: [(&str, &str); 2] = [("rustfmt", "fmt"), ("clippy", "clippy")];

/// The compiler that builds everything here.
pub fn find_compiler() -> Result<Found> {
    let output = rustc().arg("--version").output().cannot("start", "rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(Found {
        version: text.split(' ').nth(1).unwrap_or_default().to_owned(),
        place: sysroot()?.display().to_string(),
    })
}

pub fn find_target(target: &str) -> Result<Option<Found>> {
    let library = sysroot()?.join("lib/rustlib").join(target).join("lib");
    Ok(library.is_dir().then(|| Found {
        version: String::new(),
        place: library.display().to_string(),
    }))
}

pub fn find_component(subcommand: &str) -> Result<Option<Found>> {
    let output = cargo::cargo(subcommand)
        .arg("--version")
        .output()
        .cannot("start", "cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text
        .split([' ', '-'])
        .nth(1)
        .unwrap_or_default()
        .trim()
        .to_owned();
    Ok(output.status.success().then(|| Found {
        version,
        place: format!("cargo {subcommand}"),
    }))
}

/// Adds those of the targets that are missing.
pub fn ensure_targets(targets: &[&str]) -> Result<()> {
    let missing = missing_targets(targets)?;
    add("target", &missing)?;
    match missing_targets(&missing)?.first() {
        None => Ok(()),
        Some(still) => fail(format!(
            "rustup says that the Rust target {still} is there, but it is not in {}: remove it \
             with `rustup target remove {still}` and run this again",
            sysroot()?.display()
        )),
    }
}

fn missing_targets<'a>(targets: &[&'a str]) -> Result<Vec<&'a str>> {
    let mut missing = Vec::new();
    for target in targets {
        if find_target(target)?.is_none() {
            missing.push(*target);
        }
    }
    Ok(missing)
}

/// Adds those of the components that are missing.
pub fn ensure_components() -> Result<()> {
    let mut missing = Vec::new();
    for (component, subcommand) in COMPONENTS {
        if find_component(subcommand)?.is_none() {
            missing.push(component);
        }
    }
    add("component", &missing)
}

/// Adds LLVM's tools, which no cargo command names, if they are missing.
pub fn ensure_llvm_tools() -> Result<()> {
    let hosts = sysroot()?.join("lib/rustlib");
    let there = fs::read_dir(&hosts)
        .cannot("read", &hosts)?
        .any(|host| host.is_ok_and(|host| host.path().join("bin/llvm-profdata").is_file()));
    match there {
        true => Ok(()),
        false => add("component", &["llvm-tools"]),
    }
}

/// The command that adds a target or a component; in the repository's folder it means the
/// toolchain that `rust-toolchain.toml` names.
pub fn how_to_add(kind: &str, names: &[&str]) -> String {
    format!("rustup {kind} add {}", names.join(" "))
}

fn add(kind: &str, names: &[&str]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let (list, how) = (names.join(", "), how_to_add(kind, names));
    eprintln!("setup: adding the Rust {kind} {list} ({how})");
    let output = Command::new("rustup")
        .args([kind, "add"])
        .args(names)
        .current_dir(workspace::root())
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return fail(format!(
                "the Rust {kind} {list} is missing and there is no rustup to add it: install \
                 rustup (rustup.rs), or the package of your system that has it"
            ));
        }
        other => other.cannot("start", "rustup")?,
    };
    if output.status.success() {
        return Ok(());
    }
    fail(format!(
        "rustup cannot add the Rust {kind} {list} ({}): when that is put right, run this again, \
         or `{how}` in {}",
        first_error(&String::from_utf8_lossy(&output.stderr)),
        workspace::root().display()
    ))
}

/// The first line of rustup's output that says what went wrong.
fn first_error(stderr: &str) -> String {
    let line = stderr.lines().find_map(|line| line.strip_prefix("error: "));
    line.unwrap_or_else(|| stderr.lines().last().unwrap_or("no reason given"))
        .trim()
        .to_owned()
}

fn sysroot() -> Result<PathBuf> {
    let output = rustc()
        .args(["--print", "sysroot"])
        .output()
        .cannot("start", "rustc")?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Error::new(format!("rustc does not run: {why}")));
    }
    Ok(PathBuf::from(
        String::from_utf8_lossy(&output.stdout).trim(),
    ))
}

fn rustc() -> Command {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.current_dir(workspace::root());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_of_rustup_is_the_reason() {
        let stderr = "info: downloading component 'rust-std'\nwarn: retrying\nerror: could not \
                      download file from 'somewhere'\nCaused by: nothing\n";
        assert_eq!(
            first_error(stderr),
            "could not download file from 'somewhere'"
        );
        assert_eq!(first_error("it broke"), "it broke");
    }
}

//! Finds a gdb that knows the Pi's architecture.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Found, Tool, install, version::Version};
use crate::error::{Result, fail};

/// In the order of preference; plain gdb serves where the system builds it for all targets.
const PROGRAMS: [&str; 5] = [
    "gdb-multiarch",
    "aarch64-elf-gdb",
    "aarch64-none-elf-gdb",
    "aarch64-linux-gnu-gdb",
    "gdb",
];

const MISSING: &str = "there is no gdb for aarch64 on this machine";

/// Finds gdb (`GDB` names one), installing it where that is possible.
pub fn ensure() -> Result<PathBuf> {
    if let Some(path) = env::var_os("GDB").map(PathBuf::from) {
        return match examine(&path) {
            Some(_) => Ok(path),
            None => fail(format!(
                "{} (from GDB) is no gdb that knows aarch64",
                path.display()
            )),
        };
    }
    if let Some((path, _)) = find() {
        return Ok(path);
    }
    install::install(Tool::Gdb, MISSING)?;
    find().map_or_else(
        || fail("gdb was installed, but cannot be found"),
        |(path, _)| Ok(path),
    )
}

/// For the doctor.
pub fn look() -> Result<Found, String> {
    let (path, version) = find().ok_or(MISSING)?;
    Ok(Found {
        version: version.to_string(),
        place: path.display().to_string(),
    })
}

fn find() -> Option<(PathBuf, Version)> {
    let dirs = env::var_os("PATH").unwrap_or_default();
    let candidates = PROGRAMS.iter().flat_map(|program| {
        env::split_paths(&dirs)
            .map(|dir| dir.join(program))
            .collect::<Vec<_>>()
    });
    candidates
        .filter(|path| path.is_file())
        .find_map(|path| Some((examine(&path)?, path)))
        .map(|(version, path)| (path, version))
}

/// Its version, if it knows aarch64.
fn examine(path: &Path) -> Option<Version> {
    let output = Command::new(path)
        .args([
            "--batch",
            "-nx",
            "-ex",
            "show version",
            "-ex",
            "set architecture aarch64",
        ])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    if complaint.contains("ndefined item") {
        return None;
    }
    Version::find(text.lines().next()?)
}

//! Where the workspace is, where its build output goes, and what `cargo metadata` says of it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use serde_json::Value;

use crate::{
    cargo,
    error::{Context, Error, Result, fail},
};

/// The folder of the workspace's `Cargo.toml`.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        // Cargo sets the variable for `cargo run`; the compiled-in value serves whoever starts
        // the binary directly.
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        package
            .parent()
            .expect("xtask is a folder of the workspace")
            .to_path_buf()
    })
}

/// Cargo's target folder, which a person may have moved with `CARGO_TARGET_DIR`.
pub fn target_dir() -> Result<PathBuf> {
    static TARGET: OnceLock<PathBuf> = OnceLock::new();
    if let Some(known) = TARGET.get() {
        return Ok(known.clone());
    }
    let metadata = metadata(Scope::Members)?;
    let Some(path) = metadata["target_directory"].as_str() else {
        return fail("`cargo metadata` names no target folder");
    };
    Ok(TARGET.get_or_init(|| PathBuf::from(path)).clone())
}

/// `target/layercake/SUB`, made if need be; everything xtask itself writes is below it.
pub fn output_dir(sub: &str) -> Result<PathBuf> {
    let dir = target_dir()?.join("layercake").join(sub);
    let dir = dir.components().collect::<PathBuf>(); // drops the slash of an empty SUB
    let writable = fs::create_dir_all(&dir).and_then(|()| {
        let probe = dir.join(".writable");
        fs::write(&probe, [])?;
        fs::remove_file(&probe)
    });
    writable.map_err(|error| {
        Error::new(format!(
            "cannot write to the target folder {}: {}; make it writable or set CARGO_TARGET_DIR \
             to another folder",
            dir.display(),
            crate::error::reason(&error),
        ))
    })?;
    Ok(dir)
}

/// Writes a file whole or not at all.
pub fn write(path: &Path, contents: &[u8]) -> Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    fs::write(&partial, contents)
        .and_then(|()| fs::rename(&partial, path))
        .cannot("write", path)
}

/// How much `cargo metadata` is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The workspace's own packages; needs no network and no lock file.
    Members,
    /// Every package of the dependency graph.
    Graph,
}

pub fn metadata(scope: Scope) -> Result<Value> {
    let mut command = cargo::cargo("metadata");
    command.args(["--format-version", "1"]);
    if scope == Scope::Members {
        command.arg("--no-deps");
    }
    let output = command.output().cannot("start", "cargo")?;
    if !output.status.success() {
        return fail(format!(
            "`cargo metadata` failed: {}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        ));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| Error::new(format!("`cargo metadata` printed no JSON: {error}")))
}

/// The names of a package's targets of one kind (`test`, `bin`, …), sorted, with their files.
pub fn targets(metadata: &Value, package: &str, kind: &str) -> Vec<(String, PathBuf)> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let mut found: Vec<_> = packages
        .filter(|candidate| candidate["name"] == package)
        .flat_map(|candidate| candidate["targets"].as_array().into_iter().flatten())
        .filter(|target| {
            target["kind"]
                .as_array()
                .is_some_and(|k| k.iter().any(|k| k == kind))
        })
        .filter_map(|target| {
            Some((
                target["name"].as_str()?.to_owned(),
                target["src_path"].as_str()?.into(),
            ))
        })
        .collect();
    found.sort();
    found
}

//! The models for loom: which test targets they are, and what is told cargo to have them.
//!
//! How they are run is in [`crate::test`].

use std::process::Command;

use crate::{
    cargo,
    check::layers,
    error::Result,
    workspace::{self, Scope},
};

/// Has a cargo command be about all models, and what they are built of. Says whether there are any.
pub fn choose(command: &mut Command) -> Result<bool> {
    let metadata = workspace::metadata(Scope::Members)?;
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
    command
        .arg("--target-dir")
        .arg(workspace::target_dir()?.join("loom"));
    cargo::add_rustflags(command, "--cfg loom");
    Ok(any)
}

/// Whether a test target holds models, by its name; without `--cfg loom` it is empty.
pub fn is_model(target: &str) -> bool {
    target.starts_with("loom") || target == "models"
}

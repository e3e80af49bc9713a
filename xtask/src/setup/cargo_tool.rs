//! Cargo subcommands that come as packages of their own: found, or installed by cargo, which needs
//! no rights beyond the person's own.

use super::rust;
use crate::{
    cargo,
    error::{Result, fail},
};

/// A subcommand and the package that brings it.
#[derive(Clone, Copy)]
pub struct CargoTool {
    pub subcommand: &'static str,
    pub package: &'static str,
}

pub const LLVM_COV: CargoTool = CargoTool {
    subcommand: "llvm-cov",
    package: "cargo-llvm-cov",
};
pub const MUTANTS: CargoTool = CargoTool {
    subcommand: "mutants",
    package: "cargo-mutants",
};
pub const NEXTEST: CargoTool = CargoTool {
    subcommand: "nextest",
    package: "cargo-nextest",
};

/// Installs the subcommand if it is missing.
///
/// # Errors
///
/// Cargo cannot install it, and has said why.
pub fn ensure(tool: CargoTool) -> Result<()> {
    let CargoTool {
        subcommand,
        package,
    } = tool;
    if rust::find_component(subcommand)?.is_some() {
        return Ok(());
    }
    let how = format!("cargo install --locked {package}");
    eprintln!("setup: there is no `cargo {subcommand}`; installing it (`{how}`, some minutes)");
    let mut command = cargo::cargo("install");
    let status = cargo::status(command.args(["--locked", package]))?;
    match status.success() && rust::find_component(subcommand)?.is_some() {
        true => Ok(()),
        false => fail(format!(
            "`cargo {subcommand}` is missing and cannot be installed, for the reason above: when \
             that is put right, run this again, or `{how}`"
        )),
    }
}

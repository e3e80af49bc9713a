//! The tests of everything that builds on the host, with the examples of its documentation.

use super::{Options, Tally, libtest};
use crate::{cargo, error::Result};

pub fn run(options: &Options, tally: &mut Tally) -> Result<()> {
    let mut command = cargo::cargo("test");
    command.arg("--no-fail-fast");
    if let Some(filter) = &options.filter {
        command.args(["--", filter]);
    }
    libtest::run("host", command, tally)
}

//! The tests of everything that builds on the host, with the examples of its documentation.

use super::{Options, Tally, libtest};
use crate::{cargo, error::Result};

pub fn run(options: &Options, tally: &mut Tally) -> Result<()> {
    // The board's drivers are tested here as well; its image and its own tests are for the Pi.
    for packages in [&[][..], &["--package", cargo::BOARD, "--lib"]] {
        let mut command = cargo::cargo("test");
        command.arg("--no-fail-fast").args(packages);
        if let Some(filter) = &options.filter {
            command.args(["--", filter]);
        }
        libtest::run("host", command, tally)?;
    }
    Ok(())
}

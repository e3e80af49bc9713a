//! `cargo xtask test`: everything that can fail, on the host and in the emulator.
//!
//! Its last line is `N passed, N failed` and nothing else.

mod benches;
mod directives;
mod emulator;
pub mod host;
mod judge;
mod libtest;
mod limit;
mod loom;
mod miri;
mod pool;
pub mod session;
mod tally;

use std::path::PathBuf;

use crate::{
    check,
    config::Config,
    error::{Error, Result, fail},
    setup, workspace,
};
pub use tally::Tally;

/// A kind of test; their names begin with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Formatting, lints, documentation, layers, portability.
    Check,
    /// Unit tests, integration tests and the examples of the documentation.
    Host,
    /// Models of the lock-free protocols, every interleaving.
    Loom,
    /// The unsafe code of the portable crates under Miri, where a nightly Rust has it.
    Miri,
    /// Images that run in the emulator.
    Emulator,
    /// The benchmarks, against their budgets.
    Bench,
}

/// How much is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// What is worth waiting for at every change.
    Quick,
    Normal,
    /// With what takes long: tests marked so, ignored models, many seeds.
    Full,
}

pub struct Options {
    pub effort: Effort,
    pub filter: Option<String>,
    pub only: Vec<Kind>,
    pub jobs: usize,
    pub qemu: Option<PathBuf>,
    pub overrides: Vec<String>,
}

impl Options {
    fn wants(&self, kind: Kind) -> bool {
        let asked = self.only.is_empty() || self.only.contains(&kind);
        let slow = matches!(kind, Kind::Loom | Kind::Miri);
        asked && (self.effort > Effort::Quick || !slow || self.only.contains(&kind))
    }

    /// Whether the filter, if there is one, picks a test by its full name.
    fn picks(&self, name: &str) -> bool {
        self.filter
            .as_deref()
            .is_none_or(|filter| name.contains(filter))
    }
}

/// Runs the tests; fails if one of them does.
pub fn run(config: &Config, options: &Options) -> Result<()> {
    workspace::output_dir("")?;
    // Whatever is missing is fetched first, so that nobody waits an hour to learn of it.
    if options.wants(Kind::Check) {
        check::set_up()?;
    }
    let qemu = match options.wants(Kind::Emulator) || options.wants(Kind::Bench) {
        true => Some(setup::emulator::ensure(options.qemu.as_deref())?),
        false => None,
    };
    let mut tally = Tally::default();
    if options.wants(Kind::Check) {
        checks(config, options, &mut tally)?;
    }
    if options.wants(Kind::Host) {
        host::run(options, &mut tally)?;
    }
    if options.wants(Kind::Loom) {
        loom::run(options, &mut tally)?;
    }
    if options.wants(Kind::Miri) {
        miri::run(options, &mut tally)?;
    }
    if let Some(qemu) = qemu {
        if options.wants(Kind::Emulator) {
            emulator::run(&qemu, options, &mut tally)?;
        }
        if options.wants(Kind::Bench) {
            benches::run(&qemu, options, &mut tally)?;
        }
    }
    if tally.is_empty() {
        return fail(match &options.filter {
            Some(filter) => format!("no test has `{filter}` in its name"),
            None => "there was nothing to test".into(),
        });
    }
    print!("{}", tally.summary());
    if tally.all_good() {
        Ok(())
    } else {
        Err(Error::silent(1))
    }
}

fn checks(config: &Config, options: &Options, tally: &mut Tally) -> Result<()> {
    for step in &check::STEPS {
        let name = format!("check::{}", step.name);
        if !options.picks(&name) || (options.effort == Effort::Quick && !step.quick) {
            continue;
        }
        match step.run(config)? {
            true => tally.pass(),
            false => tally.fail(name),
        }
    }
    Ok(())
}

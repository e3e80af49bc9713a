//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    build::{How, Profile},
    config::Uart,
    test::Kind,
};

/// Builds, runs and tests Layercake.
#[derive(Parser)]
#[command(
    bin_name = "cargo xtask",
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Start with `cargo xtask qemu`. What a command needs and this machine lacks, it \
                  gets, or says how to: `cargo xtask doctor` shows it all."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run the kernel in the emulator, with this terminal as its console
    Qemu(QemuArgs),
    /// Run the kernel in the emulator, halted, with gdb attached
    Gdb(GdbArgs),
    /// Build kernel8.img, kernel8.elf and kernel8.map into target/layercake
    Build(BuildArgs),
    /// Test everything, on the host and in the emulator
    Test(TestArgs),
    /// Count the instructions of what matters, beside those of other kernels
    Bench(BenchArgs),
    /// Run threads, waits, locks, work and interrupts at random, with every account checked
    Torture(TortureArgs),
    /// Run a made-up load on the scheduling policy, over virtual time
    Sim(SimArgs),
    /// Count the lines of the portable crates that no test runs
    Coverage,
    /// Change the portable crates a little at a time, and tell what no test notices; takes hours
    Mutants(MutantsArgs),
    /// Check formatting, lints, documentation, layers and portability
    Check,
    /// Show what the commands need, and whether it is there
    Doctor(QemuChoice),
}

#[derive(Args)]
pub struct BuildArgs {
    /// Override a key of layercake.toml, such as --set cores=2
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    /// Build the board's package with these features, such as stats
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    features: Vec<String>,

    /// Build without optimisation
    #[arg(long)]
    dev: bool,
}

impl BuildArgs {
    pub fn how(&self) -> How {
        let profile = if self.dev {
            Profile::Dev
        } else {
            Profile::Release
        };
        How {
            profile,
            features: self.features.clone(),
        }
    }
}

#[derive(Args)]
pub struct QemuChoice {
    /// The emulator to use; also taken from the environment variable QEMU
    #[arg(long, value_name = "PATH")]
    pub qemu: Option<PathBuf>,
}

#[derive(Args)]
pub struct QemuArgs {
    /// Commands for the kernel's monitor, such as "threads; poweroff"; the kernel's exit code
    /// becomes this command's
    #[arg(long, value_name = "COMMANDS")]
    pub run: Option<String>,

    /// End the emulator after this many seconds, with status 124
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,

    /// Write what the kernel prints to a file as well
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// The UART that is the console, instead of what layercake.toml says
    #[arg(long, value_enum)]
    uart: Option<UartArg>,

    /// Hand this device tree to the kernel
    #[arg(long, value_name = "FILE")]
    pub dtb: Option<PathBuf>,

    /// Count instructions: one is a nanosecond, and every run is the same
    #[arg(long)]
    pub icount: bool,

    /// Wait for a gdb on port 1234 (`cargo xtask gdb` starts one itself)
    #[arg(long)]
    pub gdb: bool,

    /// Run this image instead of building one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["set", "features", "dev"])]
    pub kernel: Option<PathBuf>,

    /// Enter the ELF, at EL3 on all cores at once, instead of the raw image at EL2
    #[arg(long)]
    pub elf: bool,

    #[command(flatten)]
    pub qemu: QemuChoice,

    #[command(flatten)]
    pub build: BuildArgs,

    /// More arguments for QEMU
    #[arg(last = true, value_name = "QEMU ARGUMENTS")]
    pub extra: Vec<String>,
}

impl QemuArgs {
    pub fn uart(&self) -> Option<Uart> {
        self.uart.map(|uart| match uart {
            UartArg::Pl011 => Uart::Pl011,
            UartArg::Mini => Uart::Mini,
        })
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum UartArg {
    Pl011,
    Mini,
}

#[derive(Args)]
pub struct GdbArgs {
    /// Commands for the kernel's monitor, such as "demo work"
    #[arg(long, value_name = "COMMANDS")]
    pub run: Option<String>,

    /// A command for gdb, such as "break kernel_main"; may be given several times
    #[arg(long = "ex", value_name = "COMMAND")]
    pub ex: Vec<String>,

    #[command(flatten)]
    pub qemu: QemuChoice,

    #[command(flatten)]
    pub build: BuildArgs,
}

#[derive(Args)]
pub struct TestArgs {
    /// Only what is worth waiting for at every change
    #[arg(long, conflicts_with = "full")]
    pub quick: bool,

    /// Also what takes long
    #[arg(long)]
    pub full: bool,

    /// Only tests that have this in their names, of whatever kind
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,

    /// Only tests of this kind; may be given several times
    #[arg(long, value_name = "KIND", value_enum)]
    pub only: Vec<Kind>,

    /// How many models and emulator tests run at a time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
    pub jobs: u8,

    /// Override a key of layercake.toml for the emulator tests
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,

    #[command(flatten)]
    pub qemu: QemuChoice,
}

#[derive(Args)]
pub struct BenchArgs {
    /// Only benchmarks that have this in their ids
    #[arg(long, value_name = "PATTERN")]
    pub id: Option<String>,

    /// Show the instructions that the figure of this id is made of; `all` is those of the book
    #[arg(long, value_name = "ID", conflicts_with_all = ["id", "json", "plot", "check", "update_budgets"])]
    pub account: Option<String>,

    /// With --account: each instruction, disassembled
    #[arg(long, requires = "account", conflicts_with = "docs")]
    pub full: bool,

    /// Measure the portable crates on this machine instead, beside what people would use in their place
    #[arg(long, conflicts_with_all = ["account", "plot", "check", "update_budgets", "qemu"])]
    pub host: bool,

    /// Write the figures to a file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Draw the figures: SVG files in this folder
    #[arg(long, value_name = "DIR")]
    pub plot: Option<PathBuf>,

    /// Write the figures, and the accounts, into docs/benchmarks.md
    #[arg(long, conflicts_with = "id")]
    pub docs: bool,

    /// Fail if a figure is not within its budget
    #[arg(long, conflicts_with = "update_budgets")]
    pub check: bool,

    /// Write the figures into the budgets (and into docs/benchmarks.md), and say what changed
    #[arg(long)]
    pub update_budgets: bool,

    #[command(flatten)]
    pub qemu: QemuChoice,
}

#[derive(Args)]
pub struct TortureArgs {
    /// How long
    #[arg(long, value_name = "N", default_value = "1", value_parser = minutes, allow_hyphen_values = true)]
    pub minutes: f64,

    /// Where the random numbers begin, 1 or more; another one each time unless given
    #[arg(long, value_name = "S", value_parser = seed, allow_hyphen_values = true)]
    pub seed: Option<u64>,

    #[command(flatten)]
    pub qemu: QemuChoice,
}

/// At most a week.
fn minutes(text: &str) -> Result<f64, String> {
    let minutes = text.parse::<f64>().ok();
    minutes
        .filter(|minutes| *minutes > 0.0 && *minutes <= 10_080.0)
        .ok_or_else(|| "it must be a number of minutes, more than 0 and at most 10080".into())
}

fn seed(text: &str) -> Result<u64, String> {
    let seed = text.parse::<u64>().ok();
    seed.filter(|seed| *seed > 0)
        .ok_or_else(|| format!("it must be a whole number from 1 to {}", u64::MAX))
}

#[derive(Args)]
pub struct SimArgs {
    /// The load, such as examples/sim/five-on-four.toml
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Draw which thread ran where
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

#[derive(Args)]
pub struct MutantsArgs {
    /// The crate, such as timer; all five if none is given
    #[arg(value_name = "CRATE")]
    pub package: Option<String>,

    /// Only in files like this one, such as 'crates/wait/src/channel/*.rs'; may be given more than once
    #[arg(long = "file", value_name = "GLOB")]
    pub files: Vec<String>,

    /// How many mutants are tested at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    pub jobs: u8,

    /// Test only so many of each crate, chosen at random
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: Option<u32>,

    /// Where the random numbers for the sample begin
    #[arg(long, value_name = "S", default_value_t = 1, requires = "sample")]
    pub seed: u64,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse::<f64>()
        .map_err(|_| "it must be a number of seconds")?;
    let duration = Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|d| !d.is_zero());
    duration.ok_or_else(|| "it must be more than 0 seconds".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn minutes_are_a_week_at_the_most() {
        assert_eq!(minutes("0.5"), Ok(0.5));
        for bad in ["0", "-1", "10081", "nan", "inf", "long"] {
            assert!(minutes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_seed_is_a_number_but_not_zero() {
        assert_eq!(seed("7"), Ok(7));
        assert_eq!(seed(&u64::MAX.to_string()), Ok(u64::MAX));
        for bad in ["0", "-1", "1.5", "", "any", "18446744073709551616"] {
            assert!(seed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn seconds_may_be_fractions_but_not_nothing() {
        assert_eq!(seconds("2.5"), Ok(Duration::from_millis(2500)));
        for bad in ["0", "-1", "soon", "nan", "inf"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}

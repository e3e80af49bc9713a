#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod bench;
mod build;
mod cargo;
mod check;
mod cli;
mod config;
mod coverage;
mod doctor;
mod error;
mod gdb;
mod models;
mod mutants;
mod process;
mod qemu;
mod setup;
mod sim;
mod terminal;
mod test;
mod torture;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use config::Config;
use error::{Context, Result};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is_silent() {
                eprintln!("error: {error}");
            }
            ExitCode::from(error.exit())
        }
    }
}

fn run(command: Command) -> Result<()> {
    process::handle_signals().cannot("handle", "signals")?;
    let config = |overrides: &[String]| Config::load(workspace::root(), overrides);
    match command {
        Command::Qemu(args) => {
            let config = config(&args.build.set)?;
            let options = qemu::Options {
                uart: args.uart(),
                how: args.build.how(),
                script: args.run,
                timeout: args.timeout,
                log: args.log,
                dtb: args.dtb,
                icount: args.icount,
                gdb: args.gdb,
                kernel: args.kernel,
                elf: args.elf,
                extra: args.extra,
            };
            let qemu = setup::emulator::ensure(args.qemu.qemu.as_deref())?;
            qemu::run(&qemu, config, &options)
        }
        Command::Gdb(args) => {
            let config = config(&args.build.set)?;
            let qemu = setup::emulator::ensure(args.qemu.qemu.as_deref())?;
            let debugger = setup::debugger::ensure()?;
            gdb::run(
                &qemu,
                &debugger,
                &config,
                &args.build.how(),
                args.run,
                &args.ex,
            )
        }
        Command::Build(args) => build::run(&config(&args.set)?, &args.how()),
        Command::Test(args) => {
            let config = config(&args.set)?;
            let options = test::Options {
                effort: match (args.quick, args.full) {
                    (true, _) => test::Effort::Quick,
                    (_, true) => test::Effort::Full,
                    _ => test::Effort::Normal,
                },
                filter: args.filter,
                only: args.only,
                jobs: args.jobs.into(),
                qemu: args.qemu.qemu,
                overrides: args.set,
            };
            test::run(&config, &options)
        }
        Command::Bench(args) if args.host => bench::host::run(&bench::host::Options {
            id: args.id,
            json: args.json,
            docs: args.docs,
        }),
        Command::Bench(args) => {
            let options = bench::Options {
                id: args.id,
                account: args.account,
                full: args.full,
                json: args.json,
                plot: args.plot,
                docs: args.docs,
                check: args.check,
                update_budgets: args.update_budgets,
                qemu: args.qemu.qemu,
            };
            bench::run(&config(&[])?, &options)
        }
        Command::Torture(args) => {
            let options = torture::Options {
                minutes: args.minutes,
                seed: args.seed,
            };
            let qemu = setup::emulator::ensure(args.qemu.qemu.as_deref())?;
            torture::run(&qemu, &config(&[])?, &options)
        }
        Command::Sim(args) => sim::run(&sim::Options {
            file: args.file,
            svg: args.svg,
        }),
        Command::Coverage => coverage::run(),
        Command::Mutants(args) => mutants::run(&mutants::Options {
            package: args.package,
            files: args.files,
            jobs: args.jobs,
            sample: args.sample.map(|count| count as usize),
            seed: args.seed,
        }),
        Command::Check => check::run(&config(&[])?),
        Command::Doctor(args) => doctor::run(args.qemu.as_deref()),
    }
}

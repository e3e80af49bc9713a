//! `log LEVEL`: which messages of the kernel's log are shown.

use super::Run;
use crate::{args::choice, failure::Failure, out::say, session::Session, table::Command};
use log::LevelFilter;

pub const COMMAND: Command<Run> = Command {
    name: "log",
    synopsis: "[LEVEL]",
    help: "sets the log level: off, error, warn, info, debug, trace; or shows it",
    run,
};

const NAMES: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];
const LEVELS: [LevelFilter; 6] = [
    LevelFilter::Off,
    LevelFilter::Error,
    LevelFilter::Warn,
    LevelFilter::Info,
    LevelFilter::Debug,
    LevelFilter::Trace,
];

fn run<'a>(_: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    if let Some(word) = args.first() {
        log::set_max_level(LEVELS[choice(word, NAMES)?]);
    }
    let level = LEVELS.iter().position(|&level| level == log::max_level());
    say!(
        "log level {}",
        level.map_or("unknown", |level| NAMES[level])
    );
    Ok(())
}

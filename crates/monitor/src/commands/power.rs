//! `reboot` and `poweroff`: the ends of the machine.

use super::Run;
use crate::{args::number, failure::Failure, session::Session, table::Command};
use layercake_kernel::power;

pub const REBOOT: Command<Run> = Command {
    name: "reboot",
    synopsis: "",
    help: "starts the machine anew",
    run: reboot,
};

pub const POWEROFF: Command<Run> = Command {
    name: "poweroff",
    synopsis: "[CODE]",
    help: "switches the machine off; the emulator ends with CODE, 0 to 255",
    run: poweroff,
};

fn reboot<'a>(_: &mut Session<'_>, _: &[&'a str]) -> Result<(), Failure<'a>> {
    power::reboot()
}

/// Without a code: the status of the script so far, so that `poweroff` at the end of a script
/// hides no failure.
fn poweroff<'a>(session: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    let code = match args.first() {
        Some(word) => number("CODE", word, 0..=255)? as u8,
        None => session.status(),
    };
    power::poweroff(code)
}

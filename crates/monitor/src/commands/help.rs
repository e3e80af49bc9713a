//! `help`: all commands, one line each; or one of them.

use super::{Run, TABLE};
use crate::{failure::Failure, out::say, session::Session, table, table::Command};

pub const COMMAND: Command<Run> = Command {
    name: "help",
    synopsis: "[COMMAND]",
    help: "shows what there is",
    run,
};

fn run<'a>(_: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    if let Some(name) = args.first() {
        let command = table::find(TABLE, name).map_err(Failure::because)?;
        say!("{}  {}", command.usage(), command.help);
        return Ok(());
    }
    for command in TABLE {
        say!("{:28}{}", command.usage(), command.help);
    }
    say!("`;` separates commands, `#` starts a comment, quotes keep words together.");
    say!("Arrows recall and edit lines; Ctrl-U drops the line, Ctrl-C also ends a command.");
    Ok(())
}

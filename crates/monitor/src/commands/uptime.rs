//! `uptime`: the time since boot.

use super::Run;
use crate::{
    failure::Failure, out::say, session::Session, show::Count, show::Span, table::Command,
};
use core::time::Duration;
use layercake_kernel::{cpu, time};

pub const COMMAND: Command<Run> = Command {
    name: "uptime",
    synopsis: "",
    help: "shows the time since boot",
    run,
};

fn run<'a>(_: &mut Session<'_>, _: &[&'a str]) -> Result<(), Failure<'a>> {
    let nanos = time::now().as_nanos();
    let up = Span(Duration::from_nanos(nanos));
    say!(
        "{up} since boot ({nanos} ns), on {}",
        Count(cpu::count() as u64, "core")
    );
    Ok(())
}

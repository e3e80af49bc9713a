//! `affinity THREAD MASK`: the cores that a thread may run on.

use super::{Run, target};
use crate::{args::number, failure::Failure, out::say, session::Session, table::Command};
use layercake_kernel::{
    cpu,
    thread::{self, CpuSet},
};

pub const COMMAND: Command<Run> = Command {
    name: "affinity",
    synopsis: "ID MASK",
    help: "lets a thread, by number or name, run on the cores of MASK alone: 1 is core 0, 0xc 2 and 3",
    run,
};

fn run<'a>(_: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    let info = target::find(args[0])?;
    let mask = number("MASK", args[1], 1..=(1 << cpu::MAX) - 1)?;
    let cores = CpuSet::from_bits(mask);
    thread::set_affinity(info.id, cores).map_err(Failure::because)?;
    say!(
        "thread {} `{}` runs on {cores:?}, was {:?}",
        info.id,
        info.name,
        info.affinity
    );
    Ok(())
}

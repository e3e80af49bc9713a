//! The table of the commands. Each has a file of its own below, named after it.
//!
//! A command gets the session and its words, whose number has been checked against the synopsis;
//! it prints what it has to say and returns how it ended. It does not know whether a person or a
//! script called it.

mod affinity;
mod busy;
mod cores;
mod cpu;
mod demo;
mod echo;
mod help;
mod input;
mod kill;
mod latency;
mod listing;
mod locks;
mod log;
mod nice;
mod panic;
mod power;
mod queues;
mod sleep;
mod spans;
mod stall;
mod target;
mod threads;
mod timers;
mod top;
mod uptime;
mod workqueues;

use crate::{failure::Failure, session::Session, table::Command};

/// What a command runs.
pub type Run = for<'a> fn(&mut Session<'_>, &[&'a str]) -> Result<(), Failure<'a>>;

/// All commands, in the order in which `help` shows them.
pub const TABLE: &[Command<Run>] = &[
    help::COMMAND,
    threads::COMMAND,
    top::COMMAND,
    cpu::COMMAND,
    kill::COMMAND,
    nice::COMMAND,
    affinity::COMMAND,
    busy::COMMAND,
    timers::COMMAND,
    latency::COMMAND,
    locks::COMMAND,
    queues::COMMAND,
    workqueues::COMMAND,
    uptime::COMMAND,
    sleep::COMMAND,
    demo::COMMAND,
    stall::COMMAND,
    log::COMMAND,
    echo::COMMAND,
    input::COMMAND,
    panic::COMMAND,
    power::REBOOT,
    power::POWEROFF,
];

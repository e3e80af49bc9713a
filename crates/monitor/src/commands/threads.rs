//! `threads`: every thread, what it does and what it waits on.

use super::Run;
use crate::{
    failure::Failure,
    out::say,
    session::Session,
    show::{Count, Span},
    table::Command,
};
use core::fmt::{self, Write};
use heapless::String;
use layercake_kernel::thread::{self, Priority, State};

pub const COMMAND: Command<Run> = Command {
    name: "threads",
    synopsis: "",
    help: "lists the threads: state, core, priority, run time, what each waits on",
    run,
};

fn run<'a>(_: &mut Session<'_>, _: &[&'a str]) -> Result<(), Failure<'a>> {
    say!("  id  name              state    core  priority      run time  waits on");
    let mut count = 0;
    thread::for_each(|info| {
        count += 1;
        say!(
            "{:>4}  {:16}  {:8}{:>5}  {:8}  {:>12}  {}",
            info.id,
            info.name.as_str(),
            state(info.state),
            info.core,
            ByName(info.priority),
            Span(info.run_time),
            info.waits_on.unwrap_or("-"),
        );
    });
    say!("{}", Count(count, "thread"));
    Ok(())
}

fn state(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Ready => "ready",
        State::Blocked => "blocked",
        State::Idle => "idle",
        State::Exiting => "exiting",
    }
}

/// A priority as people name it.
struct ByName(Priority);

impl fmt::Display for ByName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::<16>::new();
        match self.0 {
            Priority::RealTime(rt) if rt.is_round_robin() => write!(text, "rr {}", rt.priority()),
            Priority::RealTime(rt) => write!(text, "fifo {}", rt.priority()),
            Priority::Fair(nice) => write!(text, "nice {}", nice.get()),
            Priority::Idle => text.write_str("idle"),
        }?;
        f.pad(&text)
    }
}

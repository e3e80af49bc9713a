//! `locks`: how often each kind of spinlock was taken and waited for, and for how long.

use super::Run;
use crate::{
    failure::Failure,
    out::{not_counted, say},
    session::Session,
    show::{Count, Span},
    table::Command,
};
use core::time::Duration;
use layercake_kernel::sync::stats;

pub const COMMAND: Command<Run> = Command {
    name: "locks",
    synopsis: "",
    help: "lists the kinds of spinlocks: taken, waited for, longest hold and wait",
    run,
};

fn run<'a>(_: &mut Session<'_>, _: &[&'a str]) -> Result<(), Failure<'a>> {
    if !stats::ON {
        not_counted("locks are");
        return Ok(());
    }
    say!("       taken      waited  longest hold  longest wait  lock");
    let mut count = 0;
    stats::for_each(|lock| {
        count += 1;
        say!(
            "{:>12}{:>12}  {:>12}  {:>12}  {}",
            lock.acquisitions,
            lock.contended,
            Span(Duration::from_nanos(lock.longest_hold as u64)),
            Span(Duration::from_nanos(lock.longest_wait as u64)),
            lock.class,
        );
    });
    say!("{}", Count(count, "kind"));
    Ok(())
}

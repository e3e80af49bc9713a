//! `latency [ID]`: how long threads wait for a core after a wake, and how unevenly; in a build that counts.

use super::spans::{Below, histogram};
use super::{Run, target};
use crate::{
    failure::Failure,
    out::{not_counted, say},
    session::Session,
    show::Count,
    table::Command,
};
use layercake_kernel::thread::{self, LATENCY_IS_COUNTED};

pub const COMMAND: Command<Run> = Command {
    name: "latency",
    synopsis: "[ID]",
    help: "shows how long each thread, or one by number or name, waits for a core after a wake",
    run,
};

fn run<'a>(_: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    let one = args.first().map(|word| target::find(word)).transpose()?;
    if !LATENCY_IS_COUNTED {
        not_counted("how long threads wait is");
        return Ok(());
    }
    let Some(one) = one else {
        list();
        return Ok(());
    };
    let Some(latency) = thread::latency(one.id) else {
        return Err(Failure::because(format_args!(
            "thread {} has just ended",
            one.id
        )));
    };
    say!("thread {} `{}`", one.id, one.name);
    let columns = [
        ("to run", &latency.wake_to_run),
        ("unevenly", &latency.jitter),
    ];
    histogram("From its wakes until it ran", columns.into_iter());
    Ok(())
}

/// All that were ever woken, each in a line.
fn list() {
    say!(
        "  id  name                 wakes   half run in    99% run in    all run in  half unevenly"
    );
    let mut count = 0;
    for info in thread::snapshot() {
        let Some(latency) = thread::latency(info.id) else {
            continue;
        };
        let (run, jitter) = (&latency.wake_to_run, &latency.jitter);
        if run.count() == 0 {
            continue;
        }
        count += 1;
        say!(
            "{:>4}  {:16}{:>10}{:>14}{:>14}{:>14}{:>15}",
            info.id,
            info.name.as_str(),
            run.count(),
            Below(run.below(50)),
            Below(run.below(99)),
            Below(run.below(100)),
            Below(jitter.below(50)),
        );
    }
    say!(
        "{}. Each time is less than what is said.",
        Count(count, "thread")
    );
}

//! `top`: the threads that have had the most of the machine, again each second, until `q` or Ctrl-C.

use super::{
    Run,
    cores::{Idle, online},
    listing,
};
use crate::{
    args::number, failure::Failure, out::say, session::Session, show::Span, table::Command,
};
use core::fmt::Write;
use core::time::Duration;
use heapless::String;
use layercake_kernel::{kprint, thread, time};

pub const COMMAND: Command<Run> = Command {
    name: "top",
    synopsis: "[TIMES]",
    help: "shows the busiest threads and cores each second, until q or Ctrl-C, or TIMES times",
    run,
};

/// How many threads are shown: they fit a terminal of 24 rows.
const ROWS: usize = 18;
/// From one picture to the next.
const SPAN: Duration = Duration::from_secs(1);
/// To the top left, and what is below cleared.
const HOME: &str = "\x1b[H\x1b[J";

fn run<'a>(session: &mut Session<'_>, args: &[&'a str]) -> Result<(), Failure<'a>> {
    let times = args
        .first()
        .map_or(Ok(u64::MAX), |word| number("TIMES", word, 1..=1_000_000))?;
    let (mut start, mut before, mut idle) = (time::now(), thread::snapshot(), Idle::now());
    for _ in 0..times {
        let end = start + SPAN;
        loop {
            match session.key_until(end) {
                // Ctrl-C is as good as `q`: nothing is left undone.
                Ok(Some(b'q')) | Err(_) => return Ok(()),
                Ok(Some(_)) => {}
                Ok(None) => break,
            }
        }
        let (now, after, idle_now) = (time::now(), thread::snapshot(), Idle::now());
        let span = now.saturating_duration_since(start);
        let mut loads = String::<64>::new();
        for core in online() {
            // There is room for four.
            let _ = write!(loads, "{:>8}", idle_now.load(core, &idle));
        }
        kprint!("{HOME}");
        say!(
            "up {}, load of the cores:{loads}   (q to quit)",
            Span(Duration::from_nanos(now.as_nanos()))
        );
        let mut rows = listing::rows(after.clone(), &before);
        listing::sort(&mut rows, 2);
        listing::print(rows.iter().take(ROWS), span);
        (start, before, idle) = (now, after, idle_now);
    }
    Ok(())
}

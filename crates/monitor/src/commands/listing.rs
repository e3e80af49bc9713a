//! The list of threads, as `threads` and `top` print it: orders, shares, rows.

use crate::{
    out::say,
    show::{Percent, Span},
};
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt::{self, Write};
use core::time::Duration;
use heapless::String;
use layercake_kernel::thread::{Priority, State, ThreadInfo};

/// What a list can be ordered by, as people name it.
pub const ORDERS: &[&str] = &["id", "name", "cpu", "time", "switches"];

/// A thread, and how much of one core it had in a span of time.
pub struct Row {
    info: ThreadInfo,
    ran: Duration,
}

/// The threads of now. `before` are those of the beginning of the span; without any it is the time
/// since the machine started.
pub fn rows(now: Vec<ThreadInfo>, before: &[ThreadInfo]) -> Vec<Row> {
    let ran = |info: &ThreadInfo| {
        // A number that another thread had before has run less than that one, or a little more: then
        // its share is too small, once.
        let earlier = before.binary_search_by_key(&info.id, |info| info.id);
        let earlier = earlier.map_or(Duration::ZERO, |at| before[at].run_time);
        match info.run_time.checked_sub(earlier) {
            Some(ran) => ran,
            None => info.run_time,
        }
    };
    now.into_iter()
        .map(|info| Row {
            ran: ran(&info),
            info,
        })
        .collect()
}

/// Puts `rows` into the order of [`ORDERS`] number `order`: numbers and names upwards, what is large
/// first.
pub fn sort(rows: &mut [Row], order: usize) {
    match order {
        0 => rows.sort_by_key(|row| row.info.id),
        1 => rows.sort_by(|a, b| a.info.name.cmp(&b.info.name)),
        2 => rows.sort_by_key(|row| Reverse(row.ran)),
        3 => rows.sort_by_key(|row| Reverse(row.info.run_time)),
        _ => rows.sort_by_key(|row| Reverse(row.info.switches)),
    }
}

/// Prints `rows`, of a span of `span`, and what their columns are.
pub fn print<'a>(rows: impl Iterator<Item = &'a Row>, span: Duration) {
    say!(
        "  id  name              state    core  priority     cpu      run time  switches     wakes  moves  waits on"
    );
    for Row { info, ran } in rows {
        say!(
            "{:>4}  {:16}  {:8}{:>5}  {:8}{:>8}  {:>12}{:>10}{:>10}{:>7}  {}",
            info.id,
            info.name.as_str(),
            state(info.state),
            info.core,
            ByName(info.priority),
            Percent::of(*ran, span),
            Span(info.run_time),
            info.switches,
            info.wakes,
            info.migrations,
            info.waits_on.unwrap_or("-"),
        );
    }
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
pub struct ByName(pub Priority);

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

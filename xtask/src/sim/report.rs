//! Who got what, as a table.

use std::fmt::Write as _;

use layercake_sched::Priority;
use layercake_sim::Machine;

use super::{load::Load, span::Span};

/// The report of a run.
pub fn text(load: &Load, machine: &Machine) -> String {
    let mut out = String::new();
    let mut line = |text: String| writeln!(out, "{text}").expect("a String takes everything");
    let late = match load.lateness {
        0 => String::new(),
        most => format!(", timers up to {} late", Span(most)),
    };
    line(format!(
        "{} core{}, {}, slices of {}{late}",
        load.cores,
        if load.cores == 1 { "" } else { "s" },
        Span(load.duration),
        Span(load.slice)
    ));
    line(format!(
        "{:18}{:>8}{:>9}{:>9}{:>9}{:>10}{:>8}{:>13}",
        "thread", "class", "asked", "ideal", "got", "switches", "moves", "worst wait"
    ));
    let percent = |ns: f64| format!("{:.1} %", 100.0 * ns / load.duration as f64);
    for (described, thread) in load.threads.iter().zip(&machine.threads) {
        let fair = thread.weight() > 0.0;
        line(format!(
            "{:18}{:>8}{:>9}{:>9}{:>9}{:>10}{:>8}{:>13}",
            described.name,
            class(described.priority),
            percent(thread.asked as f64),
            if fair {
                percent(thread.ideal)
            } else {
                "-".into()
            },
            percent(thread.got as f64),
            thread.switches(),
            thread.moves,
            Span(thread.longest_wait.max(thread.waits_for(machine.now))).to_string(),
        ));
    }
    let got: u64 = machine.threads.iter().map(|t| t.got).sum();
    line(format!(
        "Percent of one core. The cores were busy for {} of their time.",
        percent(got as f64 / load.cores as f64)
    ));
    out
}

/// A priority as people name it.
pub fn class(priority: Priority) -> String {
    match priority {
        Priority::RealTime(rt) if rt.is_round_robin() => format!("rr {}", rt.priority()),
        Priority::RealTime(rt) => format!("fifo {}", rt.priority()),
        Priority::Fair(nice) => format!("nice {}", nice.get()),
        Priority::Idle => "idle".into(),
    }
}

//! The timeline as a picture: a band for each core, in the colours of the threads that ran there.

use layercake_sim::{Machine, Run};

use super::{load::Load, report, span::Span};
use crate::bench::svg::{Anchor, Picture};

const LEFT: f64 = 70.0;
const TOP: f64 = 66.0;
/// How many columns the time is cut into, each of [`COLUMN`] pixels.
const COLUMNS: usize = 900;
const COLUMN: f64 = 1.0;
/// How many colours there are in the pictures' style; then they begin anew.
const COLOURS: usize = 10;
/// How many threads the legend names.
const NAMED: usize = 40;

/// The picture of a run that was recorded.
pub fn timeline(load: &Load, machine: &Machine) -> String {
    // Many cores get thin bands.
    let row = (400.0 / load.cores as f64).clamp(9.0, 30.0);
    let bottom = TOP + row * load.cores as f64;
    let right = LEFT + COLUMNS as f64 * COLUMN;
    let legend = bottom + 52.0;
    let named = load.threads.len().min(NAMED);
    let more = usize::from(load.threads.len() > NAMED);
    let rows = (named + more).div_ceil(3);
    let mut picture = Picture::new(right + 30.0, legend + 20.0 * rows as f64);
    picture.text(
        (20.0, 32.0),
        Anchor::Start,
        "title",
        "Which thread ran where",
    );
    let caption = format!(
        "Slices of {}. Each column of pixels shows who ran most in it; white is idle.",
        Span(load.slice)
    );
    picture.text((20.0, 52.0), Anchor::Start, "small", &caption);
    for tenth in 0..=10 {
        let x = LEFT + (right - LEFT) * f64::from(tenth) / 10.0;
        picture.line((x, TOP), (x, bottom + 4.0), "grid");
        let time = Span(load.duration / 10 * tenth as u64).to_string();
        picture.text((x, bottom + 18.0), Anchor::Middle, "small", &time);
    }
    for core in 0..load.cores {
        let y = TOP + row * core as f64;
        let middle = y + row / 2.0 + 4.0;
        picture.text(
            (LEFT - 10.0, middle),
            Anchor::End,
            "",
            &format!("core {core}"),
        );
        let bands = bands(machine.runs(), core, load.duration);
        for thread in 0..load.threads.len() {
            let boxes: Vec<_> = bands
                .iter()
                .filter(|band| band.thread == thread)
                .map(|band| {
                    let x = LEFT + band.from as f64 * COLUMN;
                    (x, (band.to - band.from) as f64 * COLUMN)
                })
                .collect();
            picture.boxes(y + 1.0, row - 2.0, &boxes, &colour(thread));
        }
    }
    for (number, thread) in load.threads.iter().take(NAMED).enumerate() {
        let x = LEFT + (right - LEFT) / 3.0 * (number % 3) as f64;
        let y = legend + 20.0 * (number / 3) as f64;
        picture.boxes(y - 10.0, 12.0, &[(x, 12.0)], &colour(number));
        let got = 100.0 * machine.threads[number].got as f64 / load.duration as f64;
        let text = format!(
            "{}, {}: {got:.1} % of a core",
            thread.name,
            report::class(thread.priority)
        );
        picture.text((x + 18.0, y), Anchor::Start, "", &text);
    }
    if more > 0 {
        let x = LEFT + (right - LEFT) / 3.0 * (NAMED % 3) as f64;
        let y = legend + 20.0 * (NAMED / 3) as f64;
        let text = format!("and {} more", load.threads.len() - NAMED);
        picture.text((x, y), Anchor::Start, "", &text);
    }
    picture.finish()
}

fn colour(thread: usize) -> String {
    format!("t{}", thread % COLOURS)
}

/// Columns next to each other in which the same thread ran most.
#[derive(Debug, PartialEq, Eq)]
struct Band {
    thread: usize,
    from: usize,
    to: usize,
}

/// The bands of `core`, in order.
fn bands(runs: &[Run], core: usize, duration: u64) -> Vec<Band> {
    let width = duration as f64 / COLUMNS as f64;
    let mut bands: Vec<Band> = Vec::new();
    let mut runs = runs.iter().filter(|run| run.core == core).peekable();
    for column in 0..COLUMNS {
        let (from, to) = (column as f64 * width, (column + 1) as f64 * width);
        // How long each one ran in this column; a few at most.
        let mut ran: Vec<(usize, f64)> = Vec::new();
        while let Some(run) = runs.peek() {
            let inside = (run.to as f64).min(to) - (run.from as f64).max(from);
            if inside > 0.0 {
                match ran.iter_mut().find(|(thread, _)| *thread == run.thread) {
                    Some((_, time)) => *time += inside,
                    None => ran.push((run.thread, inside)),
                }
            }
            if run.to as f64 > to {
                break;
            }
            runs.next();
        }
        let busy: f64 = ran.iter().map(|(_, time)| time).sum();
        let Some(&(thread, _)) = ran.iter().max_by(|a, b| a.1.total_cmp(&b.1)) else {
            continue;
        };
        if busy < width / 2.0 {
            continue;
        }
        match bands.last_mut() {
            Some(last) if last.thread == thread && last.to == column => last.to += 1,
            _ => bands.push(Band {
                thread,
                from: column,
                to: column + 1,
            }),
        }
    }
    bands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_who_ran_most_in_it() {
        let width = 1_000;
        let duration = COLUMNS as u64 * width;
        let run = |core, thread, from, to| Run {
            core,
            thread,
            from,
            to,
        };
        let runs = [
            run(0, 7, 0, 2_600),
            run(1, 9, 0, duration),
            run(0, 8, 2_600, 2_700),
            run(0, 7, 2_700, 3_400),
            run(0, 8, 3_400, 5_000),
        ];
        let band = |thread, from, to| Band { thread, from, to };
        assert_eq!(bands(&runs, 0, duration), [band(7, 0, 3), band(8, 3, 5)]);
        assert_eq!(bands(&runs, 1, duration), [band(9, 0, COLUMNS)]);
        assert!(bands(&runs, 2, duration).is_empty());
    }
}

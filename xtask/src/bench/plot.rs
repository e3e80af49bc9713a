//! The figures as pictures: `peers.svg`, all kernels side by side for each id, and `ID.svg`, cost
//! against size, for each id that has sizes.

use std::{fs, path::Path};

use super::{
    peers::{NAMES, Peer, Peers},
    report::{Figure, Report},
    svg::{Anchor, Picture},
    table::number,
};
use crate::{
    error::{Context, Result},
    workspace,
};

/// What the book shows of cost against size, and where its pictures are.
const BOOK: [&str; 3] = ["sched.pick_rt", "sched.pick_fair", "timer.arm"];
const BOOK_FOLDER: &str = "docs/cost";

/// Writes the pictures into a folder, which is made if need be; gives their number.
///
/// # Errors
///
/// The folder or a file cannot be written.
pub fn write(report: &Report, peers: &Peers, folder: &Path) -> Result<usize> {
    save(&pictures(report, peers), folder)
}

/// Writes those pictures that the book shows.
///
/// # Errors
///
/// A file cannot be written.
pub fn write_for_book(report: &Report, peers: &Peers) -> Result<()> {
    let mut pictures = pictures(report, peers);
    pictures.retain(|(name, _)| BOOK.contains(&name.as_str()));
    save(&pictures, &workspace::root().join(BOOK_FOLDER)).map(drop)
}

fn save(pictures: &[(String, String)], folder: &Path) -> Result<usize> {
    fs::create_dir_all(folder).cannot("make", folder)?;
    for (name, svg) in pictures {
        workspace::write(&folder.join(format!("{name}.svg")), svg.as_bytes())?;
    }
    Ok(pictures.len())
}

fn pictures(report: &Report, peers: &Peers) -> Vec<(String, String)> {
    let mut pictures = Vec::new();
    let rows: Vec<_> = (report.figures.iter())
        .map(|figure| (figure, peers.get(&figure.key())))
        .filter(|(_, peer)| *peer != Peer::default())
        .collect();
    if !rows.is_empty() {
        pictures.push(("peers".to_owned(), side_by_side(&rows)));
    }
    for sizes in report.figures.chunk_by(|a, b| a.id == b.id) {
        if sizes.len() > 1 && sizes.iter().all(|figure| figure.size.is_some()) {
            let id = &sizes[0].id;
            let counted = report.counted.iter().find(|(known, _)| known == id);
            let counted = counted.map_or("", |(_, what)| what);
            pictures.push((id.clone(), scaling(sizes, counted, peers)));
        }
    }
    pictures
}

/// The style of a peer's dots.
fn style(peer: usize) -> String {
    format!("s{peer}")
}

/// A row for each id, a dot for each kernel, on one logarithmic scale.
fn side_by_side(rows: &[(&Figure, Peer)]) -> String {
    const LEFT: f64 = 190.0;
    const WIDTH: f64 = 600.0;
    const TOP: f64 = 112.0;
    const ROW: f64 = 27.0;
    let bottom = TOP + ROW * rows.len() as f64;
    let most = rows
        .iter()
        .flat_map(|(figure, peer)| {
            (peer.figures.iter().flatten().copied()).chain([figure.instructions])
        })
        .fold(10.0, f64::max);
    let decades = most.log10().ceil();
    let x = |value: f64| LEFT + WIDTH * value.max(1.0).log10() / decades;
    let mut picture = Picture::new(LEFT + WIDTH + 150.0, bottom + 48.0);

    picture.text(
        (20.0, 32.0),
        Anchor::Start,
        "title",
        "Instructions per operation",
    );
    picture.text(
        (20.0, 52.0),
        Anchor::Start,
        "small",
        "Counted in the same emulator, on a logarithmic scale: further left is better. \
         Layercake runs four cores with their locks, all but Linux one core without.",
    );
    let mut at = LEFT;
    for (peer, name) in ["Layercake"].into_iter().chain(NAMES).enumerate() {
        match peer {
            // A ring, so that what is as good stays in sight.
            0 => picture.dot((at, 78.0), 7.0, "ring"),
            _ => picture.dot((at, 78.0), 5.0, &style(peer - 1)),
        }
        picture.text((at + 12.0, 82.5), Anchor::Start, "", name);
        at += 38.0 + 7.6 * name.len() as f64;
    }
    picture.line((at, 69.0), (at, 87.0), "goal");
    picture.text((at + 8.0, 82.5), Anchor::Start, "", "goal");
    picture.text(
        (LEFT + WIDTH + 70.0, 82.5),
        Anchor::End,
        "strong",
        "Layercake",
    );
    picture.text((LEFT + WIDTH + 130.0, 82.5), Anchor::End, "", "goal");

    for decade in 0..=decades as i32 {
        for digit in 1..10 {
            let value = f64::from(digit) * 10_f64.powi(decade);
            if x(value) > LEFT + WIDTH + 0.5 || (digit > 1 && digit != 2 && digit != 5) {
                continue;
            }
            picture.line((x(value), TOP - 8.0), (x(value), bottom), "grid");
            picture.text(
                (x(value), bottom + 18.0),
                Anchor::Middle,
                "small",
                &number(value),
            );
        }
    }
    for (row, (figure, peer)) in rows.iter().enumerate() {
        let y = TOP + ROW * (row as f64 + 0.5);
        picture.line((LEFT, y), (LEFT + WIDTH, y), "grid");
        picture.text((LEFT - 14.0, y + 4.5), Anchor::End, "", &figure.key());
        for (which, value) in peer.figures.iter().enumerate() {
            if let Some(value) = value {
                picture.dot((x(*value), y), 5.0, &style(which));
            }
        }
        picture.dot((x(figure.instructions), y), 7.0, "ring");
        let end = LEFT + WIDTH;
        picture.text(
            (end + 70.0, y + 4.5),
            Anchor::End,
            "strong",
            &number(figure.instructions),
        );
        if let Some(goal) = peer.goal {
            picture.line((x(goal), y - 9.0), (x(goal), y + 9.0), "goal");
            picture.text((end + 130.0, y + 4.5), Anchor::End, "", &number(goal));
        }
    }
    picture.text(
        (LEFT + WIDTH / 2.0, bottom + 38.0),
        Anchor::Middle,
        "small",
        "instructions",
    );
    picture.finish()
}

/// Cost against size: the mean as a curve, what was least and most as lines, peers as dots.
fn scaling(sizes: &[Figure], counted: &str, peers: &Peers) -> String {
    const LEFT: f64 = 72.0;
    const WIDTH: f64 = 640.0;
    const HEIGHT: f64 = 300.0;
    let caption = wrapped(counted, 105);
    let top = 80.0 + 15.0 * caption.len() as f64;
    let bottom = top + HEIGHT;
    let size = |figure: &Figure| figure.size.unwrap_or(1).max(1) as f64;
    let largest = sizes.iter().map(size).fold(2.0, f64::max);
    // Inset, so that no dot sits on an axis.
    let x = |size: f64| LEFT + 24.0 + (WIDTH - 60.0) * size.log10() / largest.log10();

    let beside: Vec<_> = sizes
        .iter()
        .map(|figure| (figure, peers.get(&figure.key())))
        .collect();
    let mean = sizes
        .iter()
        .map(|figure| figure.instructions)
        .fold(1.0, f64::max);
    let needed = height_of(&beside, mean);
    let step = step(needed);
    let steps = (needed / step).ceil().max(1.0);
    let ceiling = steps * step;
    let y = |value: f64| bottom - HEIGHT * value.min(ceiling) / ceiling;

    let mut picture = Picture::new(LEFT + WIDTH + 40.0, bottom + 56.0);
    picture.text((20.0, 32.0), Anchor::Start, "title", &sizes[0].id);
    for (line, text) in caption.iter().enumerate() {
        picture.text(
            (20.0, 52.0 + 15.0 * line as f64),
            Anchor::Start,
            "small",
            text,
        );
    }
    for line in 0..=steps as u32 {
        let value = f64::from(line) * step;
        picture.line((LEFT, y(value)), (LEFT + WIDTH, y(value)), "grid");
        picture.text(
            (LEFT - 8.0, y(value) + 4.0),
            Anchor::End,
            "small",
            &number(value),
        );
    }
    picture.line((LEFT, bottom), (LEFT + WIDTH, bottom), "axis");
    for figure in sizes {
        let at = x(size(figure));
        picture.line((at, bottom), (at, bottom + 5.0), "axis");
        picture.text(
            (at, bottom + 20.0),
            Anchor::Middle,
            "small",
            &thousands(size(figure)),
        );
        if figure.min < figure.max {
            picture.line((at, y(figure.min)), (at, y(figure.max)), "range");
        }
        if figure.max > ceiling {
            let text = format!("to {}", thousands(figure.max));
            picture.text((at + 5.0, top + 11.0), Anchor::Start, "small", &text);
        }
    }
    let points: Vec<_> = sizes
        .iter()
        .map(|figure| (x(size(figure)), y(figure.instructions)))
        .collect();
    picture.curve(&points);
    for (figure, peer) in &beside {
        let at = x(size(figure));
        let known = NAMES.iter().zip(peer.figures).enumerate();
        for (which, name, value) in known.filter_map(|(i, (n, v))| Some((i, n, v?))) {
            if value <= ceiling {
                picture.dot((at, y(value)), 5.0, &style(which));
                let text = format!("{name} {}", number(value));
                picture.text((at - 9.0, y(value) + 4.0), Anchor::End, "small", &text);
            }
        }
        if let Some(goal) = peer.goal {
            picture.line((at - 8.0, y(goal)), (at + 8.0, y(goal)), "goal");
            let text = format!("goal {}", number(goal));
            picture.text((at, y(goal) + 16.0), Anchor::Middle, "small", &text);
        }
    }
    for (figure, &(at, height)) in sizes.iter().zip(&points) {
        picture.dot((at, height), 5.5, "own");
        let text = number(figure.instructions);
        picture.text((at + 4.0, height - 10.0), Anchor::Start, "strong", &text);
    }
    picture.text(
        (LEFT + WIDTH / 2.0, bottom + 42.0),
        Anchor::Middle,
        "small",
        "size (logarithmic)",
    );
    picture.text(
        (20.0, top - 14.0),
        Anchor::Start,
        "small",
        "instructions per operation",
    );
    picture.finish()
}

/// What the curve, its usual ranges and the peers near it need. A single slow operation must not
/// press the curve flat: its line is cut, and says how far it goes.
fn height_of(beside: &[(&Figure, Peer)], mean: f64) -> f64 {
    let of_peers = beside
        .iter()
        .flat_map(|(_, peer)| peer.figures.into_iter().flatten())
        .filter(|value| *value <= mean * 2.0);
    let ranges = beside.iter().map(|(figure, _)| figure.max.min(mean * 1.6));
    ranges.chain(of_peers).fold(mean, f64::max) * 1.05
}

/// A round distance of lines, for about five of them.
fn step(top: f64) -> f64 {
    let rough = top / 5.0;
    let decade = 10_f64.powf(rough.log10().floor());
    let round = [1.0, 2.0, 2.5, 5.0, 10.0];
    let fits = |factor: &&f64| **factor * decade >= rough;
    round.iter().find(fits).unwrap_or(&10.0) * decade
}

/// `100000` as `100 000`.
fn thousands(value: f64) -> String {
    let digits = number(value);
    let whole = digits.split('.').next().unwrap_or_default().len();
    let spaced = digits.chars().enumerate().map(|(at, digit)| {
        let space = at > 0 && at < whole && (whole - at).is_multiple_of(3) && whole > 4;
        format!("{}{digit}", if space { " " } else { "" })
    });
    spaced.collect()
}

/// A text in lines of so many letters at most.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(id: &str, size: Option<u64>, instructions: f64) -> Figure {
        Figure {
            id: id.into(),
            size,
            instructions,
            min: instructions,
            max: instructions * 100.0,
            iterations: 1000,
            each: 1,
        }
    }

    #[test]
    fn there_is_a_picture_of_the_peers_and_one_for_each_id_with_sizes() {
        let report = Report {
            figures: vec![
                figure("switch.cooperative", None, 61.0),
                figure("wake.broadcast", Some(1), 300.0),
                figure("wake.broadcast", Some(8), 200.0),
                figure("nobody.else", None, 1.0),
            ],
            ..Report::default()
        };
        let pictures = pictures(&report, &Peers::load().unwrap());
        let names: Vec<_> = pictures.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["peers", "wake.broadcast"]);
        assert!(pictures[0].1.contains(">switch.cooperative<"));
        assert!(!pictures[0].1.contains("nobody.else"));
        assert!(pictures[1].1.contains(">ThreadX 265<"));
        assert!(pictures[1].1.contains(">to 30 000<"));
        for (_, svg) in pictures {
            assert!(!svg.contains("NaN") && !svg.contains("inf\""));
        }
    }

    #[test]
    fn the_book_shows_what_there_is() {
        let page = fs::read_to_string(workspace::root().join("docs/benchmarks.md")).unwrap();
        for id in BOOK {
            let shown = page.contains(&format!("](cost/{id}.svg)"));
            let file = workspace::root()
                .join(BOOK_FOLDER)
                .join(format!("{id}.svg"));
            assert!(shown && file.is_file(), "{id}");
        }
    }

    #[test]
    fn scales_are_round() {
        assert_eq!(step(100.0), 20.0);
        assert_eq!(step(101.0), 25.0);
        assert_eq!(step(3.0), 1.0);
        assert_eq!(thousands(1024.0), "1024");
        assert_eq!(thousands(315_335.0), "315 335");
    }

    #[test]
    fn lines_are_no_longer_than_they_may() {
        assert_eq!(wrapped("aa bb cc", 5), ["aa bb", "cc"]);
    }
}

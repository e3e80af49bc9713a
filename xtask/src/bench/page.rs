//! The book's chapter on the benchmarks: `docs/benchmarks.md`. People write the text; the parts
//! between `<!-- NAME -->` and `<!-- /NAME -->` are written here.

use std::fs;

use super::{
    account::Account,
    json::Versions,
    peers::{NAMES, Peer, Peers},
    report::{Figure, Report},
    table::{number, range, verdict},
};
use crate::{
    error::{Context, Error, Result},
    workspace,
};

pub const FILE: &str = "docs/benchmarks.md";

/// Puts the figures into the chapter.
///
/// # Errors
///
/// The chapter is not there, lacks a part, or cannot be written.
pub fn update(
    report: &Report,
    accounts: &[Account],
    peers: &Peers,
    versions: &Versions,
) -> Result<()> {
    let path = workspace::root().join(FILE);
    let page = fs::read_to_string(&path).cannot("read", &path)?;
    let mut page = filled(&page, report, peers, versions)?;
    for account in accounts {
        page = replaced(
            &page,
            &format!("account {}", account.key),
            &account.markdown(),
        )?;
    }
    workspace::write(&path, page.as_bytes())
}

/// Puts a text into one part of the chapter.
///
/// # Errors
///
/// As [`update`].
pub fn put(name: &str, text: &str) -> Result<()> {
    let path = workspace::root().join(FILE);
    let page = fs::read_to_string(&path).cannot("read", &path)?;
    workspace::write(&path, replaced(&page, name, text)?.as_bytes())
}

fn filled(page: &str, report: &Report, peers: &Peers, versions: &Versions) -> Result<String> {
    let parts = [
        ("versions", measured_with(versions)),
        ("figures", figures(report, peers)),
        ("sizes", sizes(report)),
        ("missing", missing(report)),
        ("counted", counted(report)),
    ];
    parts
        .iter()
        .try_fold(page.to_owned(), |page, (name, text)| {
            replaced(&page, name, text)
        })
}

/// The page with another text in one of its parts.
fn replaced(page: &str, name: &str, text: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let parts = page
        .split_once(&begin)
        .and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) =
        parts.ok_or_else(|| Error::new(format!("{FILE} has no part between {begin}and {end}")))?;
    Ok(format!("{before}{begin}\n{text}\n{end}{after}"))
}

fn measured_with(versions: &Versions) -> String {
    let Versions { qemu, rustc, .. } = versions;
    format!("Measured with QEMU {qemu} and {rustc}.\n")
}

/// Ids without sizes, and sizes for which there is something to compare with.
fn figures(report: &Report, peers: &Peers) -> String {
    let mut text = format!(
        "| id | Layercake | range | {} | goal | | other |\n|---|--:|--:|{}--:|---|---|\n",
        NAMES.join(" | "),
        "--:|".repeat(NAMES.len())
    );
    for figure in &report.figures {
        let peer = peers.get(&figure.key());
        if figure.size.is_none() || peer != Peer::default() {
            text += &row(figure, &peer);
        }
    }
    text
}

fn row(figure: &Figure, peer: &Peer) -> String {
    let known = |value: Option<f64>| value.map_or(String::new(), number);
    let mut cells = vec![
        format!("`{}`", figure.key()),
        format!("**{}**", number(figure.instructions)),
        range(figure),
    ];
    cells.extend(peer.figures.map(known));
    cells.push(known(peer.goal));
    cells.push(
        peer.goal
            .map_or(String::new(), |goal| verdict(figure.instructions, goal)),
    );
    cells.push(peer.other.clone());
    format!("| {} |\n", cells.join(" | "))
}

/// A line for each id that has sizes.
fn sizes(report: &Report) -> String {
    let mut text = "| id | size: instructions |\n|---|---|\n".to_owned();
    for figures in report.figures.chunk_by(|a, b| a.id == b.id) {
        let sized = figures.iter().filter_map(|figure| {
            let (size, mean) = (figure.size?, number(figure.instructions));
            Some(match figure.max > figure.instructions * 2.0 {
                true => format!("{size}: {mean} (at most {})", number(figure.max)),
                false => format!("{size}: {mean}"),
            })
        });
        let sized: Vec<_> = sized.collect();
        if !sized.is_empty() {
            text += &format!("| `{}` | {} |\n", figures[0].id, sized.join(" · "));
        }
    }
    text
}

fn missing(report: &Report) -> String {
    if report.missing.is_empty() {
        return "Nothing is missing.\n".into();
    }
    let line = |(id, why): &(String, String)| format!("- `{id}`: {why}\n");
    report.missing.iter().map(line).collect()
}

fn counted(report: &Report) -> String {
    let mut text = "| id | counted |\n|---|---|\n".to_owned();
    for (id, what) in &report.counted {
        text += &format!("| `{id}` | {what} |\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report::read(
            "@{\"id\":\"wake.none\",\"size\":0,\"taken\":1,\"each\":1,\"sum\":3,\"least\":3,\"most\":3}\n\
             @{\"id\":\"a\",\"size\":8,\"taken\":2,\"each\":1,\"sum\":10,\"least\":1,\"most\":99}\n\
             @{\"id\":\"a\",\"counted\":\"this\"}\n\
             @{\"id\":\"c\",\"missing\":\"there is none\"}\n",
        )
    }

    fn versions() -> Versions {
        Versions {
            commit: "0".into(),
            qemu: "10.0.2".into(),
            rustc: "rustc 1.95".into(),
        }
    }

    #[test]
    fn the_chapter_has_all_parts() {
        let page = fs::read_to_string(workspace::root().join(FILE)).unwrap();
        let peers = Peers::load().unwrap();
        let once = filled(&page, &report(), &peers, &versions()).unwrap();
        assert!(once.contains("| `wake.none` | **3** |  |  |  |  | 7 | 71 | 6 | met |"));
        assert!(once.contains("| `a` | 8: 5 (at most 99) |"));
        assert!(once.contains("| `a` | this |"));
        assert!(once.contains("- `c`: there is none\n"));
        assert!(once.contains("QEMU 10.0.2 and rustc 1.95."));
        let twice = filled(&once, &report(), &peers, &versions()).unwrap();
        assert_eq!(once, twice);
        assert!(replaced(&page, "host", "").is_ok());
    }

    #[test]
    fn text_by_people_stays() {
        let page = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n";
        assert_eq!(
            replaced(page, "x", "new\n").unwrap(),
            "a\n<!-- x -->\n\nnew\n\n<!-- /x -->\nb\n"
        );
        assert!(replaced(page, "y", "").is_err());
    }
}

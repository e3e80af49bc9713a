//! The figures as a table for people.

use super::{
    peers::{NAMES, Peer, Peers},
    report::{Figure, Report},
};

/// The whole table; what is missing comes last.
pub fn text(report: &Report, peers: &Peers) -> String {
    let mut rows = vec![header()];
    rows.extend(
        report
            .figures
            .iter()
            .map(|figure| row(figure, &peers.get(&figure.key()))),
    );
    let mut text = if report.figures.is_empty() {
        String::new()
    } else {
        align(&rows)
    };
    for (id, why) in &report.missing {
        text += &format!("{id}: missing, {why}\n");
    }
    text
}

fn header() -> Vec<String> {
    let mut cells = vec!["id".to_owned(), "Layercake".to_owned(), "range".to_owned()];
    cells.extend(NAMES.map(str::to_owned));
    cells.extend(["goal".to_owned(), String::new(), "other".to_owned()]);
    cells
}

fn row(figure: &Figure, peer: &Peer) -> Vec<String> {
    let mut cells = vec![figure.key(), number(figure.instructions), range(figure)];
    cells.extend(
        peer.figures
            .map(|figure| figure.map_or(String::new(), number)),
    );
    cells.push(peer.goal.map_or(String::new(), number));
    cells.push(
        peer.goal
            .map_or(String::new(), |goal| verdict(figure.instructions, goal)),
    );
    cells.push(peer.other.clone());
    cells
}

/// The least and the most, where they differ.
pub fn range(figure: &Figure) -> String {
    if figure.min == figure.max {
        return String::new();
    }
    format!("{}..{}", number(figure.min), number(figure.max))
}

/// Whether the goal is met, or by how much not.
pub fn verdict(figure: f64, goal: f64) -> String {
    if figure <= goal {
        "met".into()
    } else {
        format!("{} over", number(figure - goal))
    }
}

/// A figure without decimals that say nothing.
pub fn number(figure: f64) -> String {
    let text = format!("{figure:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// The first and the last column to the left, the others to the right.
pub fn align(rows: &[Vec<String>]) -> String {
    let columns = rows[0].len();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            line += &if column == 0 || column + 1 == columns {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            };
            line += "  ";
        }
        text += line.trim_end();
        text += "\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_or_not_by_so_much() {
        assert_eq!(verdict(60.0, 60.0), "met");
        assert_eq!(verdict(61.5, 60.0), "1.5 over");
    }

    #[test]
    fn columns_stand_in_line() {
        let rows = [["a", "bb", "c"], ["aaa", "b", ""]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(align(&rows), "a    bb  c\naaa   b\n");
    }
}

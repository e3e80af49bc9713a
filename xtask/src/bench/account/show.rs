//! An account as text for the terminal, and as a table for the book.

use super::{
    Account,
    fold::{self, Part, Stretch},
    places::Places,
};
use crate::bench::table::number;

/// Functions that are named in a summary; the rest is one line.
const NAMED: usize = 15;

/// Stretches in the order of execution, the parts of each under it, and the sums.
pub fn text(account: &Account) -> String {
    let mut text = head(account);
    for stretch in &account.stretches {
        text += &format!(
            "{:>5}  {}{}\n",
            stretch.count(),
            name(stretch),
            core(account, stretch)
        );
        for part in &stretch.parts {
            text += &format!("{:>11}  {:<58}  {}\n", part.count, part.chain, place(part));
        }
    }
    text += "\nby function of the source, wherever it was inlined:\n";
    let rows = fold::by_source(&account.stretches);
    for (count, name, file) in rows.iter().take(NAMED) {
        text += &format!("{count:>5}  {name:<40}  {file}\n");
    }
    let rest: usize = rows.iter().skip(NAMED).map(|row| row.0).sum();
    if rest > 0 {
        text += &format!("{rest:>5}  in {} others\n", rows.len() - NAMED);
    }
    text
}

/// Every instruction, with its place.
pub fn full(account: &Account, places: &Places<'_>) -> String {
    let mut text = head(account);
    let mut function = String::new();
    for step in &account.steps {
        let place = places.at(step.pc);
        if place.function != function {
            text += &format!("{}:\n", place.function);
            function.clone_from(&place.function);
        }
        let frames = place.frames.iter().take(3);
        let chain: Vec<_> = frames.map(|frame| &*frame.name).collect();
        let at = place.frames.first();
        let at = at.map_or(String::new(), |frame| {
            format!("{}:{}", frame.file, frame.line)
        });
        let line = format!(
            "  {:>8x}  {:<38}  {:<50}  {at}",
            step.pc,
            place.instruction,
            chain.join(" < "),
        );
        text += line.trim_end();
        text += "\n";
    }
    text
}

/// A row for each stretch, with the types and modules that it was made of, and the functions of the
/// source with the most instructions.
pub fn markdown(account: &Account) -> String {
    let mut text = "| instructions | function | made of |\n|--:|---|---|\n".to_owned();
    for stretch in &account.stretches {
        let (count, name) = (stretch.count(), name(stretch));
        text += &format!("| {count} | `{name}` | {} |\n", made_of(stretch));
    }
    text += &format!("| **{}** | | |\n\n", account.steps.len());
    let rows = fold::by_source(&account.stretches);
    let most = rows.iter().take(NAMED).filter(|row| row.0 > 1);
    let most: Vec<_> = most
        .map(|(count, name, _)| format!("`{name}` {count}"))
        .collect();
    text + &format!("Most: {}.\n", most.join(", "))
}

/// `18 RunQueue · 9 TicketLock`: each type, or module, by its first instruction.
fn made_of(stretch: &Stretch) -> String {
    let mut sums: Vec<(&str, usize)> = Vec::new();
    for part in &stretch.parts {
        let owner = part.name.split("::").next().unwrap_or(&part.name);
        match sums.iter_mut().find(|(known, _)| *known == owner) {
            Some((_, sum)) => *sum += part.count,
            None => sums.push((owner, part.count)),
        }
    }
    let sums = sums.iter().map(|(owner, sum)| format!("{sum} `{owner}`"));
    sums.collect::<Vec<_>>().join(" · ")
}

fn head(account: &Account) -> String {
    let Account { key, each, .. } = account;
    let per = match each {
        1 => String::new(),
        each => format!(" for {each} operations"),
    };
    format!(
        "{key}: {} instructions{per}; the figure is {}, and this is reading {} of {}\n\n",
        account.steps.len(),
        number(account.figure),
        account.reading,
        account.readings,
    )
}

fn name(stretch: &Stretch) -> String {
    let before = if stretch.resumed { "… " } else { "" };
    format!("{before}{}", stretch.function)
}

/// Which core, where there is more than one.
fn core(account: &Account, stretch: &Stretch) -> String {
    let first = account.stretches[0].core;
    match account.stretches.iter().any(|other| other.core != first) {
        true => format!("  (core {})", stretch.core),
        false => String::new(),
    }
}

fn place(part: &Part) -> String {
    match (&*part.file, part.lines) {
        ("", _) => "assembly".into(),
        (file, (0, _)) => file.into(),
        (file, (first, last)) if first == last => format!("{file}:{first}"),
        (file, (first, last)) => format!("{file}:{first}-{last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::account::trace::Step;

    fn account() -> Account {
        let part = |count, name: &str, chain: &str, file: &str, lines| Part {
            count,
            name: name.into(),
            chain: chain.into(),
            file: file.into(),
            lines,
        };
        let lock = part(3, "Lock::take", "Lock::take < outer", "a.rs", (5, 7));
        Account {
            key: "a.b".into(),
            figure: 6.0,
            each: 1,
            reading: 2,
            readings: 24,
            steps: vec![Step { core: 0, pc: 0 }; 6],
            stretches: vec![
                Stretch {
                    core: 0,
                    function: "outer".into(),
                    resumed: true,
                    parts: vec![part(1, "outer", "outer", "a.rs", (2, 2)), lock],
                },
                Stretch {
                    core: 0,
                    function: "vector".into(),
                    resumed: false,
                    parts: vec![part(2, "vector", "vector", "", (0, 0))],
                },
            ],
        }
    }

    #[test]
    fn the_book_has_a_row_a_stretch_and_the_sum() {
        assert_eq!(
            markdown(&account()),
            "| instructions | function | made of |\n|--:|---|---|\n\
             | 4 | `… outer` | 1 `outer` · 3 `Lock` |\n\
             | 2 | `vector` | 2 `vector` |\n\
             | **6** | | |\n\n\
             Most: `Lock::take` 3, `vector` 2.\n"
        );
    }

    #[test]
    fn the_terminal_has_lines_of_the_source() {
        let text = text(&account());
        assert!(
            text.starts_with("a.b: 6 instructions; the figure is 6, and this is reading 2 of 24\n")
        );
        assert!(text.contains("    4  … outer\n"), "{text}");
        assert!(text.contains("          3  Lock::take < outer "), "{text}");
        assert!(
            text.contains("  a.rs:5-7\n") && text.contains("  assembly\n"),
            "{text}"
        );
        assert!(!text.contains("core"), "{text}");
    }
}

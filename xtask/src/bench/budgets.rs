//! The budgets: what each id cost when it was last looked at, `boards/rpi4/benches/budgets.toml`.
//!
//! An id may not grow beyond its budget; and when it has become cheaper, the budget has to follow,
//! so that nobody can spend the gain unseen.

use std::{collections::BTreeMap, fs, path::PathBuf};

use toml_edit::{Document, Item};

use super::{
    json::rounded,
    report::{Figure, Report},
    table::number,
};
use crate::{
    error::{Context, Error, Result, fail},
    workspace,
};

const FILE: &str = "boards/rpi4/benches/budgets.toml";
const HEAD: &str = "\
# What each benchmark may cost, in instructions: the figure with which it last landed.
#
# `cargo xtask test` fails when a figure is off by more than 2% or 2 instructions, whichever is
# larger. `cargo xtask bench --update-budgets` writes the figures of now, and says what changed;
# whoever commits a larger one says why in the commit.

[budgets]
";

const WHAT_TO_DO: &str = "\
if this is meant, `cargo xtask bench --update-budgets` writes the figures of now into the file; say \
in the commit why those that grew did";

/// By id, or by id and size: `wake.broadcast/8`.
#[derive(Clone)]
pub struct Budgets(BTreeMap<String, f64>);

fn path() -> PathBuf {
    workspace::root().join(FILE)
}

impl Budgets {
    pub fn load() -> Result<Self> {
        let path = path();
        if !path.exists() {
            return Ok(Self(BTreeMap::new()));
        }
        let text = fs::read_to_string(&path).cannot("read", &path)?;
        Self::parse(&text).map_err(|error| Error::new(format!("{FILE}: {error}")))
    }

    /// For [`update`](Self::update) with all figures: a file that cannot be read, such as one with
    /// the marks of a merge, is written anew.
    pub fn load_or_begin() -> Self {
        Self::load().unwrap_or_else(|error| {
            eprintln!("note: {error}; it is written anew");
            Self(BTreeMap::new())
        })
    }

    fn parse(text: &str) -> Result<Self> {
        let document =
            Document::parse(text).map_err(|error| Error::new(error.message().to_owned()))?;
        let Some(table) = document.get("budgets").and_then(Item::as_table) else {
            return fail("it has no table [budgets]");
        };
        let mut budgets = BTreeMap::new();
        for (key, value) in table.iter() {
            let number = value
                .as_float()
                .or(value.as_integer().map(|number| number as f64));
            let number = number.ok_or_else(|| Error::new(format!("{key} is not a number")))?;
            budgets.insert(key.to_owned(), number);
        }
        Ok(Self(budgets))
    }

    /// Fails unless each figure is within its budget, and each budget has a figure if `all` were
    /// measured.
    pub fn check(&self, report: &Report, all: bool) -> Result<()> {
        let breaches = self.breaches(report, all);
        if breaches.is_empty() {
            return Ok(());
        }
        fail(format!(
            "the budgets in {FILE} are not kept:\n{}\n{WHAT_TO_DO}",
            breaches.join("\n")
        ))
    }

    pub fn breaches(&self, report: &Report, all: bool) -> Vec<String> {
        let mut breaches: Vec<_> = report
            .figures
            .iter()
            .filter_map(|figure| self.breach(figure))
            .collect();
        let measured = |key: &String| report.figures.iter().any(|figure| figure.key() == *key);
        if all {
            let lost = self.0.iter().filter(|(key, _)| !measured(key));
            breaches.extend(lost.map(|(key, budget)| {
                format!("{key}: landed {}, now not measured", number(*budget))
            }));
        }
        breaches
    }

    fn breach(&self, figure: &Figure) -> Option<String> {
        let (key, now) = (figure.key(), figure.instructions);
        let Some(&budget) = self.0.get(&key) else {
            let now = number(now);
            return Some(format!("{key}: now {now}, has no budget"));
        };
        let slack = slack(budget);
        if (now - budget).abs() <= slack {
            return None;
        }
        let hint = match now < budget {
            true => ": a gain, to be written down",
            false => "",
        };
        Some(format!(
            "{key}: landed {}, now {}, allowed {} to {}{hint}",
            number(budget),
            number(now),
            number((budget - slack).max(0.0)),
            number(budget + slack),
        ))
    }

    /// Writes what was measured, and says what changed. What was not measured keeps its budget,
    /// unless `all` were: then there is no such id any more.
    pub fn update(self, report: &Report, all: bool) -> Result<String> {
        let new = self.updated(report, all);
        workspace::write(&path(), new.text().as_bytes())?;
        Ok(self.changes(&new))
    }

    fn updated(&self, report: &Report, all: bool) -> Self {
        let mut new = match all {
            true => BTreeMap::new(),
            false => self.0.clone(),
        };
        for figure in &report.figures {
            new.insert(figure.key(), rounded(figure.instructions));
        }
        Self(new)
    }

    /// What is different in `new`, a line each, and the sum of it.
    fn changes(&self, new: &Self) -> String {
        let mut text = String::new();
        let (mut more, mut less) = (0, 0);
        for (key, &now) in &new.0 {
            match self.0.get(key) {
                Some(&was) if was == now => {}
                Some(&was) => {
                    *(if now > was { &mut more } else { &mut less }) += 1;
                    let (from, to) = (number(was), number(now));
                    let percent = (now - was) / was.max(1.0) * 100.0;
                    text += &format!("{key}: {from} -> {to} ({percent:+.1}%)\n");
                }
                None => text += &format!("{key}: new, {}\n", number(now)),
            }
        }
        for key in self.0.keys().filter(|key| !new.0.contains_key(*key)) {
            text += &format!("{key}: gone\n");
        }
        match text.is_empty() {
            true => "the budgets are as they were\n".into(),
            false => format!("\n{text}{FILE}: {less} smaller, {more} larger\n"),
        }
    }

    fn text(&self) -> String {
        let lines = self
            .0
            .iter()
            .map(|(key, budget)| format!("\"{key}\" = {budget}\n"));
        HEAD.to_owned() + &lines.collect::<String>()
    }
}

/// How far a figure may be from its budget, to either side.
fn slack(budget: f64) -> f64 {
    (budget * 0.02).max(2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(figures: &[(&str, f64)]) -> Report {
        let figure = |(id, instructions): &(&str, f64)| Figure {
            id: (*id).into(),
            size: None,
            instructions: *instructions,
            min: *instructions,
            max: *instructions,
            iterations: 1000,
            each: 1,
        };
        Report {
            figures: figures.iter().map(figure).collect(),
            ..Report::default()
        }
    }

    fn breaches(budget: f64, now: f64) -> usize {
        let budgets = Budgets(BTreeMap::from([("a".to_owned(), budget)]));
        budgets.breaches(&report(&[("a", now)]), true).len()
    }

    #[test]
    fn two_instructions_or_two_percent() {
        assert_eq!(breaches(10.0, 12.0), 0);
        assert_eq!(breaches(10.0, 12.1), 1);
        assert_eq!(breaches(1000.0, 1020.0), 0);
        assert_eq!(breaches(1000.0, 1020.1), 1);
    }

    #[test]
    fn a_gain_must_be_written_down() {
        assert_eq!(breaches(10.0, 8.0), 0);
        assert_eq!(breaches(10.0, 7.9), 1);
    }

    #[test]
    fn every_figure_has_a_budget_and_every_budget_a_figure() {
        let budgets = Budgets(BTreeMap::from([("a".to_owned(), 1.0)]));
        assert_eq!(budgets.breaches(&report(&[("b", 1.0)]), true).len(), 2);
        assert_eq!(budgets.breaches(&report(&[("b", 1.0)]), false).len(), 1);
    }

    #[test]
    fn a_breach_names_all_figures() {
        let budgets = Budgets(BTreeMap::from([("a".to_owned(), 200.0)]));
        assert_eq!(
            budgets.breaches(&report(&[("a", 210.5)]), true),
            ["a: landed 200, now 210.5, allowed 196 to 204"]
        );
    }

    #[test]
    fn an_update_says_what_changed() {
        let old = Budgets(BTreeMap::from([
            ("a".to_owned(), 200.0),
            ("b".to_owned(), 3.0),
        ]));
        let measured = report(&[("a", 190.0), ("c", 7.0)]);
        let part = old.updated(&measured, false);
        assert_eq!(part.0["b"], 3.0);
        assert!(old.changes(&old).contains("as they were"));
        let text = old.changes(&old.updated(&measured, true));
        assert!(text.starts_with("\na: 200 -> 190 (-5.0%)\nc: new, 7\nb: gone\n"));
        assert!(text.ends_with("1 smaller, 0 larger\n"));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let budgets = Budgets(BTreeMap::from([
            ("a/8".to_owned(), 1.5),
            ("b".to_owned(), 3.0),
        ]));
        assert_eq!(Budgets::parse(&budgets.text()).unwrap().0, budgets.0);
        assert!(Budgets::parse("[budgets]\na = \"x\"").is_err());
    }
}

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
# larger. `cargo xtask bench --update-budgets` writes the figures of now; whoever commits a larger
# one says why in the commit.

[budgets]
";

/// By id, or by id and size: `wake.broadcast/8`.
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
            "the budgets in {FILE} are not kept (`cargo xtask bench --update-budgets` rewrites \
             them):\n{}",
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
            let lost = self.0.keys().filter(|key| !measured(key));
            breaches.extend(lost.map(|key| format!("{key} has a budget and was not measured")));
        }
        breaches
    }

    fn breach(&self, figure: &Figure) -> Option<String> {
        let (key, now) = (figure.key(), figure.instructions);
        let Some(&budget) = self.0.get(&key) else {
            return Some(format!("{key} has no budget; it takes {}", number(now)));
        };
        let slack = (budget * 0.02).max(2.0);
        let (was, is) = (number(budget), number(now));
        if now > budget + slack {
            Some(format!("{key} grew from {was} to {is}"))
        } else if now < budget - slack {
            Some(format!("{key} fell from {was} to {is}: tighten its budget"))
        } else {
            None
        }
    }

    /// Writes what was measured; what was not keeps its budget.
    pub fn update(mut self, report: &Report) -> Result<()> {
        for figure in &report.figures {
            self.0.insert(figure.key(), rounded(figure.instructions));
        }
        workspace::write(&path(), self.text().as_bytes())
    }

    fn text(&self) -> String {
        let lines = self
            .0
            .iter()
            .map(|(key, budget)| format!("\"{key}\" = {budget}\n"));
        HEAD.to_owned() + &lines.collect::<String>()
    }
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
    fn what_is_written_is_read_again() {
        let budgets = Budgets(BTreeMap::from([
            ("a/8".to_owned(), 1.5),
            ("b".to_owned(), 3.0),
        ]));
        assert_eq!(Budgets::parse(&budgets.text()).unwrap().0, budgets.0);
        assert!(Budgets::parse("[budgets]\na = \"x\"").is_err());
    }
}

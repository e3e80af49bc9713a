//! Reading one key of a load: what it may be, and on which line it is not.
//!
//! What belongs here: kinds of values. What does not: which keys there are.

use std::ops::Range;

use toml_edit::{Item, Table, Value};

use crate::{
    config::nearest::nearest,
    error::{Error, Result},
    sim::span::{Span, nanoseconds},
};

/// The file, for errors.
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    pub(super) fn error(&self, at: Option<Range<usize>>, what: impl AsRef<str>) -> Error {
        let at = at.map_or(0, |span| span.start).min(self.text.len());
        let line = 1 + self.text[..at].matches('\n').count();
        Error::new(format!("{}, line {line}: {}", self.name, what.as_ref()))
    }
}

/// A table of the file.
pub(super) struct Section<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) table: &'a Table,
}

impl Section<'_> {
    /// Refuses keys that are not `known`.
    pub(super) fn only(&self, known: &[&str]) -> Result<()> {
        for (key, item) in self.table {
            if known.contains(&key) {
                continue;
            }
            let meant = match nearest(key, known) {
                Some(near) => format!("; did you mean `{near}`?"),
                None => format!("; the keys here are {}", known.join(", ")),
            };
            return Err(self.wrong(key, item, format!("there is no key `{key}`{meant}")));
        }
        Ok(())
    }

    pub(super) fn wrong(&self, key: &str, item: &Item, what: impl AsRef<str>) -> Error {
        let key = self.table.key(key).and_then(|key| key.span());
        self.source.error(key.or_else(|| item.span()), what)
    }

    pub(super) fn value(&self, key: &str) -> Option<(&Item, Option<&Value>)> {
        self.table.get(key).map(|item| (item, item.as_value()))
    }

    /// A whole number from `least` to `most`.
    pub(super) fn whole(&self, key: &str, least: i64, most: i64) -> Result<Option<i64>> {
        let Some((item, value)) = self.value(key) else {
            return Ok(None);
        };
        let number = value.and_then(Value::as_integer);
        match number.filter(|n| (least..=most).contains(n)) {
            Some(number) => Ok(Some(number)),
            None => {
                let what = format!("`{key}` must be a whole number from {least} to {most}");
                Err(self.wrong(key, item, what))
            }
        }
    }

    /// A time such as "10 ms", in ns.
    pub(super) fn time(&self, key: &str, least: u64, most: u64) -> Result<Option<u64>> {
        let Some((item, value)) = self.value(key) else {
            return Ok(None);
        };
        let time = value.and_then(Value::as_str).and_then(nanoseconds);
        match time.filter(|t| (least..=most).contains(t)) {
            Some(time) => Ok(Some(time)),
            None => {
                let what = format!(
                    "`{key}` must be a time from {} to {} with its unit, such as \"10 ms\"",
                    Span(least),
                    Span(most)
                );
                Err(self.wrong(key, item, what))
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Result<T> {
        let Some((item, value)) = self.value(key) else {
            return Ok(words[0].1);
        };
        let word = value.and_then(Value::as_str);
        match words.iter().find(|(known, _)| Some(*known) == word) {
            Some((_, meaning)) => Ok(*meaning),
            None => {
                let known: Vec<_> = words
                    .iter()
                    .map(|(word, _)| format!("\"{word}\""))
                    .collect();
                let what = format!("`{key}` must be one of {}", known.join(", "));
                Err(self.wrong(key, item, what))
            }
        }
    }

    /// That `key` is there, or is not.
    pub(super) fn must(&self, key: &str, there: bool, with: &str) -> Result<()> {
        match (self.table.get(key), there) {
            (Some(item), false) => {
                let what = format!("`{key}` means nothing for {with}; leave it out");
                Err(self.wrong(key, item, what))
            }
            (None, true) => {
                let what = format!("this thread needs `{key}`, as it is {with}");
                Err(self.source.error(self.table.span(), what))
            }
            _ => Ok(()),
        }
    }
}

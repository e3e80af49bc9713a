//! What the benchmark image printed: lines of JSON behind an `@`, among anything else.

use serde_json::Value;

/// One figure: how many instructions an operation takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub id: String,
    pub size: Option<u64>,
    /// The mean.
    pub instructions: f64,
    pub min: f64,
    pub max: f64,
    pub iterations: u64,
    /// How many operations a reading is about.
    pub each: u64,
}

impl Figure {
    /// `wake.broadcast/8`, or the id alone.
    pub fn key(&self) -> String {
        match self.size {
            Some(size) => format!("{}/{size}", self.id),
            None => self.id.clone(),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub figures: Vec<Figure>,
    /// Ids that cannot be measured, and why.
    pub missing: Vec<(String, String)>,
    /// What each id counts.
    pub counted: Vec<(String, String)>,
    /// All ids, if none was the one that was asked for.
    pub known: Vec<String>,
    /// What began and did not end.
    pub begun: Option<String>,
    pub error: Option<String>,
    pub panic: Option<String>,
    pub done: bool,
}

impl Report {
    pub fn read(text: &str) -> Self {
        let mut report = Self::default();
        for line in text.lines() {
            let line = line.trim();
            if let Some(value) = line
                .strip_prefix('@')
                .and_then(|json| serde_json::from_str(json).ok())
            {
                report.take(&value);
            } else if report.panic.is_none() && line.to_lowercase().contains("panic") {
                report.panic = Some(line.to_owned());
            }
        }
        report
    }

    /// Nothing came of it: there is no file to be written, and an older one is not lost.
    pub fn is_empty(&self) -> bool {
        self.figures.is_empty() && self.missing.is_empty()
    }

    fn take(&mut self, line: &Value) {
        let text = |key: &str| line[key].as_str().map(str::to_owned);
        let number = |key: &str| line[key].as_u64();
        if let Some(error) = text("error") {
            self.error = Some(error);
        } else if let Some(id) = text("known") {
            self.known.push(id);
        } else if let Some(id) = text("begin") {
            self.begun = Some(id);
        } else if line["done"].is_u64() {
            self.done = true;
        } else if let Some(id) = text("id") {
            if let Some(why) = text("missing") {
                self.missing.push((id, why));
            } else if let Some(what) = text("counted") {
                if !self.counted.iter().any(|(known, _)| *known == id) {
                    self.counted.push((id, what));
                }
            } else if let (Some(taken), Some(each), Some(sum), Some(least), Some(most)) = (
                number("taken"),
                number("each"),
                number("sum"),
                number("least"),
                number("most"),
            ) {
                let each = each.max(1);
                self.begun = None;
                self.figures.push(Figure {
                    id,
                    size: number("size").filter(|size| *size > 0),
                    instructions: sum as f64 / (taken.max(1) * each) as f64,
                    min: least as f64 / each as f64,
                    max: most as f64 / each as f64,
                    iterations: taken * each,
                    each,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\nLayercake\n\
        @{\"begin\":\"a.b\",\"size\":8}\r\n\
        @{\"id\":\"a.b\",\"size\":8,\"taken\":100,\"each\":8,\"sum\":1000,\"least\":8,\"most\":16}\n\
        @{\"id\":\"a.b\",\"counted\":\"this\"}\n\
        @{\"id\":\"c\",\"missing\":\"because\"}\n\
        @not json\n\
        @{\"begin\":\"d\",\"size\":0}\n";

    #[test]
    fn figures_are_about_one_operation() {
        let report = Report::read(PRINTED);
        let figure = &report.figures[0];
        assert_eq!(figure.key(), "a.b/8");
        assert_eq!(
            (figure.instructions, figure.min, figure.max),
            (1.25, 1.0, 2.0)
        );
        assert_eq!(figure.iterations, 800);
        assert_eq!(report.missing, [("c".to_owned(), "because".to_owned())]);
    }

    #[test]
    fn what_did_not_end_is_known_by_name() {
        let report = Report::read(PRINTED);
        assert_eq!(report.begun.as_deref(), Some("d"));
        assert!(!report.done);
        assert!(Report::read("@{\"done\":3}").done);
    }
}

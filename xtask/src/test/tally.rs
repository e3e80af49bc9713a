//! Counting.

/// How many tests passed, which failed, how many were skipped.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    passed: usize,
    failed: Vec<String>,
    skipped: usize,
}

impl Tally {
    pub fn pass(&mut self) {
        self.passed += 1;
    }

    pub fn fail(&mut self, name: impl Into<String>) {
        self.failed.push(name.into());
    }

    pub fn skip(&mut self) {
        self.skipped += 1;
    }

    pub fn add_passed(&mut self, count: usize) {
        self.passed += count;
    }

    pub fn add_skipped(&mut self, count: usize) {
        self.skipped += count;
    }

    pub fn is_empty(&self) -> bool {
        self.passed + self.failed.len() + self.skipped == 0
    }

    pub fn all_good(&self) -> bool {
        self.failed.is_empty()
    }

    /// The names of what failed, and the closing line, which other programs read.
    pub fn summary(&self) -> String {
        let mut text = String::from("\n");
        for name in &self.failed {
            text.push_str(&format!("FAILED  {name}\n"));
        }
        text.push_str(&format!(
            "{} passed, {} failed",
            self.passed,
            self.failed.len()
        ));
        if self.skipped > 0 {
            text.push_str(&format!(", {} skipped", self.skipped));
        }
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_is_as_promised() {
        let mut tally = Tally::default();
        assert!(tally.is_empty());
        tally.pass();
        assert_eq!(tally.summary(), "\n1 passed, 0 failed\n");
        tally.fail("emulator::boot");
        tally.skip();
        assert_eq!(
            tally.summary(),
            "\nFAILED  emulator::boot\n1 passed, 1 failed, 1 skipped\n"
        );
        assert!(!tally.all_good());
    }
}

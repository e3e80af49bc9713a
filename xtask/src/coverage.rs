//! `cargo xtask coverage`: which lines of the portable crates the host's tests run.
//!
//! Outside of the tests, as it proves nothing by itself: a line that ran was not necessarily looked
//! at. It shows where there is no test at all.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use crate::{
    cargo,
    check::layers,
    error::{Context, Error, Result, fail},
    setup::{cargo_tool, rust},
    test::host::LOCKS,
    workspace,
};

/// Files that are named as those with the most lines that did not run.
const NAMED: usize = 10;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lines {
    all: u64,
    run: u64,
}

impl Lines {
    fn add(&mut self, other: Self) {
        self.all += other.all;
        self.run += other.run;
    }

    fn percent(self) -> f64 {
        self.run as f64 * 100.0 / self.all.max(1) as f64
    }
}

/// Runs the portable crates' tests with counters in them, and prints a table.
///
/// # Errors
///
/// A test fails, or what is needed cannot be installed.
pub fn run() -> Result<()> {
    rust::ensure_llvm_tools()?;
    cargo_tool::ensure(cargo_tool::LLVM_COV)?;
    let path = workspace::output_dir("coverage")?.join("coverage.json");
    llvm_cov(["clean", "--workspace"])?;
    let packages = layers::PORTABLE
        .iter()
        .flat_map(|package| ["--package", package]);
    llvm_cov(["test", "--no-report"].into_iter().chain(packages))?;
    // What the locks do only with their features.
    llvm_cov(["test", "--no-report"].into_iter().chain(LOCKS))?;
    let output = path.display().to_string();
    llvm_cov([
        "report",
        "--json",
        "--summary-only",
        "--output-path",
        &output,
    ])?;
    let text = fs::read_to_string(&path).cannot("read", &path)?;
    let files = files(&text)?;
    print!("{}", table(&files));
    println!("\n{} has it all", path.display());
    Ok(())
}

fn llvm_cov<'a>(args: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let mut command = cargo::cargo(cargo_tool::LLVM_COV.subcommand);
    let status = cargo::status(command.args(args))?;
    match status.success() {
        true => Ok(()),
        false => fail("there is no coverage of tests that fail or do not build: see above"),
    }
}

/// By the path from `crates` on.
fn files(json: &str) -> Result<BTreeMap<String, Lines>> {
    let bad = |why: &str| Error::new(format!("cargo llvm-cov's report cannot be read: {why}"));
    let report: Value = serde_json::from_str(json).map_err(|error| bad(&error.to_string()))?;
    let Some(list) = report["data"][0]["files"].as_array() else {
        return Err(bad("it has no files"));
    };
    let root = workspace::root().display().to_string();
    let mut files = BTreeMap::new();
    for file in list {
        let name = file["filename"].as_str().unwrap_or_default();
        let name = name
            .strip_prefix(&root)
            .unwrap_or(name)
            .trim_start_matches('/');
        let lines = &file["summary"]["lines"];
        let (Some(all), Some(run)) = (lines["count"].as_u64(), lines["covered"].as_u64()) else {
            return Err(bad("a file has no lines"));
        };
        if name.starts_with("crates/") && name.contains("/src/") {
            files.insert(name.to_owned(), Lines { all, run });
        }
    }
    match files.is_empty() {
        true => Err(bad("none of its files is a crate's")),
        false => Ok(files),
    }
}

fn table(files: &BTreeMap<String, Lines>) -> String {
    let mut crates: BTreeMap<&str, Lines> = BTreeMap::new();
    let mut sum = Lines::default();
    for (name, lines) in files {
        let owner = name.split('/').nth(1).unwrap_or(name);
        crates.entry(owner).or_default().add(*lines);
        sum.add(*lines);
    }
    let row = |name: &str, lines: Lines| {
        let Lines { all, run } = lines;
        format!("| `{name}` | {all} | {run} | {:.1}% |\n", lines.percent())
    };
    let mut text = "| crate | lines | run by a test | |\n|---|--:|--:|--:|\n".to_owned();
    crates
        .iter()
        .for_each(|(name, lines)| text += &row(name, *lines));
    text += &format!(
        "| all | {} | {} | {:.1}% |\n",
        sum.all,
        sum.run,
        sum.percent()
    );
    let mut worst: Vec<_> = files
        .iter()
        .filter(|(_, lines)| lines.run < lines.all)
        .collect();
    worst.sort_by_key(|(_, lines)| std::cmp::Reverse(lines.all - lines.run));
    if !worst.is_empty() {
        text += "\nmost lines that no test runs:\n";
    }
    for (name, lines) in worst.into_iter().take(NAMED) {
        text += &format!("{:>5} of {:<5} {name}\n", lines.all - lines.run, lines.all);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(name: &str) -> String {
        let file = |name: String, all, run| {
            format!(
                r#"{{"filename":"{name}","summary":{{"lines":{{"count":{all},"covered":{run}}}}}}}"#
            )
        };
        let root = workspace::root().display();
        let files = [
            file(format!("{root}/crates/{name}/src/lib.rs"), 10, 9),
            file(format!("{root}/crates/{name}/src/whole.rs"), 30, 30),
            file(format!("{root}/crates/{name}/tests/t.rs"), 5, 5),
        ];
        format!(r#"{{"data":[{{"files":[{}]}}]}}"#, files.join(","))
    }

    #[test]
    fn lines_are_summed_by_crate_and_tests_left_out() {
        let table = table(&files(&report("timer")).unwrap());
        assert!(table.contains("| `timer` | 40 | 39 | 97.5% |\n"), "{table}");
        assert!(table.contains("| all | 40 | 39 | 97.5% |\n"), "{table}");
        assert!(
            table.ends_with("    1 of 10    crates/timer/src/lib.rs\n"),
            "{table}"
        );
        assert!(!table.contains("whole.rs"), "{table}");
    }

    #[test]
    fn a_report_of_another_form_is_said() {
        for bad in [
            "",
            "{}",
            r#"{"data":[{"files":[]}]}"#,
            r#"{"data":[{"files":[{}]}]}"#,
        ] {
            let error = files(bad).unwrap_err().to_string();
            assert!(
                error.starts_with("cargo llvm-cov's report cannot be read: "),
                "{error}"
            );
        }
    }
}

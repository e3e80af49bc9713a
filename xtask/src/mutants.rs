//! `cargo xtask mutants [CRATE]`: changes the crates one small thing at a time, and tells which changes
//! no test of the host notices.
//!
//! What cannot be noticed, because the change means the same or only loom or the emulator could see
//! it, is left out in `.cargo/mutants.toml`, each with its reason.

use std::{fs, path::Path};

use crate::{
    cargo,
    error::{Context, Error, Result, fail},
    setup::cargo_tool,
    workspace,
};

/// The crates that are worth it: those that decide.
const CRATES: [&str; 5] = ["timer", "sched", "sync", "wait", "work"];

/// What became of the mutants of one crate.
struct Outcome {
    name: &'static str,
    noticed: usize,
    /// A test did not end: noticed as well.
    hung: usize,
    unbuildable: usize,
    survivors: Vec<String>,
}

/// Tests the tests of one crate, or of all of [`CRATES`].
///
/// # Errors
///
/// There is no such crate, its tests fail without any change, or a mutant survives.
pub fn run(asked: Option<&str>, jobs: u8) -> Result<()> {
    let crates = chosen(asked)?;
    cargo_tool::ensure(cargo_tool::MUTANTS)?;
    let folder = workspace::output_dir("mutants")?;
    // Where the crates are copied to and changed; a run that was ended leaves its copy.
    let copies = folder.join("copies");
    let remove = || match copies.exists() {
        true => fs::remove_dir_all(&copies).cannot("remove", &copies),
        false => Ok(()),
    };
    remove()?;
    fs::create_dir(&copies).cannot("make", &copies)?;
    let mut outcomes = Vec::new();
    for name in crates {
        let out = folder.join(name);
        fs::create_dir_all(&out).cannot("make", &out)?;
        let mut command = cargo::cargo(cargo_tool::MUTANTS.subcommand);
        command
            .env("TMPDIR", &copies)
            .args([
                "--package",
                &format!("layercake-{name}"),
                "--no-shuffle",
                "--jobs",
            ])
            .arg(jobs.to_string())
            .arg("--output")
            .arg(&out)
            // Much more than the tests take: on a busy machine slow is not hung.
            .args(["--minimum-test-timeout", "60"])
            // Examples in the documentation take longer to build than all else.
            .args(["--", "--lib", "--tests"]);
        let status = cargo::status(&mut command)?;
        // 0: all noticed; 2: some survived; 3: some hung.
        if !matches!(status.code(), Some(0 | 2 | 3)) {
            return fail(format!(
                "the mutants of {name} could not be tested: see above"
            ));
        }
        outcomes.push(read(name, &out.join("mutants.out"))?);
    }
    remove()?;
    print!("{}", table(&outcomes));
    let survivors: usize = outcomes.iter().map(|one| one.survivors.len()).sum();
    match survivors {
        0 => Ok(()),
        _ => Err(Error::new(format!(
            "{survivors} mutants survive: write the test that notices each, or its reason into \
             .cargo/mutants.toml"
        ))),
    }
}

fn chosen(asked: Option<&str>) -> Result<Vec<&'static str>> {
    let Some(asked) = asked else {
        return Ok(CRATES.to_vec());
    };
    let short = asked.strip_prefix("layercake-").unwrap_or(asked);
    match CRATES.into_iter().find(|name| *name == short) {
        Some(name) => Ok(vec![name]),
        None => fail(format!(
            "no mutants are made of `{asked}`; say one of {}",
            CRATES.join(", ")
        )),
    }
}

/// Reads the lists that cargo-mutants leaves.
fn read(name: &'static str, out: &Path) -> Result<Outcome> {
    let list = |list: &str| -> Result<Vec<String>> {
        let path = out.join(list);
        let text = fs::read_to_string(&path).cannot("read", &path)?;
        Ok(text.lines().map(str::to_owned).collect())
    };
    Ok(Outcome {
        name,
        noticed: list("caught.txt")?.len(),
        hung: list("timeout.txt")?.len(),
        unbuildable: list("unviable.txt")?.len(),
        survivors: list("missed.txt")?,
    })
}

fn table(outcomes: &[Outcome]) -> String {
    let mut text = "| crate | mutants | noticed | hung | do not build | survive |\n\
                    |---|--:|--:|--:|--:|--:|\n"
        .to_owned();
    for one in outcomes {
        let survive = one.survivors.len();
        let all = one.noticed + one.hung + one.unbuildable + survive;
        let Outcome {
            name,
            noticed,
            hung,
            unbuildable,
            ..
        } = one;
        text += &format!("| `{name}` | {all} | {noticed} | {hung} | {unbuildable} | {survive} |\n");
    }
    for survivor in outcomes.iter().flat_map(|one| &one.survivors) {
        text += &format!("survives: {survivor}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_known_by_either_name() {
        assert_eq!(chosen(Some("timer")).unwrap(), ["timer"]);
        assert_eq!(chosen(Some("layercake-sync")).unwrap(), ["sync"]);
        assert_eq!(chosen(None).unwrap().len(), CRATES.len());
        assert_eq!(
            chosen(Some("kernel")).unwrap_err().to_string(),
            "no mutants are made of `kernel`; say one of timer, sched, sync, wait, work"
        );
    }

    #[test]
    fn the_lists_become_a_row_and_the_survivors_are_named() {
        let folder = std::env::temp_dir().join(format!("mutants-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        for (list, text) in [
            ("caught.txt", "a\nb\n"),
            ("timeout.txt", "c\n"),
            ("unviable.txt", ""),
            ("missed.txt", "x.rs:1:2: replace + with -\n"),
        ] {
            assert!(read("timer", &folder).is_err(), "without {list}");
            fs::write(folder.join(list), text).unwrap();
        }
        let table = table(&[read("timer", &folder).unwrap()]);
        fs::remove_dir_all(&folder).unwrap();
        assert!(
            table.contains("| `timer` | 4 | 2 | 1 | 0 | 1 |\n"),
            "{table}"
        );
        assert!(
            table.ends_with("survives: x.rs:1:2: replace + with -\n"),
            "{table}"
        );
    }
}

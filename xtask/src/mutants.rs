//! `cargo xtask mutants [CRATE]`: changes the crates one small thing at a time, and tells which changes
//! no test of the host notices.
//!
//! The tests of a crate are run in rounds, the quick ones first; what survives a round goes into the
//! next. What cannot be noticed, because the change means the same or only loom or the emulator could
//! see it, is left out in `.cargo/mutants.toml`, each with its reason.

use std::{fs, path::Path, process::Stdio};

use crate::{
    cargo,
    error::{Context, Error, Result, fail},
    setup::cargo_tool,
    workspace,
};

/// The crates that are worth it, those that decide, with the rounds of their tests.
const CRATES: [(&str, &[Round]); 5] = [
    ("timer", &[Round::of("--lib --tests")]),
    (
        "sched",
        &[
            Round::of("--lib --tests"),
            // That shares are fair is shown by the simulator's tests. cargo-mutants would take the time
            // for that of the crate's own, so it is said how long they may take.
            Round {
                options: "--test-package layercake-sim --baseline skip --timeout 240",
                ..Round::of("--test fairness --test changes --test cores")
            },
        ],
    ),
    (
        "sync",
        &[
            Round {
                options: "--all-features",
                ..Round::of("--lib --test masks --test order")
            },
            Round {
                options: "--all-features",
                ..Round::of(
                    "--test adapters --test alone --test cells --test defaults --test order_crowd --test order_places \
                     --test order_table --test order_waits --test reports --test runtime_check \
                     --test rw_tries --test stats",
                )
            },
            Round {
                options: "--all-features",
                ..Round::of("--test threads")
            },
            // What is there only without a feature.
            Round::of(
                "--test alone --test masks --test reports --test runtime_check --test rw_tries \
                 --test threads",
            ),
        ],
    ),
    (
        "wait",
        &[
            Round {
                options: "--features stats",
                ..Round::of(
                    "--lib --test failing_parks --test hosts --test primitives --test queue --test reports \
                     --test stats --test stats_full",
                )
            },
            Round::of("--test conformance --test interrupts --test seeded --test sequential"),
        ],
    ),
    (
        "work",
        &[
            Round::of("--lib --test queue --test recruiting --test waiting --test waits"),
            Round::of(
                "--test cycles --test delays --test gates --test idling --test pools --test reports \
                 --test scopes --test trimming",
            ),
            Round::of("--test interrupts --test seeded --test sequential --test torture"),
        ],
    ),
];

/// Tests that are run on each mutant that is left. Never loom's models, which are empty without
/// `--cfg loom`, nor examples, which take longer to build than all else.
struct Round {
    /// Of cargo-mutants.
    options: &'static str,
    /// Of `cargo test`.
    tests: &'static str,
}

impl Round {
    const fn of(tests: &'static str) -> Self {
        Self { options: "", tests }
    }
}

pub struct Options {
    /// The crate; all of them if there is none.
    pub package: Option<String>,
    /// Globs for the files that are changed; all of them if there is none.
    pub files: Vec<String>,
    /// How many mutants are tested at a time.
    pub jobs: u8,
    /// Only so many of each crate, chosen at random.
    pub sample: Option<usize>,
    /// Where the random numbers for that begin.
    pub seed: u64,
}

/// What became of the mutants of one crate.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    name: &'static str,
    /// How many there are, if only some of them were tried.
    of: Option<usize>,
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
pub fn run(options: &Options) -> Result<()> {
    let crates = chosen(options.package.as_deref())?;
    cargo_tool::ensure(cargo_tool::MUTANTS)?;
    cargo_tool::ensure(cargo_tool::NEXTEST)?;
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
    for (name, rounds) in crates {
        outcomes.push(test(name, rounds, &folder, options)?);
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

/// All rounds of one crate.
fn test(name: &'static str, rounds: &[Round], folder: &Path, options: &Options) -> Result<Outcome> {
    let mut outcome = Outcome {
        name,
        ..Outcome::default()
    };
    // `None`: all that there are.
    let mut left = None;
    if !options.files.is_empty() || options.sample.is_some() {
        let asked = list(name, &options.files)?;
        let asked = match options.sample {
            Some(count) => sample(asked, count, options.seed),
            None => asked,
        };
        let all = list(name, &[])?.len();
        outcome.of = Some(all).filter(|all| *all > asked.len());
        left = Some(asked);
    }
    for (number, round) in rounds.iter().enumerate() {
        if left.as_ref().is_some_and(Vec::is_empty) {
            break;
        }
        let out = folder.join(format!("{name}-{}", number + 1));
        fs::create_dir_all(&out).cannot("make", &out)?;
        let mut command = mutants(name);
        command
            .env("TMPDIR", folder.join("copies"))
            // Fewer cases of what is tried at random: a mutant meets every test that there is.
            .env("PROPTEST_CASES", "64")
            .env("LAYERCAKE_SCHEDULES", "1500")
            .env("RUST_BACKTRACE", "0")
            // It ends with the first test that fails, and ends a test that hangs; cargo's own waits for
            // all of them.
            .args(["--test-tool", "nextest"])
            .env("NEXTEST_PROFILE", "mutants")
            .args(["--profile", "mutants", "--no-shuffle", "--jobs"])
            .arg(options.jobs.to_string())
            .arg("--output")
            .arg(&out)
            .args(round.options.split_whitespace());
        if !round.options.contains("--timeout") {
            // A test that hangs is ended long before; this is for what hangs beside the tests.
            command.args(["--timeout-multiplier", "5", "--minimum-test-timeout", "180"]);
        }
        if options.jobs == 1 {
            // Several would wait for one another.
            command.env("CARGO_TARGET_DIR", folder.join("target"));
        }
        for one in left.iter().flatten() {
            command.args(["--re", &pattern(one)]);
        }
        // What is behind `--` would be for running the tests alone, and all there are would be built.
        for word in round.tests.split_whitespace() {
            command.arg(format!("--cargo-arg={word}"));
        }
        let status = cargo::status(&mut command)?;
        // 0: all noticed; 2: some survived; 3: some hung.
        if !matches!(status.code(), Some(0 | 2 | 3)) {
            return fail(format!(
                "the mutants of {name} could not be tested: see above"
            ));
        }
        outcome.add(read(&out.join("mutants.out"), left.as_deref())?);
        left = Some(outcome.survivors.clone());
    }
    Ok(outcome)
}

fn mutants(name: &str) -> std::process::Command {
    let mut command = cargo::cargo(cargo_tool::MUTANTS.subcommand);
    command.args(["--package", &format!("layercake-{name}")]);
    command
}

/// The names of a crate's mutants; of those in some files if any are named.
fn list(name: &str, files: &[String]) -> Result<Vec<String>> {
    let mut command = mutants(name);
    for file in files {
        command.args(["--file", file]);
    }
    let output = command
        .arg("--list")
        .stderr(Stdio::inherit())
        .output()
        .cannot("start", "cargo")?;
    if !output.status.success() {
        return fail(format!(
            "the mutants of {name} could not be listed: see above"
        ));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(str::to_owned).collect())
}

/// `count` of them at random, in their order. The numbers are those of SplitMix64 (Steele, Lea and
/// Flood, "Fast splittable pseudorandom number generators", 2014).
fn sample(all: Vec<String>, count: usize, seed: u64) -> Vec<String> {
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let mut drawn: Vec<_> = all.iter().enumerate().map(|(n, _)| (random(), n)).collect();
    drawn.sort_unstable();
    drawn.truncate(count);
    let mut drawn: Vec<_> = drawn.into_iter().map(|(_, n)| n).collect();
    drawn.sort_unstable();
    drawn.into_iter().map(|n| all[n].clone()).collect()
}

/// The regular expression that is this mutant's name and no other's.
fn pattern(name: &str) -> String {
    let mut pattern = "^".to_owned();
    for letter in name.chars() {
        if r".^$*+?()[]{}|\".contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern + "$"
}

fn chosen(asked: Option<&str>) -> Result<Vec<(&'static str, &'static [Round])>> {
    let Some(asked) = asked else {
        return Ok(CRATES.to_vec());
    };
    let short = asked.strip_prefix("layercake-").unwrap_or(asked);
    match CRATES.into_iter().find(|(name, _)| *name == short) {
        Some(found) => Ok(vec![found]),
        None => fail(format!(
            "no mutants are made of `{asked}`; say one of {}",
            CRATES.map(|(name, _)| name).join(", ")
        )),
    }
}

impl Outcome {
    /// What a further round made of those that had survived.
    fn add(&mut self, round: Self) {
        self.noticed += round.noticed;
        self.hung += round.hung;
        // What does not build with other features was built in the first round.
        self.unbuildable += round.unbuildable;
        self.survivors = round.survivors;
    }
}

/// Reads the lists that cargo-mutants leaves. Of some kinds it makes all mutants, whichever were `asked`
/// for: those do not count.
fn read(out: &Path, asked: Option<&[String]>) -> Result<Outcome> {
    let list = |list: &str| -> Result<Vec<String>> {
        let path = out.join(list);
        let text = fs::read_to_string(&path).cannot("read", &path)?;
        let lines = text.lines().map(str::to_owned);
        Ok(lines
            .filter(|line| asked.is_none_or(|asked| asked.contains(line)))
            .collect())
    };
    Ok(Outcome {
        noticed: list("caught.txt")?.len(),
        hung: list("timeout.txt")?.len(),
        unbuildable: list("unviable.txt")?.len(),
        survivors: list("missed.txt")?,
        ..Outcome::default()
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
            of,
            noticed,
            hung,
            unbuildable,
            ..
        } = one;
        let all = of.map_or(all.to_string(), |of| format!("{all} of {of}"));
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
        assert_eq!(chosen(Some("timer")).unwrap()[0].0, "timer");
        assert_eq!(chosen(Some("layercake-sync")).unwrap()[0].0, "sync");
        assert_eq!(chosen(None).unwrap().len(), CRATES.len());
        let Err(error) = chosen(Some("kernel")) else {
            panic!("there are mutants of the kernel");
        };
        assert_eq!(
            error.to_string(),
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
            assert!(read(&folder, None).is_err(), "without {list}");
            fs::write(folder.join(list), text).unwrap();
        }
        let mut outcome = Outcome {
            name: "timer",
            noticed: 10,
            survivors: vec!["went into this round".to_owned()],
            ..Outcome::default()
        };
        outcome.add(read(&folder, None).unwrap());
        let asked = ["b".to_owned()];
        assert_eq!(read(&folder, Some(&asked)).unwrap().noticed, 1);
        let table = table(&[outcome]);
        fs::remove_dir_all(&folder).unwrap();
        assert!(
            table.contains("| `timer` | 14 | 12 | 1 | 0 | 1 |\n"),
            "{table}"
        );
        assert!(
            table.ends_with("survives: x.rs:1:2: replace + with -\n"),
            "{table}"
        );
    }

    #[test]
    fn a_sample_is_the_same_for_the_same_seed() {
        let all = || (0..100).map(|n| n.to_string()).collect::<Vec<_>>();
        let first = sample(all(), 10, 1);
        assert_eq!(first.len(), 10);
        assert_eq!(first, sample(all(), 10, 1));
        assert_ne!(first, sample(all(), 10, 2));
        assert_eq!(sample(all(), 1000, 1), all());
    }

    #[test]
    fn a_name_is_matched_as_it_stands() {
        assert_eq!(
            pattern("a.rs:1:2: replace + with * in <impl X for Y>::f"),
            r"^a\.rs:1:2: replace \+ with \* in <impl X for Y>::f$"
        );
    }

    #[test]
    fn a_part_of_them_is_said_to_be_one() {
        let outcome = Outcome {
            name: "sync",
            of: Some(300),
            noticed: 20,
            ..Outcome::default()
        };
        assert!(table(&[outcome]).contains("| `sync` | 20 of 300 | 20 |"));
    }
}

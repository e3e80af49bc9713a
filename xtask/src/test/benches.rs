//! The benchmarks as tests: the budgets are kept, a figure is the same each time and the sum of what
//! it is made of, and a panic loses none.

use super::{
    Options, Tally,
    pool::{self, Verdict},
};
use crate::{
    bench::{
        account,
        budgets::Budgets,
        image::{self, Measured, THEN_PANIC},
    },
    build::Image,
    config::Config,
    error::{Result, fail},
    setup::emulator::Qemu,
    workspace,
};

/// What is measured twice: interrupts, wakes and switches.
const TWICE: &str = "irq.";
/// The id that the image panics in when it is asked to, and one that is soon measured.
const SEEDED: &str = "seeded.panic";
const CHEAP: &str = "wake.none";

type Check = fn(&Qemu, &Image, &Config) -> Result<()>;
const TESTS: [(&str, Check); 4] = [
    ("bench::accounts", accounts),
    ("bench::budgets", budgets),
    ("bench::panic", panic),
    ("bench::repeatable", repeatable),
];

pub fn run(qemu: &Qemu, options: &Options, tally: &mut Tally) -> Result<()> {
    let mut tests = TESTS.to_vec();
    tests.retain(|(name, _)| options.picks(name));
    if tests.is_empty() {
        return Ok(());
    }
    // As it ships: the budgets are for no other configuration.
    let config = Config::load(workspace::root(), &[])?;
    let image = match image::build(&config) {
        Ok(image) => image,
        Err(error) => {
            println!("bench ... FAILED\n    {error}");
            tally.fail("bench (does not build)");
            return Ok(());
        }
    };
    let check = |(name, check): (&str, Check)| {
        let verdict = match check(qemu, &image, &config) {
            Ok(()) => Verdict::Pass,
            Err(error) => Verdict::Fail(error.to_string()),
        };
        (name.to_owned(), verdict)
    };
    pool::run(tests, options.jobs, check, tally);
    Ok(())
}

fn budgets(qemu: &Qemu, image: &Image, config: &Config) -> Result<()> {
    let Measured { report, ended } = image::measure(qemu, image, config, None, "budgets")?;
    ended?;
    Budgets::load()?.check(&report, true)
}

/// The accounts of the book: an error if one does not sum up to its figure.
fn accounts(qemu: &Qemu, image: &Image, config: &Config) -> Result<()> {
    let Measured { report, ended } = image::measure(qemu, image, config, None, "accounts")?;
    ended?;
    account::of_book(qemu, image, config, &report).map(|_| ())
}

/// When a benchmark panics, one sentence says which and why, and the figures before it stand.
fn panic(qemu: &Qemu, image: &Image, config: &Config) -> Result<()> {
    let asked = format!("{CHEAP}{THEN_PANIC}");
    let Measured { report, ended } = image::measure(qemu, image, config, Some(&asked), "panic")?;
    let sentence = ended.err().map(|error| error.to_string());
    let sentence = sentence.unwrap_or_else(|| "nothing".into());
    let begins = format!("the benchmark {SEEDED} panicked at boards/rpi4/benches/");
    let kept = report.figures.iter().any(|figure| figure.id == CHEAP);
    let good = kept
        && sentence.starts_with(&begins)
        && sentence.contains("as it was asked to")
        && sentence.ends_with("; the one figure before it is kept")
        && sentence.lines().count() == 1;
    match good {
        true => Ok(()),
        false => fail(format!(
            "{} figures were kept, and said was: {sentence}",
            report.figures.len()
        )),
    }
}

/// Two runs of one image give the same figures to the instruction, however busy the machine is.
fn repeatable(qemu: &Qemu, image: &Image, config: &Config) -> Result<()> {
    let run = |name| image::measure(qemu, image, config, Some(TWICE), name);
    let (first, second) = (run("first")?, run("second")?);
    first.ended?;
    second.ended?;
    let pairs = first.report.figures.iter().zip(&second.report.figures);
    let off: Vec<_> = pairs
        .filter(|(one, other)| one != other)
        .map(|(one, other)| format!("{one:?}, then {other:?}"))
        .collect();
    match off.is_empty() && first.report == second.report {
        true => Ok(()),
        false => fail(format!("two runs differ:\n{}", off.join("\n"))),
    }
}

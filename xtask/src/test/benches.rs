//! The benchmarks as tests: the budgets are kept, and a panic loses no figure.

use super::{
    Options, Tally,
    pool::{self, Verdict},
};
use crate::{
    bench::{
        budgets::Budgets,
        image::{self, Measured, THEN_PANIC},
    },
    build::Image,
    config::Config,
    error::Result,
    setup::emulator::Qemu,
    workspace,
};

/// The id that the image panics in when it is asked to, and one that is soon measured.
const SEEDED: &str = "seeded.panic";
const CHEAP: &str = "wake.none";

type Check = fn(&Qemu, &Image, &Config) -> Result<()>;
const TESTS: [(&str, Check); 2] = [("bench::budgets", budgets), ("bench::panic", panic)];

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
        false => crate::error::fail(format!(
            "{} figures were kept, and said was: {sentence}",
            report.figures.len()
        )),
    }
}

//! The benchmark image: builds it, runs it with one instruction a nanosecond, and says whether it
//! came to its end.

use std::{fs, process::Stdio, time::Duration};

use super::report::Report;
use crate::{
    build::{self, Image},
    cargo,
    config::Config,
    error::{Context, Error, Result, fail},
    qemu::machine::{Boot, Machine},
    setup::{self, emulator::Qemu},
    test::session::{self, End, Outcome},
    workspace,
};

/// The cargo target that is the image.
const TARGET: &str = "kernel";
/// How long it may run; on a busy machine it gets more.
const LIMIT: Duration = Duration::from_secs(300);
/// Behind a pattern, it makes the image panic when it has measured the rest: for the test of what
/// becomes of the figures then.
pub const THEN_PANIC: &str = "+panic";

/// What came of a run.
pub struct Measured {
    /// All that was measured, also when the run did not come to its end.
    pub report: Report,
    /// If it did not, one sentence.
    pub ended: Result<()>,
}

/// Builds the image as it ships, whatever the emulator tests were told.
///
/// # Errors
///
/// It does not build.
pub fn build(config: &Config) -> Result<Image> {
    setup::rust::ensure_targets(&[cargo::PI_TARGET])?;
    let out = workspace::output_dir("bench")?;
    let mut command = cargo::for_pi("build", config);
    command.args(["--package", cargo::BOARD, "--release", "--bench", TARGET]);
    let Some(built) = cargo::executables(&mut command)? else {
        return fail("the benchmark image does not build");
    };
    let Some(built) = built.iter().find(|built| built.target == TARGET) else {
        return fail(format!("cargo built no {TARGET}"));
    };
    build::finish(&built.path, &out, "bench")
}

/// Measures the ids that have `id` in them, or all. Keeps what was printed in `NAME.log`.
///
/// # Errors
///
/// The emulator cannot be started, or the log cannot be written.
pub fn measure(
    qemu: &Qemu,
    image: &Image,
    config: &Config,
    id: Option<&str>,
    name: &str,
) -> Result<Measured> {
    let machine = Machine {
        script: id.map(str::to_owned),
        icount: true,
        ..Machine::unattended(Boot::Raw(image.raw.clone()), config.uart())
    };
    let mut command = machine.command(qemu);
    command.stdin(Stdio::null());
    let outcome = session::run(command, &[], LIMIT)?;
    let log = workspace::output_dir("bench")?.join(format!("{name}.log"));
    fs::write(&log, &outcome.output).cannot("write", &log)?;
    let report = Report::read(&outcome.text());
    let ended = judge(&report, &outcome, id);
    Ok(Measured { report, ended })
}

/// Whether the image came to its end, in one sentence if not.
fn judge(report: &Report, outcome: &Outcome, id: Option<&str>) -> Result<()> {
    if let Some(why) = &report.error {
        return fail(format!("nothing can be measured: {why}"));
    }
    if !report.known.is_empty() {
        let asked = id.unwrap_or_default();
        let known = report.known.join(", ");
        return fail(format!(
            "no benchmark has `{asked}` in its id; there are {known}"
        ));
    }
    if report.done && outcome.end == End::Exited(0) {
        return Ok(());
    }
    let how = match (&report.panic, &outcome.end) {
        (Some(message), _) => match message.strip_prefix("*** panic at ") {
            Some(place) => format!("panicked at {place}"),
            None => format!("panicked: {message}"),
        },
        (None, End::Exited(code)) => format!("ended the emulator with status {code}"),
        (None, End::TimedOut { after, .. }) => {
            format!("hung: it did not end in {} s", after.as_secs())
        }
        (None, end) => format!("did not end: {end:?}"),
    };
    let kept = match report.figures.len() {
        0 => "there are no figures before it".to_owned(),
        1 => "the one figure before it is kept".to_owned(),
        many => format!("the {many} figures before it are kept"),
    };
    Err(Error::new(match &report.begun {
        Some(id) => format!("the benchmark {id} {how}; {kept}"),
        None => format!("the benchmark image {how}\n{}", outcome.last_lines()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of an image that printed this and ended so.
    fn said(output: &str, end: End, id: Option<&str>) -> Option<String> {
        let outcome = Outcome {
            end,
            output: output.as_bytes().to_vec(),
            errors: Vec::new(),
        };
        let report = Report::read(&outcome.text());
        let verdict = judge(&report, &outcome, id);
        verdict.err().map(|error| error.to_string())
    }

    const ONE: &str = "@{\"begin\":\"a\",\"size\":0}\n\
        @{\"id\":\"a\",\"size\":0,\"taken\":1,\"each\":1,\"sum\":5,\"least\":5,\"most\":5}\n";

    #[test]
    fn a_run_that_ended_is_good() {
        let output = format!("{ONE}@{{\"done\":1}}\n");
        assert_eq!(said(&output, End::Exited(0), None), None);
        assert!(said(&output, End::Exited(101), None).is_some());
    }

    #[test]
    fn a_hang_is_laid_at_its_benchmark() {
        let end = End::TimedOut {
            after: LIMIT,
            waiting_for: None,
        };
        let output = format!("{ONE}@{{\"begin\":\"b\",\"size\":0}}\n");
        assert_eq!(
            said(&output, end, None).unwrap(),
            "the benchmark b hung: it did not end in 300 s; the one figure before it is kept"
        );
    }

    #[test]
    fn an_emulator_that_cannot_count_is_said() {
        let output = "@{\"error\":\"this emulator's core has no cycle counter\"}\n";
        assert_eq!(
            said(output, End::Exited(2), None).unwrap(),
            "nothing can be measured: this emulator's core has no cycle counter"
        );
    }

    #[test]
    fn an_unknown_id_is_answered_with_the_known_ones() {
        let output = "@{\"known\":\"a\"}\n@{\"known\":\"b\"}\n";
        assert_eq!(
            said(output, End::Exited(2), Some("x")).unwrap(),
            "no benchmark has `x` in its id; there are a, b"
        );
    }
}

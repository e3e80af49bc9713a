//! `cargo xtask bench`: runs the benchmark image with one instruction a nanosecond, and shows what
//! it measured beside what other kernels need.

mod budgets;
mod json;
mod peers;
mod report;
mod table;

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    build::{self, Image},
    cargo,
    config::Config,
    error::{Context, Error, Result, fail},
    qemu::{
        self,
        machine::{Boot, Console, Machine, Stub},
    },
    setup::{self, emulator::Qemu},
    test::session::{self, End, Outcome},
    workspace,
};
use budgets::Budgets;
use peers::Peers;
use report::Report;

/// The cargo target that is the image.
const TARGET: &str = "kernel";
/// How long it may run; on a busy machine it gets more.
const LIMIT: Duration = Duration::from_secs(300);

pub struct Options {
    /// Only ids with this in them.
    pub id: Option<String>,
    pub json: Option<PathBuf>,
    /// Compare with the budgets, and fail if they are not kept.
    pub check: bool,
    /// Write what was measured into the budgets.
    pub update_budgets: bool,
    pub qemu: Option<PathBuf>,
}

pub fn run(config: &Config, options: &Options) -> Result<()> {
    if let Some(path) = &options.json {
        // Before anything is measured: nobody should wait for a file that cannot be written.
        qemu::check_log(path)?;
    }
    let qemu = setup::emulator::ensure(options.qemu.as_deref())?;
    let image = build(config)?;
    let peers = Peers::load()?;
    let outcome = execute(&qemu, &image, config, options.id.as_deref())?;
    let report = Report::read(&outcome.text());
    if let Some(path) = &options.json {
        let text = json::text(&report, &json::Versions::find(&qemu)?);
        workspace::write(path, text.as_bytes())?;
    }
    print!("{}", table::text(&report, &peers));
    judge(&report, &outcome, options)?;
    if options.update_budgets {
        return Budgets::load()?.update(&report);
    }
    if options.check {
        return Budgets::load()?.check(&report, options.id.is_none());
    }
    Ok(())
}

fn build(config: &Config) -> Result<Image> {
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

fn execute(qemu: &Qemu, image: &Image, config: &Config, id: Option<&str>) -> Result<Outcome> {
    let machine = Machine {
        boot: Boot::Raw(image.raw.clone()),
        uart: config.uart(),
        dtb: None,
        script: id.map(str::to_owned),
        icount: true,
        stub: Stub::None,
        console: Console::Terminal { monitor: false },
        log: None,
        resets: false,
        extra: Vec::new(),
    };
    let mut command: Command = machine.command(qemu);
    command.stdin(Stdio::null());
    let outcome = session::run(command, &[], LIMIT)?;
    let log = workspace::output_dir("bench")?.join("bench.log");
    std::fs::write(&log, &outcome.output).cannot("write", &log)?;
    Ok(outcome)
}

/// Whether the image came to its end, in one sentence if not.
fn judge(report: &Report, outcome: &Outcome, options: &Options) -> Result<()> {
    if let Some(why) = &report.error {
        return fail(format!("nothing can be measured: {why}"));
    }
    if !report.known.is_empty() {
        let asked = options.id.as_deref().unwrap_or_default();
        let known = report.known.join(", ");
        return fail(format!(
            "no benchmark has `{asked}` in its id; there are {known}"
        ));
    }
    if report.done && outcome.end == End::Exited(0) {
        return Ok(());
    }
    let kept = report.figures.len();
    let how = match (&report.panic, &outcome.end) {
        (Some(message), _) => format!("panicked: {message}"),
        (None, End::Exited(code)) => format!("ended the emulator with status {code}"),
        (None, end) => format!("did not end: {end:?}"),
    };
    Err(Error::new(match &report.begun {
        Some(id) => {
            format!("the benchmark {id} {how}; the {kept} figures before it are kept")
        }
        None => format!("the benchmark image {how}\n{}", outcome.last_lines()),
    }))
}

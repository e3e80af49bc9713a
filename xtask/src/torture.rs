//! `cargo xtask torture`: everything at once on four cores, for as long as one likes.
//!
//! The image is the emulator test `system_torture`, told how long and from which seed. What it does
//! and checks is said there; here it is built, run, and typed at, so that the UART interrupts it.

use std::{
    io::Write,
    process::{ChildStdin, Stdio},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{
    build::{self, Image},
    cargo,
    config::Config,
    error::{Context, Result, fail},
    process::{self, Group, Process},
    qemu::machine::{Boot, Machine},
    setup::{self, emulator::Qemu},
    workspace,
};

/// The cargo target that is the image, and what it is built with.
const TARGET: &str = "system_torture";
const FEATURES: &str = "check,stats";
/// How much longer than it was told it may take, to begin and to come to its end.
const GRACE: Duration = Duration::from_secs(180);
/// What is typed, and how often.
const TYPED: &[u8] = b"typed while the torture runs\r";
const EVERY: Duration = Duration::from_millis(50);

pub struct Options {
    pub minutes: f64,
    /// One is made up if there is none.
    pub seed: Option<u64>,
}

/// Builds the image and lets it run. Fails if the image finds something, or hangs.
pub fn run(qemu: &Qemu, config: &Config, options: &Options) -> Result<()> {
    let image = build(config)?;
    let seed = options.seed.unwrap_or_else(any_seed);
    let lasts = Duration::from_secs_f64(options.minutes * 60.0).max(Duration::from_secs(1));
    println!("torture for {} s, seed {seed}", lasts.as_secs());
    let machine = Machine {
        script: Some(format!("seconds={} seed={seed}", lasts.as_secs())),
        ..Machine::unattended(Boot::Raw(image.raw), config.uart())
    };
    let mut command = machine.command(qemu);
    command.stdin(Stdio::piped());
    let mut process = Process::spawn(&mut command, Group::Own).cannot("start", &qemu.path)?;
    if let Some(stdin) = process.child().stdin.take() {
        thread::spawn(move || type_at(stdin));
    }
    let status = process
        .wait_until(Some(Instant::now() + lasts + GRACE))
        .cannot("wait for", &qemu.path)?;
    let again = format!(
        "`cargo xtask torture --minutes {} --seed {seed}` does the same again, in another order",
        options.minutes
    );
    match status.map(process::exit_code) {
        Some(0) => Ok(()),
        Some(code) => fail(format!("the torture ended with status {code}; {again}")),
        None => fail(format!(
            "the torture hangs: it was stopped after {} s; {again}",
            (lasts + GRACE).as_secs()
        )),
    }
}

fn build(config: &Config) -> Result<Image> {
    setup::rust::ensure_targets(&[cargo::PI_TARGET])?;
    let out = workspace::output_dir("torture")?;
    let mut command = cargo::for_pi("build", config);
    command.args(["--package", cargo::BOARD, "--release", "--test", TARGET]);
    command.args(["--features", FEATURES]);
    let Some(built) = cargo::executables(&mut command)? else {
        return fail("the torture does not build");
    };
    let Some(built) = built.iter().find(|built| built.target == TARGET) else {
        return fail(format!("cargo built no {TARGET}"));
    };
    build::finish(&built.path, &out, "torture")
}

/// Types until nobody listens any more.
fn type_at(mut stdin: ChildStdin) {
    while stdin.write_all(TYPED).and_then(|()| stdin.flush()).is_ok() {
        thread::sleep(EVERY);
    }
}

/// Another seed each time. Small enough to be typed again.
fn any_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = now.map_or(1, |now| now.subsec_nanos());
    u64::from(nanos % 1_000_000).max(1)
}

//! Runs the benchmark image up to one benchmark, and from there with a log of every instruction,
//! `target/layercake/bench/account.log`.

use std::{
    fs::{self, File},
    io::Read,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use super::{
    remote::Remote,
    trace::{Log, Meter, Reading},
};
use crate::{
    build::Image,
    config::Config,
    error::{Context, Result, fail},
    gdb,
    process::{Group, Process},
    qemu::machine::{Boot, Machine, Stub},
    setup::emulator::Qemu,
    workspace,
};

/// How long QEMU may take to start, and the image to reach the benchmark.
const STARTS: Duration = Duration::from_secs(60);
const LIMIT: Duration = Duration::from_secs(300);
/// The readings that are looked at; all but the first ones are alike.
const READINGS: usize = 24;
/// What a log may take: some million instructions.
const MOST_BYTES: u64 = 400 << 20;
const POLL: Duration = Duration::from_millis(20);

/// What to record.
pub struct Target<'a> {
    /// The pattern for the image, which measures the ids that have it in them.
    pub pattern: &'a str,
    /// How many benchmarks the image measures before the one that is meant.
    pub before: usize,
    /// Where each benchmark begins.
    pub start: u64,
    pub meter: Meter,
}

/// Records the first readings of a benchmark.
///
/// # Errors
///
/// QEMU cannot be started or spoken to, the benchmark is not reached, or has no readings.
pub fn record(
    qemu: &Qemu,
    image: &Image,
    config: &Config,
    target: Target<'_>,
) -> Result<Vec<Reading>> {
    let path = workspace::output_dir("bench")?.join("account.log");
    fs::write(&path, "").cannot("write", &path)?;
    let port = gdb::free_port()?;
    let machine = Machine {
        script: Some(target.pattern.to_owned()),
        icount: true,
        stub: Stub::Tcp(port),
        ..Machine::unattended(Boot::Raw(image.raw.clone()), config.uart())
    };
    let mut command = machine.command(qemu);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut emulator = Process::spawn(&mut command, Group::Own).cannot("start", &qemu.path)?;

    let mut stub = Remote::connect(port, Instant::now() + STARTS, LIMIT)?;
    stub.insert_breakpoint(target.start)?;
    stub.run_to_breakpoint()?;
    for _ in 0..target.before {
        // A breakpoint where the machine stands would stop it at once again.
        stub.remove_breakpoint(target.start)?;
        stub.step()?;
        stub.insert_breakpoint(target.start)?;
        stub.run_to_breakpoint()?;
    }
    let quoted = path
        .display()
        .to_string()
        .replace('\\', "\\\\")
        .replace('"', "\\\"");
    stub.monitor(&format!("logfile \"{quoted}\""))?;
    stub.monitor("one-insn-per-tb on")?;
    stub.monitor("log exec,nochain")?;
    stub.remove_breakpoint(target.start)?;
    stub.detach()?;

    let mut log = Log::new(target.meter);
    let mut file = File::open(&path).cannot("read", &path)?;
    let (mut rest, mut read) = (Vec::new(), 0);
    let deadline = Instant::now() + LIMIT;
    while log.readings.len() < READINGS && read < MOST_BYTES && Instant::now() < deadline {
        let ended = emulator
            .wait_until(Some(Instant::now()))
            .cannot("wait for", &qemu.path)?
            .is_some();
        let new = follow(&mut file, &mut rest, &mut log).cannot("read", &path)?;
        read += new;
        if new == 0 && ended {
            break;
        }
        if new == 0 {
            thread::sleep(POLL);
        }
    }
    drop(emulator);
    match log.readings.is_empty() {
        true => fail("it is not counted between two calls of the meter"),
        false => Ok(log.readings),
    }
}

/// Takes the lines that have been added to the log; how many bytes they are.
fn follow(file: &mut File, rest: &mut Vec<u8>, log: &mut Log) -> std::io::Result<u64> {
    let mut buffer = vec![0; 1 << 20];
    let count = file.read(&mut buffer)?;
    rest.extend(&buffer[..count]);
    let whole = rest
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let lines: Vec<u8> = rest.drain(..whole).collect();
    String::from_utf8_lossy(&lines)
        .lines()
        .for_each(|line| log.line(line));
    Ok(count as u64)
}

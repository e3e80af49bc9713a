//! `cargo xtask gdb`: the kernel halted at its first instruction, with gdb attached to it.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use crate::{
    build,
    config::Config,
    error::{Context, Error, Result, fail},
    process::{self, Group, Process},
    qemu::machine::{Boot, Console, Machine, Stub},
    setup::emulator::Qemu,
    terminal, workspace,
};

/// Runs gdb on the kernel in the emulator; the emulator ends with it.
pub fn run(
    qemu: &Qemu,
    gdb: &Path,
    config: &Config,
    how: &build::How,
    script: Option<String>,
    commands: &[String],
) -> Result<()> {
    let image = build::kernel(config, how)?;
    let port = free_port()?;
    let log = workspace::output_dir("")?.join("gdb-console.log");
    let machine = Machine {
        script,
        stub: Stub::Tcp(port),
        console: Console::Pty,
        log: Some(log.clone()),
        resets: true,
        ..Machine::unattended(Boot::Raw(image.raw), config.uart())
    };
    let mut command = machine.command(qemu);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    // In a group of its own, so that Ctrl-C in gdb stops the kernel and not the emulator.
    let mut emulator = Process::spawn(&mut command, Group::Own).cannot("start", &qemu.path)?;
    let Some(pty) = pty(&mut emulator) else {
        return fail("QEMU did not start");
    };
    eprintln!("the kernel's console: screen {pty}");
    eprintln!("what it prints: tail -f {}", log.display());

    let _guard = terminal::guard();
    process::leave_interrupts_to_the_child();
    let mut command = Command::new(gdb);
    command
        .args(["-q", "-ex", "set confirm off", "-ex"])
        .arg(format!("target remote :{port}"));
    for text in commands {
        command.args(["-ex", text]);
    }
    command.arg(&image.elf);
    let mut debugger = Process::spawn(&mut command, Group::Shared).cannot("start", gdb)?;
    let status = debugger.wait_until(None).cannot("wait for", gdb)?;
    match status {
        Some(status) if !status.success() => Err(Error::silent(process::exit_code(status))),
        _ => Ok(()),
    }
}

/// A port that nobody listens on now.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).cannot("find", "a free port for gdb")?;
    Ok(listener
        .local_addr()
        .cannot("find", "a free port for gdb")?
        .port())
}

/// The pseudo-terminal that QEMU says it made: "char device redirected to /dev/pts/3 (label
/// console)". The rest of its output goes nowhere.
fn pty(emulator: &mut Process) -> Option<String> {
    let mut output = BufReader::new(emulator.child().stdout.take()?);
    let mut line = String::new();
    output.read_line(&mut line).ok()?;
    thread::spawn(move || output.lines().for_each(drop));
    line.split_whitespace()
        .find(|word| word.starts_with("/dev/"))
        .map(str::to_owned)
}

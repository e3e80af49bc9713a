//! `cargo xtask qemu`: the kernel in the emulator, with this terminal as its console.

pub mod fdt;
mod inputs;
pub mod machine;

use std::{
    io::{IsTerminal, stdin},
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::{
    build,
    config::{Config, Uart},
    error::{Context, Error, Result},
    process::{self, Group, Process},
    setup::emulator::Qemu,
    terminal,
};
pub use inputs::{check_dtb, check_log};
use machine::{Boot, Console, Machine, Stub};

/// The status when `--timeout` ended the run; the one of timeout(1).
const TIMED_OUT: u8 = 124;

/// What the command line asks for.
pub struct Options {
    pub script: Option<String>,
    pub timeout: Option<Duration>,
    pub log: Option<PathBuf>,
    pub uart: Option<Uart>,
    pub dtb: Option<PathBuf>,
    pub icount: bool,
    pub gdb: bool,
    pub kernel: Option<PathBuf>,
    pub elf: bool,
    pub how: build::How,
    pub extra: Vec<String>,
}

/// Runs the kernel and ends with its exit code.
pub fn run(qemu: &Qemu, mut config: Config, options: &Options) -> Result<()> {
    options.dtb.as_deref().map_or(Ok(()), inputs::check_dtb)?;
    options.log.as_deref().map_or(Ok(()), check_log)?;
    if options.uart == Some(Uart::Mini) {
        config.set("console_uart=mini")?;
    } else if options.uart == Some(Uart::Pl011) {
        config.set("console_uart=pl011")?;
    }
    let uart = config.uart();
    let (boot, symbols) = match &options.kernel {
        Some(path) => (inputs::existing(path, options.elf)?, None),
        None => {
            let image = build::kernel(&config, &options.how)?;
            let symbols = Some(image.elf.clone());
            let boot = if options.elf {
                Boot::Elf(image.elf)
            } else {
                Boot::Raw(image.raw)
            };
            (boot, symbols)
        }
    };
    let interactive = stdin().is_terminal();
    if interactive {
        eprintln!(
            "QEMU {}: Ctrl-A X ends it, Ctrl-A C is its monitor",
            qemu.version
        );
    }
    if options.gdb {
        let elf = symbols.as_deref().or(match &boot {
            Boot::Elf(path) => Some(path),
            Boot::Raw(_) => None,
        });
        let elf = elf.map_or(String::new(), |elf| format!("{} ", elf.display()));
        eprintln!("halted until gdb lets it go: gdb-multiarch {elf}-ex 'target remote :1234'");
    }
    let machine = Machine {
        boot,
        uart,
        dtb: options.dtb.clone(),
        script: options.script.clone(),
        icount: options.icount,
        stub: if options.gdb {
            Stub::Tcp(1234)
        } else {
            Stub::None
        },
        console: Console::Terminal {
            monitor: interactive,
        },
        log: options.log.clone(),
        resets: true,
        extra: options.extra.clone(),
    };
    let _guard = terminal::guard();
    let mut command = machine.command(qemu);
    let mut process = Process::spawn(&mut command, Group::Shared).cannot("start", &qemu.path)?;
    let deadline = options.timeout.map(|timeout| Instant::now() + timeout);
    let status = process
        .wait_until(deadline)
        .cannot("wait for", &qemu.path)?;
    drop(process);
    terminal::restore();
    match (status, options.timeout) {
        (Some(status), _) if status.success() => Ok(()),
        (Some(status), _) => {
            if let Some(signal) = status.signal() {
                eprintln!("\nQEMU itself was ended by signal {signal}");
            }
            Err(Error::silent(process::exit_code(status)))
        }
        (None, timeout) => {
            let seconds = timeout.unwrap_or_default().as_secs_f64();
            eprintln!("\nstopped: still running after {seconds} s (--timeout)");
            Err(Error::silent(TIMED_OUT))
        }
    }
}

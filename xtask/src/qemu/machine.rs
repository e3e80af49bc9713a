//! The emulated machine as a command line: a Raspberry Pi 4 with all that QEMU insists on.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    config::Uart,
    setup::emulator::{MACHINE, Qemu},
};

/// How the kernel is loaded and entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boot {
    /// The raw image, as the Pi's firmware loads it: core 0 at EL2, the others in the spin
    /// table.
    Raw(PathBuf),
    /// The ELF: all four cores at once, at EL3.
    Elf(PathBuf),
}

/// Where a debugger may attach; the machine waits halted until it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stub {
    None,
    Tcp(u16),
}

/// What the console UART is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Console {
    /// Standard input and output; with `monitor`, Ctrl-A leads to QEMU's own commands,
    /// without, every byte goes to the kernel.
    Terminal { monitor: bool },
    /// A pseudo-terminal that QEMU names when it starts.
    Pty,
}

pub struct Machine {
    pub boot: Boot,
    pub uart: Uart,
    pub dtb: Option<PathBuf>,
    /// Commands for the kernel's monitor.
    pub script: Option<String>,
    /// One instruction is one nanosecond of virtual time: repeatable to the instruction.
    pub icount: bool,
    pub stub: Stub,
    pub console: Console,
    /// A copy of the kernel's output.
    pub log: Option<PathBuf>,
    /// Whether a reset starts the machine anew; else it ends the emulator.
    pub resets: bool,
    pub extra: Vec<String>,
}

impl Machine {
    /// A machine that nobody types at, on this terminal, and that ends the emulator when it is reset.
    pub fn unattended(boot: Boot, uart: Uart) -> Self {
        Self {
            boot,
            uart,
            dtb: None,
            script: None,
            icount: false,
            stub: Stub::None,
            console: Console::Terminal { monitor: false },
            log: None,
            resets: false,
            extra: Vec::new(),
        }
    }

    pub fn command(&self, qemu: &Qemu) -> Command {
        let mut command = Command::new(&qemu.path);
        // The machine has 2 GiB and four cores, and QEMU takes no other numbers.
        command.args(["-M", MACHINE, "-m", "2G", "-smp", "4", "-display", "none"]);
        let kernel = match &self.boot {
            Boot::Raw(path) | Boot::Elf(path) => path,
        };
        command.arg("-kernel").arg(kernel);
        if let Some(dtb) = &self.dtb {
            command.arg("-dtb").arg(dtb);
        }
        self.serial(&mut command);
        command.arg("-semihosting-config").arg(self.semihosting());
        if self.icount {
            command.args(["-icount", "shift=0,sleep=off"]);
        }
        if let Stub::Tcp(port) = self.stub {
            command.args(["-S", "-gdb", &format!("tcp:127.0.0.1:{port}")]);
        }
        if !self.resets {
            command.arg("-no-reboot");
        }
        command.args(&self.extra);
        command
    }

    /// The first serial port is the PL011, the second the mini-UART.
    fn serial(&self, command: &mut Command) {
        let mut device = OsString::from(match self.console {
            Console::Terminal { monitor: true } => "stdio,id=console,signal=off,mux=on",
            Console::Terminal { monitor: false } => "stdio,id=console,signal=off",
            Console::Pty => "pty,id=console",
        });
        if let Some(log) = &self.log {
            device.push(",logfile=");
            device.push(escape(log));
        }
        command.arg("-chardev").arg(device);
        match self.uart {
            Uart::Pl011 => command.args(["-serial", "chardev:console", "-serial", "null"]),
            Uart::Mini => command.args(["-serial", "null", "-serial", "chardev:console"]),
        };
        match self.console {
            Console::Terminal { monitor: true } => command.args(["-mon", "chardev=console"]),
            _ => command.args(["-monitor", "none"]),
        };
    }

    /// The kernel's command line, and its way to end the emulator with a code.
    fn semihosting(&self) -> String {
        let mut config = String::from("enable=on,target=native,arg=kernel8");
        if let Some(script) = &self.script {
            config.push_str(",arg=run=");
            config.push_str(&script.replace(',', ",,"));
        }
        config
    }
}

/// QEMU takes a comma for the end of an option's value unless it is doubled.
fn escape(path: &Path) -> OsString {
    match path.to_str() {
        Some(text) => text.replace(',', ",,").into(),
        None => path.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::emulator::Qemu;

    fn line(change: impl FnOnce(&mut Machine)) -> String {
        let mut machine = Machine {
            console: Console::Terminal { monitor: true },
            resets: true,
            ..Machine::unattended(Boot::Raw("k.img".into()), Uart::Pl011)
        };
        change(&mut machine);
        let command = machine.command(&Qemu::fake());
        let words: Vec<_> = command
            .get_args()
            .map(|arg| arg.to_string_lossy())
            .collect();
        words.join(" ")
    }

    #[test]
    fn the_console_is_the_uart_that_was_asked_for() {
        assert!(line(|_| ()).contains("-serial chardev:console -serial null"));
        assert!(line(|m| m.uart = Uart::Mini).contains("-serial null -serial chardev:console"));
    }

    #[test]
    fn commas_reach_the_kernel_and_the_log() {
        let script = line(|m| m.script = Some("a, b; c".into()));
        assert!(script.contains("arg=kernel8,arg=run=a,, b; c"), "{script}");
        let log = line(|m| m.log = Some("a,b.log".into()));
        assert!(log.contains("mux=on,logfile=a,,b.log"), "{log}");
    }

    #[test]
    fn without_a_monitor_every_byte_is_the_kernels() {
        let line = line(|m| m.console = Console::Terminal { monitor: false });
        assert!(
            line.contains("-monitor none") && !line.contains("mux"),
            "{line}"
        );
    }

    #[test]
    fn the_stub_halts_and_extra_arguments_come_last() {
        let line = line(|m| {
            m.stub = Stub::Tcp(4242);
            m.extra = vec!["-d".into(), "int".into()];
            m.resets = false;
        });
        assert!(line.contains("-S -gdb tcp:127.0.0.1:4242"), "{line}");
        assert!(line.ends_with("-no-reboot -d int"), "{line}");
    }
}

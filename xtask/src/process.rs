//! Child processes that end when xtask ends.
//!
//! A child in a group of its own is ended with everything it started: cargo with its test
//! binaries, a test with its emulator. All running children are known here, so that a signal
//! to xtask (Ctrl-C, a closed terminal, `kill`) ends them too.

use std::{
    io,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, ExitStatus},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::terminal;

const POLL: Duration = Duration::from_millis(10);

static RUNNING: Mutex<Vec<Target>> = Mutex::new(Vec::new());
static IGNORE_INTERRUPT: AtomicBool = AtomicBool::new(false);

/// Whom the end is meant for.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Target {
    pid: Pid,
    group: bool,
}

impl Target {
    fn kill(self) {
        // An error means that nobody is left to be told.
        let _ = match self.group {
            true => kill_process_group(self.pid, Signal::KILL),
            false => kill_process(self.pid, Signal::KILL),
        };
    }
}

/// Which process group a child belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// xtask's own: the child may read the terminal and gets its Ctrl-C.
    Shared,
    /// A new one: ended as a whole, and the terminal's signals do not reach it.
    Own,
}

/// A running child; it is ended when this is dropped.
pub struct Process {
    child: Child,
    target: Target,
}

impl Process {
    pub fn spawn(command: &mut Command, group: Group) -> io::Result<Self> {
        if group == Group::Own {
            command.process_group(0);
        }
        // Held over the spawn, so that a signal cannot come between the start and the entry.
        let mut running = RUNNING.lock().unwrap();
        let child = command.spawn()?;
        let target = Target {
            pid: Pid::from_child(&child),
            group: group == Group::Own,
        };
        running.push(target);
        Ok(Self { child, target })
    }

    /// For the pipes; waiting and killing go through this type.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for the end, or until the deadline (`None`).
    pub fn wait_until(&mut self, deadline: Option<Instant>) -> io::Result<Option<ExitStatus>> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(None);
            }
            thread::sleep(POLL);
        }
    }

    /// Ends the child. Nothing here has anything to put in order first: what it may have done
    /// to the terminal is undone by [`terminal`].
    pub fn stop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.target.kill();
            let _ = self.child.wait();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
        RUNNING
            .lock()
            .unwrap()
            .retain(|other| *other != self.target);
    }
}

/// The status a shell would show.
pub fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// From now on Ctrl-C is the child's business alone (a debugger stops its program with it).
pub fn leave_interrupts_to_the_child() {
    IGNORE_INTERRUPT.store(true, Ordering::Relaxed);
}

/// Starts the thread that ends all children, restores the terminal and exits on a signal.
pub fn handle_signals() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::spawn(move || {
        for signal in signals.forever() {
            if signal == SIGINT && IGNORE_INTERRUPT.load(Ordering::Relaxed) {
                continue;
            }
            // Not unlocked before the end: no child starts any more.
            let running = RUNNING.lock().unwrap();
            running.iter().for_each(|target| target.kill());
            terminal::restore();
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_ended_whole() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 100 & sleep 100"]);
        let started = Instant::now();
        let mut process = Process::spawn(&mut command, Group::Own).unwrap();
        let soon = Some(Instant::now() + Duration::from_millis(50));
        assert!(process.wait_until(soon).unwrap().is_none());
        process.stop();
        assert!(started.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn signals_become_the_codes_of_a_shell() {
        assert_eq!(exit_code(ExitStatus::from_raw(3 << 8)), 3);
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 137);
    }
}

//! A program under test: started, talked to, watched, and ended when its time is up.

use std::{
    io::{Read, Write},
    process::{Command, Stdio},
    sync::{Arc, Condvar, Mutex, mpsc},
    thread,
    time::Duration,
};

use super::limit::Limit;
use crate::{
    error::{Context, Result},
    process::{self, Group, Process},
};

/// More than any test has to say; a program that prints without end is stopped here.
const MOST_OUTPUT: usize = 16 << 20;

/// How many of the last lines a report shows.
const LAST_LINES: usize = 30;

/// Something to do while the program runs, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Wait until it has printed this, after what the last wait found.
    Wait(String),
    Send(Vec<u8>),
    /// End the program.
    Stop,
}

/// How the program came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Exited(u8),
    /// Stopped, as the last step asked for.
    Stopped,
    /// Stopped after this time, because it was up; it may have been waited for to print this.
    TimedOut {
        after: Duration,
        waiting_for: Option<String>,
    },
    /// It ended before it printed what was waited for.
    Missed {
        waiting_for: String,
        code: u8,
    },
    TooMuchOutput,
}

pub struct Outcome {
    pub end: End,
    /// Standard output: of an emulator, what the kernel printed.
    pub output: Vec<u8>,
    /// Standard error: of an emulator, its own complaints.
    pub errors: Vec<u8>,
}

impl Outcome {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).replace('\r', "")
    }

    /// The end in words, and the last lines that were printed.
    pub fn report(&self) -> String {
        let end = match &self.end {
            End::Exited(code) => format!("ended with status {code}"),
            End::Stopped => "was stopped".into(),
            End::TimedOut {
                after,
                waiting_for: None,
            } => {
                format!("hung: still running after {} s", after.as_secs())
            }
            End::TimedOut {
                after,
                waiting_for: Some(text),
            } => {
                format!("hung: did not print {text:?} within {} s", after.as_secs())
            }
            End::Missed { waiting_for, code } => {
                format!("ended with status {code} before it printed {waiting_for:?}")
            }
            End::TooMuchOutput => format!("printed more than {} MiB", MOST_OUTPUT >> 20),
        };
        format!("{end}\n{}", self.last_lines())
    }

    pub fn last_lines(&self) -> String {
        let text = self.text() + &String::from_utf8_lossy(&self.errors);
        let lines: Vec<_> = text.lines().collect();
        if lines.is_empty() {
            return "(it printed nothing)".into();
        }
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        format!("last lines:\n{}", last.join("\n"))
    }
}

/// What a program prints, as it arrives.
#[derive(Default)]
struct Stream {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    ended: bool,
}

impl Stream {
    /// Reads on a thread of its own, and goes on reading when nobody needs any more of it.
    fn read(mut pipe: impl Read + Send + 'static) -> Arc<Self> {
        let stream = Arc::new(Self::default());
        let filled = Arc::clone(&stream);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                let mut state = filled.state.lock().unwrap();
                if state.bytes.len() <= MOST_OUTPUT {
                    state.bytes.extend(&buffer[..count]);
                }
                filled.changed.notify_all();
            }
            filled.state.lock().unwrap().ended = true;
            filled.changed.notify_all();
        });
        stream
    }

    /// Waits for an answer of `look`, which gets the bytes and whether they are all.
    fn wait<T>(&self, limit: Limit, mut look: impl FnMut(&[u8], bool) -> Option<T>) -> Option<T> {
        let mut state = self.state.lock().unwrap();
        loop {
            if let Some(answer) = look(&state.bytes, state.ended) {
                return Some(answer);
            }
            state = self.changed.wait_timeout(state, limit.left()?).unwrap().0;
        }
    }

    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.state.lock().unwrap().bytes)
    }
}

/// Why the steps did not all come to pass.
enum Stop {
    AsAsked,
    TooMuchOutput,
    TimedOut(Option<String>),
    Missed(String),
}

/// Runs a program through the steps and to its end.
pub fn run(mut command: Command, steps: &[Step], limit: Duration) -> Result<Outcome> {
    let program = command.get_program().to_owned();
    if !steps.is_empty() {
        command.stdin(Stdio::piped());
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = Process::spawn(&mut command, Group::Own).cannot("start", &program)?;
    let clock = Limit::starting_now(limit);
    let child = process.child();
    let output = child.stdout.take().map(Stream::read).unwrap_or_default();
    let errors = child.stderr.take().map(Stream::read).unwrap_or_default();
    let (sender, sent) = mpsc::channel::<Vec<u8>>();
    if let Some(mut stdin) = child.stdin.take() {
        // On its own thread, since a program that does not read blocks who writes to it.
        thread::spawn(move || {
            while let Ok(bytes) = sent.recv()
                && stdin.write_all(&bytes).and_then(|()| stdin.flush()).is_ok()
            {}
        });
    }
    let stop = follow(steps, &output, &sender, clock);
    let after = clock.elapsed();
    if stop.is_some() {
        process.stop();
    }
    let status = process.wait_until(None).cannot("wait for", &program)?;
    let code = status.map_or(1, process::exit_code);
    let end = match stop {
        None => End::Exited(code),
        Some(Stop::AsAsked) => End::Stopped,
        Some(Stop::TooMuchOutput) => End::TooMuchOutput,
        Some(Stop::TimedOut(waiting_for)) => End::TimedOut { after, waiting_for },
        Some(Stop::Missed(waiting_for)) => End::Missed { waiting_for, code },
    };
    // A grandchild could keep the pipe open; a second is plenty for what is on its way.
    errors.wait(Limit::starting_now(Duration::from_secs(1)), |_, ended| {
        ended.then_some(())
    });
    Ok(Outcome {
        end,
        output: output.take(),
        errors: errors.take(),
    })
}

/// Goes through the steps and then waits for the end of the output; `None`: it ended so.
fn follow(
    steps: &[Step],
    output: &Stream,
    sender: &mpsc::Sender<Vec<u8>>,
    clock: Limit,
) -> Option<Stop> {
    let mut seen = 0;
    for step in steps {
        match step {
            Step::Send(bytes) => {
                // Fails only when the program has ended, which the next wait will find.
                let _ = sender.send(bytes.clone());
            }
            Step::Wait(text) => {
                // Each byte is looked at once, however small the pieces are that they come in.
                let mut from = seen;
                let found = output.wait(clock, |bytes, ended| {
                    if let Some(at) = find(&bytes[from..], text) {
                        return Some(Ok(from + at + text.len()));
                    }
                    from = (bytes.len() + 1).saturating_sub(text.len()).max(from);
                    if ended {
                        return Some(Err(Stop::Missed(text.clone())));
                    }
                    (bytes.len() > MOST_OUTPUT).then_some(Err(Stop::TooMuchOutput))
                });
                match found {
                    Some(Ok(end)) => seen = end,
                    Some(Err(stop)) => return Some(stop),
                    None => return Some(Stop::TimedOut(Some(text.clone()))),
                }
            }
            Step::Stop => return Some(Stop::AsAsked),
        }
    }
    let ended = output.wait(clock, |bytes, ended| match ended {
        true => Some(None),
        false => (bytes.len() > MOST_OUTPUT).then_some(Some(Stop::TooMuchOutput)),
    });
    ended.unwrap_or(Some(Stop::TimedOut(None)))
}

fn find(bytes: &[u8], text: &str) -> Option<usize> {
    bytes
        .windows(text.len().max(1))
        .position(|window| window == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, steps: &[Step], limit: Duration) -> Outcome {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run(command, steps, limit).unwrap()
    }

    const LONG: Duration = Duration::from_secs(60);

    fn wait(text: &str) -> Step {
        Step::Wait(text.into())
    }

    #[test]
    fn a_dialogue_is_followed() {
        let script = "echo ready; read line; echo \"got $line\"; exit 7";
        let outcome = shell(
            script,
            &[
                wait("ready"),
                Step::Send(b"hello\n".into()),
                wait("got hello"),
            ],
            LONG,
        );
        assert_eq!(outcome.end, End::Exited(7));
        assert_eq!(outcome.text(), "ready\ngot hello\n");
    }

    #[test]
    fn a_hang_is_ended_and_its_last_lines_are_kept() {
        let outcome = shell("echo before; sleep 100", &[], Duration::from_millis(1500));
        assert!(matches!(
            outcome.end,
            End::TimedOut {
                waiting_for: None,
                ..
            }
        ));
        assert!(outcome.report().contains("hung") && outcome.report().contains("before"));
    }

    #[test]
    fn a_wait_that_is_missed_says_what_for() {
        let outcome = shell("echo one; exit 3", &[wait("two")], LONG);
        assert_eq!(
            outcome.end,
            End::Missed {
                waiting_for: "two".into(),
                code: 3
            }
        );
        let outcome = shell(
            "echo one two; sleep 100",
            &[wait("two"), wait("one")],
            Duration::from_millis(1500),
        );
        assert!(matches!(
            outcome.end,
            End::TimedOut {
                waiting_for: Some(_),
                ..
            }
        ));
    }

    #[test]
    fn a_program_may_be_stopped_on_purpose() {
        let outcome = shell("echo up; sleep 100", &[wait("up"), Step::Stop], LONG);
        assert_eq!(outcome.end, End::Stopped);
    }

    #[test]
    fn a_program_that_does_not_read_holds_nothing_up() {
        let flood = Step::Send(vec![b'x'; 1 << 20]);
        let outcome = shell("echo up; exit 0", &[flood, wait("up")], LONG);
        assert_eq!(outcome.end, End::Exited(0));
    }

    #[test]
    fn endless_output_is_ended() {
        let outcome = shell("exec yes", &[], LONG);
        assert_eq!(outcome.end, End::TooMuchOutput);
    }
}

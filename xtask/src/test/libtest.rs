//! Runs test binaries through cargo and reads what Rust's test harness prints.

use std::{
    io::{self, BufRead, BufReader},
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use super::Tally;
use crate::{
    error::{Context, Result},
    process::{Group, Process},
};

/// A run that prints nothing for this long hangs. A compiler that works prints less often
/// than a test does, and neither is ever silent for so long, even on a busy machine.
const SILENCE: Duration = Duration::from_secs(900);

/// Runs a `cargo test`, shows what is worth showing, and counts. The names of what fails
/// begin with `kind`.
pub fn run(kind: &str, mut command: Command, tally: &mut Tally) -> Result<()> {
    let what = format!("{kind} tests");
    // One pipe for both, so that the harness's lines stay below the header that cargo prints.
    let (reader, writer) = io::pipe().cannot("make", "a pipe")?;
    command.stdin(Stdio::null());
    command
        .stdout(writer.try_clone().cannot("make", "a pipe")?)
        .stderr(writer);
    let mut process = Process::spawn(&mut command, Group::Own).cannot("start", &what)?;
    drop(command); // with its ends of the pipe
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        // What a test prints may be any bytes.
        for line in BufReader::new(reader)
            .split(b'\n')
            .map_while(io::Result::ok)
        {
            if sender
                .send(String::from_utf8_lossy(&line).into_owned())
                .is_err()
            {
                break;
            }
        }
    });
    let mut output = Output::new(kind);
    let hung = loop {
        match lines.recv_timeout(SILENCE) {
            Ok(line) => {
                if output.read(&line) {
                    println!("{line}");
                }
            }
            Err(RecvTimeoutError::Disconnected) => break false,
            Err(RecvTimeoutError::Timeout) => break true,
        }
    };
    if hung {
        println!(
            "{what}: nothing was printed for {} s; ended",
            SILENCE.as_secs()
        );
        process.stop();
    }
    let status = process.wait_until(None).cannot("wait for", &what)?;
    output.finish(
        !hung && status.is_some_and(|status| status.success()),
        tally,
    );
    Ok(())
}

/// What has been understood of the output so far.
struct Output {
    kind: String,
    passed: usize,
    failed: usize,
    ignored: usize,
    names: Vec<String>,
    /// The binary that is running, and whether its result has been seen.
    current: Option<(String, bool)>,
}

impl Output {
    fn new(kind: &str) -> Self {
        let kind = kind.to_owned();
        Self {
            kind,
            passed: 0,
            failed: 0,
            ignored: 0,
            names: Vec::new(),
            current: None,
        }
    }

    /// Takes in a line; whether a person wants to see it.
    fn read(&mut self, line: &str) -> bool {
        let text = line.trim();
        if let Some(binary) = header(text) {
            self.end_of_binary();
            self.current = Some((binary, false));
            return true;
        }
        if let Some(result) = text.strip_prefix("test result: ") {
            let count = |word: &str| {
                let part = result
                    .split([';', '.'])
                    .find(|part| part.trim().ends_with(word));
                part.and_then(|part| part.trim().split(' ').next()?.parse().ok())
                    .unwrap_or(0)
            };
            self.passed += count(" passed");
            self.failed += count(" failed");
            self.ignored += count(" ignored");
            if let Some((_, seen)) = &mut self.current {
                *seen = true;
            }
            return true;
        }
        let Some(test) = text.strip_prefix("test ") else {
            return !text.is_empty() && !text.starts_with("running ");
        };
        if let Some(name) = test.strip_suffix(" ... FAILED") {
            let binary = self.current.as_ref().map_or("", |(binary, _)| binary);
            self.names.push(format!("{}::{binary}::{name}", self.kind));
        }
        !(test.ends_with(" ... ok") || test.contains(" ... ignored"))
    }

    /// A binary that ended without a result was aborted, or ended itself.
    fn end_of_binary(&mut self) {
        if let Some((binary, false)) = self.current.take() {
            self.failed += 1;
            self.names.push(format!(
                "{}::{binary} (ended before its tests did)",
                self.kind
            ));
        }
    }

    fn finish(mut self, succeeded: bool, tally: &mut Tally) {
        if !succeeded {
            self.end_of_binary();
            if self.failed == 0 {
                self.names
                    .push(format!("{} (did not build or run)", self.kind));
            }
        }
        tally.add_passed(self.passed);
        tally.add_skipped(self.ignored);
        // A harness may count failures without naming them in the usual way.
        while self.names.len() < self.failed {
            self.names.push(format!("{} (not named)", self.kind));
        }
        self.names.into_iter().for_each(|name| tally.fail(name));
    }
}

/// The binary that a line of cargo announces: `Running tests/a.rs (target/debug/deps/a-0f)`,
/// `Doc-tests layercake_sync`.
fn header(text: &str) -> Option<String> {
    if let Some(krate) = text.strip_prefix("Doc-tests ") {
        return Some(format!("{krate} (docs)"));
    }
    let path = text
        .strip_prefix("Running ")?
        .strip_suffix(')')?
        .rsplit_once('(')?
        .1;
    let file = path.rsplit('/').next()?;
    Some(
        file.rsplit_once('-')
            .map_or(file, |(name, _hash)| name)
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(text: &str, succeeded: bool) -> Tally {
        let mut output = Output::new("host");
        text.lines().for_each(|line| {
            output.read(line);
        });
        let mut tally = Tally::default();
        output.finish(succeeded, &mut tally);
        tally
    }

    const GOOD: &str = "   Compiling a v0.1.0\n     Running unittests src/lib.rs (target/debug/deps/a-0f)\n\n\
        running 2 tests\ntest x::works ... ok\ntest y ... ignored\n\n\
        test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
        \x20  Doc-tests a\n\nrunning 1 test\ntest src/lib.rs - (line 3) ... ok\n\n\
        test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s\n";

    #[test]
    fn results_are_summed() {
        assert_eq!(
            tally(GOOD, true).summary(),
            "\n2 passed, 0 failed, 1 skipped\n"
        );
    }

    #[test]
    fn failures_are_named_with_their_crate() {
        let text = "     Running tests/t.rs (target/debug/deps/t-1a)\ntest x ... FAILED\n\
                    test result: FAILED. 4 passed; 1 failed; 0 ignored; 0 measured\n\
                    error: 1 target failed:\n";
        assert_eq!(
            tally(text, false).summary(),
            "\nFAILED  host::t::x\n4 passed, 1 failed\n"
        );
    }

    #[test]
    fn an_aborted_binary_is_a_failure() {
        let text =
            format!("     Running tests/t.rs (target/debug/deps/t-1a)\nrunning 3 tests\n{GOOD}");
        let summary = tally(&text, false).summary();
        assert!(
            summary.contains("FAILED  host::t (ended before"),
            "{summary}"
        );
        assert!(
            summary.ends_with("2 passed, 1 failed, 1 skipped\n"),
            "{summary}"
        );
    }

    #[test]
    fn a_build_that_fails_is_a_failure() {
        let summary = tally(
            "   Compiling a v0.1.0\nerror[E0308]: mismatched types\n",
            false,
        )
        .summary();
        assert!(summary.ends_with("0 passed, 1 failed\n"), "{summary}");
    }

    #[test]
    fn only_what_matters_is_shown() {
        let mut output = Output::new("host");
        assert!(!output.read("test x ... ok"));
        assert!(!output.read(""));
        assert!(!output.read("running 3 tests"));
        assert!(output.read("test x ... FAILED"));
        assert!(output.read("test x has been running for over 60 seconds"));
        assert!(output.read("thread 'x' panicked at src/lib.rs:1:1:"));
    }
}

//! Runs tests a few at a time and reports each as it ends.

use std::{collections::VecDeque, sync::Mutex, thread, time::Instant};

use super::Tally;

/// How a test went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    /// With what a person needs to see.
    Fail(String),
}

/// Runs `run` on every test, `jobs` at a time; it gives the test's name and its verdict.
pub fn run<T: Send>(
    tests: Vec<T>,
    jobs: usize,
    run: impl Fn(T) -> (String, Verdict) + Sync,
    tally: &mut Tally,
) {
    let waiting = Mutex::new(VecDeque::from(tests));
    let tally = Mutex::new(tally);
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                // Bound first, so that the lock is not held while the test runs.
                let next = || waiting.lock().unwrap().pop_front();
                while let Some(test) = next() {
                    let start = Instant::now();
                    let (name, verdict) = run(test);
                    let seconds = start.elapsed().as_secs_f64();
                    let mut tally = tally.lock().unwrap();
                    match verdict {
                        Verdict::Pass => {
                            println!("{name} ... ok ({seconds:.1} s)");
                            tally.pass();
                        }
                        Verdict::Fail(report) => {
                            println!("{name} ... FAILED ({seconds:.1} s)\n{}", indent(&report));
                            tally.fail(name);
                        }
                    }
                }
            });
        }
    });
}

fn indent(text: &str) -> String {
    text.trim_end()
        .lines()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_is_run_once() {
        let mut tally = Tally::default();
        let verdict = |n: u32| match n {
            3 => Verdict::Fail("broken\n\nlast".into()),
            _ => Verdict::Pass,
        };
        run(
            (0..10).collect(),
            3,
            |n| (format!("t{n}"), verdict(n)),
            &mut tally,
        );
        assert_eq!(tally.summary(), "\nFAILED  t3\n9 passed, 1 failed\n");
    }

    #[test]
    fn reports_are_set_off() {
        assert_eq!(indent("a\nb\n"), "    a\n    b");
    }
}

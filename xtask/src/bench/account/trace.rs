//! QEMU's log of what was executed, one instruction a line, and the readings of the meter in it.
//!
//! A reading is what lies between two calls of the meter: `begin` and `end`, or two of `lap`. The
//! meter takes off what its own calls cost, and so does [`Reading::own`].

use std::ops::Range;

/// One executed instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub core: u32,
    pub pc: u64,
}

/// Where the meter's functions are.
#[derive(Clone, Debug)]
pub struct Meter {
    pub begin: Range<u64>,
    pub end: Range<u64>,
    pub lap: Range<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Begin,
    End,
    Lap,
}

impl Meter {
    fn call_at(&self, pc: u64) -> Option<Call> {
        let calls = [
            (&self.begin, Call::Begin),
            (&self.end, Call::End),
            (&self.lap, Call::Lap),
        ];
        let found = calls.into_iter().find(|(range, _)| range.contains(&pc));
        found.map(|(_, call)| call)
    }
}

/// What was executed between two calls of the meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    steps: Vec<Step>,
    is_lap: bool,
}

impl Reading {
    /// The instructions that the figure counts: without the call of the meter behind them, and
    /// without the branch on what `lap` returned before them.
    pub fn own(&self) -> &[Step] {
        let first = usize::from(self.is_lap).min(self.steps.len());
        let last = self.steps.len().saturating_sub(1).max(first);
        &self.steps[first..last]
    }
}

/// Takes the log line by line.
pub struct Log {
    meter: Meter,
    /// Known only with the next line: an instruction may have been put off.
    latest: Option<Step>,
    inside: Option<Call>,
    /// By which call the reading began that is going on.
    open: Option<Call>,
    steps: Vec<Step>,
    pub readings: Vec<Reading>,
}

impl Log {
    pub fn new(meter: Meter) -> Self {
        Self {
            meter,
            latest: None,
            inside: None,
            open: None,
            steps: Vec::new(),
            readings: Vec::new(),
        }
    }

    /// Lines that name no instruction are passed over.
    pub fn line(&mut self, line: &str) {
        if let Some(step) = step(line) {
            if let Some(before) = self.latest.replace(step) {
                self.take(before);
            }
        } else if let Some(pc) = put_off(line) {
            // An interrupt, or a timer that has to be looked at, came first.
            self.latest = self.latest.filter(|latest| latest.pc != pc);
        }
    }

    fn take(&mut self, step: Step) {
        let call = self.meter.call_at(step.pc);
        if let Some(call) = call {
            if self.inside != Some(call) {
                self.close(call);
            }
        } else {
            match self.inside {
                Some(Call::End) => self.open = None,
                Some(begun) => {
                    self.open = Some(begun);
                    self.steps.clear();
                }
                None => {}
            }
            if self.open.is_some() {
                self.steps.push(step);
            }
        }
        self.inside = call;
    }

    fn close(&mut self, by: Call) {
        let is_lap = by == Call::Lap;
        let matches = match self.open.take() {
            Some(Call::Begin) => by == Call::End,
            Some(Call::Lap) => is_lap,
            _ => false,
        };
        if matches {
            let steps = std::mem::take(&mut self.steps);
            self.readings.push(Reading { steps, is_lap });
        }
    }
}

/// `Trace 0: 0x7f84f8000100 [00004000/0000000000086bdc/00000121/ff022e01]`: the core, and the
/// address in the second place within the brackets.
fn step(line: &str) -> Option<Step> {
    let (core, rest) = line.strip_prefix("Trace ")?.split_once(':')?;
    let (_, within) = rest.split_once('[')?;
    Some(Step {
        core: core.parse().ok()?,
        pc: u64::from_str_radix(within.split('/').nth(1)?, 16).ok()?,
    })
}

/// `Stopped execution of TB chain before 0x7f84f8000100 [0000000000086bdc]`.
fn put_off(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("Stopped execution of TB chain before ")?;
    let (_, within) = rest.split_once('[')?;
    u64::from_str_radix(within.split(']').next()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter() -> Meter {
        Meter {
            begin: 0x100..0x110,
            end: 0x200..0x210,
            lap: 0x300..0x310,
        }
    }

    fn trace(pcs: &[u64]) -> Vec<Vec<u64>> {
        let mut log = Log::new(meter());
        for pc in pcs {
            log.line(&format!(
                "Trace 0: 0x7f00 [00004000/{pc:016x}/00000121/ff022201] "
            ));
        }
        let own = |reading: &Reading| reading.own().iter().map(|step| step.pc).collect();
        log.readings.iter().map(own).collect()
    }

    #[test]
    fn a_reading_is_between_begin_and_end_without_the_call() {
        // 0x1c is the call of `end`; what follows until the next `begin` is nobody's.
        let pcs = [
            0x10, 0x100, 0x104, 0x14, 0x18, 0x1c, 0x200, 0x204, 0x20, 0x24, 0x100, 0x14, 0x1c,
            0x200, 0x20,
        ];
        assert_eq!(trace(&pcs), [vec![0x14, 0x18], vec![0x14]]);
    }

    #[test]
    fn a_lap_is_without_the_call_and_the_test_of_the_outcome() {
        let pcs = [
            0x300, 0x304, 0x10, 0x14, 0x18, 0x1c, 0x300, 0x304, 0x10, 0x1c, 0x300, 0x10,
        ];
        assert_eq!(trace(&pcs), [vec![0x14, 0x18], vec![]]);
    }

    #[test]
    fn an_end_without_a_begin_is_no_reading() {
        assert!(trace(&[0x10, 0x200, 0x10, 0x200, 0x10]).is_empty());
        assert!(trace(&[0x100, 0x10, 0x300, 0x10, 0x200]).is_empty());
    }

    #[test]
    fn what_was_put_off_is_not_counted_twice() {
        let mut log = Log::new(meter());
        for line in [
            "Trace 0: 0x1 [0/0000000000000100/0/0] ",
            "Trace 0: 0x1 [0/0000000000000014/0/0] ",
            "Stopped execution of TB chain before 0x1 [0000000000000014] ",
            "Taking exception 5 [IRQ] on CPU 0",
            "Trace 1: 0x1 [0/0000000000000a80/0/0] ",
            "Trace 0: 0x1 [0/0000000000000014/0/0] ",
            "Trace 0: 0x1 [0/000000000000001c/0/0] ",
            "Trace 0: 0x1 [0/0000000000000200/0/0] ",
            "Trace 0: 0x1 [0/0000000000000204/0/0] ",
        ] {
            log.line(line);
        }
        let own: Vec<_> = log.readings[0]
            .own()
            .iter()
            .map(|s| (s.core, s.pc))
            .collect();
        assert_eq!(own, [(1, 0xa80), (0, 0x14)]);
    }

    #[test]
    fn a_recorded_log_has_its_readings() {
        // Three turns of sem.uncontended, as QEMU wrote them.
        let meter = Meter {
            begin: 0x907d4..0x907f4,
            end: 0x90648..0x906ec,
            lap: 0x906ec..0x907d4,
        };
        let mut log = Log::new(meter);
        include_str!("sample.log")
            .lines()
            .for_each(|line| log.line(line));
        let counts: Vec<_> = log.readings.iter().map(|one| one.own().len()).collect();
        assert_eq!(counts, [19, 19, 19]);
        let first = log.readings[0].own();
        assert_eq!((first[0].pc, first[18].pc), (0x928b4, 0x92910));
    }
}

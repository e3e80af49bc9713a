//! The description of a load: what its keys are, and what they may be.
//!
//! What belongs here: reading, and saying on which line what is wrong. What does not: running it.

use std::ops::Range;

use layercake_sched::{CpuSet, Nice, Priority, Realtime, SLICE_MAX};
use layercake_sim::Plan;
use toml_edit::{Document, Item, Table, Value};

use crate::{
    config::nearest::nearest,
    error::{Error, Result},
};

/// The most threads of one load: with more, nobody sees anything in the report.
const THREADS_MAX: usize = 1024;
/// The longest that a load may run, ns: an hour.
const DURATION_MAX: u64 = 3_600_000_000_000;

/// A load. Times are ns.
#[derive(Debug)]
pub struct Load {
    pub cores: usize,
    pub duration: u64,
    pub slice: u64,
    pub lateness: u64,
    pub threads: Vec<Thread>,
}

/// A thread of a load.
#[derive(Debug)]
pub struct Thread {
    pub name: String,
    pub priority: Priority,
    pub affinity: CpuSet,
    pub start: u64,
    pub plan: Plan,
}

/// Reads a load. `name` is what errors call the file.
pub fn parse(name: &str, text: &str) -> Result<Load> {
    let source = Source { name, text };
    let document = Document::parse(text).map_err(|error| {
        let message = error
            .message()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        source.error(error.span(), message)
    })?;
    let top = Section {
        source: &source,
        table: document.as_table(),
    };
    top.only(&["cores", "duration", "slice", "lateness", "thread"])?;
    let cores = top.whole("cores", 1, CpuSet::CAPACITY as i64)?;
    let cores = cores.unwrap_or(4) as usize;
    let mut load = Load {
        cores,
        duration: top
            .time("duration", 1, DURATION_MAX)?
            .unwrap_or(1_000_000_000),
        slice: top.time("slice", 1_000, SLICE_MAX)?.unwrap_or(10_000_000),
        lateness: top.time("lateness", 0, SLICE_MAX)?.unwrap_or(0),
        threads: Vec::new(),
    };
    let threads = match document.get("thread") {
        Some(Item::ArrayOfTables(threads)) => threads,
        Some(other) => {
            let what = "`thread` must be written [[thread]], once for each thread";
            return Err(source.error(other.span(), what));
        }
        None => {
            let what = "there is no thread; add one with [[thread]]";
            return Err(source.error(None, what));
        }
    };
    for table in threads {
        let section = Section {
            source: &source,
            table,
        };
        section.threads(&mut load)?;
    }
    Ok(load)
}

/// The file, for errors.
struct Source<'a> {
    name: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn error(&self, at: Option<Range<usize>>, what: impl AsRef<str>) -> Error {
        let at = at.map_or(0, |span| span.start).min(self.text.len());
        let line = 1 + self.text[..at].matches('\n').count();
        Error::new(format!("{}, line {line}: {}", self.name, what.as_ref()))
    }
}

/// A table of the file.
struct Section<'a> {
    source: &'a Source<'a>,
    table: &'a Table,
}

const THREAD_KEYS: [&str; 10] = [
    "name",
    "count",
    "class",
    "nice",
    "priority",
    "affinity",
    "start",
    "behaviour",
    "run",
    "sleep",
];
/// Also a key of a thread; apart, as `random` alone has it.
const SEED: &str = "seed";

impl Section<'_> {
    /// Refuses keys that are not `known`.
    fn only(&self, known: &[&str]) -> Result<()> {
        for (key, item) in self.table {
            if known.contains(&key) {
                continue;
            }
            let meant = match nearest(key, known) {
                Some(near) => format!("; did you mean `{near}`?"),
                None => format!("; the keys here are {}", known.join(", ")),
            };
            return Err(self.wrong(key, item, format!("there is no key `{key}`{meant}")));
        }
        Ok(())
    }

    fn wrong(&self, key: &str, item: &Item, what: impl AsRef<str>) -> Error {
        let key = self.table.key(key).and_then(|key| key.span());
        self.source.error(key.or_else(|| item.span()), what)
    }

    fn value(&self, key: &str) -> Option<(&Item, Option<&Value>)> {
        self.table.get(key).map(|item| (item, item.as_value()))
    }

    /// A whole number from `least` to `most`.
    fn whole(&self, key: &str, least: i64, most: i64) -> Result<Option<i64>> {
        let Some((item, value)) = self.value(key) else {
            return Ok(None);
        };
        let number = value.and_then(Value::as_integer);
        match number.filter(|n| (least..=most).contains(n)) {
            Some(number) => Ok(Some(number)),
            None => {
                let what = format!("`{key}` must be a whole number from {least} to {most}");
                Err(self.wrong(key, item, what))
            }
        }
    }

    /// A time such as "10 ms", in ns.
    fn time(&self, key: &str, least: u64, most: u64) -> Result<Option<u64>> {
        let Some((item, value)) = self.value(key) else {
            return Ok(None);
        };
        let time = value.and_then(Value::as_str).and_then(nanoseconds);
        match time.filter(|t| (least..=most).contains(t)) {
            Some(time) => Ok(Some(time)),
            None => {
                let what = format!(
                    "`{key}` must be a time from {} to {} with its unit, such as \"10 ms\"",
                    Span(least),
                    Span(most)
                );
                Err(self.wrong(key, item, what))
            }
        }
    }

    /// One of a few words.
    fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Result<T> {
        let Some((item, value)) = self.value(key) else {
            return Ok(words[0].1);
        };
        let word = value.and_then(Value::as_str);
        match words.iter().find(|(known, _)| Some(*known) == word) {
            Some((_, meaning)) => Ok(*meaning),
            None => {
                let known: Vec<_> = words
                    .iter()
                    .map(|(word, _)| format!("\"{word}\""))
                    .collect();
                let what = format!("`{key}` must be one of {}", known.join(", "));
                Err(self.wrong(key, item, what))
            }
        }
    }

    /// That `key` is there, or is not.
    fn must(&self, key: &str, there: bool, with: &str) -> Result<()> {
        match (self.table.get(key), there) {
            (Some(item), false) => {
                let what = format!("`{key}` means nothing for {with}; leave it out");
                Err(self.wrong(key, item, what))
            }
            (None, true) => {
                let what = format!("this thread needs `{key}`, as it is {with}");
                Err(self.source.error(self.table.span(), what))
            }
            _ => Ok(()),
        }
    }

    /// The threads that one table `thread` describes.
    fn threads(&self, load: &mut Load) -> Result<()> {
        let known: Vec<_> = THREAD_KEYS.into_iter().chain([SEED]).collect();
        self.only(&known)?;
        let count = self.whole("count", 1, THREADS_MAX as i64)?.unwrap_or(1) as usize;
        if load.threads.len() + count > THREADS_MAX {
            let what = format!("a load has {THREADS_MAX} threads at most");
            return Err(self.source.error(self.table.span(), what));
        }
        let priority = self.priority()?;
        let affinity = self.affinity(load.cores)?;
        let start = self.time("start", 0, load.duration)?.unwrap_or(0);
        let name = self.name(load.threads.len())?;
        for of_these in 0..count {
            let plan = self.plan(load.threads.len() as u64)?;
            let name = match count {
                1 => name.clone(),
                _ => format!("{name}/{of_these}"),
            };
            load.threads.push(Thread {
                name,
                priority,
                affinity,
                start,
                plan,
            });
        }
        Ok(())
    }

    fn name(&self, number: usize) -> Result<String> {
        let Some((item, value)) = self.value("name") else {
            return Ok(format!("thread-{number}"));
        };
        let name = value.and_then(Value::as_str).unwrap_or_default();
        if name.is_empty() || name.chars().count() > 16 || name.chars().any(char::is_control) {
            let what = "`name` must be a text of 1 to 16 letters";
            return Err(self.wrong("name", item, what));
        }
        Ok(name.to_owned())
    }

    fn priority(&self) -> Result<Priority> {
        #[derive(Clone, Copy, PartialEq, Eq)]
        enum Class {
            Fair,
            Fifo,
            RoundRobin,
            Idle,
        }
        let class = self.word(
            "class",
            &[
                ("fair", Class::Fair),
                ("fifo", Class::Fifo),
                ("rr", Class::RoundRobin),
                ("idle", Class::Idle),
            ],
        )?;
        let real_time = matches!(class, Class::Fifo | Class::RoundRobin);
        let nice = self.whole("nice", Nice::MIN.into(), Nice::MAX.into())?;
        let priority = self.whole("priority", 0, Realtime::MAX.into())?;
        if class != Class::Fair {
            self.must("nice", false, "a thread that is not of the fair class")?;
        }
        self.must("priority", real_time, "of a real-time class")
            .map_err(|error| match real_time {
                true => error,
                false => {
                    let item = &self.table["priority"];
                    let what = "`priority` is for \"fifo\" and \"rr\"; of a fair thread say `nice`";
                    self.wrong("priority", item, what)
                }
            })?;
        let priority = priority.unwrap_or(0) as u8;
        Ok(match class {
            Class::Fair => Priority::fair(nice.unwrap_or(0) as i8),
            Class::Fifo => Priority::fifo(priority),
            Class::RoundRobin => Priority::round_robin(priority),
            Class::Idle => Priority::Idle,
        })
    }

    fn affinity(&self, cores: usize) -> Result<CpuSet> {
        let Some((item, value)) = self.value("affinity") else {
            return Ok(CpuSet::ALL);
        };
        let listed = value.and_then(Value::as_array).and_then(|list| {
            let core = |v: &Value| {
                let core = usize::try_from(v.as_integer()?).ok()?;
                (core < cores).then_some(core)
            };
            list.iter().map(core).collect::<Option<CpuSet>>()
        });
        match listed.filter(|set| !set.is_empty()) {
            Some(set) => Ok(set),
            None => {
                let what = format!(
                    "`affinity` must be a list of cores from 0 to {}, such as [0]",
                    cores - 1
                );
                Err(self.wrong("affinity", item, what))
            }
        }
    }

    /// What the thread does; `number` is its seed unless it has one.
    fn plan(&self, number: u64) -> Result<Plan> {
        #[derive(Clone, Copy, PartialEq, Eq)]
        enum Behaviour {
            Busy,
            Cycle,
            Yield,
            Random,
        }
        use Behaviour::{Busy, Cycle, Random, Yield};
        let words = [
            ("busy", Busy),
            ("cycle", Cycle),
            ("yield", Yield),
            ("random", Random),
        ];
        let behaviour = self.word("behaviour", &words)?;
        let name = words.iter().find(|(_, b)| *b == behaviour).map(|(n, _)| *n);
        let with = format!("\"{}\"", name.unwrap_or_default());
        let sleeps = matches!(behaviour, Cycle | Random);
        self.must("run", behaviour != Busy, &with)?;
        self.must("sleep", sleeps, &with)?;
        if behaviour != Random {
            self.must(SEED, false, &with)?;
        }
        let run = self.time("run", 1_000, DURATION_MAX)?.unwrap_or(0);
        let sleep = self.time("sleep", 1_000, DURATION_MAX)?.unwrap_or(0);
        let seed = self.whole(SEED, 0, i64::MAX)?;
        Ok(match behaviour {
            Busy => Plan::Busy,
            Cycle => Plan::Cycle {
                first: 0,
                run,
                sleep,
            },
            Yield => Plan::Yield { run },
            Random => Plan::Random {
                run,
                sleep,
                // Threads of one description differ; so do the draws of near seeds.
                seed: seed.unwrap_or(0).cast_unsigned().wrapping_mul(1 << 20) ^ number,
            },
        })
    }
}

/// The units of time, in ns.
const UNITS: [(&str, u64); 4] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
];

/// "1.5 ms" in ns.
fn nanoseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(digits);
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
    let ns = number.parse::<f64>().ok()? * *unit as f64;
    (ns < u64::MAX as f64).then_some(ns.round() as u64)
}

/// A time for people, in the largest unit in which it is at least 1, with as many digits as it needs,
/// three at most.
pub struct Span(pub u64);

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fits = |(_, unit): &&(&str, u64)| self.0 >= *unit;
        let (name, unit) = UNITS.iter().rev().find(fits).unwrap_or(&UNITS[0]);
        let text = format!("{:.3}", self.0 as f64 / *unit as f64);
        let text = text.trim_end_matches('0').trim_end_matches('.');
        f.pad(&format!("{text} {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse("a.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn little_has_to_be_said() {
        let load = parse("a.toml", "[[thread]]\n[[thread]]\ncount = 2\nname = \"x\"").unwrap();
        assert_eq!((load.cores, load.threads.len()), (4, 3));
        assert_eq!(load.threads[0].plan, Plan::Busy);
        assert_eq!(load.threads[2].name, "x/1");
    }

    #[test]
    fn all_can_be_said() {
        let load = parse(
            "a.toml",
            "cores = 2 # two\nduration = \"2 s\"\nslice = \"4ms\"\nlateness = \"1.5 us\"\n\
             [[thread]]\nclass = \"rr\"\npriority = 9\naffinity = [1]\nstart = \"5 ms\"\n\
             behaviour = \"cycle\"\nrun = \"1 ms\"\nsleep = \"2 ms\"\n",
        )
        .unwrap();
        assert_eq!((load.slice, load.lateness), (4_000_000, 1_500));
        let thread = &load.threads[0];
        assert_eq!(thread.priority, Priority::round_robin(9));
        assert_eq!(thread.affinity, CpuSet::one(1));
        assert_eq!(thread.start, 5_000_000);
        let plan = Plan::Cycle {
            first: 0,
            run: 1_000_000,
            sleep: 2_000_000,
        };
        assert_eq!(thread.plan, plan);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, wanted) in [
            (
                "cores = 65",
                "a.toml, line 1: `cores` must be a whole number from 1 to 64",
            ),
            (
                "\ncoers = 4",
                "line 2: there is no key `coers`; did you mean `cores`?",
            ),
            (
                "cores = 4",
                "line 1: there is no thread; add one with [[thread]]",
            ),
            ("thread = 4", "line 1: `thread` must be written [[thread]]"),
            ("cores = = 4", "line 1: "),
            (
                "duration = 5",
                "line 1: `duration` must be a time from 1 ns to 3600 s",
            ),
            ("slice = \"1 hour\"", "such as \"10 ms\""),
            (
                "[[thread]]\nclass = \"quick\"",
                "line 2: `class` must be one of \"fair\", \"fifo\"",
            ),
            (
                "[[thread]]\nclass = \"fifo\"",
                "line 1: this thread needs `priority`",
            ),
            (
                "[[thread]]\npriority = 3",
                "line 2: `priority` is for \"fifo\" and \"rr\"",
            ),
            (
                "[[thread]]\nclass = \"idle\"\nnice = 3",
                "line 3: `nice` means nothing",
            ),
            (
                "[[thread]]\nnice = 20",
                "line 2: `nice` must be a whole number from -20 to 19",
            ),
            (
                "cores = 2\n[[thread]]\naffinity = [2]",
                "line 3: `affinity` must be a list of cores from 0 to 1",
            ),
            ("[[thread]]\naffinity = []", "line 2: `affinity`"),
            (
                "[[thread]]\nbehaviour = \"cycle\"\nrun = \"1 ms\"",
                "line 1: this thread needs `sleep`, as it is \"cycle\"",
            ),
            (
                "[[thread]]\nrun = \"1 ms\"",
                "line 2: `run` means nothing for \"busy\"; leave it out",
            ),
            (
                "[[thread]]\nseed = 1",
                "line 2: `seed` means nothing for \"busy\"",
            ),
            ("[[thread]]\nname = \"\"", "line 2: `name` must be"),
            (
                "[[thread]]\ncount = 1024\n[[thread]]",
                "line 3: a load has 1024 threads at most",
            ),
        ] {
            let said = error(text);
            assert!(
                said.contains(wanted),
                "{text:?} gives {said:?}, not {wanted:?}"
            );
            assert!(!said.contains('\n'), "{said:?} is more than a sentence");
        }
    }

    #[test]
    fn times_have_units() {
        assert_eq!(nanoseconds("1.5 ms"), Some(1_500_000));
        assert_eq!(nanoseconds("2s"), Some(2_000_000_000));
        for bad in ["", "5", "ms", "1 hour", "-1 s", "1.2.3 s"] {
            assert_eq!(nanoseconds(bad), None, "{bad}");
        }
        assert_eq!(Span(1_500_000).to_string(), "1.5 ms");
        assert_eq!(Span(0).to_string(), "0 ns");
        assert_eq!(Span(1_234_567_890).to_string(), "1.235 s");
    }
}

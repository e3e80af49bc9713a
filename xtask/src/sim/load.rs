//! The description of a load: what its keys are, and what they may be.
//!
//! What belongs here: reading, and saying on which line what is wrong. What does not: running it.

mod keys;
mod thread;

use layercake_sched::{CpuSet, Priority, SLICE_MAX};
use layercake_sim::Plan;
use toml_edit::{Document, Item};

use crate::error::Result;
use keys::{Section, Source};

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
}

//! The threads of a load: the keys under `[[thread]]`.

use layercake_sched::{CpuSet, Nice, Priority, Realtime};
use layercake_sim::Plan;
use toml_edit::Value;

use super::{DURATION_MAX, Load, Thread, keys::Section};
use crate::error::Result;

/// The most threads of one load: with more, nobody sees anything in the report.
const THREADS_MAX: usize = 1024;

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
    /// The threads that one table `thread` describes.
    pub(super) fn threads(&self, load: &mut Load) -> Result<()> {
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

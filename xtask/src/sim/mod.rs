//! `cargo xtask sim`: runs a load that a file describes on the scheduling policy that ships, over
//! virtual time, says who got what, and draws who ran where.

mod draw;
mod load;
mod report;
mod span;

use std::{fs, path::PathBuf};

use crate::{
    error::{Context, Result},
    workspace,
};
use layercake_sim::Machine;
use load::Load;

pub struct Options {
    /// The load.
    pub file: PathBuf,
    /// Where the picture goes.
    pub svg: Option<PathBuf>,
}

pub fn run(options: &Options) -> Result<()> {
    let text = fs::read_to_string(&options.file).cannot("read", &options.file)?;
    let load = load::parse(&options.file.display().to_string(), &text)?;
    let machine = simulate(&load);
    print!("{}", report::text(&load, &machine));
    if let Some(path) = &options.svg {
        workspace::write(path, draw::timeline(&load, &machine).as_bytes())?;
        println!("the timeline is in {}", path.display());
    }
    Ok(())
}

/// Runs the load to its end.
fn simulate(load: &Load) -> Machine {
    let mut machine = Machine::new(load.cores, load.slice);
    machine.lateness = load.lateness;
    machine.record();
    for thread in &load.threads {
        let number = machine.add(thread.priority, thread.affinity, thread.plan);
        machine.threads[number].start_at(thread.start);
    }
    machine.run_until(load.duration);
    machine
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples are what people start from, and what the book shows.
    #[test]
    fn every_example_runs_and_is_drawn() {
        let folder = workspace::root().join("examples/sim");
        let mut count = 0;
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|e| e != "toml") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let name = path.display().to_string();
            let load = load::parse(&name, &text).unwrap_or_else(|error| panic!("{error}"));
            let machine = simulate(&load);
            assert_eq!(machine.now, load.duration, "{name}");
            let got: u64 = machine.threads.iter().map(|t| t.got).sum();
            assert!(
                got > 0 && got <= load.cores as u64 * load.duration,
                "{name}"
            );
            let report = report::text(&load, &machine);
            let svg = draw::timeline(&load, &machine);
            for thread in &load.threads {
                assert!(report.contains(&thread.name), "{name}: {report}");
                assert!(svg.contains(&thread.name), "{name}");
            }
            count += 1;
        }
        assert!(count >= 4, "{count} examples in {}", folder.display());
    }

    #[test]
    fn the_same_load_gives_the_same_run() {
        let text = "cores = 3\nduration = \"200 ms\"\nlateness = \"50 us\"\n[[thread]]\ncount = 5\n\
                    behaviour = \"random\"\nrun = \"3 ms\"\nsleep = \"2 ms\"";
        let run = || {
            let load = load::parse("x", text).unwrap();
            let machine = simulate(&load);
            report::text(&load, &machine) + &draw::timeline(&load, &machine)
        };
        assert_eq!(run(), run());
    }
}

//! Tests that run in the emulator, each as an image of its own.
//!
//! A source file in the board's `tests/` is such an image; a `.session` file beside them is a
//! dialogue with the kernel as it ships. What a test needs and what it must do, it says in
//! its [directives].

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Effort, Options, Tally,
    directives::{self, Directives, Run},
    judge,
    pool::{self, Verdict},
    session,
};
use crate::{
    build, cargo,
    config::Config,
    error::{Context, Error, Result},
    qemu::{
        self,
        machine::{Boot, Machine},
    },
    setup::emulator::Qemu,
    workspace::{self, Scope},
};

/// The binary that `.session` files talk to.
const KERNEL: &str = "kernel8";

struct Test {
    name: String,
    /// The cargo target that is its image.
    target: String,
    directives: Directives,
}

impl Test {
    /// The features that it is built with: the locks' run-time check, and what it asks for.
    /// Sessions test the image as it ships.
    fn features(&self) -> Vec<String> {
        let mut features = self.directives.features.clone();
        if self.target != KERNEL && !self.directives.unchecked {
            features.push("check".to_owned());
        }
        features
    }
}

/// A test with the image that was built for it.
struct Ready {
    test: Test,
    image: build::Image,
    config: Config,
}

pub fn run(qemu: &Qemu, options: &Options, tally: &mut Tally) -> Result<()> {
    let out = workspace::output_dir("tests")?;
    let mut groups: BTreeMap<(Vec<String>, Vec<String>, bool), Vec<Test>> = BTreeMap::new();
    for test in find()?.into_iter().filter(|test| options.picks(&test.name)) {
        // A configuration of its own is a build of its own, half a minute each.
        let slow = !test.directives.set.is_empty() && options.effort == Effort::Quick;
        if test.directives.full && options.effort < Effort::Full {
            println!("{} ... skipped (only with --full)", test.name);
            tally.skip();
        } else if slow {
            println!("{} ... skipped (not with --quick)", test.name);
            tally.skip();
        } else {
            // Tests of one build configuration and of the same features are built together.
            groups
                .entry((
                    test.directives.set.clone(),
                    test.features(),
                    test.target == KERNEL,
                ))
                .or_default()
                .push(test);
        }
    }
    let mut ready = Vec::new();
    for ((set, features, _), tests) in groups {
        ready.extend(build(&set, &features, tests, &out, options, tally)?);
    }
    let check = |ready: Ready| (ready.test.name.clone(), check(qemu, &ready, &out));
    pool::run(ready, options.jobs, check, tally);
    Ok(())
}

/// Every test of the board, by name.
fn find() -> Result<Vec<Test>> {
    let metadata = workspace::metadata(Scope::Members)?;
    let sources = workspace::targets(&metadata, cargo::BOARD, "test");
    let mut tests: Vec<(String, String, PathBuf)> = sources
        .into_iter()
        .map(|(name, path)| (name.clone(), name, path))
        .collect();
    let folder = workspace::root().join("boards/rpi4/tests");
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "session")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
        {
            tests.push((name.to_owned(), KERNEL.to_owned(), path));
        }
    }
    tests.sort();
    let mut found = Vec::new();
    for (name, target, path) in tests {
        for Run { case, directives } in directives::read(&path)? {
            let case = case.map_or(String::new(), |case| format!("::{case}"));
            found.push(Test {
                name: format!("emulator::{name}{case}"),
                target: target.clone(),
                directives,
            });
        }
    }
    Ok(found)
}

/// Builds the images of tests that share a configuration.
fn build(
    set: &[String],
    features: &[String],
    tests: Vec<Test>,
    out: &Path,
    options: &Options,
    tally: &mut Tally,
) -> Result<Vec<Ready>> {
    let mut overrides = options.overrides.clone();
    overrides.extend(set.iter().cloned());
    let config = Config::load(workspace::root(), &overrides)?;
    let mut command = build_command(set, features, &tests, &config)?;
    let Some(built) = cargo::executables(&mut command)? else {
        tests
            .into_iter()
            .for_each(|test| tally.fail(format!("{} (does not build)", test.name)));
        return Ok(Vec::new());
    };
    let mut ready = Vec::new();
    for test in tests {
        let linked = built.iter().find(|built| built.target == test.target);
        let linked = linked.ok_or_else(|| Error::new(format!("cargo built no {}", test.target)))?;
        let file = test.name.replace("::", "-");
        match build::finish(&linked.path, out, &file) {
            Ok(image) => ready.push(Ready {
                test,
                image,
                config: config.clone(),
            }),
            Err(error) => {
                println!("{} ... FAILED\n    {error}", test.name);
                tally.fail(test.name);
            }
        }
    }
    Ok(ready)
}

fn build_command(
    set: &[String],
    features: &[String],
    tests: &[Test],
    config: &Config,
) -> Result<Command> {
    let mut command = cargo::for_pi("build", config);
    command.args(["--package", cargo::BOARD, "--release"]);
    let targets: BTreeSet<&str> = tests.iter().map(|test| test.target.as_str()).collect();
    for target in targets {
        match target {
            KERNEL => command.args(["--bin", KERNEL]),
            _ => command.args(["--test", target]),
        };
    }
    if !features.is_empty() {
        command.arg("--features").arg(features.join(","));
    }
    if !set.is_empty() {
        // In a folder of its own, so that the configurations do not undo each other's work.
        let folder = format!("layercake/set/{}", set.join(","));
        command
            .arg("--target-dir")
            .arg(workspace::target_dir()?.join(folder));
    }
    Ok(command)
}

fn check(qemu: &Qemu, ready: &Ready, out: &Path) -> Verdict {
    let result = try_check(qemu, ready, out);
    result.unwrap_or_else(|error| Verdict::Fail(error.to_string()))
}

fn try_check(qemu: &Qemu, ready: &Ready, out: &Path) -> Result<Verdict> {
    let Ready {
        test: Test {
            name, directives, ..
        },
        image,
        config,
    } = ready;
    directives.dtb.as_deref().map_or(Ok(()), qemu::check_dtb)?;
    let boot = match directives.elf {
        true => Boot::Elf(image.elf.clone()),
        false => Boot::Raw(image.raw.clone()),
    };
    let machine = Machine {
        dtb: directives.dtb.clone(),
        script: directives.script.clone(),
        icount: directives.icount,
        ..Machine::unattended(boot, config.uart())
    };
    let mut command = machine.command(qemu);
    command.stdin(std::process::Stdio::null());
    let outcome = session::run(command, &directives.steps, directives.limit)?;
    let log = out.join(format!("{}.log", name.replace("::", "-")));
    fs::write(&log, &outcome.output).cannot("write", &log)?;
    Ok(match judge::judge(directives, &outcome) {
        Verdict::Fail(why) => Verdict::Fail(format!("{why}\n(all of it: {})", log.display())),
        verdict => verdict,
    })
}

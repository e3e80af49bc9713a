//! Finds the QEMU that is used: new enough, and with a Raspberry Pi 4 in it.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Found, Tool, install, version::Version};
use crate::error::{Result, fail};

const PROGRAM: &str = "qemu-system-aarch64";
pub const MACHINE: &str = "raspi4b";
const OLDEST: Version = Version { major: 9, minor: 0 };

/// Looked at after `PATH`: a newer QEMU is often there while an older one comes first.
const USUAL_PLACES: [&str; 3] = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"];

/// A QEMU that does.
#[derive(Clone, Debug)]
pub struct Qemu {
    pub path: PathBuf,
    pub version: Version,
    /// The version with everything behind it: `10.0.2 (Debian 1:10.0.2+ds-2)`.
    pub full_version: String,
}

#[cfg(test)]
impl Qemu {
    pub fn fake() -> Self {
        Self {
            path: PROGRAM.into(),
            version: OLDEST,
            full_version: OLDEST.to_string(),
        }
    }
}

/// Why a QEMU does not do: "is QEMU 7.2", "has no machine raspi4b".
type Unfit = String;

/// Finds QEMU, installing it where that is possible.
pub fn ensure(explicit: Option<&Path>) -> Result<Qemu> {
    match find(explicit) {
        Search::Good { qemu, passed_over } => {
            if let Some((path, why)) = passed_over {
                eprintln!(
                    "note: {} {why}; using {}",
                    path.display(),
                    qemu.path.display()
                );
            }
            Ok(qemu)
        }
        Search::Bad { path, why } if explicit_choice(explicit).is_some() => fail(format!(
            "{} {why}, and Layercake needs QEMU {OLDEST} or newer with the machine {MACHINE}: \
             name another one with --qemu, or name none",
            path.display()
        )),
        bad => {
            install::install(Tool::Qemu, &bad.problem())?;
            match find(None) {
                Search::Good { qemu, .. } => Ok(qemu),
                still => fail(format!("QEMU was installed, but {}", still.problem())),
            }
        }
    }
}

/// For the doctor.
pub fn look(explicit: Option<&Path>) -> Result<Found, String> {
    match find(explicit) {
        Search::Good { qemu, .. } => Ok(Found {
            version: qemu.version.to_string(),
            place: qemu.path.display().to_string(),
        }),
        bad => Err(bad.problem()),
    }
}

enum Search {
    Good {
        qemu: Qemu,
        passed_over: Option<(PathBuf, Unfit)>,
    },
    Bad {
        path: PathBuf,
        why: Unfit,
    },
    Nothing,
}

impl Search {
    /// Reads on as "…; installing it" and "…: to get it, run".
    fn problem(&self) -> String {
        match self {
            Self::Bad { path, why } => format!(
                "{} {why}, and Layercake needs QEMU {OLDEST} or newer with the machine {MACHINE}",
                path.display()
            ),
            _ => format!("there is no {PROGRAM} on this machine"),
        }
    }
}

/// `--qemu PATH`, or the environment variable `QEMU`.
fn explicit_choice(explicit: Option<&Path>) -> Option<PathBuf> {
    explicit
        .map(Path::to_path_buf)
        .or_else(|| env::var_os("QEMU").map(PathBuf::from))
}

/// An explicit choice is the only candidate; else the first that does, of `PATH` and the
/// usual places.
fn find(explicit: Option<&Path>) -> Search {
    let candidates = match explicit_choice(explicit) {
        Some(path) => vec![path],
        None => {
            let on_path = env::var_os("PATH").unwrap_or_default();
            let places = env::split_paths(&on_path).chain(USUAL_PLACES.map(PathBuf::from));
            places
                .map(|dir| dir.join(PROGRAM))
                .filter(|path| path.is_file())
                .collect()
        }
    };
    let mut passed_over = None;
    for path in candidates {
        match examine(&path) {
            Ok((version, full_version)) => {
                return Search::Good {
                    qemu: Qemu {
                        path,
                        version,
                        full_version,
                    },
                    passed_over,
                };
            }
            Err(why) => passed_over = passed_over.or(Some((path, why))),
        }
    }
    match passed_over {
        Some((path, why)) => Search::Bad { path, why },
        None => Search::Nothing,
    }
}

fn examine(path: &Path) -> Result<(Version, String), Unfit> {
    let ask = |question: &[&str]| {
        let output = Command::new(path)
            .args(question)
            .stdin(Stdio::null())
            .output();
        let output = output.map_err(|e| format!("does not run ({})", crate::error::reason(&e)))?;
        Ok::<_, Unfit>(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let text = ask(&["--version"])?;
    let is_qemu = text.starts_with("QEMU");
    let Some(version) = Version::find(&text).filter(|_| is_qemu) else {
        return Err("does not say that it is QEMU".into());
    };
    judge(version, &ask(&["-machine", "help"])?)?;
    Ok((version, full_version(&text)))
}

/// What follows the word "version" in the first line.
fn full_version(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let version = line.split_once("version ").map_or(line, |(_, rest)| rest);
    version.trim().to_owned()
}

fn judge(version: Version, machines: &str) -> Result<(), Unfit> {
    if version < OLDEST {
        return Err(format!("is QEMU {version}"));
    }
    match machines
        .lines()
        .any(|line| line.split(' ').next() == Some(MACHINE))
    {
        true => Ok(()),
        false => Err(format!("is QEMU {version} without the machine {MACHINE}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINES: &str = "Supported machines are:\nraspi3b   Raspberry Pi 3B\nraspi4b   Raspberry Pi 4B (revision 1.5)\n";

    #[test]
    fn old_ones_and_ones_without_the_machine_do_not_do() {
        assert!(
            judge(
                Version {
                    major: 10,
                    minor: 0
                },
                MACHINES
            )
            .is_ok()
        );
        assert_eq!(
            judge(Version { major: 7, minor: 2 }, MACHINES).unwrap_err(),
            "is QEMU 7.2"
        );
        let cut = MACHINES.replace("raspi4b", "raspi2b");
        assert!(
            judge(Version { major: 9, minor: 1 }, &cut)
                .unwrap_err()
                .contains("raspi4b")
        );
    }

    #[test]
    fn the_full_version_is_what_the_program_says() {
        let text = "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright";
        assert_eq!(full_version(text), "10.0.2 (Debian 1:10.0.2+ds-2)");
    }

    #[test]
    fn what_is_no_qemu_is_said() {
        assert!(
            examine(Path::new("/bin/true"))
                .unwrap_err()
                .contains("QEMU")
        );
        assert!(
            examine(Path::new("/nowhere/qemu"))
                .unwrap_err()
                .contains("does not run")
        );
    }
}

//! What would get a tool onto a machine: decided here, carried out by `install` or by the
//! person. Pure, so that every system's answer is tested on any.

use std::path::PathBuf;

use super::{
    os::Os,
    sources::{self, SourceFile},
};

/// What can be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Qemu,
    Gdb,
}

/// Who runs the package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    Root,
    /// Homebrew refuses to work for root.
    User,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// A package source to add first: its file and the text.
    pub new_source: Option<(PathBuf, String)>,
    /// The package manager's commands, in order.
    pub commands: Vec<Vec<String>>,
    pub run_as: As,
    /// "qemu-system-arm from bookworm-backports".
    pub what: String,
}

impl Plan {
    /// The same as one command line that a person can paste.
    pub fn for_a_person(&self) -> String {
        let sudo = if self.run_as == As::Root { "sudo " } else { "" };
        let mut parts = Vec::new();
        if let Some((path, text)) = &self.new_source {
            let lines: Vec<_> = text.lines().map(|line| format!("'{line}'")).collect();
            parts.push(format!(
                "printf '%s\\n' {} | sudo tee {}",
                lines.join(" "),
                path.display()
            ));
        }
        parts.extend(
            self.commands
                .iter()
                .map(|words| format!("{sudo}{}", words.join(" "))),
        );
        parts.join(" && ")
    }
}

/// The plan for a system, or the sentence that says why there is none.
pub fn plan(tool: Tool, os: &Os, files: &[SourceFile]) -> Result<Plan, String> {
    let root = |what: &str, commands: &[&str]| Plan {
        new_source: None,
        commands: commands
            .iter()
            .map(|c| c.split(' ').map(str::to_owned).collect())
            .collect(),
        run_as: As::Root,
        what: what.to_owned(),
    };
    let apt = |package: &str| {
        let install = format!("apt-get install -y --no-install-recommends {package}");
        root(package, &["apt-get update", &install])
    };
    match (tool, os) {
        (
            Tool::Qemu,
            Os::Debian {
                major: Some(major), ..
            },
        ) if *major < 12 => Err(format!(
            "Debian {major} is too old to have QEMU 9 or newer: upgrade to Debian 12 or newer, \
             or build QEMU from source and name it with --qemu"
        )),
        (
            Tool::Qemu,
            Os::Debian {
                major: Some(12),
                codename,
            },
        ) => backports(codename, files),
        (Tool::Qemu, Os::Debian { .. }) => Ok(apt("qemu-system-arm")),
        (Tool::Qemu, Os::Ubuntu { release }) if *release < (24, 10) => Err(format!(
            "Ubuntu {}.{:02} has an older QEMU than 9: upgrade to Ubuntu 24.10 or newer, or \
             build QEMU 9 or newer from source and name it with --qemu",
            release.0, release.1
        )),
        (Tool::Qemu, Os::Ubuntu { .. }) => Ok(apt("qemu-system-arm")),
        (Tool::Qemu, Os::Fedora { release }) if *release < 41 => Err(format!(
            "Fedora {release} has an older QEMU than 9: upgrade to Fedora 41 or newer, or build \
             QEMU 9 or newer from source and name it with --qemu"
        )),
        (Tool::Qemu, Os::Fedora { .. }) => Ok(root(
            "qemu-system-aarch64-core",
            &["dnf install -y qemu-system-aarch64-core"],
        )),
        (Tool::Qemu, Os::Arch) => Ok(root(
            "qemu-system-aarch64",
            &["pacman -S --needed --noconfirm qemu-system-aarch64"],
        )),
        (Tool::Qemu, Os::Mac) => Ok(brew("qemu")),
        (Tool::Qemu, Os::Other { name }) => Err(format!(
            "install QEMU 9 or newer with qemu-system-aarch64 and its machine raspi4b in the way \
             of {name}, or build it from source and name it with --qemu"
        )),
        (Tool::Gdb, Os::Debian { .. } | Os::Ubuntu { .. }) => Ok(apt("gdb-multiarch")),
        (Tool::Gdb, Os::Fedora { .. }) => Ok(root("gdb", &["dnf install -y gdb"])),
        (Tool::Gdb, Os::Arch) => Ok(root(
            "aarch64-linux-gnu-gdb",
            &["pacman -S --needed --noconfirm aarch64-linux-gnu-gdb"],
        )),
        (Tool::Gdb, Os::Mac) => Ok(brew("aarch64-elf-gdb")),
        (Tool::Gdb, Os::Other { name }) => Err(format!(
            "install a gdb that knows aarch64 (gdb-multiarch) in the way of {name}"
        )),
    }
}

fn brew(package: &str) -> Plan {
    Plan {
        new_source: None,
        commands: vec![vec!["brew".into(), "install".into(), package.into()]],
        run_as: As::User,
        what: package.into(),
    }
}

/// Debian 12 has QEMU 7; its backports have a newer one.
fn backports(codename: &str, files: &[SourceFile]) -> Result<Plan, String> {
    let suite = format!("{codename}-backports");
    let new_source = if sources::has_suite(files, &suite) {
        None
    } else {
        let Some((extension, text)) = sources::derive(files, codename, &suite) else {
            return Err(format!(
                "Debian 12 has QEMU 9 or newer only in {suite}, and no entry for {codename} main \
                 in /etc/apt shows which mirror to take it from: add {suite} to the package \
                 sources and run this again"
            ));
        };
        let name = format!("/etc/apt/sources.list.d/layercake-backports.{extension}");
        Some((PathBuf::from(name), text))
    };
    let install = format!("apt-get install -y --no-install-recommends -t {suite} qemu-system-arm");
    let words = |command: &str| command.split(' ').map(str::to_owned).collect();
    Ok(Plan {
        new_source,
        commands: vec![words("apt-get update"), words(&install)],
        run_as: As::Root,
        what: format!("qemu-system-arm from {suite}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bookworm() -> Os {
        Os::Debian {
            major: Some(12),
            codename: "bookworm".into(),
        }
    }

    fn sources(suites: &str) -> Vec<SourceFile> {
        let text = format!(
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: {suites}\nComponents: main\n\
             Signed-By: /k.gpg\n"
        );
        vec![SourceFile {
            path: "/etc/apt/sources.list.d/debian.sources".into(),
            text,
        }]
    }

    #[test]
    fn debian_12_gets_backports_from_its_own_mirror() {
        let plan = plan(
            Tool::Qemu,
            &bookworm(),
            &sources("bookworm bookworm-updates"),
        )
        .unwrap();
        let (path, text) = plan.new_source.clone().unwrap();
        assert!(path.ends_with("layercake-backports.sources"));
        assert!(text.contains("mirror.example") && text.contains("bookworm-backports"));
        assert!(
            plan.commands[1]
                .join(" ")
                .contains("-t bookworm-backports qemu-system-arm")
        );
        let line = plan.for_a_person();
        assert!(
            line.contains("'Signed-By: /k.gpg' | sudo tee /etc/apt/"),
            "{line}"
        );
        assert!(
            line.contains("&& sudo apt-get update && sudo apt-get install"),
            "{line}"
        );
    }

    #[test]
    fn debian_12_with_backports_gets_no_second_entry() {
        let plan = plan(
            Tool::Qemu,
            &bookworm(),
            &sources("bookworm bookworm-backports"),
        )
        .unwrap();
        assert_eq!(plan.new_source, None);
        assert_eq!(plan.commands.len(), 2);
    }

    #[test]
    fn debian_12_without_a_mirror_is_told_so() {
        let why = plan(Tool::Qemu, &bookworm(), &[]).unwrap_err();
        assert!(why.contains("bookworm-backports"), "{why}");
    }

    #[test]
    fn later_debian_and_unstable_install_plainly() {
        for major in [Some(13), None] {
            let os = Os::Debian {
                major,
                codename: "trixie".into(),
            };
            let plan = plan(Tool::Qemu, &os, &[]).unwrap();
            assert_eq!(plan.new_source, None);
            assert!(
                plan.for_a_person()
                    .ends_with("--no-install-recommends qemu-system-arm")
            );
        }
    }

    #[test]
    fn systems_that_are_too_old_are_told_which_release_is_not() {
        let jammy = plan(Tool::Qemu, &Os::Ubuntu { release: (24, 4) }, &[]).unwrap_err();
        assert!(
            jammy.contains("24.04") && jammy.contains("24.10"),
            "{jammy}"
        );
        assert!(plan(Tool::Qemu, &Os::Ubuntu { release: (25, 4) }, &[]).is_ok());
        assert!(
            plan(Tool::Qemu, &Os::Fedora { release: 40 }, &[])
                .unwrap_err()
                .contains("41")
        );
        let bullseye = Os::Debian {
            major: Some(11),
            codename: "bullseye".into(),
        };
        assert!(plan(Tool::Qemu, &bullseye, &[]).is_err());
    }

    #[test]
    fn every_other_system_has_its_command() {
        let line = |tool, os| plan(tool, &os, &[]).unwrap().for_a_person();
        assert!(line(Tool::Qemu, Os::Fedora { release: 42 }).starts_with("sudo dnf install"));
        assert!(line(Tool::Qemu, Os::Arch).starts_with("sudo pacman -S"));
        assert_eq!(line(Tool::Qemu, Os::Mac), "brew install qemu");
        assert_eq!(line(Tool::Gdb, Os::Mac), "brew install aarch64-elf-gdb");
        assert!(line(Tool::Gdb, bookworm()).ends_with("gdb-multiarch"));
        let nix = Os::Other {
            name: "NixOS".into(),
        };
        assert!(plan(Tool::Qemu, &nix, &[]).unwrap_err().contains("NixOS"));
    }
}

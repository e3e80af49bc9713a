//! Which operating system this is, as far as packages go.

use std::{env, fs};

/// Systems whose package manager is known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Os {
    /// `major` is absent in testing and unstable.
    Debian {
        major: Option<u32>,
        codename: String,
    },
    /// The release, as year and month.
    Ubuntu {
        release: (u32, u32),
    },
    Fedora {
        release: u32,
    },
    Arch,
    Mac,
    Other {
        name: String,
    },
}

impl Os {
    pub fn of_this_machine() -> Self {
        if env::consts::OS == "macos" {
            return Self::Mac;
        }
        let text = fs::read_to_string("/etc/os-release")
            .or_else(|_| fs::read_to_string("/usr/lib/os-release"))
            .unwrap_or_default();
        Self::parse(&text)
    }

    /// Reads an `os-release` file.
    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let value = text
                .lines()
                .find_map(|l| l.strip_prefix(name)?.strip_prefix('='));
            value
                .unwrap_or_default()
                .trim_matches(['"', '\''])
                .to_owned()
        };
        let version = field("VERSION_ID");
        let number = |text: &str| text.parse::<u32>().ok();
        let other = || {
            let name = field("PRETTY_NAME");
            Self::Other {
                name: if name.is_empty() {
                    "this system".into()
                } else {
                    name
                },
            }
        };
        match field("ID").as_str() {
            "debian" | "raspbian" => Self::Debian {
                major: number(&version),
                codename: field("VERSION_CODENAME"),
            },
            "ubuntu" => match version.split_once('.').map(|(y, m)| (number(y), number(m))) {
                Some((Some(year), Some(month))) => Self::Ubuntu {
                    release: (year, month),
                },
                _ => other(),
            },
            "fedora" => match number(&version) {
                Some(release) => Self::Fedora { release },
                None => other(),
            },
            "arch" | "archarm" => Self::Arch,
            _ => other(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_release_files_are_understood() {
        let debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\n\
                      VERSION_CODENAME=bookworm\nID=debian\n";
        let codename = "bookworm".to_owned();
        assert_eq!(
            Os::parse(debian),
            Os::Debian {
                major: Some(12),
                codename
            }
        );
        let ubuntu = "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\n";
        assert_eq!(Os::parse(ubuntu), Os::Ubuntu { release: (24, 4) });
        assert_eq!(
            Os::parse("ID=fedora\nVERSION_ID=42\n"),
            Os::Fedora { release: 42 }
        );
        assert_eq!(Os::parse("ID=arch\nBUILD_ID=rolling\n"), Os::Arch);
        let sid = "ID=debian\nVERSION_CODENAME=sid\n";
        assert_eq!(
            Os::parse(sid),
            Os::Debian {
                major: None,
                codename: "sid".into()
            }
        );
        let nix = "ID=nixos\nPRETTY_NAME=\"NixOS 25.05\"\n";
        assert_eq!(
            Os::parse(nix),
            Os::Other {
                name: "NixOS 25.05".into()
            }
        );
        assert_eq!(
            Os::parse(""),
            Os::Other {
                name: "this system".into()
            }
        );
    }
}

//! Version numbers as programs print them.

use std::fmt;

/// The first two numbers of a version; nobody here needs more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
}

impl Version {
    /// The first `N.N` of a text.
    pub fn find(text: &str) -> Option<Self> {
        text.split(|c: char| !c.is_ascii_digit() && c != '.')
            .find_map(|word| {
                let mut numbers = word.split('.');
                let major = numbers.next()?.parse().ok()?;
                let minor = numbers.next()?.parse().ok()?;
                Some(Self { major, minor })
            })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_print() {
        let qemu = "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)\nCopyright";
        assert_eq!(
            Version::find(qemu),
            Some(Version {
                major: 10,
                minor: 0
            })
        );
        let old = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)";
        assert_eq!(Version::find(old), Some(Version { major: 7, minor: 2 }));
        assert_eq!(
            Version::find("GNU gdb (Debian 13.1-3) 13.1").unwrap().major,
            13
        );
        assert_eq!(Version::find("no version"), None);
        assert!(Version::find("9.0") < Version::find("10.0"));
    }
}

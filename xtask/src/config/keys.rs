//! The table of configuration keys: what each may be and what it is by default.
//!
//! The defaults are the kernel's own, so that a plain `cargo build` gives the same kernel.

use super::nearest;

pub struct Key {
    pub name: &'static str,
    pub default: &'static str,
    kind: Kind,
}

enum Kind {
    /// A whole number from the first to the second, both included.
    Number(u64, u64),
    Choice(&'static [&'static str]),
    /// Bytes, from the first to the second, in whole pages of the third.
    Size(u64, u64, u64),
}

pub const KEYS: &[Key] = &[
    Key {
        name: "cores",
        default: "4",
        kind: Kind::Number(1, 4),
    },
    Key {
        name: "hz",
        default: "100",
        kind: Kind::Number(10, 1000),
    },
    Key {
        name: "log_level",
        default: "info",
        kind: Kind::Choice(&["off", "error", "warn", "info", "debug", "trace"]),
    },
    Key {
        name: "console_uart",
        default: "pl011",
        kind: Kind::Choice(&["pl011", "mini"]),
    },
    Key {
        name: "stack_size",
        default: "64 KiB",
        kind: Kind::Size(16 << 10, 252 << 10, 4 << 10),
    },
    Key {
        name: "hung_task_seconds",
        default: "120",
        kind: Kind::Number(0, 86_400),
    },
];

impl Key {
    /// The value as the build gets it: numbers and sizes in decimal, sizes in bytes.
    pub fn read(&self, value: &str) -> Result<String, String> {
        let wrong = |what: String| Err(format!("`{}` must be {what}, not {value}", self.name));
        match self.kind {
            Kind::Number(low, high) => match value.parse::<u64>() {
                Ok(number) if (low..=high).contains(&number) => Ok(number.to_string()),
                _ => wrong(format!("a whole number from {low} to {high}")),
            },
            Kind::Choice(choices) => match choices.iter().find(|choice| **choice == value) {
                Some(choice) => Ok((*choice).to_owned()),
                None => wrong(format!("one of {}", choices.join(", "))),
            },
            Kind::Size(low, high, page) => match parse_size(value) {
                Some(size) if (low..=high).contains(&size) && size % page == 0 => {
                    Ok(size.to_string())
                }
                _ => wrong(format!(
                    "a size from {} KiB to {} KiB in steps of {} KiB",
                    low >> 10,
                    high >> 10,
                    page >> 10
                )),
            },
        }
    }
}

/// What is said of a key that does not exist.
pub fn unknown(name: &str) -> String {
    let names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
    if names.contains(&name) {
        return format!("`{name}` must be a plain value, such as `{name} = …`");
    }
    let hint = match nearest::nearest(name, &names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the keys are {}", names.join(", ")),
    };
    format!("there is no key `{name}`; {hint}")
}

/// `65536`, `64 KiB`, `64K`, `1 MiB`: in bytes.
fn parse_size(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale: u64 = match unit.trim() {
        "" | "B" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_valid() {
        for key in KEYS {
            key.read(key.default).unwrap();
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("65536"), Some(65536));
        assert_eq!(parse_size("64 KiB"), Some(65536));
        assert_eq!(parse_size("64K"), Some(65536));
        assert_eq!(parse_size("1MiB"), Some(1 << 20));
        assert_eq!(parse_size("64 kb"), None);
        assert_eq!(parse_size("KiB"), None);
        assert_eq!(parse_size("99999999999999999 MiB"), None);
    }

    #[test]
    fn sizes_are_whole_pages_in_range() {
        let key = KEYS.iter().find(|key| key.name == "stack_size").unwrap();
        assert!(key.read("20 KiB").is_ok());
        for bad in ["18 KiB", "12 KiB", "2 MiB", "-4", ""] {
            assert!(
                key.read(bad).unwrap_err().contains("16 KiB to 252 KiB"),
                "{bad}"
            );
        }
    }
}

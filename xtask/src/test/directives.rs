//! What an emulator test says about itself: lines `//@ NAME: VALUE` in its source, or
//! `NAME: VALUE` in a `.session` file. The README of xtask has the list.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::session::Step;
use crate::error::{Context, Error, Result};

const DEFAULT_LIMIT: Duration = Duration::from_secs(60);

/// The end that a test is meant to come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(u8),
    /// It does not end by itself; it is stopped after its last step.
    Stopped,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directives {
    pub limit: Duration,
    pub exit: Exit,
    pub expect: Vec<String>,
    pub reject: Vec<String>,
    pub elf: bool,
    pub dtb: Option<PathBuf>,
    pub set: Vec<String>,
    /// Features of the board's package, and whether the locks' run-time check is left out.
    pub features: Vec<String>,
    pub unchecked: bool,
    pub script: Option<String>,
    pub icount: bool,
    pub full: bool,
    pub steps: Vec<Step>,
}

/// What a file says: one run, or several that differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// `None`: the file's only one.
    pub case: Option<String>,
    pub directives: Directives,
}

impl Default for Directives {
    fn default() -> Self {
        Self {
            limit: DEFAULT_LIMIT,
            exit: Exit::Code(0),
            expect: Vec::new(),
            reject: Vec::new(),
            elf: false,
            dtb: None,
            set: Vec::new(),
            features: Vec::new(),
            unchecked: false,
            script: None,
            icount: false,
            full: false,
            steps: Vec::new(),
        }
    }
}

/// Reads the directives of a test's file; paths in them start at its folder.
pub fn read(path: &Path) -> Result<Vec<Run>> {
    let text = fs::read_to_string(path).cannot("read", path)?;
    let source = path.extension().is_some_and(|extension| extension == "rs");
    let lines = (1..)
        .zip(text.lines())
        .filter_map(|(number, line)| Some((number, directive(line, source)?)));
    let folder = path.parent().unwrap_or(path);
    parse(lines, folder)
        .map_err(|(number, why)| Error::new(format!("{}, line {number}: {why}", path.display())))
}

/// The directive in a line, if there is one.
fn directive(line: &str, source: bool) -> Option<&str> {
    if source {
        return line.strip_prefix("//@").map(str::trim);
    }
    // A blank at the end may be part of what is waited for.
    Some(line.trim_start()).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// The runs that lines ask for. What stands before the first `case` is common to all of them.
fn parse<'a>(
    lines: impl Iterator<Item = (usize, &'a str)>,
    folder: &Path,
) -> Result<Vec<Run>, (usize, String)> {
    let mut common = Run {
        case: None,
        directives: Directives::default(),
    };
    let mut cases: Vec<Run> = Vec::new();
    for (number, line) in lines {
        if let Some(name) = line.strip_prefix("case:") {
            let name = name.trim();
            if name.is_empty() || cases.iter().any(|run| run.case.as_deref() == Some(name)) {
                return Err((number, "each `case` needs a name of its own".into()));
            }
            let mut directives = common.directives.clone();
            directives.script = Some(name.to_owned());
            cases.push(Run {
                case: Some(name.to_owned()),
                directives,
            });
        } else {
            let run = cases.last_mut().unwrap_or(&mut common);
            apply(&mut run.directives, line, folder).map_err(|why| (number, why))?;
        }
    }
    if cases.is_empty() {
        cases.push(common);
    }
    for Run { directives, .. } in &mut cases {
        if directives.exit == Exit::Stopped {
            directives.steps.push(Step::Stop);
        }
    }
    Ok(cases)
}

fn apply(directives: &mut Directives, line: &str, folder: &Path) -> Result<(), String> {
    let (name, value) = match line.split_once(':') {
        Some((name, value)) => (name.trim(), value.strip_prefix(' ').unwrap_or(value)),
        None => (line, ""),
    };
    let number = |text: &str| {
        text.trim()
            .parse::<usize>()
            .map_err(|_| format!("`{name}` takes a number, not `{text}`"))
    };
    let file = || folder.join(value.trim());
    match name {
        "timeout" => directives.limit = Duration::from_secs(number(value)? as u64),
        "exit" if value.trim() == "stopped" => directives.exit = Exit::Stopped,
        "exit" => {
            let code = u8::try_from(number(value)?).map_err(|_| "a status is at most 255")?;
            directives.exit = Exit::Code(code);
        }
        "expect" => directives.expect.push(unescape_text(value)?),
        "reject" => directives.reject.push(unescape_text(value)?),
        "boot" => {
            directives.elf = match value.trim() {
                "image" => false,
                "elf" => true,
                other => return Err(format!("`boot` is `image` or `elf`, not `{other}`")),
            }
        }
        "dtb" => directives.dtb = Some(file()),
        "set" => directives.set.push(value.trim().to_owned()),
        "features" => {
            let names = value.split(',').map(|name| name.trim().to_owned());
            directives.features.extend(names);
        }
        "script" => directives.script = Some(value.trim().to_owned()),
        "unchecked" => directives.unchecked = true,
        "icount" => directives.icount = true,
        "full" => directives.full = true,
        "wait" => directives.steps.push(Step::Wait(unescape_text(value)?)),
        "send" => directives.steps.push(Step::Send(unescape(value)?)),
        "send-file" => {
            let bytes = fs::read(file()).map_err(|e| format!("{}: {e}", file().display()))?;
            directives.steps.push(Step::Send(bytes));
        }
        "send-repeated" => {
            let (count, text) = value
                .split_once(' ')
                .ok_or("`send-repeated` takes COUNT TEXT")?;
            directives
                .steps
                .push(Step::Send(unescape(text)?.repeat(number(count)?)));
        }
        "send-random" => directives.steps.push(Step::Send(random(number(value)?))),
        _ => return Err(format!("there is no directive `{name}`")),
    }
    Ok(())
}

/// `\r`, `\n`, `\t`, `\e` (escape), `\\` and `\xNN`.
fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'e') => 0x1b,
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let value = digit().zip(digit()).map(|(high, low)| 16 * high + low);
                value
                    .and_then(|v| u8::try_from(v).ok())
                    .ok_or("`\\x` takes two hex digits")?
            }
            _ => return Err("a backslash stands before r, n, t, e, x or a backslash".into()),
        });
    }
    Ok(bytes)
}

fn unescape_text(text: &str) -> Result<String, String> {
    let text = String::from_utf8(unescape(text)?).map_err(|_| "text must be UTF-8")?;
    if text.is_empty() {
        Err("there must be some text".into())
    } else {
        Ok(text)
    }
}

/// The same bytes every time: xorshift64 from a fixed seed (Marsaglia, 2003).
fn random(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(lines: &[&str]) -> Result<Vec<Run>, String> {
        let lines = (1..).zip(lines.iter().copied());
        super::parse(lines, Path::new("/t")).map_err(|(_, why)| why)
    }

    fn parse(lines: &[&str]) -> Result<Directives, String> {
        runs(lines).map(|mut runs| runs.remove(0).directives)
    }

    #[test]
    fn cases_share_what_stands_before_the_first() {
        let runs = runs(&[
            "exit: 101",
            "case: overflow",
            "expect: stack",
            "case: null",
            "timeout: 5",
        ])
        .unwrap();
        let names: Vec<_> = runs.iter().map(|run| run.case.as_deref()).collect();
        assert_eq!(names, [Some("overflow"), Some("null")]);
        assert!(
            runs.iter()
                .all(|run| run.directives.exit == Exit::Code(101))
        );
        assert_eq!(runs[0].directives.expect, ["stack"]);
        assert!(runs[1].directives.expect.is_empty());
        assert_eq!(runs[1].directives.script.as_deref(), Some("null"));
        assert_eq!(runs[1].directives.limit.as_secs(), 5);
    }

    #[test]
    fn a_file_without_cases_is_one_run() {
        let runs = runs(&["timeout: 7"]).unwrap();
        assert_eq!(runs.len(), 1);
        assert_eq!(
            (runs[0].case.as_ref(), &runs[0].directives.script),
            (None, &None)
        );
    }

    #[test]
    fn blanks_at_the_end_of_a_session_line_count() {
        assert_eq!(directive("wait: > ", false), Some("wait: > "));
        assert_eq!(directive("# a note", false), None);
        assert_eq!(directive("//@ exit: 3", true), Some("exit: 3"));
    }

    #[test]
    fn directives_are_read() {
        let directives = parse(&[
            "timeout: 120",
            "exit: 101",
            "expect: panicked at",
            "reject: all good",
            "boot: elf",
            "dtb: data/pi.dtb",
            "set: console_uart=mini",
            "script: threads; poweroff",
            "icount",
        ])
        .unwrap();
        assert_eq!(directives.limit.as_secs(), 120);
        assert_eq!(directives.exit, Exit::Code(101));
        assert_eq!(directives.expect, ["panicked at"]);
        assert_eq!(directives.dtb.as_deref(), Some(Path::new("/t/data/pi.dtb")));
        assert_eq!(directives.script.as_deref(), Some("threads; poweroff"));
        assert!(directives.elf && directives.icount && !directives.full);
    }

    #[test]
    fn steps_keep_their_order() {
        let directives = parse(&["wait: > ", r"send: help\r", "send-repeated: 3 ab"]).unwrap();
        assert_eq!(
            directives.steps,
            [
                Step::Wait("> ".into()),
                Step::Send(b"help\r".into()),
                Step::Send(b"ababab".into())
            ]
        );
    }

    #[test]
    fn mistakes_are_named() {
        for (line, part) in [
            ("timeuot: 3", "`timeuot`"),
            ("timeout: soon", "`soon`"),
            ("exit: 256", "255"),
            ("boot: usb", "`usb`"),
            (r"send: \q", "backslash"),
            (r"send: \x1", "hex"),
            ("expect:", "some text"),
            ("case:", "`case`"),
        ] {
            let error = parse(&[line]).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }

    #[test]
    fn bytes_of_every_kind_can_be_sent() {
        assert_eq!(unescape(r"a\x03\e[A\\").unwrap(), b"a\x03\x1b[A\\");
        let bytes = random(10_000);
        assert_eq!(bytes, random(10_000));
        assert!((0..=255).all(|value| bytes.contains(&value)));
    }
}

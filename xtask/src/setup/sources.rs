//! apt's package sources: is a suite among them, and how its entry would read.
//!
//! The new entry is derived from the machine's own: the same mirror, keys and options, only
//! the suite differs. So a machine behind a local mirror stays behind it.

use std::{fs, path::PathBuf};

/// A file that names package sources.
#[derive(Clone, Debug)]
pub struct SourceFile {
    pub path: PathBuf,
    pub text: String,
}

/// An entry of either form, reduced to what matters here.
struct Entry {
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    /// The entry with another suite, and the components cut down to `main`.
    rewritten: Box<dyn Fn(&str) -> String>,
    /// What the rewritten entry's file name ends in.
    extension: &'static str,
}

/// The source files of this machine; none where there is no apt.
pub fn of_this_machine() -> Vec<SourceFile> {
    let mut paths = vec![PathBuf::from("/etc/apt/sources.list")];
    let parts = fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten()
        .flatten();
    let mut parts: Vec<_> = parts.map(|entry| entry.path()).collect();
    parts.sort();
    paths.extend(parts);
    let read = |path: PathBuf| {
        Some(SourceFile {
            text: fs::read_to_string(&path).ok()?,
            path,
        })
    };
    paths.into_iter().filter_map(read).collect()
}

/// Whether some entry already offers the suite.
pub fn has_suite(files: &[SourceFile], suite: &str) -> bool {
    entries(files)
        .iter()
        .any(|entry| entry.suites.iter().any(|s| s == suite))
}

/// A new entry for `suite`, made from the machine's own entry for `base`: its file name's
/// extension and its text.
///
/// Third parties use Debian's code names too, so an archive that also has `base`-updates is
/// taken before any other.
pub fn derive(files: &[SourceFile], base: &str, suite: &str) -> Option<(&'static str, String)> {
    let entries = entries(files);
    let updates = format!("{base}-updates");
    let has_updates = |uri: &String| {
        entries
            .iter()
            .any(|e| e.suites.contains(&updates) && e.uris.contains(uri))
    };
    let fits =
        |e: &&Entry| e.suites.iter().any(|s| s == base) && e.components.iter().any(|c| c == "main");
    let chosen = entries
        .iter()
        .filter(fits)
        .find(|e| e.uris.iter().any(has_updates))
        .or_else(|| entries.iter().find(fits))?;
    Some((chosen.extension, (chosen.rewritten)(suite)))
}

fn entries(files: &[SourceFile]) -> Vec<Entry> {
    let parse = |file: &SourceFile| match file.path.extension().and_then(|e| e.to_str()) {
        Some("list") => file.text.lines().filter_map(parse_line).collect(),
        Some("sources") => stanzas(&file.text)
            .filter_map(|s| parse_stanza(&s))
            .collect(),
        _ => Vec::new(), // apt does not read other files either
    };
    files.iter().flat_map(parse).collect()
}

/// `deb [option=value …] URI SUITE COMPONENT…`
fn parse_line(line: &str) -> Option<Entry> {
    let rest = line.split('#').next()?.trim().strip_prefix("deb")?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (options, rest) = rest.split_once(']')?;
            (format!("[{}] ", options.trim()), rest)
        }
        None => (String::new(), rest),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    let uri = words.next().filter(|uri| !uri.starts_with("cdrom:"))?;
    let suites = vec![words.next()?];
    let components = words.collect();
    let base = format!("deb {options}{uri}");
    Some(Entry {
        uris: vec![uri],
        suites,
        components,
        rewritten: Box::new(move |suite| format!("{base} {suite} main\n")),
        extension: "list",
    })
}

/// The stanzas of a deb822 file, without comments.
fn stanzas(text: &str) -> impl Iterator<Item = Vec<String>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut all = vec![Vec::new()];
    for line in lines {
        if line.trim().is_empty() {
            all.push(Vec::new());
        } else if let Some(stanza) = all.last_mut() {
            stanza.push(line.to_owned());
        }
    }
    all.into_iter().filter(|stanza| !stanza.is_empty())
}

/// `Types: deb`, `URIs: …`, `Suites: …`, …; a line that starts with a space goes on with the
/// field before it (keys may stand in `Signed-By` itself).
fn parse_stanza(lines: &[String]) -> Option<Entry> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            let last = fields.last_mut()?;
            last.1.push('\n');
            last.1.push_str(line);
        } else {
            let (name, value) = line.split_once(':')?;
            fields.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    let words = |name: &str| {
        let field = fields
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name));
        let value = field.map_or("", |(_, value)| value);
        value
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let off = ["no", "false", "0", "off", "without", "disable"];
    if words("Enabled")
        .iter()
        .any(|word| off.contains(&word.as_str()))
        || !words("Types").iter().any(|kind| kind == "deb")
    {
        return None;
    }
    let (uris, suites, components) = (words("URIs"), words("Suites"), words("Components"));
    let kept = fields
        .into_iter()
        .filter(|(name, _)| !name.to_ascii_lowercase().starts_with("x-"));
    let kept: Vec<_> = kept.collect();
    let rewritten = move |suite: &str| {
        let line = |(name, value): &(String, String)| {
            let value = match name.to_ascii_lowercase().as_str() {
                "types" => "deb",
                "suites" => suite,
                "components" => "main",
                _ => value,
            };
            format!("{name}: {value}\n")
        };
        kept.iter().map(line).collect::<String>()
    };
    Some(Entry {
        uris,
        suites,
        components,
        rewritten: Box::new(rewritten),
        extension: "sources",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile {
            path: path.into(),
            text: text.into(),
        }
    }

    const DEB822: &str = "\
# a comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/archive.gpg
";

    #[test]
    fn a_stanza_is_derived_with_its_mirror_and_key() {
        let files = [file("/etc/apt/sources.list.d/debian.sources", DEB822)];
        assert!(!has_suite(&files, "bookworm-backports"));
        let (extension, text) = derive(&files, "bookworm", "bookworm-backports").unwrap();
        assert_eq!(extension, "sources");
        assert_eq!(
            text,
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm-backports\n\
             Components: main\nSigned-By: /usr/share/keyrings/archive.gpg\n"
        );
        let with_it = [
            files[0].clone(),
            file("/etc/apt/sources.list.d/b.sources", &text),
        ];
        assert!(has_suite(&with_it, "bookworm-backports"));
    }

    #[test]
    fn a_line_is_derived_with_its_options() {
        let text = "# deb http://old.example bookworm main\n\
                    deb cdrom:[Debian 12]/ bookworm main\n\
                    deb-src http://mirror.example/debian bookworm main\n\
                    deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main non-free # x\n\
                    deb http://mirror.example/debian bookworm-updates main\n";
        let files = [file("/etc/apt/sources.list", text)];
        let (extension, text) = derive(&files, "bookworm", "bookworm-backports").unwrap();
        assert_eq!(extension, "list");
        assert_eq!(
            text,
            "deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm-backports main\n"
        );
        assert!(has_suite(&[file("/b.list", &text)], "bookworm-backports"));
    }

    #[test]
    fn a_third_party_with_the_same_code_name_is_passed_over() {
        let files = [
            file(
                "/etc/apt/sources.list.d/a.list",
                "deb http://third.example bookworm main\n",
            ),
            file("/etc/apt/sources.list.d/debian.sources", DEB822),
        ];
        let (_, text) = derive(&files, "bookworm", "bookworm-backports").unwrap();
        assert!(text.contains("mirror.example"), "{text}");
    }

    #[test]
    fn disabled_and_foreign_entries_do_not_count() {
        let disabled = format!("Enabled: no\n{}", DEB822.split("\n\n").next().unwrap());
        let files = [
            file("/a.sources", &disabled),
            file(
                "/b.list.disabled",
                "deb http://mirror.example/debian bookworm main\n",
            ),
        ];
        assert!(derive(&files, "bookworm", "bookworm-backports").is_none());
        assert!(derive(&[], "bookworm", "bookworm-backports").is_none());
    }

    #[test]
    fn a_key_in_the_stanza_itself_is_kept() {
        let text = "Types: deb\nURIs: http://m.example/debian\nSuites: bookworm\nComponents: main\n\
                    Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n";
        let (_, text) = derive(&[file("/d.sources", text)], "bookworm", "x").unwrap();
        assert!(
            text.contains("Signed-By: \n -----BEGIN") && text.ends_with(" .\n abc\n"),
            "{text}"
        );
    }
}

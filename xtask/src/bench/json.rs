//! The figures for machines: schema 1, one figure a line, so that two files can be compared.

use std::{
    fs::{self, OpenOptions},
    path::Path,
    process::Command,
};

use serde_json::json;

use super::report::{Figure, Report};
use crate::{
    error::{Context, Result},
    setup::emulator::Qemu,
    workspace,
};

/// What the figures were measured with.
pub struct Versions {
    pub commit: String,
    pub qemu: String,
    pub rustc: String,
}

impl Versions {
    pub fn find(qemu: &Qemu) -> Result<Self> {
        Ok(Self {
            commit: commit(),
            qemu: qemu.full_version.clone(),
            rustc: rustc(),
        })
    }
}

/// The commit of the tree, and whether it was changed since.
pub fn commit() -> String {
    let mut commit = first_line(Command::new("git").args(["rev-parse", "HEAD"]));
    let changed = first_line(Command::new("git").args(["status", "--porcelain"]));
    if !changed.is_empty() {
        commit.push_str("-dirty");
    }
    commit
}

pub fn rustc() -> String {
    first_line(Command::new("rustc").arg("--version"))
}

/// What a program says first; nothing if it cannot be run (a copy of the tree without its history).
fn first_line(command: &mut Command) -> String {
    let output = command.current_dir(workspace::root()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let line = text.unwrap_or_default().lines().next().map(str::to_owned);
    line.unwrap_or_default()
}

/// Refuses a file that cannot be written, before anything is measured for it; changes nothing.
pub fn check(path: &Path) -> Result<()> {
    let is_new = !path.exists();
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .cannot("write", path)?;
    match is_new {
        true => fs::remove_file(path).cannot("write", path),
        false => Ok(()),
    }
}

/// Writes the file whole or not at all; what is no file, such as `/dev/stdout`, is written to.
pub fn save(path: &Path, text: &str) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if !there.is_file() => fs::write(path, text).cannot("write", path),
        _ => workspace::write(path, text.as_bytes()),
    }
}

pub fn text(report: &Report, versions: &Versions) -> String {
    let figures: Vec<_> = report.figures.iter().map(figure).collect();
    let missing = report
        .missing
        .iter()
        .map(|(id, why)| format!("{{\"id\":{},\"reason\":{}}}", json!(id), json!(why)));
    let missing: Vec<_> = missing.collect();
    format!(
        "{{\"schema\":1,\"commit\":{},\"qemu\":{},\"rustc\":{},\"benches\":[\n{}\n],\"missing\":[\n{}\n]}}\n",
        json!(versions.commit),
        json!(versions.qemu),
        json!(versions.rustc),
        figures.join(",\n"),
        missing.join(",\n"),
    )
}

fn figure(figure: &Figure) -> String {
    let size = figure
        .size
        .map_or(String::new(), |size| format!("\"size\":{size},"));
    format!(
        "{{\"id\":{},{size}\"instructions\":{},\"min\":{},\"max\":{},\"iterations\":{}}}",
        json!(figure.id),
        json!(rounded(figure.instructions)),
        json!(rounded(figure.min)),
        json!(rounded(figure.max)),
        figure.iterations
    )
}

/// A thousandth of an instruction is more than anybody wants to know.
pub fn rounded(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_json_of_schema_1() {
        let report = Report {
            figures: vec![Figure {
                id: "a.b".into(),
                size: Some(3),
                instructions: 1.0 / 3.0,
                min: 0.0,
                max: 1.0,
                iterations: 9,
                each: 1,
            }],
            missing: vec![("c".into(), "a \"reason\"".into())],
            ..Report::default()
        };
        let versions = Versions {
            commit: "0".into(),
            qemu: "10.0.2".into(),
            rustc: "rustc 1.95".into(),
        };
        let value: serde_json::Value = serde_json::from_str(&text(&report, &versions)).unwrap();
        assert_eq!(value["schema"], 1);
        assert_eq!(value["benches"][0]["instructions"], 0.333);
        assert_eq!(value["benches"][0]["size"], 3);
        assert_eq!(value["missing"][0]["reason"], "a \"reason\"");
    }

    #[test]
    fn a_path_is_looked_at_and_nothing_else() {
        let folder = std::env::temp_dir().join(format!("bench-json-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("new.json");
        check(&path).unwrap();
        assert!(!path.exists(), "an empty file is left");
        save(&path, "one").unwrap();
        check(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        let within = path.join("x");
        for bad in [&folder, &folder.join("no/such.json"), &within] {
            let error = check(bad).unwrap_err().to_string();
            assert!(error.starts_with("cannot write "), "{error}");
        }
        // A link stays one.
        let link = folder.join("link.json");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        save(&link, "two").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        fs::remove_dir_all(&folder).unwrap();
    }
}

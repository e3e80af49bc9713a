//! `cargo xtask bench --host`: the operations of `benches/host` beside those of other libraries, in
//! nanoseconds (criterion) and in instructions (callgrind).
//!
//! What the operations are is in `benches/host`; here they are run, and their figures put together.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use serde_json::{Value, json};

use super::{
    json, page,
    table::{align, number},
};
use crate::{
    cargo,
    check::layers,
    error::{Context, Error, Result, fail},
    process::{Group, Process},
    workspace,
};

/// How often an operation runs under callgrind: the difference of the two counts is what so many
/// more take. Both are multiples of the batches in `benches/host`.
const FEW: u64 = 640;
const MANY: u64 = 6400;

/// How long criterion runs each of them, s.
const WARM_UP: &str = "0.3";
const MEASURE: &str = "0.7";

pub struct Options {
    /// Only operations that have this in their ids.
    pub id: Option<String>,
    pub json: Option<PathBuf>,
    /// Put the table into the book.
    pub docs: bool,
}

/// An operation of `benches/host`.
#[derive(Clone, Debug, PartialEq)]
struct Operation {
    id: String,
    name: String,
    /// It runs on one thread, so its instructions are the same each time.
    counts: bool,
}

/// What it took.
struct Figure {
    operation: Operation,
    /// The median.
    ns: f64,
    /// The mean, with the two or three of the loop around it.
    instructions: Option<f64>,
}

/// # Errors
///
/// There is no valgrind, or no such id; the program does not build; it fails.
pub fn run(options: &Options) -> Result<()> {
    if let Some(path) = &options.json {
        json::check(path)?;
    }
    let valgrind = valgrind()?;
    let program = build()?;
    let operations = chosen(list(&program)?, options.id.as_deref())?;
    let times = times(&program, &operations)?;
    let mut figures = Vec::new();
    for operation in operations {
        let key = (operation.id.clone(), operation.name.clone());
        let Some(ns) = times.get(&key).copied() else {
            let (id, name) = key;
            return fail(format!("criterion has left no figure of `{id}`, {name}"));
        };
        let instructions = match operation.counts {
            true => Some(instructions(&program, &operation)?),
            false => None,
        };
        figures.push(Figure {
            operation,
            ns,
            instructions,
        });
    }
    print!("{}", text(&figures));
    let how = format!(
        "Measured with {}, valgrind {valgrind}, on {}.",
        json::rustc(),
        machine()
    );
    println!("\n{how}");
    if let Some(path) = &options.json {
        json::save(path, &machine_text(&figures, &valgrind))?;
    }
    if options.docs {
        page::put("host", &format!("{how}\n\n{}", markdown(&figures)))?;
        println!("{} has these figures", page::FILE);
    }
    Ok(())
}

/// The version of valgrind.
fn valgrind() -> Result<String> {
    let output = Command::new("valgrind").arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    match text.unwrap_or_default().trim().strip_prefix("valgrind-") {
        Some(version) => Ok(version.to_owned()),
        None => fail(
            "there is no valgrind, which counts the instructions: `apt-get install -y \
             --no-install-recommends valgrind` brings it (for times alone: `cargo bench -p \
             layercake-host-bench`)",
        ),
    }
}

fn build() -> Result<PathBuf> {
    let mut command = cargo::cargo("bench");
    command.args(["--package", layers::HOST_BENCH, "--no-run"]);
    let built = cargo::executables(&mut command)?;
    let program = built.and_then(|built| built.into_iter().next());
    match program {
        Some(program) => Ok(program.path),
        None => fail("the benchmark does not build: see above"),
    }
}

fn list(program: &Path) -> Result<Vec<Operation>> {
    let output = Command::new(program).arg("--operations").output();
    let output = output.cannot("start", program)?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(operation).collect())
}

fn operation(line: &str) -> Option<Operation> {
    let mut parts = line.split('\t');
    let (how, id, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Operation {
        id: id.to_owned(),
        name: name.to_owned(),
        counts: how == "counts",
    })
}

fn chosen(all: Vec<Operation>, pattern: Option<&str>) -> Result<Vec<Operation>> {
    let Some(pattern) = pattern else {
        return Ok(all);
    };
    let is_chosen = |one: &&Operation| one.id.contains(pattern);
    let chosen: Vec<_> = all.iter().filter(is_chosen).cloned().collect();
    if chosen.is_empty() {
        let mut ids: Vec<_> = all.into_iter().map(|one| one.id).collect();
        ids.dedup();
        return fail(format!(
            "no benchmark of the host has `{pattern}` in its id; there are {}",
            ids.join(", ")
        ));
    }
    Ok(chosen)
}

/// Runs criterion; the median of each operation, ns.
fn times(program: &Path, operations: &[Operation]) -> Result<BTreeMap<(String, String), f64>> {
    let folder = workspace::output_dir("bench/criterion")?;
    // What an earlier run has left is not to be taken for this one's.
    fs::remove_dir_all(&folder).cannot("remove", &folder)?;
    let mut ids: Vec<_> = operations.iter().map(|one| one.id.as_str()).collect();
    ids.dedup();
    eprintln!(
        "{} operations, about a second and a half each",
        operations.len()
    );
    let mut command = Command::new(program);
    command
        .args(["--bench", "--quiet", "--warm-up-time", WARM_UP])
        .args(["--measurement-time", MEASURE])
        .arg(format!("^({})/", ids.join("|").replace('.', r"\.")))
        .env("CRITERION_HOME", &folder)
        .current_dir(workspace::root())
        .stdout(Stdio::null());
    let mut process = Process::spawn(&mut command, Group::Own).cannot("start", program)?;
    let status = process.wait_until(None).cannot("wait for", program)?;
    if !status.is_some_and(|status| status.success()) {
        return fail("the benchmark failed: see above");
    }
    let mut times = BTreeMap::new();
    collect(&folder, &mut times)?;
    Ok(times)
}

/// What criterion has left in `folder` and below it.
fn collect(folder: &Path, times: &mut BTreeMap<(String, String), f64>) -> Result<()> {
    let (what, took) = (folder.join("benchmark.json"), folder.join("estimates.json"));
    if what.exists() && folder.ends_with("new") {
        let read = |path: &Path| -> Result<Value> {
            let text = fs::read_to_string(path).cannot("read", path)?;
            serde_json::from_str(&text)
                .map_err(|error| Error::new(format!("{} is no JSON: {error}", path.display())))
        };
        let (what, took) = (read(&what)?, read(&took)?);
        let text = |key: &str| what[key].as_str().unwrap_or_default().to_owned();
        if let Some(ns) = took["median"]["point_estimate"].as_f64() {
            times.insert((text("group_id"), text("function_id")), ns);
        }
    }
    for entry in fs::read_dir(folder).cannot("read", folder)? {
        let path = entry.cannot("read", folder)?.path();
        if path.is_dir() {
            collect(&path, times)?;
        }
    }
    Ok(())
}

/// Net of what is done once.
fn instructions(program: &Path, operation: &Operation) -> Result<f64> {
    let few = collected(program, operation, FEW)?;
    let many = collected(program, operation, MANY)?;
    Ok(many.saturating_sub(few) as f64 / (MANY - FEW) as f64)
}

/// All instructions of a run.
fn collected(program: &Path, operation: &Operation, turns: u64) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([
            "--turns",
            &turns.to_string(),
            &operation.id,
            &operation.name,
        ])
        .output()
        .cannot("start", "valgrind")?;
    let text = String::from_utf8_lossy(&output.stderr);
    match count(&text) {
        Some(count) if output.status.success() => Ok(count),
        _ => fail(format!(
            "callgrind cannot count `{}`, {}; its last line is: {}",
            operation.id,
            operation.name,
            text.lines().last().unwrap_or_default()
        )),
    }
}

/// The count in what callgrind says: `==1234== Collected : 5678`.
fn count(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.split_once("Collected : "))?;
    line.1.trim().parse().ok()
}

/// The processor, as far as the system tells.
fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.and_then(|line| line.split_once(':'));
    let model = model.map_or("a processor without a name", |(_, name)| name.trim());
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    format!("{model} ({}, {cpus} CPUs)", env::consts::ARCH)
}

fn time(ns: f64) -> String {
    match ns {
        ..9.95 => format!("{ns:.1}"),
        _ => format!("{ns:.0}"),
    }
}

/// For people, on the screen.
fn text(figures: &[Figure]) -> String {
    let mut rows = vec![
        ["id", "ns", "instructions", "of"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for one in figures {
        rows.push(vec![
            one.operation.id.clone(),
            time(one.ns),
            one.instructions.map_or(String::new(), number),
            one.operation.name.clone(),
        ]);
    }
    align(&rows)
}

/// For the book: a line for each id, ours first.
fn markdown(figures: &[Figure]) -> String {
    let cell = |one: &Figure| {
        let ours = one.operation.name.strip_prefix("layercake ");
        let name = ours.unwrap_or(&one.operation.name);
        let figures = match one.instructions {
            Some(instructions) => format!("{} ns, {}", time(one.ns), number(instructions)),
            None => format!("{} ns", time(one.ns)),
        };
        (ours.is_some(), format!("{name} {figures}"))
    };
    let mut table = "| id | Layercake | others |\n|---|---|---|\n".to_owned();
    for same in figures.chunk_by(|a, b| a.operation.id == b.operation.id) {
        let cells: Vec<_> = same.iter().map(cell).collect();
        let of = |ours: bool| {
            let cells = cells.iter().filter(|(own, _)| *own == ours);
            let cells: Vec<_> = cells.map(|(_, text)| text.as_str()).collect();
            cells.join("<br>")
        };
        let id = &same[0].operation.id;
        table += &format!("| `{id}` | {} | {} |\n", of(true), of(false));
    }
    table
}

/// For machines: one figure a line.
fn machine_text(figures: &[Figure], valgrind: &str) -> String {
    let head = |key: &str, value: &str| format!("\"{key}\":{}", json!(value));
    let lines: Vec<_> = figures
        .iter()
        .map(|one| {
            let Operation { id, name, .. } = &one.operation;
            json!({"id": id, "of": name, "ns": one.ns, "instructions": one.instructions})
                .to_string()
        })
        .collect();
    format!(
        "{{\"schema\":1,{},{},{},{},\"operations\":[\n{}\n]}}\n",
        head("commit", &json::commit()),
        head("rustc", &json::rustc()),
        head("valgrind", valgrind),
        head("machine", &machine()),
        lines.join(",\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(line: &str, ns: f64, instructions: Option<f64>) -> Figure {
        Figure {
            operation: operation(line).unwrap(),
            ns,
            instructions,
        }
    }

    fn figures() -> [Figure; 3] {
        [
            figure("counts\twake.none\tlayercake WaitQueue", 1.26, Some(4.0)),
            figure("counts\twake.none\tstd Condvar", 448.4, Some(18.04)),
            figure("times\twake.ping_pong\tstd park", 10_000.0, None),
        ]
    }

    #[test]
    fn the_count_is_found_among_what_callgrind_says() {
        assert_eq!(
            count("==1== \n==1== Events    : Ir\n==1== Collected : 506654\n==1== \n"),
            Some(506_654)
        );
        assert_eq!(count("==1== Process terminating\n"), None);
    }

    #[test]
    fn an_id_that_is_not_there_is_answered_with_those_that_are() {
        let all = || figures().map(|one| one.operation).to_vec();
        assert_eq!(chosen(all(), Some("none")).unwrap().len(), 2);
        assert_eq!(chosen(all(), None).unwrap().len(), 3);
        assert_eq!(
            chosen(all(), Some("nap")).unwrap_err().to_string(),
            "no benchmark of the host has `nap` in its id; there are wake.none, wake.ping_pong"
        );
    }

    #[test]
    fn ours_and_theirs_stand_side_by_side() {
        assert_eq!(
            markdown(&figures()),
            "| id | Layercake | others |\n|---|---|---|\n\
             | `wake.none` | WaitQueue 1.3 ns, 4 | std Condvar 448 ns, 18 |\n\
             | `wake.ping_pong` |  | std park 10000 ns |\n"
        );
        assert!(text(&figures()).contains("wake.ping_pong  10000                std park\n"));
    }

    #[test]
    fn machines_can_read_it() {
        let value: Value = serde_json::from_str(&machine_text(&figures(), "3.19.0")).unwrap();
        assert_eq!(value["operations"][1]["of"], "std Condvar");
        assert!(value["operations"][2]["instructions"].is_null());
        assert_eq!(value["valgrind"], "3.19.0");
    }
}

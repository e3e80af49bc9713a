//! Who may depend on whom. A lower layer never knows a higher one, and what calls itself
//! portable names no architecture, not even through a library.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The layers of the workspace, the highest first, each with those that it may use; with " (dev)"
/// behind it, in its tests only.
const LAYERS: [(&str, &[&str]); 13] = [
    (
        "board-rpi4",
        &[
            "layercake-monitor",
            "layercake-kernel",
            "layercake-arch-arm64",
            // For the benchmarks, which measure them by themselves, too.
            "layercake-sched",
            "layercake-timer",
        ],
    ),
    (
        "layercake-monitor",
        &[
            "layercake-kernel",
            "layercake-work",
            "layercake-wait",
            "layercake-sync",
        ],
    ),
    (
        "layercake-kernel",
        &[
            "layercake-work",
            "layercake-wait",
            "layercake-sched",
            "layercake-timer",
            "layercake-mem",
            "layercake-sync",
            "layercake-arch-arm64",
        ],
    ),
    (
        "layercake-work",
        &["layercake-wait", "layercake-timer", "layercake-sync"],
    ),
    ("layercake-wait", &["layercake-sync"]),
    ("layercake-mem", &["layercake-sync"]),
    // For a model of a switch with the run queue locked.
    ("layercake-sched", &["layercake-sync (dev)"]),
    ("layercake-timer", &[]),
    ("layercake-sync", &[]),
    ("layercake-arch-arm64", &[]),
    (
        HOST_BENCH,
        &[
            "layercake-sync",
            "layercake-wait",
            "layercake-work",
            "layercake-sched",
            "layercake-timer",
        ],
    ),
    (SIM, &["layercake-sched"]),
    // For `cargo xtask sim`: the policy itself, which builds in a second.
    ("xtask", &[SIM, "layercake-sched"]),
];

/// Crates that any kernel can take.
pub const PORTABLE: [&str; 6] = [
    "layercake-sync",
    "layercake-wait",
    "layercake-work",
    "layercake-sched",
    "layercake-timer",
    "layercake-mem",
];

/// Crates that only make sense on the Pi's target, or have parts that do.
pub const FOR_THE_PI: [&str; 4] = [
    "layercake-arch-arm64",
    "layercake-kernel",
    "layercake-monitor",
    "board-rpi4",
];

/// The scheduling policy over virtual time, on the workstation.
pub const SIM: &str = "layercake-sim";

/// The portable crates beside other libraries, on the workstation. Not a default member.
pub const HOST_BENCH: &str = "layercake-host-bench";

/// How libraries for one architecture or one interrupt controller begin their names.
const ARCHITECTURES: [&str; 9] = [
    "aarch64",
    "arm-",
    "armv",
    "cortex-",
    "riscv",
    "x86",
    "semihosting",
    "raw-cpuid",
    "bcm",
];

/// Every edge that breaks the rule, as a sentence.
pub fn breaches(metadata: &Value) -> Vec<String> {
    let graph = Graph::of(metadata);
    let mut breaches = Vec::new();
    for member in &graph.members {
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| name == member) else {
            breaches.push(format!("{member} has no place in the table of layers"));
            continue;
        };
        for (used, kind) in &graph.declared[member] {
            // A crate that names itself turns on features for its own tests.
            let other = used != member && graph.members.contains(used);
            let may = |name: &str| allowed.contains(&name);
            if other && !may(used) && !may(&format!("{used}{kind}")) {
                breaches.push(format!(
                    "{member} -> {used}{kind}: {}",
                    may_use(member, allowed)
                ));
            }
        }
    }
    for member in PORTABLE
        .iter()
        .filter(|name| graph.members.contains(**name))
    {
        if let Some(path) = graph.path_to_architecture(member) {
            let path = path.join(" -> ");
            breaches.push(format!(
                "{path}: a portable crate must not know an architecture"
            ));
        }
    }
    breaches
}

fn may_use(member: &str, allowed: &[&str]) -> String {
    match allowed {
        [] => format!("{member} may use no crate of the workspace"),
        _ => format!("{member} may use only {}", allowed.join(", ")),
    }
}

/// The dependencies that `cargo metadata` reports, by name.
struct Graph {
    members: BTreeSet<String>,
    /// What the manifests of the members say, with " (dev)" or " (build)" where it applies.
    declared: BTreeMap<String, Vec<(String, String)>>,
    /// What is compiled into what: every package, normal dependencies only, by package id.
    resolved: BTreeMap<String, Vec<String>>,
    /// The names of the ids.
    names: BTreeMap<String, String>,
}

impl Graph {
    fn of(metadata: &Value) -> Self {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let ids: BTreeSet<_> = list(&metadata["workspace_members"])
            .iter()
            .map(text)
            .collect();
        let mut graph = Self {
            members: BTreeSet::new(),
            declared: BTreeMap::new(),
            resolved: BTreeMap::new(),
            names: BTreeMap::new(),
        };
        for package in list(&metadata["packages"]) {
            let (id, name) = (text(&package["id"]), text(&package["name"]));
            if ids.contains(&id) {
                let kind = |dependency: &Value| match dependency["kind"].as_str() {
                    Some(kind) => format!(" ({kind})"),
                    None => String::new(),
                };
                let declared = list(&package["dependencies"]);
                let declared = declared
                    .iter()
                    .map(|d| (text(&d["name"]), kind(d)))
                    .collect();
                graph.members.insert(name.clone());
                graph.declared.insert(name.clone(), declared);
            }
            graph.names.insert(id, name);
        }
        for node in list(&metadata["resolve"]["nodes"]) {
            // A dependency that only a model checker has (`cfg(loom)`) is not shipped.
            let shipped = |dependency: &Value| {
                list(&dependency["dep_kinds"])
                    .iter()
                    .any(|kind| kind["kind"].is_null() && kind["target"] != "cfg(loom)")
            };
            let dependencies = list(&node["deps"]);
            let dependencies = dependencies.iter().filter(|d| shipped(d));
            graph.resolved.insert(
                text(&node["id"]),
                dependencies.map(|d| text(&d["pkg"])).collect(),
            );
        }
        graph
    }

    /// The shortest way from a member to a library of some architecture.
    fn path_to_architecture(&self, member: &str) -> Option<Vec<String>> {
        let start = self.names.iter().find(|(_, name)| *name == member)?.0;
        let mut paths = vec![vec![start]];
        let mut seen = BTreeSet::from([start]);
        while !paths.is_empty() {
            let mut longer = Vec::new();
            for path in paths {
                let last = *path.last()?;
                for next in self.resolved.get(last).into_iter().flatten() {
                    let mut path = path.clone();
                    path.push(next);
                    let name = self.names.get(next)?;
                    if ARCHITECTURES.iter().any(|prefix| name.starts_with(prefix)) {
                        let names = path.iter().filter_map(|id| self.names.get(*id).cloned());
                        return Some(names.collect());
                    }
                    if seen.insert(next) {
                        longer.push(path);
                    }
                }
            }
            paths = longer;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Metadata of members with their dependencies, and of what else there is.
    fn metadata(edges: &[(&str, &str, Option<&str>)], outside: &[&str]) -> Value {
        let names: BTreeSet<_> = edges.iter().flat_map(|(a, b, _)| [*a, *b]).collect();
        let of = |name: &str| {
            edges
                .iter()
                .filter(move |e| e.0 == name)
                .collect::<Vec<_>>()
        };
        let package = |name: &&str| {
            let declared = of(name)
                .iter()
                .map(|e| json!({"name": e.1, "kind": e.2}))
                .collect::<Vec<_>>();
            json!({"id": name, "name": name, "dependencies": declared})
        };
        let node = |name: &&str| {
            let deps = of(name);
            let deps = deps
                .iter()
                .map(|e| json!({"pkg": e.1, "dep_kinds": [{"kind": e.2, "target": null}]}));
            json!({"id": name, "deps": deps.collect::<Vec<_>>()})
        };
        json!({
            "workspace_members": names.iter().filter(|n| !outside.contains(n)).collect::<Vec<_>>(),
            "packages": names.iter().map(package).collect::<Vec<_>>(),
            "resolve": {"nodes": names.iter().map(node).collect::<Vec<_>>()},
        })
    }

    #[test]
    fn the_workspace_keeps_its_rule() {
        let metadata = crate::workspace::metadata(crate::workspace::Scope::Graph).unwrap();
        assert_eq!(breaches(&metadata), Vec::<String>::new());
    }

    #[test]
    fn allowed_edges_pass() {
        let edges = [
            ("board-rpi4", "layercake-kernel", None),
            ("layercake-kernel", "layercake-arch-arm64", None),
            ("layercake-arch-arm64", "aarch64-cpu", None),
            ("layercake-work", "layercake-wait", None),
        ];
        assert!(breaches(&metadata(&edges, &["aarch64-cpu"])).is_empty());
    }

    #[test]
    fn an_edge_upward_is_named() {
        let found = breaches(&metadata(
            &[("layercake-wait", "layercake-sched", None)],
            &[],
        ));
        assert_eq!(
            found,
            ["layercake-wait -> layercake-sched: layercake-wait may use only layercake-sync"]
        );
        let found = breaches(&metadata(
            &[("layercake-sync", "layercake-kernel", Some("dev"))],
            &[],
        ));
        assert!(
            found[0].starts_with("layercake-sync -> layercake-kernel (dev): "),
            "{found:?}"
        );
    }

    #[test]
    fn an_edge_of_tests_is_no_other() {
        let edge = |kind| [("layercake-sched", "layercake-sync", kind)];
        assert!(breaches(&metadata(&edge(Some("dev")), &[])).is_empty());
        let found = breaches(&metadata(&edge(None), &[]));
        assert!(
            found[0].starts_with("layercake-sched -> layercake-sync: "),
            "{found:?}"
        );
    }

    #[test]
    fn a_portable_crate_must_not_reach_an_architecture() {
        let edges = [
            ("layercake-mem", "some-lib", None),
            ("some-lib", "aarch64-cpu", None),
        ];
        let found = breaches(&metadata(&edges, &["some-lib", "aarch64-cpu"]));
        assert!(
            found[0].starts_with("layercake-mem -> some-lib -> aarch64-cpu: "),
            "{found:?}"
        );
        let edges = [("layercake-mem", "aarch64-cpu", Some("dev"))];
        assert!(breaches(&metadata(&edges, &["aarch64-cpu"])).is_empty());
    }

    #[test]
    fn a_newcomer_needs_a_place() {
        let found = breaches(&metadata(
            &[("layercake-extra", "layercake-sync", None)],
            &[],
        ));
        assert!(
            found[0].contains("layercake-extra has no place"),
            "{found:?}"
        );
    }
}

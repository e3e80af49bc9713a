//! `cargo xtask doctor`: what the commands need, and whether it is there.

use std::path::Path;

use crate::{
    cargo,
    error::{Error, Result},
    setup::{self, Found, Tool, debugger, emulator, rust},
};

/// A row of the report.
struct Need {
    name: String,
    /// Found, or how to get it.
    state: Result<Found, String>,
}

/// Reports every need; fails unless all of them are met.
pub fn run(qemu: Option<&Path>) -> Result<()> {
    let needs = needs(qemu)?;
    let width = needs.iter().map(|need| need.name.len()).max().unwrap_or(0);
    for need in &needs {
        let name = &need.name;
        match &need.state {
            Ok(found) => {
                let version = &found.version;
                println!("found    {name:width$}  {version:8}  {}", found.place);
            }
            Err(how) => println!("MISSING  {name:width$}  {how}"),
        }
    }
    let missing = needs.iter().filter(|need| need.state.is_err()).count();
    match missing {
        0 => Ok(()),
        1 => Err(Error::new(
            "one need is not met; what the line above says gets it",
        )),
        _ => Err(Error::new(format!(
            "{missing} needs are not met; what their lines say gets them"
        ))),
    }
}

fn needs(qemu: Option<&Path>) -> Result<Vec<Need>> {
    let mut needs = vec![Need {
        name: "Rust".into(),
        state: Ok(rust::find_compiler()?),
    }];
    for target in [cargo::PI_TARGET].iter().chain(&rust::FOREIGN_TARGETS) {
        let state = rust::find_target(target)?;
        let state = state.ok_or_else(|| format!("run: {}", rust::how_to_add("target", &[target])));
        needs.push(Need {
            name: format!("target {target}"),
            state,
        });
    }
    for (component, subcommand) in rust::COMPONENTS {
        let state = rust::find_component(subcommand)?;
        let how = || format!("run: {}", rust::how_to_add("component", &[component]));
        needs.push(Need {
            name: component.into(),
            state: state.ok_or_else(how),
        });
    }
    let tool = |tool, state: Result<Found, String>| {
        state.map_err(|problem| format!("{problem}; {}", setup::how_to_get(tool)))
    };
    let qemu = tool(Tool::Qemu, emulator::look(qemu));
    needs.push(Need {
        name: "QEMU".into(),
        state: qemu,
    });
    let gdb = tool(Tool::Gdb, debugger::look());
    needs.push(Need {
        name: "gdb (for `cargo xtask gdb`)".into(),
        state: gdb,
    });
    Ok(needs)
}

//! `cargo xtask bench`: runs the benchmark image with one instruction a nanosecond, and shows what
//! it measured beside what other kernels need.

pub mod budgets;
pub mod image;
mod json;
mod page;
mod peers;
mod plot;
mod report;
pub mod svg;
mod table;

use std::path::PathBuf;

use crate::{config::Config, error::Result, qemu, setup, workspace};
use budgets::Budgets;
use image::Measured;
use peers::Peers;

pub struct Options {
    /// Only ids with this in them.
    pub id: Option<String>,
    pub json: Option<PathBuf>,
    /// Where pictures of the figures go.
    pub plot: Option<PathBuf>,
    /// Put the figures into the book.
    pub docs: bool,
    /// Compare with the budgets, and fail if they are not kept.
    pub check: bool,
    /// Write what was measured into the budgets, and into the book if it is everything.
    pub update_budgets: bool,
    pub qemu: Option<PathBuf>,
}

pub fn run(config: &Config, options: &Options) -> Result<()> {
    if let Some(path) = &options.json {
        // Before anything is measured: nobody should wait for a file that cannot be written.
        qemu::check_log(path)?;
    }
    let qemu = setup::emulator::ensure(options.qemu.as_deref())?;
    let image = image::build(config)?;
    let peers = Peers::load()?;
    let id = options.id.as_deref();
    let Measured { report, ended } = image::measure(&qemu, &image, config, id, "bench")?;
    let versions = json::Versions::find(&qemu)?;
    // What there is is kept, whatever became of the rest.
    if let Some(path) = &options.json {
        let text = json::text(&report, &versions);
        workspace::write(path, text.as_bytes())?;
    }
    print!("{}", table::text(&report, &peers));
    if let Some(folder) = &options.plot {
        let count = plot::write(&report, &peers, folder)?;
        println!("{count} pictures in {}", folder.display());
    }
    ended?;
    let all = id.is_none();
    if options.update_budgets {
        let old = match all {
            true => Budgets::load_or_begin(),
            false => Budgets::load()?,
        };
        print!("{}", old.update(&report, all)?);
    }
    if all && (options.docs || options.update_budgets) {
        page::update(&report, &peers, &versions)?;
        println!("{} has these figures", page::FILE);
    }
    if options.check {
        Budgets::load()?.check(&report, all)?;
    }
    Ok(())
}

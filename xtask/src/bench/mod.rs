//! `cargo xtask bench`: runs the benchmark image with one instruction a nanosecond, and shows what
//! it measured beside what other kernels need.

pub mod account;
pub mod budgets;
pub mod host;
pub mod image;
mod json;
mod page;
mod peers;
mod plot;
mod report;
pub mod svg;
mod table;

use std::{fs, path::PathBuf};

use crate::{
    config::Config,
    error::{Context, Result, fail},
    setup,
};
use budgets::Budgets;
use image::Measured;
use peers::Peers;

pub struct Options {
    /// Only ids with this in them.
    pub id: Option<String>,
    /// Show what the figure of this id is made of, instead of a table.
    pub account: Option<String>,
    /// Each instruction of it.
    pub full: bool,
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
        json::check(path)?;
    }
    if let Some(folder) = &options.plot {
        fs::create_dir_all(folder).cannot("make", folder)?;
    }
    if let (Some(asked), true) = (&options.account, options.docs)
        && asked != account::ALL
    {
        return fail("the book has the accounts of several ids: say `--account all --docs`");
    }
    let qemu = setup::emulator::ensure(options.qemu.as_deref())?;
    let image = image::build(config)?;
    if let (Some(asked), false) = (&options.account, options.docs) {
        // The accounts of the book come with its figures, below.
        return account::run(&qemu, &image, config, asked, options.full);
    }
    let peers = Peers::load()?;
    let id = options.id.as_deref();
    let Measured { report, ended } = image::measure(&qemu, &image, config, id, "bench")?;
    let versions = json::Versions::find(&qemu)?;
    // What there is is kept, whatever became of the rest; on the screen before anything else.
    print!("{}", table::text(&report, &peers));
    if let (Some(path), false) = (&options.json, report.is_empty()) {
        json::save(path, &json::text(&report, &versions))?;
    }
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
        let accounts = account::of_book(&qemu, &image, config, &report)?;
        page::update(&report, &accounts, &peers, &versions)?;
        plot::write_for_book(&report, &peers)?;
        println!("{} has these figures", page::FILE);
    }
    if options.check {
        Budgets::load()?.check(&report, all)?;
    }
    Ok(())
}

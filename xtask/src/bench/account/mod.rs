//! `cargo xtask bench --account ID`: the path from one figure to the instructions it is made of.
//!
//! The image runs up to the benchmark, and from there with a log of every instruction (`record`).
//! One reading is cut out of the log (`trace`), its instructions are looked up in the image
//! (`places`), folded (`fold`) and shown (`show`). The sum must be the figure that was measured.

mod disassembly;
mod fold;
mod places;
mod record;
mod remote;
mod show;
mod trace;

use std::{collections::BTreeMap, fs};

use super::{
    image::{self, Measured},
    report::{Figure, Report},
    table::number,
};
use crate::{
    build::Image,
    config::Config,
    error::{Context, Error, Result, fail},
    setup::emulator::Qemu,
};
use fold::Stretch;
use places::Places;
use record::Target;
use trace::{Reading, Step};

/// The ids whose accounts are in the book, and are meant by [`ALL`].
pub const BOOK: [&str; 6] = [
    "switch.cooperative",
    "wake.ping_pong",
    "msg.handoff",
    "irq.to_thread",
    "work.round_trip",
    "sem.uncontended",
];
/// In the place of an id.
pub const ALL: &str = "all";

/// The function of the image that every benchmark is called by.
const START: &str = "kernel::measure";

/// A figure and the instructions that it is made of.
pub struct Account {
    pub key: String,
    /// Instructions for one operation.
    figure: f64,
    /// How many operations a reading is about.
    each: u64,
    /// Which of the readings that were recorded this is, from 1.
    reading: usize,
    readings: usize,
    steps: Vec<Step>,
    stretches: Vec<Stretch>,
}

impl Account {
    /// A table for the book.
    pub fn markdown(&self) -> String {
        show::markdown(self)
    }
}

/// Prints the account of an id, or of those in the book.
///
/// # Errors
///
/// There is no such id, it cannot be measured, or the sum is not the figure.
pub fn run(qemu: &Qemu, image: &Image, config: &Config, asked: &str, full: bool) -> Result<()> {
    let elf = fs::read(&image.elf).cannot("read", &image.elf)?;
    let places = Places::new(&elf, &image.elf)?;
    let keys = match asked {
        ALL => BOOK.to_vec(),
        key => vec![key],
    };
    for key in keys {
        // The size is no part of the id.
        let pattern = key.split('/').next().unwrap_or(key);
        let Measured { report, ended } =
            image::measure(qemu, image, config, Some(pattern), "bench")?;
        ended?;
        let account = of(qemu, image, config, &places, &report, pattern, key)?;
        print!(
            "{}",
            match full {
                true => show::full(&account, &places),
                false => show::text(&account),
            }
        );
        println!();
    }
    Ok(())
}

/// The accounts of the book, for figures that have been measured.
pub fn of_book(
    qemu: &Qemu,
    image: &Image,
    config: &Config,
    report: &Report,
) -> Result<Vec<Account>> {
    let elf = fs::read(&image.elf).cannot("read", &image.elf)?;
    let places = Places::new(&elf, &image.elf)?;
    let keys = BOOK.iter();
    keys.map(|key| of(qemu, image, config, &places, report, key, key))
        .collect()
}

/// The account of one figure of a report; the image is run with `pattern`.
fn of(
    qemu: &Qemu,
    image: &Image,
    config: &Config,
    places: &Places<'_>,
    report: &Report,
    pattern: &str,
    key: &str,
) -> Result<Account> {
    let (before, figure) = find(report, pattern, key)?;
    let target = Target {
        pattern,
        before,
        start: places.function(START)?.start,
        meter: places.meter()?,
    };
    let wrong = |why: String| Error::new(format!("there is no account of {key}: {why}"));
    let readings =
        record::record(qemu, image, config, target).map_err(|error| wrong(error.to_string()))?;
    let (index, steps) = choose(&readings, figure).map_err(wrong)?;
    let mut known = BTreeMap::new();
    let place = |pc| known.entry(pc).or_insert_with(|| places.at(pc)).clone();
    Ok(Account {
        key: key.into(),
        figure: figure.instructions,
        each: figure.each,
        reading: index + 1,
        readings: readings.len(),
        stretches: fold::stretches(&steps, place),
        steps,
    })
}

/// The figure, and how many the image measures before it.
fn find<'a>(report: &'a Report, pattern: &str, key: &str) -> Result<(usize, &'a Figure)> {
    let mut ran = report
        .figures
        .iter()
        .filter(|figure| figure.id.contains(pattern));
    if let Some(before) = ran.clone().position(|figure| figure.key() == key) {
        return Ok((before, ran.nth(before).expect("just found")));
    }
    if let Some((_, why)) = report.missing.iter().find(|(id, _)| id == key) {
        return fail(format!("{key} cannot be measured: {why}"));
    }
    let near: Vec<_> = ran.map(Figure::key).collect();
    fail(format!(
        "an account is of one id, and `{key}` is none; say one of {}",
        near.join(", ")
    ))
}

/// The first reading that is the figure. Those before it may find what the later ones do not:
/// threads that have not blocked yet.
fn choose(readings: &[Reading], figure: &Figure) -> Result<(usize, Vec<Step>), String> {
    let wanted = figure.instructions * figure.each as f64;
    let counts: Vec<_> = readings.iter().map(|one| one.own().len()).collect();
    if let Some(index) = counts.iter().position(|count| *count as f64 == wanted) {
        return Ok((index, readings[index].own().to_vec()));
    }
    // A mean of readings that differ: one that is near it, in their range.
    let range = figure.min * figure.each as f64..=figure.max * figure.each as f64;
    let off = |index: &usize| (counts[*index] as f64 - wanted).abs();
    let nearest = (0..counts.len())
        .filter(|index| figure.min < figure.max && range.contains(&(counts[*index] as f64)))
        .min_by(|one, other| off(one).total_cmp(&off(other)));
    match nearest {
        Some(index) => Ok((index, readings[index].own().to_vec())),
        None => Err(format!(
            "the figure is {} and no recorded reading sums up to it (they are {} to {})",
            number(wanted),
            counts.iter().min().copied().unwrap_or(0),
            counts.iter().max().copied().unwrap_or(0),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let figure = |id: &str, size: u32, sum: u32, least: u32, most: u32| {
            format!(
                "@{{\"id\":\"{id}\",\"size\":{size},\"taken\":2,\"each\":2,\"sum\":{sum},\
                 \"least\":{least},\"most\":{most}}}\n"
            )
        };
        Report::read(&format!(
            "{}{}{}@{{\"id\":\"msg\",\"missing\":\"there are none\"}}\n",
            figure("a", 0, 20, 10, 10),
            figure("a.b", 1, 20, 9, 11),
            figure("a.b", 8, 20, 10, 10),
        ))
    }

    #[test]
    fn a_figure_is_found_by_its_whole_name() {
        let report = report();
        assert_eq!(find(&report, "a", "a").unwrap().0, 0);
        assert_eq!(find(&report, "a.b", "a.b/8").unwrap().0, 1);
        let said = |pattern, key| find(&report, pattern, key).unwrap_err().to_string();
        assert_eq!(
            said("a.b", "a.b"),
            "an account is of one id, and `a.b` is none; say one of a.b/1, a.b/8"
        );
        assert_eq!(said("msg", "msg"), "msg cannot be measured: there are none");
    }

    /// Readings of so many instructions, by way of a log.
    fn readings(counts: &[usize]) -> Vec<Reading> {
        let mut log = trace::Log::new(trace::Meter {
            begin: 0x100..0x104,
            end: 0x200..0x204,
            lap: 0..0,
        });
        for count in counts {
            let body = vec![0x10; count + 1];
            for pc in [&[0x100], &*body, &[0x200, 0x10]].concat() {
                log.line(&format!("Trace 0: 0x1 [0/{pc:x}/0/0] "));
            }
        }
        log.readings
    }

    #[test]
    fn the_reading_that_sums_up_is_taken() {
        let report = report();
        let chosen = choose(&readings(&[12, 10, 10]), &report.figures[0]).unwrap();
        assert_eq!((chosen.0, chosen.1.len()), (1, 10));
        assert_eq!(
            choose(&readings(&[12, 13]), &report.figures[0]).unwrap_err(),
            "the figure is 10 and no recorded reading sums up to it (they are 12 to 13)"
        );
    }

    #[test]
    fn a_mean_is_shown_by_one_within_the_range() {
        let report = report();
        let chosen = choose(&readings(&[99, 8, 11]), &report.figures[1]).unwrap();
        assert_eq!((chosen.0, chosen.1.len()), (2, 11));
        assert!(choose(&readings(&[99]), &report.figures[1]).is_err());
    }
}

//! The benchmark image: measures, prints a line for each figure, and switches off.
//!
//! `cargo xtask bench` runs it, with one instruction a nanosecond, and reads the lines: those that
//! begin with `@` are JSON. The script on the command line is a pattern for the ids.
#![cfg_attr(target_os = "none", no_std)]
#![cfg_attr(target_os = "none", no_main)]
#![cfg(target_os = "none")]

extern crate alloc;

mod basic;
mod crew;
mod deadlines;
mod heap;
mod interrupts;
mod keystroke;
mod locking;
mod masking;
mod messages;
mod meter;
mod policy;
mod registry;
mod remote;
mod switching;
mod threads;
mod waking;
mod working;

use core::time::Duration;
use layercake_kernel::thread::{Builder, CpuSet, Priority};
use layercake_kernel::{TaskCx, console, entry, kprintln, power, time};
use registry::{BENCHES, Bench, MISSING, SEEDED_PANIC, THEN_PANIC};

entry!(&board_rpi4::BOARD, main);

/// Status when there is nothing that could be measured.
const NOTHING: u8 = 2;

fn main(cx: &mut TaskCx) {
    let driver = Builder::new("bench")
        .priority(Priority::fifo(crew::LEVEL))
        .affinity(CpuSet::one(0))
        .spawn(drive)
        .expect("a thread for the benchmarks");
    driver.join(cx);
}

fn drive(cx: &mut TaskCx) {
    if let Err(why) = meter::calibrate() {
        kprintln!("@{{\"error\":\"{why}\"}}");
        power::poweroff(NOTHING);
    }
    let asked = board_rpi4::script::from_host().unwrap_or_default();
    let (pattern, then_panic) = match asked.strip_suffix(THEN_PANIC) {
        Some(pattern) => (pattern, true),
        None => (&*asked, false),
    };
    let mut ran = 0;
    for bench in BENCHES.iter().filter(|bench| bench.id.contains(pattern)) {
        if bench.sizes.is_empty() {
            run(bench, None, cx);
        }
        for &size in bench.sizes {
            run(bench, Some(size), cx);
        }
        ran += 1;
    }
    if then_panic {
        run(&SEEDED_PANIC, None, cx);
    }
    for (id, why) in MISSING.iter().filter(|(id, _)| id.contains(pattern)) {
        kprintln!("@{{\"id\":\"{id}\",\"missing\":\"{why}\"}}");
        ran += 1;
    }
    if ran == 0 {
        for id in BENCHES.iter().map(|bench| bench.id) {
            kprintln!("@{{\"known\":\"{id}\"}}");
        }
        power::poweroff(NOTHING);
    }
    kprintln!("@{{\"done\":{ran}}}");
    power::poweroff(0);
}

fn run(bench: &Bench, size: Option<u32>, cx: &mut TaskCx) {
    let (id, counted) = (bench.id, bench.counted);
    let shown = size.unwrap_or(0);
    kprintln!("@{{\"begin\":\"{id}\",\"size\":{shown}}}");
    console::flush();
    // What printing left behind, on whichever core, is over after this.
    time::sleep(cx, Duration::from_millis(1));
    measure(bench, shown, cx);
    let meter::Reading {
        taken,
        each,
        sum,
        least,
        most,
    } = meter::reading();
    kprintln!(
        "@{{\"id\":\"{id}\",\"size\":{shown},\"taken\":{taken},\"each\":{each},\"sum\":{sum},\
         \"least\":{least},\"most\":{most}}}"
    );
    kprintln!("@{{\"id\":\"{id}\",\"counted\":\"{counted}\"}}");
}

/// `cargo xtask bench --account` stops the machine here, and records what comes after.
#[inline(never)]
fn measure(bench: &Bench, size: u32, cx: &mut TaskCx) {
    meter::reset();
    (bench.run)(cx, size);
}

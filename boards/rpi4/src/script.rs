//! The commands that an emulator's host wants run: `cargo xtask qemu --run "..."`.

use crate::semihosting;
use alloc::string::String;
use alloc::vec;

/// What stands before the commands on the command line.
const KEY: &str = "run=";
/// The longest command line.
const MOST: usize = 4096;

/// The commands on the emulator's command line; none on hardware, or if there are none.
pub fn from_host() -> Option<String> {
    let mut buffer = vec![0; MOST];
    let line = semihosting::command_line(&mut buffer).ok()?;
    let at = line.find(KEY)?;
    Some(String::from(&line[at + KEY.len()..]))
}

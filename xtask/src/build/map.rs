//! The map: every section and, below it, its symbols by address.

use std::fmt::Write;

use object::{Object, ObjectSection};

use super::elf::{self, Elf};
use crate::error::Result;

/// The whole map as text.
pub fn text(elf: &Elf<'_>) -> Result<String> {
    let symbols = elf::symbols(elf);
    let mut map = String::from("#          address       size  name\n");
    for section in elf.sections().filter(|s| s.address() != 0 && s.size() != 0) {
        let (start, end) = (section.address(), section.address() + section.size());
        let name = section.name().unwrap_or("?");
        let _ = writeln!(map, "\n{start:18x} {:10x}  {name}", section.size());
        for symbol in symbols
            .iter()
            .filter(|symbol| (start..end).contains(&symbol.address))
        {
            let _ = writeln!(
                map,
                "{:18x} {:10x}    {}",
                symbol.address, symbol.size, symbol.name
            );
        }
    }
    Ok(map)
}

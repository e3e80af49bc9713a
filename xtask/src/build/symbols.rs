//! The symbol table that the kernel carries, so that a panic can name the functions of its
//! backtrace.
//!
//! The linker reserves a section `.ksyms`; once the addresses are known, it is filled in
//! place:
//!
//! | part | contents, little-endian |
//! |---|---|
//! | head | magic `u32` "LKSY", count `u32` |
//! | entries | count times: address as an offset from `__image_start` `u32`, offset of the name in the names `u32`; by rising address |
//! | names | each a length `u16` and that many bytes of UTF-8 |

use std::{collections::HashMap, path::Path};

use object::{Object, ObjectSection, ObjectSymbol};

use super::elf::{self, Elf, Symbol};
use crate::error::{Error, Result, fail};

const SECTION: &str = ".ksyms";
const ORIGIN: &str = "__image_start";
const MAGIC: u32 = u32::from_le_bytes(*b"LKSY");

/// Fills the section of a linked kernel.
pub fn fill(bytes: &mut [u8], path: &Path) -> Result<()> {
    let elf = elf::parse(bytes, path)?;
    let (start, reserved) = place(&elf)?;
    let table = encode(&elf::symbols(&elf), origin(&elf)?)?;
    if table.len() > reserved {
        return fail(format!(
            "the symbol table needs {} bytes and the section {SECTION} has {reserved}: reserve \
             more in the linker script",
            table.len()
        ));
    }
    bytes[start..start + table.len()].copy_from_slice(&table);
    bytes[start + table.len()..start + reserved].fill(0);
    Ok(())
}

/// Where in the file the section is, and its size.
fn place(elf: &Elf<'_>) -> Result<(usize, usize)> {
    let range = elf
        .section_by_name(SECTION)
        .map(|section| section.file_range());
    match range {
        Some(Some((start, size))) => Ok((start as usize, size as usize)),
        Some(None) => fail(format!(
            "the section {SECTION} takes no room in the file: the linker script must fill it \
             with data (PROGBITS)"
        )),
        None => fail(format!(
            "there is no section {SECTION}: the linker script must reserve it"
        )),
    }
}

fn origin(elf: &Elf<'_>) -> Result<u64> {
    let symbol = elf.symbols().find(|symbol| symbol.name() == Ok(ORIGIN));
    let symbol = symbol.ok_or_else(|| {
        Error::new(format!(
            "there is no symbol {ORIGIN}: the linker script must define it"
        ))
    })?;
    Ok(symbol.address())
}

/// The table of those symbols that name code; they are sorted by address.
fn encode(symbols: &[Symbol], origin: u64) -> Result<Vec<u8>> {
    let mut names = Vec::new();
    let mut known: HashMap<&str, u32> = HashMap::new();
    let mut entries = Vec::new();
    let mut count = 0_u32;
    for symbol in symbols.iter().filter(|symbol| symbol.is_code) {
        let offset = symbol
            .address
            .checked_sub(origin)
            .and_then(|o| u32::try_from(o).ok());
        let Some(offset) = offset else {
            return fail(format!(
                "{} is at {:#x}, out of reach of {ORIGIN} at {origin:#x}",
                symbol.name, symbol.address
            ));
        };
        let name = *known.entry(&symbol.name).or_insert_with(|| {
            let at = names.len() as u32;
            // A generic name can be absurdly long; its end is what one can do without.
            let shown = &symbol.name[..symbol.name.floor_char_boundary(usize::from(u16::MAX))];
            names.extend((shown.len() as u16).to_le_bytes());
            names.extend(shown.as_bytes());
            at
        });
        entries.extend(offset.to_le_bytes());
        entries.extend(name.to_le_bytes());
        count += 1;
    }
    let mut table = Vec::with_capacity(8 + entries.len() + names.len());
    table.extend(MAGIC.to_le_bytes());
    table.extend(count.to_le_bytes());
    table.extend(entries);
    table.extend(names);
    Ok(table)
}

/// The bytes of the table that are in use, of a section that may have room to spare.
pub fn used(table: &[u8]) -> Option<usize> {
    let word = |at: usize| Some(u32::from_le_bytes(table.get(at..at + 4)?.try_into().ok()?));
    if word(0)? != MAGIC {
        return None;
    }
    let count = word(4)? as usize;
    let names = 8 + 8 * count;
    // The last name in use is the one that begins last; names are shared.
    let last = (0..count).filter_map(|i| word(8 + 8 * i + 4)).max();
    let Some(last) = last else { return Some(names) };
    let at = names + last as usize;
    let length = u16::from_le_bytes(table.get(at..at + 2)?.try_into().ok()?);
    Some(at + 2 + usize::from(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(address: u64, name: &str, is_code: bool) -> Symbol {
        Symbol {
            address,
            size: 4,
            name: name.into(),
            is_code,
        }
    }

    /// Reads a table as the kernel does: the last entry not above the address.
    fn lookup(table: &[u8], offset: u32) -> Option<&str> {
        let word = |at: usize| u32::from_le_bytes(table[at..at + 4].try_into().unwrap());
        assert_eq!(word(0), 0x59534b4c);
        let count = word(4) as usize;
        let index = (0..count).rev().find(|i| word(8 + 8 * i) <= offset)?;
        let at = 8 + 8 * count + word(8 + 8 * index + 4) as usize;
        let length = u16::from_le_bytes([table[at], table[at + 1]]) as usize;
        std::str::from_utf8(&table[at + 2..at + 2 + length]).ok()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let symbols = [
            symbol(0x80000, "_start", true),
            symbol(0x80100, "kernel::thread::spawn", true),
            symbol(0x80200, "core::ptr::drop_in_place", true),
            symbol(0x80300, "core::ptr::drop_in_place", true),
            symbol(0x90000, "STATIC", false),
        ];
        let table = encode(&symbols, 0x80000).unwrap();
        assert_eq!(lookup(&table, 0), Some("_start"));
        assert_eq!(lookup(&table, 0xff), Some("_start"));
        assert_eq!(lookup(&table, 0x104), Some("kernel::thread::spawn"));
        assert_eq!(lookup(&table, 0x300), Some("core::ptr::drop_in_place"));
        assert_eq!(lookup(&table, 0x10000), Some("core::ptr::drop_in_place"));
        assert_eq!(table[4], 4, "data has no entry");
    }

    #[test]
    fn the_used_part_is_known_with_room_to_spare() {
        let symbols = [
            symbol(0, "a", true),
            symbol(4, "bb", true),
            symbol(8, "a", true),
        ];
        let mut table = encode(&symbols, 0).unwrap();
        let exact = table.len();
        table.resize(exact + 100, 0);
        assert_eq!(used(&table), Some(exact));
        assert_eq!(used(&encode(&[], 0).unwrap()), Some(8));
        assert_eq!(used(&[0; 64]), None);
    }

    #[test]
    fn addresses_out_of_reach_are_refused() {
        let error = encode(&[symbol(0x1000, "early", true)], 0x80000).unwrap_err();
        assert!(error.to_string().contains("early"));
        assert!(encode(&[symbol(1 << 40, "far", true)], 0).is_err());
    }

    #[test]
    fn a_very_long_name_is_cut_at_a_character() {
        let long = "é".repeat(40_000);
        let table = encode(&[symbol(0, &long, true)], 0).unwrap();
        assert_eq!(lookup(&table, 0).unwrap().len(), 65_534);
    }
}

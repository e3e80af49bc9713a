//! The ELF as the linker made it: parsing, and the symbols that stand for code and data.

use std::path::Path;

use object::{
    LittleEndian, Object, ObjectSection, ObjectSymbol, SymbolKind,
    elf::{EM_AARCH64, FileHeader64, SHF_EXECINSTR, SectionFlags},
    read::elf::{ElfFile, FileHeader},
};

use crate::error::{Error, Result, fail};

pub type Elf<'data> = ElfFile<'data, FileHeader64<LittleEndian>>;

/// The four bytes that every ELF begins with.
pub const MAGIC: &[u8] = b"\x7fELF";

/// Reads a 64-bit little-endian ELF for Arm; `path` is for the sentence when it is none.
pub fn parse<'data>(bytes: &'data [u8], path: &Path) -> Result<Elf<'data>> {
    let elf = Elf::parse(bytes)
        .map_err(|error| Error::new(format!("{} is not a 64-bit ELF: {error}", path.display())))?;
    if elf.elf_header().e_machine(LittleEndian) != EM_AARCH64 {
        return fail(format!(
            "{} is an ELF for another machine than aarch64",
            path.display()
        ));
    }
    Ok(elf)
}

/// A name for an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    pub address: u64,
    pub size: u64,
    /// Demangled, without the hash.
    pub name: String,
    /// It is a function, or a label in executable code.
    pub is_code: bool,
}

/// The symbols that name something, by address; where several name the same, the one that
/// says most: a function before a label, a global name before a local one.
pub fn symbols(elf: &Elf<'_>) -> Vec<Symbol> {
    let mut ranked: Vec<(u64, u8, Symbol)> = Vec::new();
    for symbol in elf.symbols() {
        let Ok(raw) = symbol.name() else { continue };
        // `$x` and `$d` tell code from literals; `.L…` are the compiler's own labels.
        if raw.is_empty() || raw.starts_with('$') || raw.starts_with(".L") {
            continue;
        }
        let Some(section) = symbol.section_index() else {
            continue;
        };
        let executable = is_executable(elf, section);
        let (rank, is_code) = match symbol.kind() {
            SymbolKind::Text => (0, true),
            SymbolKind::Data => (0, false),
            SymbolKind::Label | SymbolKind::Unknown => (2, executable),
            _ => continue,
        };
        let rank = rank + u8::from(symbol.is_local());
        let name = format!("{:#}", rustc_demangle::demangle(raw));
        let (address, size) = (symbol.address(), symbol.size());
        ranked.push((
            address,
            rank,
            Symbol {
                address,
                size,
                name,
                is_code,
            },
        ));
    }
    ranked.sort_by(|a, b| (a.0, a.1, &a.2.name).cmp(&(b.0, b.1, &b.2.name)));
    ranked.dedup_by_key(|(address, _, _)| *address);
    ranked.into_iter().map(|(_, _, symbol)| symbol).collect()
}

fn is_executable(elf: &Elf<'_>, section: object::SectionIndex) -> bool {
    elf.section_by_index(section)
        .is_ok_and(|section| has(&section, SHF_EXECINSTR))
}

/// Whether a section has a flag.
pub fn has<'data>(section: &impl ObjectSection<'data>, flag: SectionFlags) -> bool {
    match section.flags() {
        object::SectionFlags::Elf { sh_flags, .. } => sh_flags.0 & flag.0 != 0,
        _ => false,
    }
}

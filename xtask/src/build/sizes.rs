//! How large the kernel is, by what its parts are.

use object::{
    LittleEndian, Object, ObjectSection,
    elf::{SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, SHT_NOBITS},
    read::elf::SectionHeader,
};

use super::{
    elf::{Elf, has},
    symbols,
};
use crate::error::Result;

/// Bytes of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    text: u64,
    rodata: u64,
    /// The symbol table's room, and how much of it is in use.
    symbols: (u64, u64),
    data: u64,
    bss: u64,
}

impl Sizes {
    pub fn of(elf: &Elf<'_>) -> Result<Self> {
        let mut sizes = Self::default();
        for section in elf.sections() {
            let size = section.size();
            if !has(&section, SHF_ALLOC) {
                continue;
            }
            if section.name() == Ok(".ksyms") {
                let used = section.data().ok().and_then(symbols::used).unwrap_or(0);
                sizes.symbols = (size, used as u64);
            } else if section.elf_section_header().sh_type(LittleEndian) == SHT_NOBITS {
                sizes.bss += size;
            } else if has(&section, SHF_EXECINSTR) {
                sizes.text += size;
            } else if has(&section, SHF_WRITE) {
                sizes.data += size;
            } else {
                sizes.rodata += size;
            }
        }
        Ok(sizes)
    }

    /// A line a kind, with the size of the raw image at the end.
    pub fn table(&self, image: u64) -> String {
        let line = |name: &str, size: u64, note: &str| format!("{name:8}{size:>10}{note}\n");
        let used = format!("  ({} used)", self.symbols.1);
        [
            line("text", self.text, ""),
            line("rodata", self.rodata, ""),
            line("symbols", self.symbols.0, &used),
            line("data", self.data, ""),
            line(
                "bss",
                self.bss,
                "  (stacks and heap included; not in the image)",
            ),
            line("image", image, ""),
        ]
        .concat()
    }
}

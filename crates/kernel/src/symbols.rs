//! Which function an address lies in: the table that `cargo xtask build` puts into the image.
//!
//! The linker cannot know the table before it has laid out the code, so the image has a section
//! `.ksyms` of fixed size, and the table is written into it afterwards: a magic number, the count,
//! then for each function the offset of its address from the image's start and of its name, in the
//! order of the addresses, then the names, each with its length before it; all little endian. An
//! image without a table (plain `cargo build`) has zeroes there, and no names.

use core::arch::global_asm;
use core::fmt;

/// Bytes kept for the table. `xtask` says so when it does not fit.
const ROOM: usize = 256 * 1024;
const MAGIC: u32 = u32::from_le_bytes(*b"LKSY");

global_asm!(
    ".pushsection .ksyms, \"a\"",
    ".balign 8",
    ".fill {room}, 1, 0",
    ".popsection",
    room = const ROOM,
);

unsafe extern "C" {
    static __image_start: u8;
    static __ksyms_start: u8;
}

/// A function, and how far behind its beginning an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol {
    /// The function's name.
    pub name: &'static str,
    /// Bytes from its beginning.
    pub offset: usize,
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:#x}", self.name, self.offset)
    }
}

/// The table's bytes. Volatile nowhere: the compiler cannot see into an extern symbol.
fn table() -> &'static [u8] {
    // SAFETY: KSYMS: the section has `ROOM` bytes from its start on, and is never written.
    unsafe { core::slice::from_raw_parts(&raw const __ksyms_start, ROOM) }
}

fn word(at: usize) -> Option<usize> {
    let bytes = table().get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
}

/// The function that `address` lies in. None: there is no table, or the address is not code.
/// O(log functions).
pub fn lookup(address: usize) -> Option<Symbol> {
    if word(0)? != MAGIC as usize || !layercake_arch_arm64::layout::text().contains(&address) {
        return None;
    }
    let count = word(4)?;
    let offset = address.checked_sub((&raw const __image_start) as usize)?;
    let start = |i: usize| word(8 + i * 8);
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        if start(middle)? <= offset {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let found = low.checked_sub(1)?;
    let name = 8 + count * 8 + word(8 + found * 8 + 4)?;
    let length = table().get(name..name + 2)?;
    let length = usize::from(u16::from_le_bytes(length.try_into().ok()?));
    let name = core::str::from_utf8(table().get(name + 2..name + 2 + length)?).ok()?;
    Some(Symbol {
        name,
        offset: offset - start(found)?,
    })
}

/// Prints an address with the function that it lies in.
pub(crate) struct Named(pub usize);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#014x}", self.0)?;
        match lookup(self.0) {
            Some(symbol) => write!(f, "  {symbol}"),
            None => f.write_str("  ?"),
        }
    }
}

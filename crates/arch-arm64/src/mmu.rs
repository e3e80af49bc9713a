//! The kernel's page tables: an identity map with each region's rights, and a range of addresses
//! for stacks. Over `aarch64-paging`, which knows the formats and the rules for live changes.
//!
//! Where memory is and what it is for is said by the caller. Every core starts on the early table
//! of `boot.s` and takes these with [`Tables::activate`].

use aarch64_paging::Mapping;
use aarch64_paging::descriptor::{El1Attributes, PhysicalAddress};
use aarch64_paging::paging::{Constraints, El1And0, MemoryRegion, PageTable, Translation, VaRange};
use core::arch::asm;
use core::ops::Range;
use core::ptr::NonNull;

pub use aarch64_paging::MapError;

/// MAIR_EL1: 0 normal write-back, 1 device nGnRE, 2 normal non-cacheable.
pub const MAIR: u64 = 0xff | 0x04 << 8 | 0x44 << 16;

/// TCR_EL1: 39 bits of address through TTBR0 with 4 KiB pages, table walks cacheable and inner
/// shareable; TTBR1 off; 40 bits of physical address.
pub const TCR: u64 = 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 2 << 32;

/// The level at which 39 bits of address begin.
const ROOT_LEVEL: usize = 1;
/// Not 0, which the early table has: see `boot.s`.
const ASID: usize = 1;
/// SCTLR_EL1.WXN: what may be written is not executed, whatever its entry says.
const WXN: u64 = 1 << 19;

/// What may be done with a range of memory, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Code: read and execute.
    Code,
    /// Constants: read.
    Constants,
    /// Data: read and write.
    Data,
    /// Device registers: read and write, in order, not cached.
    Device,
    /// Memory shared with devices that do not see the caches: read and write, not cached.
    Uncached,
}

impl Access {
    fn attributes(self) -> El1Attributes {
        let all = El1Attributes::VALID | El1Attributes::ACCESSED | El1Attributes::UXN;
        let normal = all | El1Attributes::INNER_SHAREABLE;
        match self {
            Self::Code => normal | El1Attributes::READ_ONLY,
            Self::Constants => normal | El1Attributes::READ_ONLY | El1Attributes::PXN,
            Self::Data => normal | El1Attributes::PXN,
            Self::Device => all | El1Attributes::ATTRIBUTE_INDEX_1 | El1Attributes::PXN,
            Self::Uncached => normal | El1Attributes::ATTRIBUTE_INDEX_2 | El1Attributes::PXN,
        }
    }
}

/// Gives a page for a page table: its address, 4 KiB aligned, zeroed, identity mapped.
pub type TableSource = fn() -> usize;

struct Identity {
    source: TableSource,
}

impl Translation<El1Attributes> for Identity {
    fn allocate_table(&mut self) -> (NonNull<PageTable<El1Attributes>>, PhysicalAddress) {
        let page = (self.source)();
        let table = NonNull::new(page as *mut PageTable<El1Attributes>);
        (
            table.expect("the source of page tables gave address 0"),
            PhysicalAddress(page),
        )
    }

    unsafe fn deallocate_table(&mut self, _: NonNull<PageTable<El1Attributes>>) {
        // Tables of the stack range stay for the next stack there; nothing else is unmapped.
    }

    fn physical_to_virtual(&self, pa: PhysicalAddress) -> NonNull<PageTable<El1Attributes>> {
        NonNull::new(pa.0 as *mut PageTable<El1Attributes>).expect("a page table at address 0")
    }
}

/// The page tables that all cores share.
pub struct Tables {
    mapping: Mapping<Identity, El1And0>,
}

impl core::fmt::Debug for Tables {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tables")
            .field("root", &self.mapping.root_address())
            .finish()
    }
}

impl Tables {
    /// Empty tables, which take their pages from `source`.
    pub fn new(source: TableSource) -> Self {
        let identity = Identity { source };
        Self {
            mapping: Mapping::with_asid_and_va_range(
                identity,
                ASID,
                ROOT_LEVEL,
                El1And0,
                VaRange::Lower,
            ),
        }
    }

    /// Maps `range` (whole pages) to the memory at the same addresses.
    ///
    /// # Errors
    ///
    /// The range is outside of 39 bits, or live and mapped otherwise.
    pub fn map_identity(&mut self, range: Range<usize>, access: Access) -> Result<(), MapError> {
        self.map(range.clone(), range.start, access)
    }

    /// Maps `range` (whole pages) to the memory at `to`.
    ///
    /// # Errors
    ///
    /// The range is outside of 39 bits, or live and mapped otherwise.
    pub fn map(&mut self, range: Range<usize>, to: usize, access: Access) -> Result<(), MapError> {
        if range.is_empty() {
            return Ok(());
        }
        self.mapping.map_range(
            &MemoryRegion::new(range.start, range.end),
            PhysicalAddress(to),
            access.attributes(),
            Constraints::NO_CONTIGUOUS_HINT,
        )
    }

    /// Takes `range` out of the tables and out of all cores' TLBs.
    ///
    /// # Errors
    ///
    /// The range cuts through a live block.
    pub fn unmap(&mut self, range: Range<usize>) -> Result<(), MapError> {
        self.mapping.map_range(
            &MemoryRegion::new(range.start, range.end),
            PhysicalAddress(0),
            El1Attributes::empty(),
            Constraints::NO_CONTIGUOUS_HINT,
        )
    }

    /// Makes this core use these tables, and refuse to execute what it may write.
    ///
    /// # Safety
    ///
    /// Invariant **MAPPED**: everything that the program uses is mapped with the rights that it
    /// needs, and the tables live for ever.
    pub unsafe fn activate(&self) {
        // SAFETY: MAPPED, by the caller's promise. The early table's entries are of another ASID.
        unsafe {
            self.mapping.activate();
            asm!(
                "isb",
                "mrs {t}, sctlr_el1",
                "orr {t}, {t}, {wxn}",
                "msr sctlr_el1, {t}",
                "tlbi vmalle1",
                "dsb nsh",
                "isb",
                t = out(reg) _,
                wxn = in(reg) WXN,
                options(nostack),
            );
        }
    }
}

//! Memory: which of it is the heap's, which is frames, and what is mapped where.
//!
//! Finding out where memory is belongs to the board; how frames and heap are kept, to
//! `layercake-mem`; how page tables look, to the architecture.

use crate::platform::{MemoryMap, Region};
use crate::{Host, SpinLock, TaskAtomic};
use core::ops::Range;
use layercake_arch_arm64::layout::{self, PAGE};
use layercake_arch_arm64::mmu::{Access, Tables};
use layercake_mem::{Frames, Heap};

/// The heap gets this much, or a quarter of the largest range if that is less.
const HEAP: usize = 64 * 1024 * 1024;
/// Page tables that mapping one stack may need: two, and two in hand.
const SPARE: usize = 4;

#[global_allocator]
static ALLOCATOR: Heap<Host> = Heap::new();
static FRAMES: Frames<Host> = Frames::new();
static TABLES: SpinLock<Option<Tables>> = SpinLock::new(None).named("page tables");
/// Frames for page tables, set aside so that mapping cannot run out half-way.
static SPARES: SpinLock<heapless::Vec<usize, SPARE>> =
    SpinLock::new(heapless::Vec::new()).named("spare stacks");

/// The figures of the memory: bytes of the heap, and of the frames.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// The heap.
    pub heap: layercake_mem::Stats,
    /// Whole frames: stacks, page tables.
    pub frames: layercake_mem::Stats,
}

/// What memory is used now. From threads.
pub fn usage() -> Usage {
    Usage {
        heap: ALLOCATOR.stats(short()),
        frames: FRAMES.stats(short()),
    }
}

/// The right to take this file's locks, none of which is ever taken in an interrupt handler, and
/// under none of which anything sleeps.
fn short<'a>() -> TaskAtomic<'a> {
    // SAFETY: CX-ATOMIC: see above.
    unsafe { TaskAtomic::assume() }
}

/// Takes the memory that the board found. Called once, on the first core.
///
/// # Panics
///
/// If there is not enough to go on.
pub(crate) fn init((map, origin): (MemoryMap, &'static str)) {
    let image = layout::image();
    let image = image.start..image.end.next_multiple_of(PAGE);
    let ram = || map.iter().filter(|(_, region)| *region == Region::Ram);
    let mut free: heapless::Vec<Range<usize>, 32> = heapless::Vec::new();
    for (range, _) in ram() {
        for piece in [
            range.start..range.end.min(image.start),
            range.start.max(image.end)..range.end,
        ] {
            if !piece.is_empty() {
                free.push(piece)
                    .expect("more pieces of memory than the kernel keeps");
            }
        }
    }
    let total: usize = ram().map(|(range, _)| range.len()).sum();
    let largest = free
        .iter_mut()
        .filter(|r| r.start < EARLY)
        .max_by_key(|r| r.len());
    let largest = largest.expect("no memory below 1 GiB is left for the heap");
    let heap = largest.start..largest.start + HEAP.min((largest.len() / 4).next_multiple_of(PAGE));
    largest.start = heap.end;
    // SAFETY: HEAP-OWNED: the range is RAM outside of the image, mapped by the early table and
    // then by the final ones, and was taken out of what the frames get.
    unsafe { ALLOCATOR.init(short(), heap.start as *mut u8, heap.len()) }
        .expect("the heap is too small to be one");
    for range in &free {
        // SAFETY: MEM-OWNED: RAM that neither the image nor the heap has.
        if let Err(why) = unsafe { FRAMES.add_range(short(), range.start, range.end) } {
            log::warn!(
                "memory {:#x}..{:#x} is not used: {why}",
                range.start,
                range.end
            );
        }
    }
    log::info!(
        "{} MiB of memory ({origin}), heap {} MiB",
        total >> 20,
        heap.len() >> 20
    );
    map_all(&map);
    activate();
}

/// What the early page table maps: new page tables must lie below.
const EARLY: usize = 1 << 30;

fn map_all(map: &MemoryMap) {
    let mut tables = Tables::new(table_page);
    let mut add = |range: Range<usize>, access| {
        let end = range.end;
        if let Err(why) = tables.map_identity(range.clone(), access) {
            panic!("cannot map {:#x}..{end:#x}: {why}", range.start);
        }
    };
    add(layout::text(), Access::Code);
    add(layout::rodata(), Access::Constants);
    add(layout::data(), Access::Data);
    for core in 0..layout::CORES {
        // Not the pages below them: those are their guard pages.
        add(layout::boot_stack(core), Access::Data);
        add(layout::emergency_stack(core), Access::Data);
    }
    let image = layout::image();
    for (range, region) in map {
        let access = match region {
            Region::Ram | Region::Reserved => Access::Data,
            Region::Device => Access::Device,
            Region::Uncached => Access::Uncached,
        };
        add(
            range.start..range.end.min(image.start).max(range.start),
            access,
        );
        add(
            range
                .start
                .max(image.end.next_multiple_of(PAGE))
                .min(range.end)..range.end,
            access,
        );
    }
    *TABLES.lock(short()) = Some(tables);
}

/// Takes the page at address 0 away, so that following a null pointer is a fault. Not before all
/// cores run: on some boards what starts them is in that page.
pub(crate) fn unmap_null() {
    unmap(0..PAGE, "the page at 0");
}

/// Makes the calling core use the final page tables.
pub(crate) fn activate() {
    let tables = TABLES.lock(short());
    let tables = tables
        .as_ref()
        .expect("the page tables are made before a core uses them");
    // SAFETY: MAPPED: the image, all RAM and the devices are mapped, and the tables stay in
    // `TABLES` for ever.
    unsafe { tables.activate() }
}

/// A zeroed page for a page table.
fn table_page() -> usize {
    let spare = SPARES.lock(short()).pop();
    let page = spare
        .or_else(|| FRAMES.alloc(short(), 1))
        .expect("no memory for a page table");
    // SAFETY: ALLOC: a frame of our own, identity mapped.
    unsafe { core::ptr::write_bytes(page as *mut u8, 0, PAGE) };
    page
}

/// Takes `count` frames in a row.
pub(crate) fn alloc_pages(count: usize) -> Option<usize> {
    FRAMES.alloc(short(), count)
}

/// Gives frames back.
pub(crate) fn free_pages(start: usize, count: usize) {
    // SAFETY: MEM-RETURNED: the callers (stacks) have unmapped or never mapped them.
    if let Err(why) = unsafe { FRAMES.free(short(), start, count) } {
        panic!("frames at {start:#x} cannot be freed: {why}");
    }
}

/// There is no memory for a page table.
pub(crate) struct OutOfMemory;

/// Maps a stack.
pub(crate) fn map_stack(range: Range<usize>, frames: usize) -> Result<(), OutOfMemory> {
    let mut tables = TABLES.lock(short());
    let mut spares = SPARES.lock(short());
    while !spares.is_full() {
        let page = FRAMES.alloc(short(), 1).ok_or(OutOfMemory)?;
        // There is room.
        let _ = spares.push(page);
    }
    drop(spares);
    let tables = tables
        .as_mut()
        .expect("threads are made after the page tables");
    tables
        .map(range.clone(), frames, Access::Data)
        .unwrap_or_else(|why| {
            panic!("cannot map a stack at {:#x}: {why}", range.start);
        });
    Ok(())
}

/// Unmaps a stack.
pub(crate) fn unmap_stack(range: Range<usize>) {
    unmap(range, "a stack");
}

fn unmap(range: Range<usize>, what: &str) {
    let mut tables = TABLES.lock(short());
    let tables = tables
        .as_mut()
        .expect("nothing is unmapped before the page tables are made");
    if let Err(why) = tables.unmap(range.clone()) {
        panic!("cannot unmap {what} at {:#x}: {why}", range.start);
    }
}
